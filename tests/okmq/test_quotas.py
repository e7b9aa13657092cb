"""P. What an account may have, store and keep open (contract §8)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from uuid import uuid4

import pytest

from tests.server import Server, ServerFactory

from .client import Client, Queue, first_answered
from .conftest import NewClient
from .stream import Stream
from .test_account import account

MIB = 1_048_576


@pytest.mark.contract("P165")
def test_queues_and_streams_share_max_channels(client_of: NewClient) -> None:
    """P 165: fill `max_channels` → next queue and stream 400 E; after a delete 201."""
    mq = client_of(max_channels=3)
    first, second, stream = Queue(mq, "a").create(), Queue(mq, "b").create(), Stream(mq, "a").create()
    for path in ("/queues", "/streams"):
        answer = mq.post(path, {"name": "c"}).expect(400)
        assert "max_channels" in answer.json()["error"]
        mq.post(path, {"name": "a"}).expect(409)
        mq.post(path, {"name": ""}).expect(400)
    assert (account(mq)["queues"], account(mq)["streams"]) == (["a", "b"], ["a"])
    stream.delete()
    Queue(mq, "c").create()
    mq.post("/streams", {"name": "a"}).expect(400)
    first.delete()
    Stream(mq, "a").create()
    second.patch(lock_duration=9)


@pytest.mark.contract("P165")
def test_parallel_creates_do_not_pass_max_channels(client_of: NewClient) -> None:
    """P 165: of twelve parallel creates exactly as many succeed as there is room for."""
    mq = client_of(max_channels=5)
    calls = [(path, f"n{n}") for n in range(6) for path in ("/queues", "/streams")]
    with ThreadPoolExecutor(len(calls)) as pool:
        found = list(pool.map(lambda call: mq.post(call[0], {"name": call[1]}).status, calls))
    assert sorted(found) == [201] * 5 + [400] * 7
    assert len(account(mq)["queues"]) + len(account(mq)["streams"]) == 5


@pytest.mark.contract("P166")
def test_max_messages(client_of: NewClient, topic: str) -> None:
    """P 166: fill `max_messages` −1: two more → 413, 413, topic 400, nothing stored; duplicate + one fits;
    then 413; after a delete fits."""
    mq = client_of(max_messages=10)
    q, s = Queue(mq, "q").create(topics=[topic]), Stream(mq, "s").create()
    q.enqueue(*(str(n) for n in range(5)))
    s.produce(*(str(n) for n in range(4)))
    assert "max_messages" in q.send("x", "y").expect(413).json()["error"]
    assert "max_messages" in s.send("x", "y").expect(413).json()["error"]
    batch = [{"id": "x", "body": "b"}, {"id": "y", "body": "b"}]
    assert "max_messages" in mq.post(f"/topics/{topic}/messages", batch).expect(400).json()["error"]
    assert (len(q.ids()), s.count, account(mq)["total_messages"]) == (5, 4, 9)
    q.enqueue("0", "0", "1", "new", "new")
    q.send("more").expect(413)
    s.send("more").expect(413)
    q.enqueue("0", "new")
    s.produce("0", "3")
    q.enqueue()
    assert account(mq)["total_messages"] == 10
    s.call("DELETE", "/messages", query={"offset": 2}).expect(204)
    s.produce("more")
    q.send("more").expect(413)
    q.call("DELETE", "/messages/0").expect(204)
    q.enqueue("more")
    assert account(mq)["total_messages"] == 10


@pytest.mark.contract("P166")
def test_a_topic_counts_every_copy(client_of: NewClient, topic: str) -> None:
    """P 166: two subscribers take two places each message; nobody gets anything when both do not fit."""
    mq = client_of(max_messages=3)
    queues = [Queue(mq, name).create(topics=[topic]) for name in "ab"]
    mq.post(f"/topics/{topic}/messages", [{"id": "m", "body": "b"}]).expect(204)
    mq.post(f"/topics/{topic}/messages", [{"id": "n", "body": "b"}]).expect(400)
    assert [queue.ids() for queue in queues] == [["m"], ["m"]]
    queues[0].enqueue("n")
    mq.post(f"/topics/{topic}/messages", [{"id": "m", "body": "b"}]).expect(204)


@pytest.mark.contract("P167")
def test_max_mb(client_of: NewClient, topic: str) -> None:
    """P 167: fill `max_mb` → 413, 413, 400; the peak stays; after a purge fits."""
    mq = client_of(max_mb=2)
    q, s = Queue(mq, "q").create(topics=[topic]), Stream(mq, "s").create()
    q.enqueue({"id": "a", "body": "x" * MIB})
    s.produce({"id": "a", "body": "x" * (MIB - 10)})
    q.enqueue({"id": "b", "body": "x" * 10})
    assert account(mq)["total_bytes"] == 2 * MIB
    assert "max_mb" in q.send({"id": "c", "body": "x"}).expect(413).json()["error"]
    assert "max_mb" in s.send({"id": "c", "body": "x"}).expect(413).json()["error"]
    mq.post(f"/topics/{topic}/messages", [{"id": "c", "body": "x"}]).expect(400)
    q.enqueue({"id": "nothing", "body": ""})
    assert account(mq)["total_messages"] == 4
    q.call("DELETE", "/messages").expect(204)
    found = account(mq)
    assert (found["total_bytes"], found["max_bytes_used"]) == (MIB - 10, 2 * MIB)
    q.enqueue({"id": "c", "body": "x" * MIB})


@pytest.mark.contract("P167")
def test_deleting_a_queue_or_stream_frees_its_share_at_once(client_of: NewClient) -> None:
    """P 167: what went with its queue or stream counts no more when the delete is answered."""
    mq = client_of(max_messages=500)
    q, s = Queue(mq, "q").create(), Stream(mq, "s").create()
    for start in range(0, 300, 100):
        q.enqueue(*(str(n) for n in range(start, start + 100)))
    s.produce(*(str(n) for n in range(200)))
    q.delete()
    Queue(mq, "q").create().enqueue(*(str(n) for n in range(100)))
    s.delete()
    assert account(mq)["total_messages"] == 100


def fill(clients: list[Client], path: str, batch: int, kind: str) -> tuple[int, int]:
    """Eight publishers at once until each is refused; messages accepted and refusals."""

    def publish(number: int) -> int:
        client, accepted = clients[number % len(clients)], 0
        while True:
            items = [{"id": f"{kind}{uuid4().hex}", "body": "b"} for _ in range(batch)]
            if client.post(path, items).expect(204, 413).status == 413:
                return accepted
            accepted += batch

    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(publish, range(8))), 8


@pytest.mark.contract("P166")
@pytest.mark.parametrize("quota", [100, 2_000])
@pytest.mark.parametrize("kind", ["queues", "streams"])
def test_eight_publishers_do_not_pass_max_messages(client_of: NewClient, kind: str, quota: int) -> None:
    """P 166: eight publishers at once never store more than the quota; the last batch that fits is taken."""
    mq = client_of(max_messages=quota)
    mq.post(f"/{kind}", {"name": "x"}).expect(201)
    accepted, _ = fill([mq], f"/{kind}/x/messages", 7, "m")
    assert accepted == quota // 7 * 7
    assert account(mq)["total_messages"] == accepted


@pytest.fixture(scope="module")
def two_processes(server_factory: ServerFactory) -> Server:
    return server_factory.start(processes=2)


@pytest.mark.contract("P166")
def test_two_processes_do_not_pass_max_messages(client_of: NewClient, two_processes: Server) -> None:
    """P 166: publishers of queues and streams in two processes end at the quota, within one batch."""
    mq = client_of(on=two_processes, max_messages=3_000)
    mq.post("/queues", {"name": "x"}).expect(201)
    mq.post("/streams", {"name": "x"}).expect(201)
    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(fill, [mq], f"/{kind}/x/messages", 10, kind[0]) for kind in ("queues", "streams")]
        accepted = sum(one.result()[0] for one in done)
    assert account(mq)["total_messages"] == accepted
    assert 3_000 - 10 <= accepted <= 3_000 + 10


@pytest.mark.contract("P168")
def test_max_concurrency(client_of: NewClient) -> None:
    """P 168: `max_concurrency` polls open, one more → 429 E at once; peek 200; the open ones are served."""
    mq = client_of(max_concurrency=3)
    q, s = Queue(mq, "q").create(), Stream(mq, "s").create()
    polls = [q.poll(), q.poll(limit=1), s.poll()]
    assert not any(poll.is_answered(within=0.3) for poll in polls)
    for path in (q.path, s.path):
        begin = monotonic()
        answer = mq.get(path + "/messages").expect(429)
        assert monotonic() - begin < 2
        assert answer.headers["Retry-After"] == "1"
        assert "max_concurrency" in answer.json()["error"]
    assert q.peek() == []
    mq.get("/queues/missing/messages").expect(404)
    mq.get("/streams/missing/messages").expect(404)
    q.call("GET", "/messages", query={"limit": 0}).expect(400)
    q.enqueue("a", "b")
    s.produce("c")
    answers = [poll.answer(within=5).expect(200).json() for poll in polls]
    assert sorted(found["id"] for answer in answers for found in answer) == ["a", "b", "c"]
    assert [found["id"] for found in answers[2]] == ["c"]


@pytest.mark.contract("P168")
def test_a_call_that_ended_makes_room(client_of: NewClient) -> None:
    """P 168: polls that were answered, or whose client went away, count no more."""
    mq = client_of(max_concurrency=1)
    q = Queue(mq, "q").create()
    for number in range(3):
        poll = q.poll()
        assert not poll.is_answered(within=0.3)
        mq.get(q.path + "/messages").expect(429)
        q.enqueue(str(number))
        assert poll.answer(within=5).expect(200).json()[0]["id"] == str(number)
        q.enqueue(f"{number}b")
        q.receive(limit=1)


@pytest.mark.contract("P168")
def test_max_concurrency_holds_over_two_processes(client_of: NewClient, two_processes: Server) -> None:
    """P 168: the limit is the account's, whichever process a poll reaches."""
    mq = client_of(on=two_processes, max_concurrency=4)
    q = Queue(mq, "q").create()
    polls = [q.poll() for _ in range(12)]
    refused = [poll for poll in polls if poll.is_answered(within=1.0)]
    # The first to be refused may have been told while another was about to be.
    assert [poll.answer().status for poll in refused] == [429] * 8
    q.enqueue("m")
    served = first_answered([poll for poll in polls if poll not in refused], within=3)
    assert [found["id"] for found in served[0].answer().expect(200).json()] == ["m"]

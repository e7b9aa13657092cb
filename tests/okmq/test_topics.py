"""K. Topics."""

from collections.abc import Mapping
from typing import Any

import pytest

from .bad_values import BAD_ITEMS, BAD_TIMES, array, item
from .client import Answer, Client, Item, Queue, counts, message
from .clock import assert_between, from_now, instant, now
from .conftest import NewQueue


def send(client: Client, topic: str, *items: Item) -> Answer:
    return client.post(f"/topics/{topic}/messages", [message(one) for one in items])


def publish(client: Client, topic: str, *items: Item) -> None:
    send(client, topic, *items).expect(204)


@pytest.mark.contract("K128")
def test_each_subscriber_gets_its_own_copies(mq: Client, new_queue: NewQueue, topic: str) -> None:
    """K 128: two subscribers get both with tag and time; third none; ack in one leaves the other."""
    one = new_queue(topics=[topic], lock_duration=40, ttl=400)
    two = new_queue(topics=["other", topic], lock_duration=80, ttl=0)
    third = new_queue(topics=["other"])
    due = from_now(600)
    start = now()
    publish(
        mq, topic, {"id": "a", "body": {"x": 1}, "tag": "t"}, {"id": "b", "body": "b", "delivery_time": due}
    )
    for queue, lock in ((one, 40), (two, 80)):
        assert queue.stats() == counts(pending=1, scheduled=1)
        found = queue.get("a")
        assert (found["tag"], found["body"], found["lock_duration"]) == ("t", {"x": 1}, lock)
        assert_between(found["created"], start, now())
        assert instant(queue.get("b")["delivery_time"]) == instant(due.replace("+00:00", "Z"))
    assert "ttl" in one.get("a") and "ttl" not in two.get("a")
    assert third.stats() == counts()
    one.receive()
    one.ack("a", delete=True)
    assert two.stats() == counts(pending=1, scheduled=1)
    assert [found["id"] for found in two.receive()] == ["a"]


@pytest.mark.contract("K128")
def test_a_publish_acknowledges_itself_where_the_queue_says_so(
    mq: Client, new_queue: NewQueue, topic: str
) -> None:
    """K 128: copies go by their own queue's auto_ack, auto_delete and attempts."""
    keeping, forgetting = (
        new_queue(topics=[topic]),
        new_queue(topics=[topic], auto_ack=True, auto_delete=True),
    )
    publish(mq, topic, "m")
    assert [len(queue.receive()) for queue in (keeping, forgetting)] == [1, 1]
    assert (keeping.stats(), forgetting.stats()) == (counts(processing=1), counts())


@pytest.mark.contract("K129")
def test_a_topic_exists_while_a_queue_lists_it(mq: Client, new_queue: NewQueue, topic: str) -> None:
    """K 129: no subscriber, other case, unsubscribed by PATCH, deleted queue → 404; PATCH subscribes."""
    send(mq, topic, "m").expect(404)
    send(mq, topic).expect(404)
    mq.request("POST", f"/topics/{topic}/messages", body=b"{not json").expect(404)
    queue = new_queue(topics=[topic])
    publish(mq, topic, "1")
    for other in (topic.upper(), topic + "%20", topic[:-1]):
        send(mq, other, "m").expect(404)
    queue.patch(topics=["other"])
    send(mq, topic, "m").expect(404)
    queue.patch(topics=["other", topic])
    publish(mq, topic, "2")
    assert queue.ids() == ["1", "2"]
    queue.delete()
    send(mq, topic, "m").expect(404)


@pytest.mark.contract("K129")
def test_a_topic_is_not_a_queue(mq: Client, q: Queue) -> None:
    """K 129: a queue's own name is no topic until a queue lists it."""
    send(mq, q.name, "m").expect(404)
    q.patch(topics=[q.name])
    publish(mq, q.name, "m")
    assert q.ids() == ["m"]


@pytest.mark.contract("K130")
def test_a_known_id_is_judged_queue_by_queue(mq: Client, new_queue: NewQueue, topic: str) -> None:
    """K 130: known id in one queue: that one keeps its own, the other gets it."""
    knows, learns = new_queue(topics=[topic]), new_queue(topics=[topic])
    knows.enqueue({"id": "m", "body": "own"})
    publish(mq, topic, {"id": "m", "body": "published"}, {"id": "m", "body": "repeated"}, "n")
    assert [found["body"] for found in knows.peek()] == ["own", "n"]
    assert [found["body"] for found in learns.peek()] == ["published", "n"]


def bad_publishes() -> Mapping[str, str]:
    bad = {text: text for text in BAD_ITEMS}
    bad |= {time: item("x", delivery_time=time) for time in BAD_TIMES}
    bad["a megabyte and a byte"] = '{"id": "x", "body": "' + "x" * 1_048_577 + '"}'
    bad["an object around a megabyte"] = '{"id": "x", "body": {"a": "' + "x" * 1_048_576 + '"}}'
    return bad


@pytest.mark.contract("K131")
def test_one_bad_item_reaches_nobody(mq: Client, new_queue: NewQueue, topic: str) -> None:
    """K 131: good + bad (ids, bodies, tags, time, > 1 MB) → 400 (never 413), nobody gets anything."""
    queues = [new_queue(topics=[topic]), new_queue(topics=[topic])]
    path = f"/topics/{topic}/messages"
    statuses = {
        why: mq.request("POST", path, body=array(item("good"), bad, item("last"))).status
        for why, bad in bad_publishes().items()
    }
    assert {why: status for why, status in statuses.items() if status != 400} == {}
    assert [queue.stats() for queue in queues] == [counts(), counts()]


@pytest.mark.contract("K132")
def test_a_publish_holds_a_hundred(mq: Client, new_queue: NewQueue, topic: str) -> None:
    """K 132: 101 → 400; 100 → 204; [] → 204."""
    queue = new_queue(topics=[topic])
    ids: list[Any] = [str(number) for number in range(101)]
    send(mq, topic, *ids).expect(400)
    publish(mq, topic)
    assert queue.stats() == counts()
    publish(mq, topic, *ids[:100])
    assert queue.ids() == ids[:100]

"""M. Many producers and a consumer at once, each a thread with a connection of its own."""

import pytest

from .client import Answer, Client
from .stream import Stream
from .test_concurrency import at_once, batches

PRODUCERS, MESSAGES = 4, 75


@pytest.mark.contract("M155")
def test_equal_batches_in_opposite_order_are_stored_once(s: Stream) -> None:
    """M 155: 8 parallel batches of the same 40 ids, half reversed → all 204, each stored once."""
    ids = [str(number) for number in range(40)]
    orders = [ids, ids[::-1]] * 4
    answers: list[Answer] = at_once(lambda order=order: s.send(*order) for order in orders)  # type: ignore[misc]
    assert [answer.status for answer in answers] == [204] * 8
    assert s.count == 40
    assert s.ids() in (ids, ids[::-1])
    assert s.offsets() == list(range(1, 41))


@pytest.mark.contract("M156")
def test_one_of_eight_parallel_creates_wins(mq: Client, name: str) -> None:
    """M 156: 8 parallel creates → one 201, seven 409, and the stream is the winner's."""
    answers: list[Answer] = at_once(
        lambda ttl=ttl: mq.post("/streams", {"name": name, "ttl": ttl})  # type: ignore[misc]
        for ttl in range(1, 9)
    )
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    winner = next(ttl for ttl, answer in enumerate(answers, start=1) if answer.status == 201)
    assert Stream(mq, name).info()["ttl"] == winner


@pytest.mark.contract("M158")
def test_a_stream_can_be_deleted_under_load(s: Stream) -> None:
    """M 158: DELETE s under load → only 200/204/404."""

    def work(number: int) -> set[int]:
        seen: set[int] = set()
        for turn in range(10_000):
            answers = [s.send(f"{number}-{turn}"), s.call("GET", "/messages"), s.send_commit(0)]
            seen |= {answer.status for answer in answers}
            if {answer.status for answer in answers} == {404}:
                break
        return seen

    def delete() -> set[int]:
        while s.count < 60:
            pass
        return {s.call("DELETE").status}

    found: list[set[int]] = at_once([*(lambda number=number: work(number) for number in range(5)), delete])
    assert found == [{200, 204, 404}] * 5 + [{204}]


@pytest.mark.contract("M159")
def test_nothing_is_lost_between_producers_and_a_committing_consumer(s: Stream) -> None:
    """M 159: 4 stream producers, one committing consumer → 300 m exactly once, each producer's order kept."""

    def produce(number: int) -> None:
        for batch in batches([f"{number}-{turn}" for turn in range(MESSAGES)], 3):
            s.produce(*batch)

    received: list[str] = []
    offsets: list[int] = []

    def consume() -> None:
        while len(received) < PRODUCERS * MESSAGES:
            found = s.consume(limit=7)
            received.extend(one["id"] for one in found)
            offsets.extend(one["offset"] for one in found)
            if found:
                s.commit(offsets[-1])

    at_once([consume, *(lambda number=number: produce(number) for number in range(PRODUCERS))])
    assert offsets == list(range(1, PRODUCERS * MESSAGES + 1))
    for number in range(PRODUCERS):
        mine = [id for id in received if id.startswith(f"{number}-")]
        assert mine == [f"{number}-{turn}" for turn in range(MESSAGES)]

"""Reading: from the committed offset and from others, waiting, waking."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import connections

from queues.broker import neighbours
from queues.broker.wakes import HUB
from streams import consume
from streams.errors import StreamNotFound
from tests.broker.at_once import in_background, parked

from .conftest import NewStream
from .handle import Handle, entry

LONG = 20.0


@pytest.fixture
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is told of what is produced, and nobody is sent to look: only the test itself does."""
    monkeypatch.setattr("queues.broker.wakes.Wakes.send", lambda _: None)
    monkeypatch.setattr(neighbours, "look_again", lambda: None)


def test_consuming_repeats_until_a_commit(s: Handle) -> None:
    s.produce("a", "b", "c")
    assert [one.offset for one in s.consume()] == [one.offset for one in s.consume()] == [1, 2, 3]
    s.commit(2)
    assert [one.public_id for one in s.consume()] == ["c"]


def test_reading_keeps_to_the_callers_own_place(s: Handle) -> None:
    s.produce("a", "b", "c", "d")
    s.commit(3)
    assert s.offsets() == [1, 2, 3, 4]
    assert s.offsets(after=2) == [3, 4]
    assert [one.offset for one in s.read(1, limit=2)] == [2, 3]
    assert s.offsets(after=4) == s.offsets(after=10**15) == []
    assert s.info().committed == 3


def test_holes_are_passed(s: Handle) -> None:
    s.produce(*(str(number) for number in range(10)))
    s.clear(before=6)
    assert [one.offset for one in s.consume(limit=3)] == [6, 7, 8]


def test_a_look_brings_no_more_bytes_than_fit(s: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consume, "MAX_BYTES", 1_000)
    s.send(*(entry(str(number), '"' + "x" * 398 + '"') for number in range(5)))
    s.send(entry("large", '"' + "x" * 5_000 + '"'), entry("small"))
    assert s.offsets() == [1, 2, 3]
    assert s.offsets(after=3) == [4, 5, 6]
    assert s.offsets(after=5) == [6]
    assert s.offsets(after=6) == [7]


def test_expired_messages_are_left_out(new_stream: NewStream) -> None:
    stream = new_stream(ttl_seconds=10)
    stream.produce("a", "b")
    stream.age(11)
    stream.produce("c")
    assert stream.ids() == ["c"]
    assert [one.offset for one in stream.consume(limit=1)] == [3]


def test_an_empty_stream_is_answered_at_once_or_after_the_wait(s: Handle) -> None:
    start = time.monotonic()
    assert s.consume() == []
    assert s.consume(wait_seconds=0.2) == []
    assert 0.2 <= time.monotonic() - start < 5


def test_a_parked_consumer_wakes_when_something_is_produced(s: Handle) -> None:
    waiting = in_background(s.consume, wait_seconds=LONG)
    parked(s.channel, 1)
    s.produce("m")
    assert [one.public_id for one in waiting.result(LONG)] == ["m"]


def test_all_who_are_parked_wake(s: Handle) -> None:
    waiting = [in_background(s.consume, wait_seconds=LONG) for _ in range(4)]
    waiting += [in_background(s.read, after=1, wait_seconds=LONG)]
    parked(s.channel, 5)
    s.produce("m")
    assert [[one.offset for one in each.result(LONG)] for each in waiting[:4]] == [[1]] * 4
    assert not waiting[4].done()
    s.produce("n")
    assert [one.offset for one in waiting[4].result(LONG)] == [2]


def test_duplicates_wake_nobody(s: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    s.produce("m")
    woken: list[object] = []
    monkeypatch.setattr(HUB, "wake_everyone", woken.append)
    s.produce("m")
    s.produce()
    assert woken == []
    s.produce("m", "n")
    assert woken == [s.channel]


def test_a_queue_of_the_same_number_wakes_nobody(s: Handle) -> None:
    """Queues and streams have ids from one on, and share the hub."""
    waiting = in_background(s.consume, wait_seconds=LONG)
    parked(s.channel, 1)
    HUB.signal(s.id, 5)
    HUB.wake_everyone(s.id)
    assert s.channel in HUB.queues()
    s.produce("m")
    assert [one.offset for one in waiting.result(LONG)] == [1]


def test_a_rewind_wakes_and_a_deletion_ends(s: Handle) -> None:
    s.produce("m")
    s.commit(1)
    waiting = in_background(s.consume, wait_seconds=LONG)
    parked(s.channel, 1)
    s.commit(0)
    assert [one.offset for one in waiting.result(LONG)] == [1]
    s.commit(1)
    waiting = in_background(s.consume, wait_seconds=LONG)
    parked(s.channel, 1)
    s.delete()
    with pytest.raises(StreamNotFound):
        waiting.result(LONG)


def test_one_sent_to_look_calls_the_others(s: Handle, untold: None) -> None:
    """A slow look sends one reader, which must not keep the news to itself."""
    waiting = [in_background(s.consume, wait_seconds=LONG) for _ in range(3)]
    parked(s.channel, 3)
    s.produce("m")
    HUB.signal(s.channel)
    assert [[one.offset for one in each.result(LONG / 2)] for each in waiting] == [[1]] * 3


def test_a_client_that_hung_up_gets_nothing_and_passes_the_call_on(s: Handle, untold: None) -> None:
    gone = in_background(s.consume, wait_seconds=LONG, gone=lambda: True)
    parked(s.channel, 1)
    other = in_background(s.consume, wait_seconds=LONG)
    parked(s.channel, 2)
    s.produce("m")
    HUB.signal(s.channel)
    assert gone.result(LONG / 2) == []
    assert len(other.result(LONG / 2)) == 1


def test_a_client_that_hangs_up_while_it_waits_gives_its_place_back(
    s: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consume, "LOOK_FOR_CLIENT_SECONDS", 0.01)
    hung_up = threading.Event()
    waiting = in_background(s.consume, wait_seconds=LONG, gone=hung_up.is_set)
    parked(s.channel, 1)
    hung_up.set()
    assert waiting.result(LONG / 2) == []
    parked(s.channel, 0)


def test_past_the_cap_an_empty_stream_is_answered_at_once(s: Handle, settings: object) -> None:
    settings.OKMQ_MAX_PARKED = HUB.parked + 1  # type: ignore[attr-defined]
    waiting = in_background(s.consume, wait_seconds=LONG)
    parked(s.channel, 1)
    start = time.monotonic()
    assert s.consume(wait_seconds=LONG) == []
    assert time.monotonic() - start < LONG / 2
    s.produce("m")
    waiting.result(LONG)


def test_a_parked_consumer_holds_no_connection(s: Handle) -> None:
    held: list[bool] = []

    def look() -> bool:
        held.append(connections["default"].connection is not None)
        return False

    def follow() -> None:
        s.consume(wait_seconds=0.3, gone=look)

    in_background(follow).result(LONG)
    assert held and not any(held)


def test_nothing_slips_between_a_look_and_parking(s: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is produced after a look found nothing, and before the reader is parked, is found at once."""
    monkeypatch.setattr(neighbours, "look_again", lambda: None)
    parking = HUB.on_park

    def late() -> None:
        parking()
        s.produce("m")

    monkeypatch.setattr(HUB, "on_park", late)
    following = in_background(s.consume, wait_seconds=LONG)
    assert [one.offset for one in following.result(LONG / 2)] == [1]


def test_a_follower_gets_everything_in_order(s: Handle) -> None:
    seen: list[int] = []

    def follow() -> None:
        while len(seen) < 300:
            seen.extend(one.offset for one in s.read(len(seen), wait_seconds=LONG))

    start = time.monotonic()
    following = in_background(follow)
    for number in range(300):
        s.produce(str(number))
    following.result(LONG)
    assert seen == list(range(1, 301))
    assert time.monotonic() - start < LONG


@pytest.mark.parametrize("name", ["missing", "a\0b"])
def test_a_missing_stream_is_told_at_once(s: Handle, name: str) -> None:
    with pytest.raises(StreamNotFound):
        Handle(s.account_id, name, 0).consume(wait_seconds=LONG)

"""Appending: offsets, duplicates, what is stored."""

from __future__ import annotations

import uuid

import pytest

from queues.broker import clock
from queues.broker.errors import ShuttingDown
from queues.broker.types import Encoding
from streams.errors import StreamNotFound
from streams.models import StreamMessage
from tests.broker.at_once import at_once

from .conftest import NewStream
from .handle import Handle, entry


def test_offsets_are_dense_from_one_in_the_order_given(s: Handle) -> None:
    answers = s.produce("c", "a", "b") + s.produce("0")
    assert [one.offset for one in answers] == [1, 2, 3, 4]
    assert s.ids() == ["c", "a", "b", "0"]
    assert s.info().next_offset == 5


def test_everything_is_stored_as_given(s: Handle) -> None:
    body = '{"a": 1.50, "\\u00e9": "é\\ud83d\\ude00"}'
    before = clock.now()
    s.send(
        entry("m", body),
        entry("n", "AP8=", encoding=Encoding.BASE64),
        entry("o", "x\ny", encoding=Encoding.TEXT),
    )
    found = s.read()
    assert [(one.public_id, one.body, one.encoding) for one in found] == [
        ("m", body, Encoding.JSON),
        ("n", "AP8=", Encoding.BASE64),
        ("o", "x\ny", Encoding.TEXT),
    ]
    assert before <= found[0].created_at <= clock.now()


def test_a_message_without_an_id_gets_one(s: Handle) -> None:
    answers = s.produce(None, None)
    assert [uuid.UUID(one.public_id).version for one in answers] == [7, 7]
    assert s.ids() == [one.public_id for one in answers]


def test_a_known_id_is_answered_as_a_duplicate_and_spends_no_offset(s: Handle) -> None:
    first = s.produce("m")[0]
    again, new, twice = s.send(entry("m", '"new"'), entry("n"), entry("n", '"other"'))
    assert (again.duplicate, again.offset, again.created_at) == (True, first.offset, first.created_at)
    assert (new.duplicate, new.offset, twice.duplicate, twice.offset) == (False, 2, True, 2)
    assert [one.body for one in s.read()] == ['"b"', '"b"']
    s.assert_counted()


def test_concurrent_calls_with_the_same_ids_store_each_once(s: Handle) -> None:
    ids = [str(number) for number in range(50)]
    orders = [ids, ids[::-1]] * 4
    answers = at_once(lambda order=order: s.produce(*order) for order in orders)  # type: ignore[misc]
    offsets = {one.public_id: one.offset for one in answers[0]}
    for answer in answers:
        assert {one.public_id: one.offset for one in answer} == offsets
    assert s.offsets() == list(range(1, 51))
    assert sum(not one.duplicate for answer in answers for one in answer) == 50
    s.assert_counted()


def test_merged_calls_go_each_to_their_own_stream(new_stream: NewStream) -> None:
    streams = [new_stream() for _ in range(4)]
    missing = Handle(streams[0].account_id, "nobody has this name", 0)

    def produce(number: int) -> None:
        streams[number % 4].produce(*(f"{number}-{turn}" for turn in range(5)))

    def fail() -> None:
        with pytest.raises(StreamNotFound):
            missing.produce("m")

    at_once([fail, *(lambda number=number: produce(number) for number in range(12)), fail])
    for at, stream in enumerate(streams):
        assert stream.offsets() == list(range(1, 16))
        assert {one.split("-")[0] for one in stream.ids()} == {str(n) for n in range(12) if n % 4 == at}
        stream.assert_counted()


def test_offsets_are_never_used_again(s: Handle) -> None:
    s.produce("a", "b")
    s.clear()
    assert s.produce("a")[0].offset == 3
    s.update(ttl_seconds=10)
    s.produce("c")
    s.age(11)
    assert s.produce("c")[0].offset == 5


def test_an_expired_id_is_free_before_any_sweep(new_stream: NewStream) -> None:
    stream = new_stream(ttl_seconds=10)
    stream.produce("m", "n")
    stream.age(11)
    found = stream.send(entry("m", '"a longer one"'))[0]
    assert (found.duplicate, found.offset) == (False, 3)
    assert stream.ids() == ["m"]
    stream.assert_counted()


def test_settings_are_for_new_messages(s: Handle) -> None:
    s.produce("old")
    s.update(ttl_seconds=10, auto_delete=True)
    s.produce("new")
    rows = StreamMessage.objects.filter(stream_id=s.id).order_by("offset")
    assert [(row.auto_delete, row.expires_at is None) for row in rows] == [(False, True), (True, False)]
    life = rows[1].expires_at - rows[1].created_at  # type: ignore[operator]
    assert life.total_seconds() == 10


def test_nothing_produced_changes_nothing(s: Handle) -> None:
    assert s.produce() == []
    assert s.info().next_offset == 1


@pytest.mark.parametrize("name", ["missing", "", "a\0b", "\ud800"])
def test_a_missing_stream_takes_nothing(s: Handle, name: str) -> None:
    with pytest.raises(StreamNotFound):
        Handle(s.account_id, name, 0).produce("m")


def test_strangers_have_streams_of_their_own(s: Handle, stranger: object) -> None:
    with pytest.raises(StreamNotFound):
        Handle(stranger.pk, s.name, 0).produce("m")  # type: ignore[attr-defined]
    assert s.ids() == []


def test_what_the_database_cannot_hold_fails_alone(s: Handle) -> None:
    """One bad call among those that share a transaction does not take the others with it."""

    def produce(body: str, public_id: str) -> str:
        try:
            s.send(entry(public_id, body))
        except ShuttingDown:
            raise
        except Exception:
            return "failed"
        return "stored"

    calls = [("\ud800", "bad"), *(("1", str(number)) for number in range(6))]
    answers = at_once(lambda call=call: produce(*call) for call in calls)  # type: ignore[misc]
    assert answers == ["failed"] + ["stored"] * 6
    assert s.offsets() == list(range(1, 7))
    s.assert_counted()

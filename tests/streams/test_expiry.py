"""The sweep, and the figures it keeps right."""

from __future__ import annotations

from typing import Any

import pytest

from queues.broker import housekeeping
from streams import directory, expiry
from streams.models import StreamMessage
from tests.broker.at_once import at_once

from .conftest import NewStream
from .handle import Handle, sweep


def stored(stream: Handle) -> list[str]:
    """Also what readers leave out."""
    rows = StreamMessage.objects.filter(stream_id=stream.id).order_by("offset")
    return list(rows.values_list("public_id", flat=True))


def test_expired_messages_go_and_others_stay(new_stream: NewStream, s: Handle) -> None:
    expiring = new_stream(ttl_seconds=10)
    expiring.produce("a", "b")
    expiring.commit(1)
    expiring.update(ttl_seconds=3600)
    expiring.produce("c")
    s.produce("m")
    for stream in (expiring, s):
        stream.age(11)
    sweep()
    assert (stored(expiring), stored(s)) == (["c"], ["m"])
    assert expiring.info().committed == 1
    for stream in (expiring, s):
        stream.assert_counted()


def test_many_are_swept_in_parts(new_stream: NewStream) -> None:
    streams = [new_stream(ttl_seconds=10) for _ in range(3)]
    for stream in streams:
        stream.produce(*(str(number) for number in range(7)))
        stream.age(11)
    sweep(chunk=4)
    assert [stored(stream) for stream in streams] == [[], [], []]
    for stream in streams:
        stream.assert_counted()


def test_sweeping_while_all_else_goes_on_keeps_the_figures_right(new_stream: NewStream) -> None:
    stream = new_stream(ttl_seconds=10, auto_delete=True)
    ids = [str(number) for number in range(40)]
    stream.produce(*ids)
    stream.age(11)

    def again() -> None:
        stream.produce(*ids)

    def commit() -> None:
        stream.commit(20)

    def clear() -> None:
        stream.clear(before=30)

    def swept() -> None:
        sweep(chunk=7)

    at_once([swept, again, commit, clear, swept, again])
    assert stored(stream) == ids
    assert stream.info().message_count == 40
    stream.assert_counted()


def test_housekeeping_knows_of_streams() -> None:
    assert expiry.sweep in housekeeping.SWEEPS
    assert directory.purge_deleted in housekeeping.PURGES


def test_a_sweep_that_was_overtaken_counts_nothing_twice(
    new_stream: NewStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between finding a message and locking its stream another may have removed it."""
    stream = new_stream(ttl_seconds=10)
    stream.produce("m", "n")
    stream.age(11)
    remove = expiry._remove

    def late(*given: Any) -> None:
        remove(*given)
        remove(*given)

    monkeypatch.setattr(expiry, "_remove", late)
    sweep()
    assert stored(stream) == []
    stream.assert_counted()

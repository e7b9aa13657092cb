"""Committing, rewinding, deleting."""

from __future__ import annotations

from typing import Any

import pytest

from queues.broker import lanes
from streams import commit
from streams.errors import OffsetNotAssigned, StreamNotFound
from tests.broker.at_once import at_once

from .conftest import NewStream
from .handle import Handle


def produced(stream: Handle, count: int) -> Handle:
    stream.produce(*(str(number) for number in range(1, count + 1)))
    return stream


def test_a_commit_cannot_pass_the_end(s: Handle) -> None:
    for offset in (1, 2**63 - 1):
        with pytest.raises(OffsetNotAssigned) as caught:
            s.commit(offset)
        assert caught.value.last == 0
    produced(s, 2)
    with pytest.raises(OffsetNotAssigned):
        s.commit(3)
    s.commit(2)
    assert s.info().committed == 2


def test_a_commit_may_go_back(s: Handle) -> None:
    produced(s, 3)
    for offset in (3, 1, 0, 2):
        s.commit(offset)
        assert s.info().committed == offset
    assert s.info().message_count == 3


def test_auto_delete_removes_what_is_committed_for_good(new_stream: NewStream) -> None:
    stream = produced(new_stream(auto_delete=True), 5)
    stream.commit(3)
    stream.assert_counted()
    stream.commit(0)
    assert stream.offsets() == [4, 5]
    stream.commit(4)
    assert (stream.offsets(), stream.info().message_count) == ([5], 1)
    stream.assert_counted()
    assert stream.produce("1")[0].offset == 6


def test_auto_delete_is_the_messages_own(s: Handle) -> None:
    s.produce("kept")
    s.update(auto_delete=True)
    s.produce("goes", "stays")
    s.update(auto_delete=False)
    s.commit(2)
    assert s.ids() == ["kept", "stays"]
    s.commit(3)
    assert s.ids() == ["kept"]
    s.assert_counted()


def test_a_long_commit_goes_in_parts_and_arrives_whole(
    new_stream: NewStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "CHUNK", 4)
    for count in (3, 4, 5, 8, 11):
        stream = produced(new_stream(auto_delete=True), count + 1)
        stream.commit(count)
        assert (stream.offsets(), stream.info().committed) == ([count + 1], count)
        stream.assert_counted()


def test_commits_that_travel_together_each_take_effect(new_stream: NewStream) -> None:
    stream = produced(new_stream(auto_delete=True), 20)
    refused: list[int] = []

    def try_commit(offset: int) -> None:
        try:
            stream.commit(offset)
        except OffsetNotAssigned:
            refused.append(offset)

    at_once(lambda offset=offset: try_commit(offset) for offset in (5, 10, 15, 99, 20, 1))  # type: ignore[misc]
    assert refused == [99]
    assert stream.offsets() == []
    assert stream.info().committed in (1, 5, 10, 15, 20)
    stream.assert_counted()


def test_deleting_stops_before_the_offset(s: Handle) -> None:
    produced(s, 5)
    s.commit(2)
    assert [s.clear(before=0), s.clear(before=1), s.clear(before=4), s.clear(before=4)] == [0, 0, 3, 0]
    assert s.offsets() == [4, 5]
    assert s.clear(before=2**63 - 1) == 2
    assert s.info().committed == 2
    s.assert_counted()


def test_deleting_all_goes_in_parts(s: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "CHUNK", 4)
    produced(s, 11)
    assert s.clear() == 11
    assert s.clear() == 0
    assert (s.offsets(), s.info().bytes, s.info().next_offset) == ([], 0, 12)
    s.assert_counted()


def test_what_comes_after_the_call_began_stays(s: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "CHUNK", 1)
    produced(s, 3)
    ask = lanes.in_transaction
    asked: list[object] = []

    def interrupted(function: Any) -> Any:
        if asked:
            s.produce(f"late {len(asked)}")
        asked.append(function)
        return ask(function)

    monkeypatch.setattr(commit, "in_transaction", interrupted)
    assert s.clear() == 3
    assert s.ids() == [f"late {number}" for number in range(1, len(asked))]
    s.assert_counted()


@pytest.mark.parametrize("name", ["missing", "a\0b"])
def test_a_missing_stream_has_nothing_to_commit_or_delete(s: Handle, name: str) -> None:
    missing = Handle(s.account_id, name, 0)
    with pytest.raises(StreamNotFound):
        missing.commit(0)
    with pytest.raises(StreamNotFound):
        missing.clear()

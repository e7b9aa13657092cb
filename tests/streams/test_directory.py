"""Making, changing and removing streams; what is left of them."""

from __future__ import annotations

import pytest

from accounts.models import Account
from queues import broker
from queues.broker.types import QueueSettings
from streams import log
from streams.errors import StreamExists, StreamNotFound
from streams.models import Stream, StreamMessage
from tests.broker.at_once import at_once

from .conftest import NewStream
from .handle import Handle, purge, sweep


def test_a_new_stream_is_empty(account: Account) -> None:
    info = log.create_stream(account.pk, "s", auto_delete=True, ttl_seconds=60)
    assert (info.auto_delete, info.ttl_seconds, info.committed, info.next_offset) == (True, 60, 0, 1)
    assert (info.message_count, info.bytes) == (0, 0)
    assert log.get_stream(account.pk, "s") == info
    assert log.list_streams(account.pk) == [info]


def test_a_name_is_given_once(s: Handle) -> None:
    with pytest.raises(StreamExists):
        log.create_stream(s.account_id, s.name, ttl_seconds=9)
    assert s.info().ttl_seconds == 0
    broker.create_queue(s.account_id, s.name, settings=QueueSettings())


def test_of_many_creates_at_once_one_succeeds(account: Account) -> None:
    def create(_: int) -> bool:
        try:
            log.create_stream(account.pk, "contested")
        except StreamExists:
            return False
        return True

    assert sum(at_once(lambda n=n: create(n) for n in range(8))) == 1  # type: ignore[misc]


def test_an_update_changes_what_it_names(s: Handle) -> None:
    s.produce("m")
    s.commit(1)
    s.update(ttl_seconds=5)
    s.update(auto_delete=True)
    found = s.update()
    assert (found.ttl_seconds, found.auto_delete, found.committed, found.message_count) == (5, True, 1, 1)
    assert s.update(ttl_seconds=0, auto_delete=False).ttl_seconds == 0


def test_a_deleted_stream_is_gone_at_once_and_its_rows_soon(s: Handle) -> None:
    s.produce(*(str(number) for number in range(25)))
    s.delete()
    with pytest.raises(StreamNotFound):
        s.info()
    assert log.list_streams(s.account_id) == []
    again = log.create_stream(s.account_id, s.name)
    assert again.message_count == 0
    purge(chunk=10)
    assert not Stream.objects.filter(pk=s.id).exists()
    assert not StreamMessage.objects.filter(stream_id=s.id).exists()
    assert log.get_stream(s.account_id, s.name) == again


def test_expired_messages_of_a_deleted_stream_are_swept_too(new_stream: NewStream) -> None:
    stream = new_stream(ttl_seconds=10)
    stream.produce("a", "b")
    stream.age(11)
    stream.delete()
    sweep()
    assert not StreamMessage.objects.filter(stream_id=stream.id).exists()
    stream.assert_counted()
    purge()


@pytest.mark.parametrize("name", ["missing", "a\0b", "\ud800"])
def test_a_missing_stream_is_told(s: Handle, name: str) -> None:
    missing = Handle(s.account_id, name, 0)
    for call in (missing.info, missing.update, missing.delete):
        with pytest.raises(StreamNotFound):
            call()


def test_a_stranger_finds_nothing(s: Handle, stranger: Account) -> None:
    foreign = Handle(stranger.pk, s.name, s.id)
    for call in (foreign.info, foreign.update, foreign.delete, foreign.clear, foreign.consume):
        with pytest.raises(StreamNotFound):
            call()
    assert log.list_streams(stranger.pk) == []
    s.info()

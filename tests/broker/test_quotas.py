"""Quotas: judged call by call, exact near the limit, free of locks far from it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection

from queues import broker
from queues.broker import account_sql, quotas
from queues.broker.db import Connection, Statement
from queues.broker.errors import QueueExists, QuotaExceeded
from queues.broker.lanes import LANES, in_transaction
from queues.broker.types import QueueSettings
from streams import log
from streams.types import NewEntry

from .at_once import in_background
from .conftest import NewQueue
from .handle import Handle, message
from .test_lanes import Gate
from .usage import counted, recounted, set_quotas


def entry(public_id: str, size: int = 1) -> NewEntry:
    return NewEntry('"e"', size, public_id=public_id)


def test_what_does_not_fit_is_refused_whole(q: Handle) -> None:
    set_quotas(q.account_id, max_messages=3)
    q.publish("a", "b")
    with pytest.raises(QuotaExceeded, match="max_messages"):
        q.publish("c", "d")
    assert q.ids() == ["a", "b"]
    q.publish("a", "b", "c", "c")
    with pytest.raises(QuotaExceeded):
        q.publish("d")
    assert [one.duplicate for one in q.publish("a", "c")] == [True, True]
    assert q.send() == []
    assert counted(q.account_id) == recounted(q.account_id)


def test_bytes_are_bounded_too(q: Handle) -> None:
    set_quotas(q.account_id, max_mb=1)
    q.send(message("a", body="x" * quotas.MIB))
    with pytest.raises(QuotaExceeded, match="max_mb"):
        q.send(message("b", body="x"))
    q.send(message("c", body=""))
    q.ack("a", delete=True)
    q.send(message("b", body="x"))


def test_a_quota_that_was_lowered_refuses_what_is_new_only(q: Handle) -> None:
    q.publish("a", "b", "c")
    set_quotas(q.account_id, max_messages=1)
    q.publish("a", "b")
    with pytest.raises(QuotaExceeded):
        q.publish("d")
    set_quotas(q.account_id, max_messages=0)
    q.publish("c")


def test_calls_that_travel_together_are_judged_in_order(q: Handle) -> None:
    set_quotas(q.account_id, max_messages=5)
    gate = Gate(LANES.of("publish"))
    calls = []
    for count, ids in enumerate(["abc", "def", "ab", "gh", "ij", "gh"], start=1):
        calls.append(in_background(q.publish, *ids))
        while len(gate.lane._pending) < count:
            pass
    gate.open(len(calls))
    refused = [isinstance(call.exception(10), QuotaExceeded) for call in calls]
    assert refused == [False, True, False, False, True, False]
    assert q.ids() == list("abcgh")
    assert [one.offset for one in q.publish("g", "h")] == [3, 4]


def test_another_accounts_calls_go_on(q: Handle, stranger: Any) -> None:
    theirs = broker.create_queue(stranger.pk, "q", settings=QueueSettings())
    set_quotas(q.account_id, max_messages=0)
    gate = Gate(LANES.of("publish"))
    mine = in_background(q.publish, "a")
    other = in_background(broker.publish, stranger.pk, theirs.name, [message("a")])
    gate.open(2)
    assert isinstance(mine.exception(10), QuotaExceeded)
    assert other.result(10)[0].offset == 0


def test_a_topic_is_stored_in_all_queues_or_none(new_queue: NewQueue) -> None:
    first, second = new_queue(topics=("t",)), new_queue(topics=("t",))
    set_quotas(first.account_id, max_messages=3)
    second.publish("a")
    with pytest.raises(QuotaExceeded):
        broker.publish_topic(first.account_id, "t", [message("b"), message("a")])
    assert (first.ids(), second.ids()) == ([], ["a"])
    broker.publish_topic(first.account_id, "t", [message("a")])
    assert (first.ids(), second.ids()) == (["a"], ["a"])


def test_queues_and_streams_draw_on_one_quota(q: Handle) -> None:
    set_quotas(q.account_id, max_messages=2)
    log.create_stream(q.account_id, "s")
    log.produce(q.account_id, "s", [entry("a")])
    q.publish("a")
    with pytest.raises(QuotaExceeded):
        q.publish("b")
    with pytest.raises(QuotaExceeded):
        log.produce(q.account_id, "s", [entry("b")])
    log.produce(q.account_id, "s", [entry("a"), entry("a")])
    log.delete_messages(q.account_id, "s")
    log.produce(q.account_id, "s", [entry("b")])
    assert counted(q.account_id) == recounted(q.account_id) == (2, 4)


def test_a_stream_judges_its_producers_in_order(q: Handle) -> None:
    set_quotas(q.account_id, max_messages=3)
    log.create_stream(q.account_id, "s")
    gate = Gate(LANES.of("stream"))
    calls = []
    for count, ids in enumerate(["ab", "cd", "ab", "e", "f"], start=1):
        calls.append(in_background(log.produce, q.account_id, "s", [entry(i) for i in ids]))
        while len(gate.lane._pending) < count:
            pass
    gate.open(len(calls))
    refused = [isinstance(call.exception(10), QuotaExceeded) for call in calls]
    assert refused == [False, True, False, False, True]
    assert [one.public_id for one in log.consume(q.account_id, "s")] == ["a", "b", "e"]


def test_dead_letters_move_though_the_account_is_full(new_queue: NewQueue) -> None:
    target = new_queue()
    queue = new_queue(max_attempts=1, dead_letter_queue=target.name)
    set_quotas(queue.account_id, max_messages=2)
    queue.publish("a", "b")
    queue.kill("a", "b")
    assert (queue.ids(), target.ids()) == ([], ["a", "b"])
    assert counted(queue.account_id)[0] == 2


def test_channels(q: Handle) -> None:
    set_quotas(q.account_id, max_channels=2)
    log.create_stream(q.account_id, q.name)
    for create in (broker.create_queue, log.create_stream):
        settings: dict[str, Any] = {"settings": QueueSettings()} if create is broker.create_queue else {}
        with pytest.raises(QuotaExceeded, match="max_channels"):
            create(q.account_id, "another", **settings)
    with pytest.raises(QueueExists):
        broker.create_queue(q.account_id, q.name, settings=QueueSettings())
    q.delete()
    broker.create_queue(q.account_id, "another", settings=QueueSettings())


@pytest.mark.parametrize(
    ("used", "adding", "quota", "far"),
    [
        (0, 0, 0, True),
        (0, 1, 0, False),
        (0, 1, 100, False),
        (0, 1, 160, True),
        (0, 2, 160, False),
        (899, 1, 1000, True),
        (900, 1, 1000, False),
        (0, 6, 1000, True),
        (0, 7, 1000, False),
    ],
)
def test_far_from_a_quota(used: int, adding: int, quota: int, far: bool) -> None:
    """Sixteen transactions that see nothing of each other stay below the quota together."""
    assert quotas._is_far(used, adding, quota) is far
    assert not far or used + quotas.AT_ONCE * adding <= quota


class Recorder:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[Statement] = []
        execute = Connection._execute

        def recorded(db: Connection, statement: Statement, parameters: dict[str, Any]) -> Any:
            self.seen.append(statement)
            return execute(db, statement, parameters)

        monkeypatch.setattr(Connection, "_execute", recorded)


def test_far_from_its_quotas_an_account_is_not_locked(q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    q.publish("a")
    recorder = Recorder(monkeypatch)
    q.publish("b", "c")
    assert recorder.seen.count(account_sql.ROOM) == 1
    assert account_sql.LOCK_ACCOUNTS not in recorder.seen
    assert recorder.seen.count(account_sql.ADD_TO_USAGE) == 1
    q.take()
    q.ack("a")
    assert recorder.seen.count(account_sql.ADD_TO_USAGE) == 1  # nothing came or went


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer")
def test_near_its_quota_a_publisher_waits_for_another_and_sees_what_it_stored(q: Handle) -> None:
    set_quotas(q.account_id, max_messages=3)
    q.publish("a", "b")
    stored, go_on = threading.Event(), threading.Event()

    def store_elsewhere(tx: Any) -> None:
        wanted = {q.account_id: (1, 1)}
        tx.budget.ask(wanted)
        assert tx.budget.check(wanted) == set()
        tx.tally.add_elsewhere(q.account_id, messages=1, bytes=1)
        tx.budget.add(q.account_id, 1, 1)
        stored.set()
        assert go_on.wait(10)

    other = in_background(in_transaction, store_elsewhere)
    assert stored.wait(10)
    publisher = in_background(q.publish, "c")
    with pytest.raises(TimeoutError):
        publisher.result(0.3)
    go_on.set()
    other.result(10)
    assert isinstance(publisher.exception(10), QuotaExceeded)
    assert counted(q.account_id)[0] == 3


def test_new_ones_leaves_out_what_is_known() -> None:
    messages = [message(i, body="12") for i in ("a", "b", "b", None, None, "c")]
    assert quotas.new_ones(messages, {"a"}) == ((4, 8), {"b", "c"})

"""Writing down how attempts went: deliveries, destinations' figures and the log, in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from queues.broker import partition_keys, push_claims
from queues.broker import sql as broker_sql
from queues.broker.clock import micros
from queues.broker.lanes import LANES, Operation
from queues.broker.types import Micros
from queues.broker.wakes import of_push
from queues.models import DeliveryState
from queues.push import sql
from queues.push.bodies import Outgoing
from queues.push.claims import PROBE_SECONDS, Open
from queues.push.sender import Answer
from queues.push.types import Status

if TYPE_CHECKING:
    from queues.broker.db import Row
    from queues.broker.lanes import Transaction

PARKED_AFTER = 20
"""Attempts that fail in a row before a destination is parked."""

READY, SCHEDULED = int(DeliveryState.READY), int(DeliveryState.SCHEDULED)


class Verdict(Enum):
    DONE = "done"
    """Delivered, or given up: it leaves the lane."""
    RETRY = "retry"
    """It failed and is tried again at ``due_at``."""
    RETURN = "return"
    """It was not sent, or nobody waited for its answer: another worker goes on at once."""


@dataclass(slots=True, frozen=True)
class Settlement:
    """What became of one claimed message. ``answer`` None: nothing that the log should tell. ``parks``:
    whether failures count towards parking the destination."""

    destination: Open
    message: Outgoing
    verdict: Verdict
    due_at: Micros = 0
    attempts: int = 0
    answer: Answer | None = None
    parks: bool = True

    @property
    def lane(self) -> tuple[int, int]:
        return self.destination.lane_key


def settle(settlements: Sequence[Settlement]) -> None:
    """Write all of it. A message that another worker has taken over meanwhile, since its lease ran out, is
    left to that one; the attempt is logged all the same. Raises Unavailable."""
    LANES.of("settle").submit(SettlePushes(settlements))


class SettlePushes(Operation):
    __slots__ = ("settlements",)

    def __init__(self, settlements: Sequence[Settlement]) -> None:
        super().__init__(weight=len(settlements))
        self.settlements = settlements

    @classmethod
    def run(cls, tx: Transaction, operations: list[SettlePushes]) -> None:
        together = [settlement for operation in operations for settlement in operation.settlements]
        keyed = sorted({s.lane[0] for s in together if s.message.partition_key})
        if keyed:
            tx.db.rows(broker_sql.LOCK_QUEUES, ids=keyed)
        by_lane: dict[tuple[int, int], list[Settlement]] = defaultdict(list)
        for settlement in together:
            by_lane[settlement.lane].append(settlement)
        for lane in sorted(by_lane):
            _settle_lane(tx, *lane, by_lane[lane])
        attempts = [settlement for settlement in together if settlement.answer is not None]
        _count(tx, attempts)
        tx.db.bulk(sql.INSERT_LOG, [_log_row(settlement, settlement.answer) for settlement in attempts])


def _settle_lane(tx: Transaction, queue_id: int, lane: int, settlements: list[Settlement]) -> None:
    offsets = sorted({s.message.offset for s in settlements})
    rows = tx.db.rows(broker_sql.LOCK_LANE, queue=queue_id, lane=lane, offsets=offsets)
    receipts = {row[0]: row[1] for row in rows}
    ours = [s for s in settlements if receipts.get(s.message.offset) == s.message.receipt]
    done = [s.message.offset for s in ours if s.verdict is Verdict.DONE]
    moved = [s for s in ours if s.verdict is not Verdict.DONE]
    if done:
        push_claims.finish(tx, queue_id, lane, sorted(done))
    tx.db.bulk(broker_sql.RESCHEDULE, [_rescheduled(tx, s) for s in moved])
    keys = {s.message.partition_key for s in ours} - {""}
    if keys:
        partition_keys.put_in_order(tx, queue_id, keys, lane)
    if moved:
        tx.wakes.ready(of_push(queue_id))


def _rescheduled(tx: Transaction, settlement: Settlement) -> Row:
    due_at = settlement.due_at if settlement.verdict is Verdict.RETRY else tx.now
    state = SCHEDULED if due_at > tx.now else READY
    key = *settlement.lane, settlement.message.offset
    return state, due_at, due_at, tx.now, settlement.attempts, "", *key


def _count(tx: Transaction, attempts: list[Settlement]) -> None:
    """Destinations' figures. Locked in one order: two workers may write the same ones in the same moment."""
    by_destination: dict[int, list[Settlement]] = defaultdict(list)
    for settlement in attempts:
        by_destination[settlement.destination.id].append(settlement)
    if not by_destination:
        return
    # Since these were sent it may have been parked, or resumed.
    parked: dict[int, bool] = dict(tx.db.rows(sql.LOCK_DESTINATIONS, ids=sorted(by_destination)))
    for destination in sorted(by_destination):
        _count_one(tx, destination, by_destination[destination], parked=bool(parked.get(destination)))


def _count_one(tx: Transaction, destination: int, attempts: list[Settlement], *, parked: bool) -> None:
    answers = [s.answer for s in attempts if s.answer is not None]
    good = [answer for answer in answers if answer.ok]
    bad = [answer for answer in answers if not answer.ok]
    trailing = 0
    for answer in reversed(answers):
        if answer.ok:
            break
        trailing += 1
    tx.db.run(
        sql.COUNT_ATTEMPTS,
        destination=destination,
        successes=len(good),
        failures=len(bad),
        success_at=max((answer.at for answer in good), default=None),
        failure_at=max((answer.at for answer in bad), default=None),
        error=bad[-1].error if bad else "",
        trailing=trailing,
    )
    if any(s.parks for s in attempts) and bad:
        probe_at = tx.now + micros(PROBE_SECONDS)
        tx.db.run(sql.PARK, destination=destination, now=tx.now, probe_at=probe_at, limit=PARKED_AFTER)
    if good and parked:
        tx.db.run(sql.UNPARK, destination=destination, limit=PARKED_AFTER)
        tx.wakes.ready(of_push(attempts[0].destination.queue_id))


def _log_row(settlement: Settlement, answer: Answer | None) -> Row:
    assert answer is not None
    status = Status.SUCCESS if answer.ok else Status.FAILED
    return (
        settlement.destination.id, settlement.destination.queue_id, settlement.message.offset,
        settlement.message.public_id, settlement.message.attempt, str(status.value), answer.http_status,
        answer.error, answer.duration_ms, _json(answer.request_headers), _json(answer.response_headers),
        answer.response_body, answer.at,
    )  # fmt: skip


def _json(headers: object) -> str:
    return msgspec.json.encode(headers).decode()

"""Saying how a delivery went: ack, nack, extend."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from queues.broker import names, sql
from queues.broker.errors import QueueNotFound
from queues.broker.lanes import LANES, Operation
from queues.broker.records import Batch, Record, load
from queues.broker.types import Ack, Extend, Hasten, Kill, Micros, Nack, Outcome, Release, Remove, Settlement

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction


def settle(account_id: int, queue: str, settlements: Sequence[Settlement]) -> list[Outcome]:
    """Apply ``settlements`` one after the other, in one transaction; an outcome for each.

    A settlement with a receipt takes effect only while that receipt's lease is the message's latest and not
    over. Raises QueueNotFound, Unavailable."""
    result: list[Outcome] = LANES.of("settle").submit(Settle(account_id, queue, settlements))
    return result


class Settle(Operation):
    __slots__ = ("account_id", "queue", "settlements")

    def __init__(self, account_id: int, queue: str, settlements: Sequence[Settlement]) -> None:
        super().__init__(weight=max(len(settlements), 1))
        self.account_id = account_id
        self.queue = queue
        self.settlements = settlements

    @classmethod
    def run(cls, tx: Transaction, operations: list[Settle]) -> None:
        wanted = [o for o in operations if names.storable(o.queue)]
        queues: dict[tuple[int, str], int] = {}
        for queue_id, account_id, name, lanes in tx.db.rows(
            sql.QUEUE_IDS_BY_NAME,
            accounts=sorted({o.account_id for o in wanted}),
            names=sorted({o.queue for o in wanted}),
        ):
            queues[account_id, name] = queue_id
            tx.push_lanes[queue_id] = lanes
        by_queue: dict[int, list[Settle]] = defaultdict(list)
        for operation in operations:
            found = queues.get((operation.account_id, operation.queue))
            if found is None:
                operation.error = QueueNotFound(operation.queue)
            else:
                by_queue[found].append(operation)
        for queue_id in sorted(by_queue):
            settle_queue(tx, queue_id, by_queue[queue_id])


class Settling(Protocol):
    """A call that settles. ``result``: an outcome for each of its settlements."""

    settlements: Sequence[Settlement]
    result: list[Outcome]


def settle_queue(tx: Transaction, queue_id: int, operations: Sequence[Settling]) -> dict[str, Record]:
    """Apply the calls' settlements in order. What became of the messages, by their ids."""
    wanted = sorted({s.public_id for o in operations for s in o.settlements if names.storable(s.public_id)})
    rows = tx.db.rows(sql.RECORDS_BY_ID, queue=queue_id, ids=wanted) if wanted else []
    batch = Batch(tx, queue_id, load(tx, queue_id, rows) if rows else [])
    records = {record.public_id: record for record in batch.records}
    nacked = 0
    for operation in operations:
        outcomes = []
        for settlement in operation.settlements:
            record = records.get(settlement.public_id)
            if record is None or record.gone:
                outcomes.append(Outcome.UNKNOWN)
                continue
            outcome = _apply(record, settlement, tx.now)
            outcomes.append(outcome)
            nacked += isinstance(settlement, Nack) and outcome in (Outcome.DONE, Outcome.DEAD)
        operation.result = outcomes
    batch.flush()
    tx.tally.add(queue_id, nacked_total=nacked)
    return records


class _Unasked:
    """A call that nobody waits for."""

    def __init__(self, settlements: Sequence[Settlement]) -> None:
        self.settlements = settlements
        self.result: list[Outcome] = []


def settle_now(tx: Transaction, queue_id: int, settlements: Sequence[Settlement]) -> None:
    """Apply settlements that the transaction itself thought of."""
    settle_queue(tx, queue_id, [_Unasked(settlements)])


def _apply(record: Record, settlement: Settlement, now: Micros) -> Outcome:
    if settlement.receipt is not None and not (record.leased(now) and record.receipt == settlement.receipt):
        return Outcome.NOT_HELD
    if isinstance(settlement, Ack):
        if settlement.only_leased and not record.leased(now):
            return Outcome.NOT_HELD
        if settlement.once:
            return record.ack_once(now, settlement.delete, may_be_late=settlement.may_be_late)
        return record.ack(now, settlement.delete, settlement.note)
    return _APPLY[type(settlement)](record, now, settlement)


_APPLY: dict[type[Settlement], Callable[[Record, Micros, Any], Outcome]] = {
    Nack: Record.nack,
    Extend: Record.extend,
    Release: lambda record, now, _: record.release(now),
    Kill: lambda record, now, kill: record.kill(now, kill.reason),
    Remove: lambda record, now, _: record.remove_unheld(now),
    Hasten: lambda record, now, _: record.hasten(now),
}

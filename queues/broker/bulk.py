"""Acting on many messages at once: deleting and replaying by id, state or tag.

Large selections go in chunks, a transaction each, so that publishers and receivers get their turn in between;
messages that arrive after the call began are not touched.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from queues.broker import audit, due, names, observe, queues, sql
from queues.broker.audit import Act
from queues.broker.lanes import in_transaction
from queues.broker.records import Batch, Record, load
from queues.broker.types import Ids, Micros, State

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction

CHUNK = 1_000
LIVING = (State.PENDING, State.SCHEDULED, State.PROCESSING)

Event = Callable[[Record, Micros], bool]
"""What happens to a selected message; False: not what was meant any more, leave it."""


def delete_messages(
    account_id: int, queue: str, *, ids: Ids | None = None, state: State | None = None, tag: str = ""
) -> int:
    """Delete the messages with ``ids``, or else all with ``tag`` ("": any); of these only those in ``state``
    (None: any). How many that were; their ids are free. Raises QueueNotFound, Unavailable."""

    def delete(record: Record, now: Micros) -> bool:
        if state is not None and record.visible_state(now) is not state:
            return False
        record.remove()
        return True

    selection = _Selection(account_id, queue, ids, state, tag)
    deleted = selection.apply(delete, selection.act("messages.delete"))
    if observe.watcher is not None and deleted:
        observe.watcher.deleted(queue, deleted)
    return deleted


def clear(account_id: int, queue: str) -> int:
    """Delete what waits and what somebody holds; what is acked or dead stays. How many that were. Raises
    QueueNotFound, Unavailable."""

    def delete(record: Record, now: Micros) -> bool:
        if record.visible_state(now) not in LIVING:
            return False
        record.remove()
        return True

    act = Act(account_id, "messages.clear", f"queue {queue}")
    deleted = sum(_Selection(account_id, queue, None, state, "").apply(delete, act) for state in LIVING)
    if observe.watcher is not None and deleted:
        observe.watcher.deleted(queue, deleted)
    return deleted


def replay(
    account_id: int,
    queue: str,
    *,
    ids: Ids | None = None,
    tag: str = "",
    any_state: bool = False,
    keep_attempts: bool = False,
) -> int:
    """Make dead messages pending again at their old place in the order: all, those with ``ids``, those with
    ``tag``, or those with both. ``any_state``: of those with ``ids`` the acked ones, too, the leased ones,
    whose holders lose them, and the scheduled ones. Attempts go back to 0, or with ``keep_attempts`` stay,
    and there is one more in any case. How many that were. Raises QueueNotFound, Unavailable."""

    def revive(record: Record, now: Micros) -> bool:
        state = record.visible_state(now)
        wanted = state is not State.PENDING if any_state else state is State.FAILED
        if not wanted or (tag and record.tag != tag):
            return False
        record.revive(now, keep_attempts=keep_attempts)
        return True

    selection = _Selection(account_id, queue, ids, State.FAILED, tag)
    replayed = selection.apply(revive, selection.act("messages.replay"))
    if observe.watcher is not None and replayed:
        observe.watcher.replayed(queue, replayed)
    return replayed


class _Selection:
    def __init__(self, account_id: int, queue: str, ids: Ids | None, state: State | None, tag: str) -> None:
        self.account_id = account_id
        self.queue = queue
        self.ids = None if ids is None else [i for i in ids if names.storable(i)]
        self.state = state
        self.tag = tag
        if not names.storable(tag):
            self.ids, self.tag = [], ""

    def act(self, action: str) -> Act:
        detail = {"ids": audit.some(self.ids), "state": self.state, "tag": self.tag}
        return Act(self.account_id, action, f"queue {self.queue}", detail)

    def apply(self, event: Event, act: Act) -> int:
        """Apply ``event`` to each selected message; how many it took effect on."""
        queue_id, until = in_transaction(self._begin)
        done: int = 0
        after = -1
        while True:
            count, last, act.row = in_transaction(partial(self._chunk, queue_id, after, until, event, act))
            done += count
            if last is None:
                return done
            after = last

    def _begin(self, tx: Transaction) -> tuple[int, int]:
        """The queue's id, and the offset of the next message to be published."""
        queue_id = queues.id_of(tx.db, self.account_id, self.queue)
        next_offset: int = tx.db.rows(sql.QUEUES_BY_ID, ids=[queue_id])[0][3]
        return queue_id, next_offset

    def _chunk(
        self, queue_id: int, after: int, until: int, event: Event, act: Act, tx: Transaction
    ) -> tuple[int, int | None, int | None]:
        """Apply to the next CHUNK: how many, the last offset looked at (None: that was the rest), and the
        audit's row."""
        if after < 0:
            # Leases that ran out on the last attempt are dead: let them be found so.
            due.promote(tx, queue_id)
        if self.ids is not None:
            offsets = [row[0] for row in tx.db.rows(sql.OFFSETS_BY_ID, queue=queue_id, ids=self.ids)]
        else:
            given = {"tag": self.tag} if self.tag else {}
            statement = sql.OFFSETS_IN_STATE[self.state, bool(self.tag)]
            rows = tx.db.rows(
                statement, queue=queue_id, now=tx.now, after=after, until=until, limit=CHUNK, **given
            )
            offsets = [row[0] for row in rows]
        if not offsets:
            return 0, None, act.row
        rows = tx.db.rows(sql.RECORDS_BY_OFFSET, queue=queue_id, offsets=offsets)
        batch = Batch(tx, queue_id, load(tx, queue_id, rows))
        done = sum(event(record, tx.now) for record in batch.records)
        batch.flush()
        row = act.record(tx, done) if done else act.row
        return done, offsets[-1] if self.ids is None and len(offsets) == CHUNK else None, row

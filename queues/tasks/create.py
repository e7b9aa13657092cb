"""Making tasks."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec
from django.conf import settings

from queues.broker import queues
from queues.broker import sql as broker_sql
from queues.broker.clock import micros
from queues.broker.errors import QueueNotFound
from queues.broker.lanes import LANES
from queues.broker.publish import Publish
from queues.broker.types import NewMessage, QueueSettings, RetryStrategy
from queues.tasks import journal, registry, sql, survey, task_types
from queues.tasks.errors import TaskExists, UnknownTaskType
from queues.tasks.rows import find
from queues.tasks.types import LEASE_SECONDS, Created, NewTask

if TYPE_CHECKING:
    from queues.broker.db import Row
    from queues.broker.lanes import Transaction
    from queues.broker.types import Micros

MAX_ATTEMPTS = 2**31 - 1
DEAD_KEPT_SECONDS = 90 * 86_400
QUEUE_SETTINGS = QueueSettings(ttl_seconds=None, max_attempts=4)
"""Of queues that come into being by a task: what other dialects publish there lives by these."""
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What becomes of valid JSON that is too much for Python: integers of more than 4,300 digits, depths near
its limit."""


def create(account_id: int, task: NewTask) -> Created:
    """Make a task; its queue, too, if there is none. What its type's handler says of the payload is checked,
    that it is an object is the caller's care. Returns after the commit. A task whose id the caller chose is
    made once, however often it is asked for: who does not know whether a call took effect may repeat it.

    Raises UnknownTaskType, registry.InvalidPayload, TaskExists (it asks to be the only one of its like and
    is not, or another task has its id), QuotaExceeded, QueueFull, Unavailable."""
    check_payload(task)
    operation = CreateTask(account_id, task)
    try:
        return _submit(operation)
    except QueueNotFound:
        queues.ensure_queues(account_id, {task.queue: QUEUE_SETTINGS})
        return _submit(operation.again())


def check_payload(task: NewTask) -> None:
    """What its type's handler here, if it has one, says of the payload. Raises registry.InvalidPayload."""
    handler = registry.find(task.type)
    if handler is None:
        return
    try:
        payload = msgspec.json.decode(task.payload)
    except UNREADABLE as error:
        raise registry.InvalidPayload(str(error)) from error
    handler.read(payload)


def _submit(operation: CreateTask) -> Created:
    made: Created = LANES.of("publish").submit(operation)
    return made


def settings_of(task: NewTask) -> QueueSettings:
    """Under which its message lives (tasks.md §3.2)."""
    return QueueSettings(
        lease_seconds=LEASE_SECONDS,
        max_attempts=min(task.max_retries + 1, MAX_ATTEMPTS),
        ttl_seconds=None,
        retry=RetryStrategy("quartic", base_delay=15, max_delay=None),
        retention_seconds=settings.OKMQ_TASK_RETENTION_HOURS * 3600,
        dead_retention_seconds=DEAD_KEPT_SECONDS,
        attempt_seconds=task.timeout_seconds,
        delay_lost=True,
        listener=journal.NAME,
    )


def unique_key(account_id: int, task: NewTask) -> str:
    """The same for every task that counts as the same: of one account, queue and type, with one payload
    whatever the order of its keys and the blanks between them (tasks.md §3.3)."""
    like = msgspec.json.encode([account_id, task.queue, task.type, _canonical(task.payload)])
    return hashlib.sha256(like).hexdigest()


def _canonical(payload: str) -> str:
    try:
        return msgspec.json.encode(msgspec.json.decode(payload), order="sorted").decode()
    except UNREADABLE:
        pass
    try:
        # An integer of any length stands for itself, as a text that hardly anybody sends.
        return json.dumps(json.loads(payload, parse_int="\0{}".format), sort_keys=True)
    except RecursionError:
        return payload


class CreateTask(Publish):
    __slots__ = ("key", "task")

    def __init__(self, account_id: int, task: NewTask) -> None:
        message = NewMessage(
            task.payload,
            len(task.payload.encode()),
            public_id=task.task_id or str(uuid4()),
            tag=task.type,
            priority=task.priority,
            deliver_at=task.process_at,
            metadata=task.metadata,
            settings=settings_of(task),
        )
        super().__init__(account_id, [message], queue=task.queue)
        self.task = task
        self.key = "" if task.unique_seconds is None else unique_key(account_id, task)

    def again(self) -> CreateTask:
        return CreateTask(self.account_id, self.task)

    @property
    def task_id(self) -> str:
        return self.messages[0].public_id or ""

    def created(self, now: Micros) -> Created:
        scheduled = self.task.process_at is not None and self.task.process_at > now
        return Created(self.task_id, self.task.queue, scheduled)

    @classmethod
    def run(cls, tx: Transaction, operations: list[CreateTask]) -> None:  # type: ignore[override]
        unknown = task_types.unknown(tx.db, {(o.account_id, o.task.type) for o in operations})
        for operation in operations:
            if (operation.account_id, operation.task.type) in unknown:
                operation.error = UnknownTaskType(operation.task.type)
        open_ones = _not_made_yet(tx, [o for o in operations if o.error is None])
        held_back = _refuse_doubles(tx, open_ones)
        open_ones = [o for o in open_ones if o.error is None and o not in held_back]
        if open_ones:
            Publish.run(tx, list(open_ones))
            survey.tell_of(tx, _write(tx, [o for o in open_ones if o.error is None]))
        for operation, holder in held_back.items():
            operation.error = holder.error or TaskExists(holder.task_id)


def _not_made_yet(tx: Transaction, operations: list[CreateTask]) -> list[CreateTask]:
    """Without those whose id, chosen by the caller, is a task's already."""
    known = find(tx.db, {o.task.task_id for o in operations if o.task.task_id is not None})
    if not known:
        return operations
    for operation in operations:
        found = known.get(operation.task_id)
        if found is None:
            continue
        same = (found.row.account_id, found.queue, found.row.type)
        if same == (operation.account_id, operation.queue, operation.task.type):
            operation.result = operation.created(tx.now)
        else:
            operation.error = TaskExists(operation.task_id)
    return [o for o in operations if o.task_id not in known]


def _refuse_doubles(tx: Transaction, operations: list[CreateTask]) -> dict[CreateTask, CreateTask]:
    """Refuse those whose lock another task holds. Returns those whose lock one of these operations is about
    to take, with that one: if it fails, so do they.

    The queues are locked first, all of them and in order, as publishing locks them: who takes a lock holds
    its queue, so of several at once one sees what the other took."""
    wanting = [o for o in operations if o.key]
    if not wanting:
        return {}
    tx.db.rows(
        broker_sql.QUEUES_BY_NAME,
        accounts=sorted({o.account_id for o in operations}),
        names=sorted({o.queue for o in operations}),
    )
    held: dict[str, str] = dict(tx.db.rows(sql.LOCKS, keys=sorted({o.key for o in wanting}), now=tx.now))
    first: dict[str, CreateTask] = {}
    held_back: dict[CreateTask, CreateTask] = {}
    for operation in wanting:
        if operation.key in held:
            operation.error = TaskExists(held[operation.key])
        elif operation.key in first:
            held_back[operation] = first[operation.key]
        else:
            first[operation.key] = operation
    return held_back


def _write(tx: Transaction, made: list[CreateTask]) -> set[int]:
    """Write the tasks' own rows; the queues they are in."""
    rows: list[Row] = []
    for operation in made:
        task, published = operation.task, operation.result[0]
        row: Row = (
            published.queue_id, published.offset, operation.task_id, operation.account_id, task.type,
            task.max_retries, micros(task.timeout_seconds), micros(LEASE_SECONDS), 0, "", 0, 0, 0,
            operation.key, None,
        )  # fmt: skip
        rows.append(row)
        if task.unique_seconds is not None:
            until = max(tx.now, task.process_at or 0) + micros(task.unique_seconds)
            tx.db.run(sql.TAKE_LOCK, key=operation.key, task=operation.task_id, until=until)
        operation.result = operation.created(tx.now)
    tx.db.bulk(sql.INSERT_TASKS, rows)
    return {row[0] for row in rows}

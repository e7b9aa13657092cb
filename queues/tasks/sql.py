"""Every statement of tasks, named. A task's row is read and written under its message's lock, by whoever
holds that of its delivery, or of the message itself when it has none."""

from __future__ import annotations

from queues.broker.db import Insert, Statement, Update
from queues.broker.sql import views
from queues.broker.types import State

TASK_COLUMNS = {
    "queue_id": "bigint",
    '"offset"': "bigint",
    "public_id": "text",
    "account_id": "bigint",
    "type": "text",
    "max_retry": "int",
    "timeout": "bigint",
    "lease": "bigint",
    "retried": "int",
    "status": "text",
    "percentage": "smallint",
    "entries": "int",
    "last_position": "bigint",
    "unique_key": "text",
    "result": "text",
}
_KEY = {"queue_id": "bigint", '"offset"': "bigint"}
_FIELDS = ", ".join(f"t.{column}" for column in TASK_COLUMNS)

# ---------------------------------------------------------------- tasks

INSERT_TASKS = Insert("queues_task", TASK_COLUMNS)

UPDATE_TASKS = Update(
    "queues_task",
    {
        "retried": "int",
        "status": "text",
        "percentage": "smallint",
        "entries": "int",
        "last_position": "bigint",
        "unique_key": "text",
        "result": "text",
    },
    _KEY,
)
SET_LEASES = Update("queues_task", {"lease": "bigint"}, _KEY)

FIND_TASKS = Statement(
    f"""
    SELECT {_FIELDS}, q.name FROM queues_task t
    JOIN queues_queue q ON q.id = t.queue_id AND q.deleted_at IS NULL
    WHERE t.public_id {{in:ids}}
    """
)
TASKS_BY_OFFSET = Statement(
    f'SELECT {_FIELDS} FROM queues_task t WHERE t.queue_id = :queue AND t."offset" {{in:offsets}}'
)
DELETE_TASKS = Statement('DELETE FROM queues_task WHERE queue_id = :queue AND "offset" {in:offsets}')
DELETE_TASK_RANGE = Statement('DELETE FROM queues_task WHERE queue_id = :queue AND "offset" <= :last')

QUEUES_WITH_TASKS = Statement(
    """
    WITH RECURSIVE with_tasks(id) AS (
        SELECT min(queue_id) FROM queues_task
        UNION ALL
        SELECT (SELECT min(t.queue_id) FROM queues_task t WHERE t.queue_id > w.id)
        FROM with_tasks w WHERE w.id IS NOT NULL
    )
    SELECT q.id FROM with_tasks w JOIN queues_queue q ON q.id = w.id AND q.deleted_at IS NULL
    """
)
"""One step down the index for each queue, however many tasks it has."""

QUEUES_TO_WORK_ON = Statement(
    """
    SELECT q.id, q.account_id, q.name,
        EXISTS (SELECT 1 FROM queues_delivery d
            WHERE d.queue_id = q.id AND d.lane = 0 AND d.state = 1 AND d.tag {in:types} AND NOT (d.tag = '')),
        (SELECT min(d.due_at) FROM queues_delivery d
            WHERE d.queue_id = q.id AND d.lane = 0 AND d.state IN (0, 2))
    FROM queues_queue q
    WHERE q.id {in:queues} AND q.deleted_at IS NULL AND q.paused_at IS NULL
    """
)
"""Whether anything of these types is ready in them, and when the next message falls due."""

# ---------------------------------------------------------------- locks

LOCKS = Statement("SELECT key, task FROM queues_tasklock WHERE key {in:keys} AND until > :now")
TAKE_LOCK = Statement(
    """
    INSERT INTO queues_tasklock (key, task, until) VALUES (:key, :task, :until)
    ON CONFLICT (key) DO UPDATE SET task = excluded.task, until = excluded.until
    """
)
RELEASE_LOCKS = Statement("DELETE FROM queues_tasklock WHERE key {in:keys} AND task {in:tasks}")
"""A key whose time was over may be another task's by now."""
RELEASE_LOCK_RANGE = Statement(
    """
    DELETE FROM queues_tasklock WHERE task IN (
        SELECT t.public_id FROM queues_task t
        WHERE t.queue_id = :queue AND t."offset" <= :last AND t.unique_key <> '')
    AND key IN (
        SELECT t.unique_key FROM queues_task t
        WHERE t.queue_id = :queue AND t."offset" <= :last AND t.unique_key <> '')
    """
)
DROP_LOCKS = Statement(
    """
    DELETE FROM queues_tasklock WHERE key IN (
        SELECT key FROM queues_tasklock WHERE until <= :now ORDER BY until LIMIT :limit) RETURNING key
    """
)

# ---------------------------------------------------------------- progress

INSERT_ENTRIES = Insert(
    "queues_taskentry",
    _KEY
    | {
        "position": "bigint",
        "percentage": "smallint",
        "stage": "text",
        "message": "text",
        "metadata": "text",
        "status": "text",
    },
)
_ENTRY = "SELECT position, percentage, stage, message, metadata, status FROM queues_taskentry"
_OF_TASK = 'WHERE queue_id = :queue AND "offset" = :offset'

ENTRIES = Statement(f"{_ENTRY} {_OF_TASK} AND position > :after ORDER BY position LIMIT :limit")
FIRST_POSITION = Statement(f"SELECT min(position) FROM queues_taskentry {_OF_TASK}")
DROP_OLDEST = Statement(
    f"""
    DELETE FROM queues_taskentry {_OF_TASK} AND position IN (
        SELECT position FROM queues_taskentry {_OF_TASK} ORDER BY position LIMIT :count)
    """
)
NOT_FINAL = Update("queues_taskentry", {"status": "text"}, _KEY | {"position": "bigint"})
DELETE_ENTRIES = Statement('DELETE FROM queues_taskentry WHERE queue_id = :queue AND "offset" {in:offsets}')
DELETE_ENTRY_RANGE = Statement('DELETE FROM queues_taskentry WHERE queue_id = :queue AND "offset" <= :last')

# ---------------------------------------------------------------- looking

VIEW_AT = Statement(
    f"""
    SELECT {views.VIEW} {views.WITH_DELIVERY}
    WHERE m.queue_id = :queue AND m."offset" = :offset AND {views.ALIVE}
    """
)
LOST_LEASES = Statement(
    """
    SELECT q.id FROM queues_queue q WHERE q.id {in:queues} AND EXISTS (
        SELECT 1 FROM queues_delivery d
        WHERE d.queue_id = q.id AND d.lane = 0 AND d.state IN (0, 2) AND d.due_at <= :now AND d.state = 2)
    """
)
"""Queues in which a lease ran out and nobody has noticed: what became of the task is not decided yet."""

USED_QUEUES = Statement(
    """
    SELECT id, name FROM queues_queue
    WHERE account_id = :account AND deleted_at IS NULL AND next_offset > 0 ORDER BY name
    """
)
RETRYING = Statement(
    """
    SELECT count(*) FROM queues_delivery
    WHERE queue_id = :queue AND lane = 0 AND state IN (0, 2) AND due_at > :now AND state = 0 AND attempts > 0
    """
)


def _page(state: State | None, condition: str = "") -> Statement:
    return Statement(
        f"""
        SELECT m."offset" {views.selection(state, tagged=False)} AND {views.ALIVE} {condition} AND EXISTS (
            SELECT 1 FROM queues_task t WHERE t.queue_id = m.queue_id AND t."offset" = m."offset")
        ORDER BY m."offset" LIMIT :limit OFFSET :skip
        """
    )


PAGES = {
    None: _page(None),
    "pending": _page(State.PENDING),
    "active": _page(State.PROCESSING),
    "scheduled": _page(State.SCHEDULED, "AND d.attempts = 0"),
    "retry": _page(State.SCHEDULED, "AND d.attempts > 0"),
    "archived": _page(State.FAILED),
    "completed": _page(State.ACKED),
}
"""By the state's name."""

STATES = Statement(
    f"""
    SELECT m."offset", {views.STATE}, coalesce(d.attempts, m.attempts) {views.WITH_DELIVERY}
    WHERE m.queue_id = :queue AND m."offset" {{in:offsets}}
    """
)

# ---------------------------------------------------------------- types

KNOWN_TYPES = Statement(
    "SELECT account_id, name FROM queues_tasktype WHERE account_id {in:accounts} AND name {in:names}"
)

# ---------------------------------------------------------------- keeping few

TOO_MANY_DEAD = Statement(
    """
    SELECT c.queue_id FROM queues_queuecounter c
    JOIN queues_queue q ON q.id = c.queue_id AND q.deleted_at IS NULL
    GROUP BY c.queue_id HAVING sum(c.dead) > :most AND EXISTS (
        SELECT 1 FROM queues_task t WHERE t.queue_id = c.queue_id)
    """
)
"""Queues that hold tasks and more dead messages than that, tasks or not."""

SURPLUS_DEAD_TASKS = Statement(
    """
    SELECT d.public_id FROM (
        SELECT m.public_id, m."offset" FROM queues_message m
        WHERE m.queue_id = :queue AND m.dead_at IS NOT NULL ORDER BY m."offset" DESC LIMIT :reach) d
    WHERE EXISTS (SELECT 1 FROM queues_task t WHERE t.queue_id = :queue AND t."offset" = d."offset")
    ORDER BY d."offset" DESC LIMIT :limit OFFSET :kept
    """
)
"""Of the newest dead messages the tasks, but for the newest of these. ``reach`` bounds the look: where many
are no tasks, more of these stay."""

"""PostgreSQL: ballast that keeps every plan on its index, and frequent vacuuming of the hot table.

A queue's tables are empty one minute and full the next. A VACUUM that meets them empty notes a density of zero
rows a page, and until the next ANALYZE the planner takes them for empty however much they grow: all plans
then look free, and it may as well scan all messages of a queue for each publish. So a few thousand rows of a
queue that does not exist stay in them for good: what the planner knows is never "empty", and the fixed
n_distinct tells it that a queue's id selects next to nothing (often one queue has nearly all rows) while an
offset or a message's id selects one row.
"""

from typing import Any

from django.db import migrations

QUEUE = 0  # no queue has it
NEVER = 9_000_000_000_000_000_000

ADD = f"""
ALTER TABLE queues_message ALTER COLUMN queue_id SET (n_distinct = 1);
ALTER TABLE queues_delivery ALTER COLUMN queue_id SET (n_distinct = 1);
ALTER TABLE queues_delivery ALTER COLUMN lane SET (n_distinct = 1);
ALTER TABLE queues_delivery SET (
    fillfactor = 80,
    autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_threshold = 10000, autovacuum_vacuum_cost_delay = 0
);
ALTER TABLE queues_message SET (autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE queues_queue SET (fillfactor = 50);
ALTER TABLE queues_queuecounter SET (fillfactor = 50);

INSERT INTO queues_message (queue_id, "offset", public_id, settings_id, body, encoding, size, tag,
    partition_key, priority, created_at, updated_at, deliver_at, expires_at, sweep_at, attempts, receipt,
    dead_at, dead_reason)
SELECT {QUEUE}, i, 'ballast-' || i, 0, '', 0, 0, CASE WHEN i % 4 = 0 THEN 'tag-' || i ELSE '' END, '', 0,
    0, 0, 0, {NEVER}, {NEVER}, 0, 0, CASE WHEN i % 50 = 0 THEN 0 END, ''
FROM generate_series(1, 2000) i;

INSERT INTO queues_delivery (queue_id, lane, "offset", state, rank, tag, partition_key, deliver_at, due_at,
    updated_at, attempts, max_attempts, receipt, consumer)
SELECT {QUEUE}, 0, i, i % 4, 0, CASE WHEN i % 4 = 0 THEN 'tag-' || i ELSE '' END,
    CASE WHEN i % 4 = 3 THEN 'key-' || i ELSE '' END, {NEVER}, {NEVER}, 0, 0, 1, 0, ''
FROM generate_series(1, 2000) i;

ANALYZE queues_message;
ANALYZE queues_delivery;
"""

REMOVE = f"""
DELETE FROM queues_message WHERE queue_id = {QUEUE};
DELETE FROM queues_delivery WHERE queue_id = {QUEUE};
"""


def add(apps: Any, schema_editor: Any) -> None:
    _on_postgresql(schema_editor, ADD)


def remove(apps: Any, schema_editor: Any) -> None:
    _on_postgresql(schema_editor, REMOVE)


def _on_postgresql(schema_editor: Any, statements: str) -> None:
    if schema_editor.connection.vendor == "postgresql":
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(statements)


class Migration(migrations.Migration):
    dependencies = [("queues", "0001_initial")]
    operations = [migrations.RunPython(add, remove)]

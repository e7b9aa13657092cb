"""PostgreSQL: the ballast of 0002 has a part in the new index, so that it is never taken for empty."""

from typing import Any

import queues.fields
from django.db import migrations, models

QUEUE = 0  # that of the ballast


def mark_ballast(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(
                "UPDATE queues_message SET dead_reason = 'ballast' WHERE queue_id = %s AND dead_at = 0",
                [QUEUE],
            )
            cursor.execute("ANALYZE queues_message")


class Migration(migrations.Migration):
    dependencies = [
        ("queues", "0008_tasks"),
    ]

    operations = [
        migrations.AddField(
            model_name="deadletterjob",
            name="next_at",
            field=queues.fields.InstantField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="deadletterjob",
            name="skipped",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("dead_reason", ""), _negated=True),
                fields=["queue", "offset"],
                name="message_letter",
            ),
        ),
        migrations.RunPython(mark_ballast, migrations.RunPython.noop),
    ]

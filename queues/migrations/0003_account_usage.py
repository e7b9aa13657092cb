"""What accounts use, counted once from the messages that are there; from then on kept with each change."""

import django.db.models.deletion
import queues.fields
from django.db import migrations, models

COUNT = """
INSERT INTO queues_accountusage (account_id, shard, messages, bytes, peak_bytes)
SELECT q.account_id, 0, count(*), sum(m.size), sum(m.size)
FROM queues_message m JOIN queues_queue q ON q.id = m.queue_id GROUP BY q.account_id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("queues", "0002_postgresql_plans"),
    ]

    operations = [
        migrations.CreateModel(
            name="AccountUsage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("shard", models.SmallIntegerField()),
                ("messages", models.BigIntegerField(default=0)),
                ("bytes", models.BigIntegerField(default=0)),
                ("peak_bytes", models.BigIntegerField(default=0)),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.account",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("account", "shard"), name="usage_shard")],
            },
        ),
        migrations.CreateModel(
            name="ConsumeCalls",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("holder", models.CharField(max_length=96)),
                ("calls", models.IntegerField()),
                ("until", queues.fields.InstantField()),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.account",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("account", "holder"), name="calls_of_process")
                ],
            },
        ),
        migrations.RunSQL(COUNT, migrations.RunSQL.noop),
    ]

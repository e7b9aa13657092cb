"""Servers that break one promise: the project's sources with one line changed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.server import ROOT

SOURCES = ("accounts", "okmq_site", "queues", "streams", "templates", "manage.py", "pyproject.toml", "tests")


@dataclass(frozen=True)
class Variant:
    """In ``file``, ``line`` (which stands there once) reads ``instead``. ``breaks``: the invariant."""

    breaks: str
    file: str
    line: str
    instead: str


def copy_with(variant: Variant, folder: Path) -> Path:
    """A copy of the sources with that one change; where it is."""
    root = folder / "sources"
    root.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            # With what is compiled of them, which copies stay true to: the server starts in half the time.
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("node_modules"))
        else:
            shutil.copy(source, root / name)
    file = root / variant.file
    text = file.read_text()
    assert text.count(variant.line) == 1, (
        f"{variant.file} has {text.count(variant.line)} times {variant.line!r}"
    )
    file.write_text(text.replace(variant.line, variant.instead))
    return root


VARIANTS = [
    Variant(
        "I1",
        "queues/broker/publish.py",
        "tx.db.bulk(sql.INSERT_MESSAGES, messages)",
        "tx.db.bulk(sql.INSERT_MESSAGES, [row for row in messages if row[1] % 5])",
    ),
    Variant("I2", "queues/broker/publish.py", "message.body,", "message.body.replace('ä', 'a'),"),
    Variant(
        "I3",
        "queues/broker/sql/deliveries.py",
        "SET state = 2, due_at = :until",
        "SET state = 2, due_at = :now",
    ),
    Variant("I4", "queues/broker/settle.py", "record.receipt == settlement.receipt", "settlement.receipt"),
    Variant(
        "I5",
        "queues/broker/records.py",
        'self.acked_at, self.dead_at, self.dead_reason = now, None, ""\n        self._leave_lane(now)',
        'self.acked_at, self.dead_at, self.dead_reason = now, None, ""',
    ),
    Variant(
        "I6",
        "queues/broker/partition_keys.py",
        "now = DeliveryState.READY if offset == first else DeliveryState.BLOCKED",
        "now = DeliveryState.READY",
    ),
    Variant(
        "I7",
        "queues/broker/records.py",
        "if self.attempts >= self.max_attempts:\n            self.die(now, request",
        "if self.attempts > self.max_attempts:\n            self.die(now, request",
    ),
    Variant("I8", "queues/broker/publish.py", "SCHEDULED if deliver_at > now else due_state", "due_state"),
    Variant(
        "I9",
        "queues/api/agentuity/message_schemas.py",
        "idempotency_key=idempotency_key or None",
        "idempotency_key=None",
    ),
    Variant("I10", "streams/produce.py", "offset += 1", "offset += 2"),
    Variant(
        "I11",
        "queues/broker/publish.py",
        "tx.tally.add(queue_id, messages=len(messages),",
        "tx.tally.add(queue_id, messages=len(messages) + 1,",
    ),
]

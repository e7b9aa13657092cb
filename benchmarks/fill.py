"""Fills a queue through the engine, in a process of its own with a server's settings. For other benchmarks.

    python benchmarks/fill.py EMAIL QUEUE COUNT now|later|acked

Past HTTP, so that a million takes half a minute; the rows are those that HTTP's batches would have made.
``later``: scheduled for tomorrow. ``acked``: received and acknowledged, and kept until housekeeping meets
them after ``KEPT_SECONDS``, if the queue does not delete them at once.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import uuid
from pathlib import Path
from typing import Any

from generator import BODY_BYTES

AT_ONCE = 1_000
DAY = 86_400
KEPT_SECONDS = 30
BODY = '"' + "x" * BODY_BYTES + '"'


def main() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "okmq_site.settings")
    import django

    django.setup()
    from accounts.services import get_or_create_account
    from queues import broker
    from queues.broker import clock

    email, name, count, when = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    account = get_or_create_account(email).pk
    deliver_at = clock.now() + clock.micros(DAY) if when == "later" else None
    ready: queue.Queue[list[Any] | None] = queue.Queue(maxsize=4)
    options = {"deliver_at": deliver_at, "ttl_seconds": KEPT_SECONDS if when == "acked" else None}
    threading.Thread(target=_make, args=(ready, count, options), daemon=True).start()
    while messages := ready.get():
        broker.publish(account, name, messages)
        if when == "acked":
            taken = broker.receive(account, name, limit=AT_ONCE, auto_ack=True)
            assert len(taken) == len(messages)


def _make(ready: queue.Queue[list[Any] | None], count: int, options: dict[str, Any]) -> None:
    """Batches for the publisher, a few ahead of it."""
    from queues.broker.types import NewMessage

    tag = uuid.uuid4().hex[:8]  # ids as the load generator makes them
    for start in range(0, count, AT_ONCE):
        ids = [f"{tag}-0000-4000-8000-{i:012x}" for i in range(start, min(start + AT_ONCE, count))]
        ready.put([NewMessage(BODY, BODY_BYTES, public_id=i, **options) for i in ids])
    ready.put(None)


if __name__ == "__main__":
    main()

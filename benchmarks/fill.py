"""Fills a queue through the engine, in a process of its own with a server's settings. Run by ``claims.py``.

    python benchmarks/fill.py EMAIL QUEUE COUNT now|later

Past HTTP, so that a million takes half a minute; the rows are those that HTTP's batches would have made.
``later``: scheduled for tomorrow.
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
    threading.Thread(target=_make, args=(ready, count, deliver_at), daemon=True).start()
    while messages := ready.get():
        broker.publish(account, name, messages)


def _make(ready: queue.Queue[list[Any] | None], count: int, deliver_at: int | None) -> None:
    """Batches for the publisher, a few ahead of it."""
    from queues.broker.types import NewMessage

    tag = uuid.uuid4().hex[:8]  # ids as the load generator makes them
    for start in range(0, count, AT_ONCE):
        ids = [f"{tag}-0000-4000-8000-{i:012x}" for i in range(start, min(start + AT_ONCE, count))]
        ready.put([NewMessage(BODY, BODY_BYTES, public_id=i, deliver_at=deliver_at) for i in ids])
    ready.put(None)


if __name__ == "__main__":
    main()

"""What these tests do inside a server's installation, beside the server: a program with one command.

expire-leases        have the leases of all receivers and workers have run out long ago: retries are due, too
enqueue A B          enqueue the Django task ``add`` and print its id
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import django


def expire_leases() -> None:
    from queues.models import PULL_LANE, Delivery, DeliveryState

    Delivery.objects.filter(lane=PULL_LANE, state=DeliveryState.LEASED).update(due_at=0)


def enqueue(a: str, b: str) -> None:
    from tests.tasks.shop.tasks import add

    print(add.enqueue(int(a), b=int(b)).id)


COMMANDS: dict[str, Callable[..., None]] = {
    "expire-leases": expire_leases,
    "enqueue": enqueue,
}

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "okmq_site.settings")
    django.setup()
    COMMANDS[sys.argv[1]](*sys.argv[2:])

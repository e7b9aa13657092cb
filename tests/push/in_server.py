"""What these tests do inside a server's installation, beside the server: a program with one command.

destination EMAIL QUEUE URL CONFIG     make a destination
expire-leases                          have the leases of all destinations run out now
waiting                                print how many deliveries to destinations wait
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable

import django


def make_destination(email: str, queue: str, url: str, config: str) -> None:
    from accounts.models import Account
    from queues.push import destinations
    from queues.push.types import Kind

    account = Account.objects.get(email=email)
    wanted = {"url": url, **json.loads(config)}
    destinations.create(account.pk, queue, name="test", kind=Kind.HTTP, config=wanted)


def expire_leases() -> None:
    from queues.models import Delivery, DeliveryState

    Delivery.objects.filter(lane__gt=0, state=DeliveryState.LEASED).update(due_at=0)


def print_waiting() -> None:
    from queues.models import Delivery

    print(Delivery.objects.filter(lane__gt=0).count())


COMMANDS: dict[str, Callable[..., None]] = {
    "destination": make_destination,
    "expire-leases": expire_leases,
    "waiting": print_waiting,
}

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "okmq_site.settings")
    django.setup()
    COMMANDS[sys.argv[1]](*sys.argv[2:])

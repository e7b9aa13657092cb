"""What these tests look at inside a server's installation, beside the server: a program with one command.

leader [OTHER]          print which process keeps house, once it is another one than that
recount                 hold each queue's counters against its rows, and print them as JSON
tasks                   print when each task of the default queue was made, in microseconds, as JSON
stand-still QUEUE       lock the queue in a transaction and say so; finish it when told to (a line on stdin)
destination EMAIL QUEUE URL CONFIG     make a destination of the payload's bytes alone
waiting                 print how many deliveries to destinations wait
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable

import django


def leader(other: str = "") -> None:
    from queues.models import Duty

    while not (found := Duty.objects.exclude(holder=other).filter(name="housekeeping").first()):
        time.sleep(0.1)
    print(found.holder)


def stand_still(name: str) -> None:
    from queues.broker import sql
    from queues.broker.lanes import Transaction, in_transaction
    from queues.models import Queue

    queue_id = Queue.objects.get(name=name).pk
    turns = []

    def work(tx: Transaction) -> None:
        tx.db.rows(sql.LOCK_QUEUES, ids=[queue_id])
        turns.append(tx)
        if len(turns) == 1:
            print("locked", flush=True)
            sys.stdin.readline()
        tx.db.rows(sql.LOCK_QUEUES, ids=[queue_id])

    in_transaction(work)
    print(f"done at the turn {len(turns)}")


def print_tasks() -> None:
    from queues.fields import to_micros
    from queues.models import Message, Queue

    tasks = Message.objects.filter(queue_id__in=Queue.objects.filter(name="default").values("id"))
    print(json.dumps(sorted(to_micros(at) for at in tasks.values_list("created_at", flat=True))))


def recount() -> None:
    from queues.models import Queue
    from tests.broker.handle import Handle
    from tests.broker.rows import assert_rows_fit, counters

    queues = [
        Handle(queue.account_id, queue.name, queue.id) for queue in Queue.objects.filter(deleted_at=None)
    ]
    for queue in queues:
        assert_rows_fit(queue)
    print(json.dumps({queue.name: counters(queue) for queue in queues}))


def make_destination(email: str, queue: str, url: str, config: str) -> None:
    from accounts.models import Account
    from queues.push import destinations
    from queues.push.types import Form, Kind

    account = Account.objects.get(email=email)
    wanted = {"url": url, **json.loads(config)}
    destinations.create(account.pk, queue, name="test", kind=Kind.HTTP, config=wanted, form=Form.PAYLOAD)


def print_waiting() -> None:
    from queues.models import Delivery

    print(Delivery.objects.filter(lane__gt=0).count())


COMMANDS: dict[str, Callable[..., None]] = {
    "leader": leader,
    "recount": recount,
    "tasks": print_tasks,
    "stand-still": stand_still,
    "destination": make_destination,
    "waiting": print_waiting,
}

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "okmq_site.settings")
    django.setup()
    COMMANDS[sys.argv[1]](*sys.argv[2:])

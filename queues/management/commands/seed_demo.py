"""``manage.py seed_demo``: an account with queues in every condition, to look at the console with."""

from __future__ import annotations

import itertools
import json
import random
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import services
from accounts.models import Account
from queues import broker
from queues.broker import clock
from queues.broker.types import Ack, Encoding, Nack, NewMessage, QueueSettings, RetryStrategy, Settlement
from queues.management import demo_past
from queues.management.demo_past import Habit
from queues.push import destinations
from queues.push.types import Kind
from queues.tasks import schedules, tasks
from queues.tasks.schedules import NewSchedule
from queues.tasks.types import Completion, NewTask, Report
from streams import log
from streams.types import NewEntry

EMAIL = "demo@example.com"
HOUR, DAY = 3_600, 86_400
SLOW = RetryStrategy(type="exponential", base_delay=5, max_delay=300)
AT_ONCE = RetryStrategy(type="none")
LASTING = QueueSettings(
    ttl_seconds=7 * DAY, max_attempts=5, retry=SLOW, preserve_failed=True, retention_seconds=900
)
QUEUES: dict[str, tuple[QueueSettings, tuple[str, ...]]] = {
    "orders": (LASTING, ("shop.orders", "shop.refunds")),
    "emails": (LASTING.but(max_attempts=3, retry=AT_ONCE), ()),
    "thumbnails": (LASTING.but(lease_seconds=120, auto_delete=True), ()),
    "invoices": (LASTING.but(ttl_seconds=30 * DAY), ("shop.orders",)),
    "search-index": (LASTING.but(retry=RetryStrategy(type="list", delays=(1, 5, 30))), ()),
    "sms": (QueueSettings(ttl_seconds=3_600, max_attempts=1, lease_seconds=900), ()),
}
HABITS = {
    "orders": Habit(110, jam=(340, 55, 2_600)),
    "emails": Habit(45, failing=15, dying=330),
    "thumbnails": Habit(9, stuck=40),
    "invoices": Habit(2),
    "search-index": Habit(160, failing=25, jam=(1_300, 90, 900)),
    "sms": Habit(14),
    "reports": Habit(0.4),
}
"""How they lived for the last week, as their charts have it."""
MINUTE = 60
CITIES = ("Oslo", "Lyon", "Porto", "Graz", "Turku", "Leeds")
REASONS = (
    "550 mailbox not found",
    "connection to smtp.example.com timed out",
    "template welcome-7 is missing",
)


class Command(BaseCommand):
    help = "Make an account with queues in every condition, through the broker, to try things out with."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", default=EMAIL, help="the account (default: %(default)s)")
        parser.add_argument(
            "--scale",
            type=int,
            default=1,
            help="how many times the usual number of messages (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        account = services.get_or_create_account(options["email"])
        if broker.list_queues(account.pk):
            raise CommandError(f"{account.email} has queues already; nothing was made")
        Demo(account, max(options["scale"], 1)).make()
        made = len(broker.list_queues(account.pk))
        self.stdout.write(f"Made {made} queues and a stream of {account.email}; look at them in the console.")


class Demo:
    """The same on every run: the random numbers begin with the same seed."""

    def __init__(self, account: Account, scale: int) -> None:
        self.account_id = account.pk
        self.scale = scale
        self.random = random.Random(7)
        self.numbers = itertools.count(1001)

    def make(self) -> None:
        with clock.in_the_past(8 * DAY):
            for name, (settings, topics) in QUEUES.items():
                broker.create_queue(self.account_id, name, settings=settings, topics=topics)
            self._destinations()
        for hours in (5, 3, 2):
            with clock.in_the_past(hours * HOUR):
                self._failed("emails", 14)
        with clock.in_the_past(50 * MINUTE):
            self._handled("search-index", 160, left=0)
        for minutes in range(40, 0, -10):
            with clock.in_the_past(minutes * MINUTE):
                self._publish("thumbnails", 80)
                broker.pause_queue(self.account_id, "thumbnails")
        with clock.in_the_past(3 * MINUTE):
            self._handled("orders", 240, left=18)
        self._others_failed("emails")
        self._scheduled("invoices", 64)
        self._publish("sms", 12)
        broker.receive(self.account_id, "sms", limit=5, consumer="sms-gateway-1")
        self._stream()
        self._tasks()
        ids = {queue.name: queue.id for queue in broker.list_queues(self.account_id)}
        demo_past.make(self.account_id, {ids[name]: habit for name, habit in HABITS.items()})

    def _orders(self, count: int) -> Iterator[NewMessage]:
        for number in itertools.islice(self.numbers, count * self.scale):
            city = self.random.choice(CITIES)
            order = {
                "order": number,
                "customer": {"id": number % 37, "city": city},
                "total": number % 90 + 0.95,
            }
            yield self._message(json.dumps(order), f"order-{number}", tag=city.lower())

    @staticmethod
    def _message(body: str, public_id: str, **fields: Any) -> NewMessage:
        return NewMessage(body=body, size=len(body.encode()), public_id=public_id, **fields)

    def _publish(self, queue: str, count: int) -> None:
        orders = list(self._orders(count))
        for start in range(0, len(orders), 500):
            broker.publish(self.account_id, queue, orders[start : start + 500])

    def _handled(self, queue: str, count: int, *, left: int) -> None:
        """Most are acknowledged, some fail once, ``left`` are not handled."""
        self._publish(queue, count)
        remaining = (count - left) * self.scale
        while remaining > 0:
            received = broker.receive(self.account_id, queue, limit=min(remaining, 50), consumer="worker-1")
            remaining -= len(received) or remaining
            settlements: list[Settlement] = [
                Nack(one.public_id, reason="the warehouse does not answer")
                if number % 25 == 3
                else Ack(one.public_id)
                for number, one in enumerate(received)
            ]
            broker.settle(self.account_id, queue, settlements)

    def _failed(self, queue: str, count: int) -> None:
        """Tried until they died, each of one of a few reasons."""
        self._publish(queue, count)
        self._fail(queue, count * self.scale)

    def _others_failed(self, queue: str) -> None:
        """One is a picture, one a letter; a few are tried again."""
        picture = self._message(
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ", "logo.png", encoding=Encoding.BASE64
        )
        letter = self._message(
            "Dear customer,\nyour parcel is on its way.", "letter-1", encoding=Encoding.TEXT
        )
        broker.publish(self.account_id, queue, [picture, letter])
        self._fail(queue, 2)
        self._publish(queue, 6)

    def _fail(self, queue: str, count: int) -> None:
        for _ in range(3):
            received = broker.receive(self.account_id, queue, limit=count, consumer="mailer-2")
            nacks = [Nack(one.public_id, reason=self.random.choice(REASONS)) for one in received]
            broker.settle(self.account_id, queue, nacks)

    def _scheduled(self, queue: str, count: int) -> None:
        now = clock.now()
        made = [
            self._message(
                json.dumps({"invoice": number}),
                f"invoice-{number}",
                deliver_at=now + number * 600 * clock.SECOND,
            )
            for number in range(1, count * self.scale + 1)
        ]
        broker.publish(self.account_id, queue, made)

    def _destinations(self) -> None:
        """Nothing is sent to them: .example leads nowhere."""
        for queue, name in (("orders", "warehouse"), ("invoices", "accounting")):
            config = {"url": f"https://{name}.example/{queue}", "signing": {"enabled": True}}
            destinations.create(
                self.account_id, queue, name=name, kind=Kind.HTTP, config=config, enabled=False
            )

    def _stream(self) -> None:
        log.create_stream(self.account_id, "clicks", ttl_seconds=7 * DAY)
        bodies = [json.dumps({"page": f"/product/{number % 17}", "n": number}) for number in range(120)]
        log.produce(self.account_id, "clicks", [NewEntry(body=body, size=len(body)) for body in bodies])
        log.commit(self.account_id, "clicks", 90)

    def _tasks(self) -> None:
        """One done, one under way, one given up, one that waits, and a schedule: of a type for workers
        elsewhere."""
        kind = "report.render"
        tasks.register(self.account_id, kind)
        for month in ("june", "july", "august", "september"):
            payload = json.dumps({"month": month})
            tasks.create(self.account_id, NewTask(type=kind, payload=payload, queue="reports", max_retries=1))
        done, busy, failed = tasks.claim(
            self.account_id, [kind], ["reports"], worker="renderer-1", limit=3, lease_seconds=1800
        )
        tasks.report(self.account_id, busy.task_id, busy.token, Report(35, "rendering", "page 7 of 20"))
        tasks.complete(self.account_id, done.task_id, done.token, Completion("20 pages", '{"pages": 20}'))
        tasks.fail(self.account_id, failed.task_id, failed.token, "font Inter is missing", retry=False)
        wanted = {"type": kind, "payload": {"month": "all"}, "queue": "reports"}
        made = NewTask(type=kind, payload=json.dumps(wanted["payload"]), queue="reports")
        nightly = NewSchedule("nightly-report", "0 3 * * *", None, "UTC", True, made, json.dumps(wanted))
        schedules.put(self.account_id, nightly)

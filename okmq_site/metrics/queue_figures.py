"""Figures of each queue, read from the database when somebody asks for the metrics.

Reading is cheap with any number of ready or stored messages, but takes its time with very many queues or
scheduled messages. So what was read is used again until ten times as long as reading took has passed: however
often somebody asks, and however many do, at most a tenth of one connection is spent on it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from django.conf import settings
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from queues.broker import census

if TYPE_CHECKING:
    from queues.broker.census import Census, QueueFigures

log = logging.getLogger("okmq.metrics")

WAIT_SECONDS = 5.0
"""How long an answer waits for the database; Prometheus itself waits ten seconds by default."""
REST = 10
"""Figures are used for this many times as long as reading them took."""

STATES = ("pending", "processing", "scheduled", "failed", "acked")
TOTALS = ("published", "received", "acked", "nacked", "dead", "expired")
MEANINGS = {
    "published": "Messages stored by publishing.",
    "received": "Deliveries handed out.",
    "acked": "Messages acknowledged.",
    "nacked": "Deliveries rejected by their receiver.",
    "dead": "Messages that ran out of attempts or were given up, wherever they went then.",
    "expired": "Messages whose time to live was over.",
}


class Reader:
    """Reads in a thread of its own, one at a time: no driver can be relied on to give up in time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._census: Census | None = None
        self._until = 0.0
        self.seconds = 0.0

    def read(self) -> Census | None:
        """Figures that are fresh enough, or None when the database gives none within ``WAIT_SECONDS``."""
        deadline = time.monotonic() + WAIT_SECONDS
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            return None
        if self._census is not None and time.monotonic() < self._until:
            self._lock.release()
            return self._census
        answer: list[Census] = []
        thread = threading.Thread(target=self._read, args=(answer,), name="okmq-census", daemon=True)
        thread.start()
        thread.join(max(deadline - time.monotonic(), 0))
        return answer[0] if answer else None

    def _read(self, answer: list[Census]) -> None:
        """Ends by letting the next one in, however late."""
        try:
            begin = time.monotonic()
            self._census = census.take(settings.OKMQ_METRICS_QUEUES)
            end = time.monotonic()
            self.seconds, self._until = end - begin, end + REST * (end - begin)
            answer.append(self._census)
        except Exception as error:
            self._census = None
            log.warning("the figures of the queues cannot be read: %s", error)
        finally:
            self._lock.release()


READER = Reader()


def families(taken: Census | None) -> Iterator[Metric]:
    """All that is told about queues; ``taken`` None: the database did not answer."""
    meaning = "Whether the figures of the queues could be read."
    yield GaugeMetricFamily("okmq_database_up", meaning, float(taken is not None))
    if taken is not None:
        yield from _overall(taken)
        yield from _each(taken.queues)


def _overall(taken: Census) -> Iterator[Metric]:
    unlisted = taken.count - len(taken.queues)
    yield GaugeMetricFamily("okmq_queues", "Queues of all accounts.", taken.count)
    yield GaugeMetricFamily(
        "okmq_queues_unlisted", "Queues beyond OKMQ_METRICS_QUEUES, which have no figures here.", unlisted
    )
    yield GaugeMetricFamily(
        "okmq_queue_figures_seconds", "How long reading the queues' figures took.", READER.seconds
    )


def _each(queues: Iterable[QueueFigures]) -> Iterator[Metric]:
    depth = GaugeMetricFamily(
        "okmq_queue_messages", "Messages in a queue now, by state.", labels=("account", "queue", "state")
    )
    oldest = GaugeMetricFamily(
        "okmq_queue_oldest_ready_seconds",
        "How long the first ready message in line has been ready; 0 when none is.",
        labels=("account", "queue"),
    )
    totals = {
        name: CounterMetricFamily(f"okmq_messages_{name}", MEANINGS[name], labels=("account", "queue"))
        for name in TOTALS
    }
    for queue in queues:
        labels = (str(queue.account_id), queue.name)
        for state in STATES:
            depth.add_metric((*labels, state), getattr(queue, state))
        oldest.add_metric(labels, queue.oldest_ready_seconds)
        for name, family in totals.items():
            family.add_metric(labels, getattr(queue, f"{name}_total"))
    yield from (depth, oldest, *totals.values())

"""What web processes count and time themselves. Imported only when metrics are on: prometheus-client decides
at its import whether several processes add up.

Names and labels are an interface: dashboards and alerts hang on them (docs/operations.md).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Mapping, Sequence

from django.conf import settings
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from queues.broker.observe import Event, Trouble
from queues.broker.types import Micros, Received

# When each was first used: as many series again, for nobody.
disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Up to a minute: receives wait up to 55 seconds."""
WAITS = (*SECONDS[1:], 300, 3600, 86_400)
OPERATIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)

requests = Histogram(
    "okmq_request_duration_seconds",
    "From a request's head being read to its answer being sent.",
    ["method", "route", "status"],
    registry=REGISTRY,
    buckets=SECONDS,
)
latency = Histogram(
    "okmq_receive_latency_seconds",
    "From a message's publication (or delivery time, if later) to its first hand-out.",
    registry=REGISTRY,
    buckets=WAITS,
)
lane_operations = Histogram(
    "okmq_lane_operations",
    "Calls that were committed together in one transaction.",
    ["lane"],
    registry=REGISTRY,
    buckets=OPERATIONS,
)
lane_commit = Histogram(
    "okmq_lane_commit_seconds",
    "Duration of a committed transaction, from begin to commit.",
    ["lane"],
    registry=REGISTRY,
    buckets=SECONDS,
)
database_errors = Counter(
    "okmq_database_errors",
    "Transactions and questions the database did not take.",
    ["kind"],
    registry=REGISTRY,
)
leases_expired = Counter(
    "okmq_leases_expired", "Deliveries that nobody settled before their lease was over.", registry=REGISTRY
)
dead_lettered = Counter(
    "okmq_messages_dead_lettered", "Messages moved to a dead-letter queue.", ["reason"], registry=REGISTRY
)
replayed = Counter(
    "okmq_messages_replayed", "Dead messages made pending again by request.", ["queue"], registry=REGISTRY
)
deleted = Counter("okmq_messages_deleted", "Messages deleted by request.", ["queue_type"], registry=REGISTRY)


def _level(name: str, meaning: str) -> Gauge:
    return Gauge(name, meaning, registry=REGISTRY, multiprocess_mode="livesum")


processes = _level("okmq_web_processes", "Web processes that run.")
requests_in_flight = _level("okmq_requests_in_flight", "Requests being answered.")
threads_busy = _level("okmq_threads_busy", "Threads that serve a connection.")
threads = _level("okmq_threads", "Most threads the web processes may have (OKMQ_THREADS).")
parked = _level("okmq_receivers_parked", "Receivers waiting for a message.")
parked_limit = _level("okmq_receivers_parked_limit", "Most receivers that may wait.")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
"""Label of what clients may invent without end."""

_requests: dict[tuple[str, str, int], Histogram] = {}
_lanes: dict[str, tuple[Histogram, Histogram]] = {}


def request(method: str, route: str, status: int, seconds: float) -> None:
    """One request was answered. Finding a labelled child costs more than observing: they are kept."""
    key = method, route, status
    child = _requests.get(key)
    if child is None:
        if method not in METHODS:
            method = OTHER
            key = method, route, status
        child = _requests[key] = requests.labels(method, route, str(status))
    child.observe(seconds)


class Watch:
    """The engine's watcher (``queues.broker.observe``)."""

    def __init__(self) -> None:
        self._named: set[str] = set()

    def committed(self, lane: str, operations: int, seconds: float) -> None:
        children = _lanes.get(lane)
        if children is None:
            children = _lanes[lane] = lane_operations.labels(lane), lane_commit.labels(lane)
        children[0].observe(operations)
        children[1].observe(seconds)

    def failed(self, trouble: Trouble) -> None:
        database_errors.labels(trouble.value).inc()

    def handed_out(self, messages: Sequence[Received], now: Micros) -> None:
        # A later delivery says how long somebody took to fail, not how long the message waited.
        waits = [
            (now - max(m.created_at, m.deliver_at)) / 1e6
            for m in messages
            if m.attempt == 1 and not m.retries
        ]
        if len(waits) == 1:
            latency.observe(max(waits[0], 0.0))
        elif waits:
            observe_many(latency, WAITS, waits)

    def happened(self, events: Mapping[Event, int]) -> None:
        for event, count in events.items():
            if event is Event.LEASE_EXPIRED:
                leases_expired.inc(count)
            else:
                reason = "expired" if event is Event.DEAD_LETTERED_EXPIRED else "failed"
                dead_lettered.labels(reason).inc(count)

    def replayed(self, queue: str, count: int) -> None:
        if len(self._named) < settings.OKMQ_METRICS_QUEUES:
            self._named.add(queue)
        replayed.labels(queue if queue in self._named else OTHER).inc(count)

    def deleted(self, queue: str, count: int) -> None:
        deleted.labels(queue_type(queue)).inc(count)


def queue_type(name: str) -> str:
    """Forq's word for what a queue is for, which its name tells."""
    return "dlq" if name.endswith("-dlq") else "regular"


def observe_many(histogram: Histogram, bounds: Sequence[float], values: Sequence[float]) -> None:
    """What ``observe`` does for each value, with one change for each bucket: a batch of a hundred messages
    would otherwise pay for two hundred. Reaches into the library, which offers no such call."""
    buckets = histogram._buckets
    for bucket, count in Tally(bisect_left(bounds, value) for value in values).items():
        buckets[bucket].inc(count)
    histogram._sum.inc(sum(max(value, 0.0) for value in values))

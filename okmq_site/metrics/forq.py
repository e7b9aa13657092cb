"""The same figures under the names Forq gives them (Forq contract, section 9): nothing is counted twice.

Forq has no accounts: queues of one name are added up. As there, a series appears on first use, and an empty
queue has no depth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from okmq_site.metrics.instruments import queue_type

if TYPE_CHECKING:
    from queues.broker.census import Census, QueueFigures

COUNTERS = {
    "produced": "published_total",
    "consumed": "received_total",
    "acked": "acked_total",
    "nacked": "nacked_total",
}
BY_QUEUE = ("queue_name", "queue_type")


def families(own: Iterable[Metric], taken: Census | None) -> Iterator[Metric]:
    """``own``: what the web processes counted; ``taken``: the queues' figures, if the database gave any."""
    counted = {metric.name: metric for metric in own}
    yield from _of_processes(counted)
    queues = [] if taken is None else taken.queues
    if taken is not None:
        yield from _by_queue(queues)
    yield _cleanup(counted, queues)


def _of_processes(counted: dict[str, Metric]) -> Iterator[Metric]:
    stale = sum(_values(counted, "okmq_leases_expired").values())
    yield CounterMetricFamily(
        "forq_messages_stale_recovered", "Same as okmq_leases_expired_total.", value=stale
    )
    moved = CounterMetricFamily(
        "forq_messages_moved_to_dlq", "Same as okmq_messages_dead_lettered_total.", labels=("reason",)
    )
    _add(moved, _values(counted, "okmq_messages_dead_lettered"))
    yield moved
    requeued = CounterMetricFamily(
        "forq_messages_requeued", "Same as okmq_messages_replayed_total.", labels=("queue_name",)
    )
    _add(requeued, _values(counted, "okmq_messages_replayed"))
    yield requeued


def _values(counted: dict[str, Metric], name: str) -> dict[tuple[str, ...], float]:
    """A counter's values by its labels."""
    if name not in counted:
        return {}
    return {
        tuple(sample.labels.values()): sample.value
        for sample in counted[name].samples
        if sample.name.endswith("_total")
    }


def _by_queue(queues: Iterable[QueueFigures]) -> Iterator[Metric]:
    depth: Counter[tuple[str, ...]] = Counter()
    totals: dict[str, Counter[tuple[str, ...]]] = {name: Counter() for name in COUNTERS}
    for queue in queues:
        labels = (queue.name, queue_type(queue.name))
        depth[labels] += queue.pending + queue.processing + queue.scheduled + queue.failed
        for name, total in COUNTERS.items():
            totals[name][labels] += getattr(queue, total)
    gauge = GaugeMetricFamily("forq_queue_depth", "Messages not acknowledged yet.", labels=BY_QUEUE)
    _add(gauge, depth)
    yield gauge
    for name, total in COUNTERS.items():
        counter = CounterMetricFamily(
            f"forq_messages_{name}", f"Same as okmq_messages_{total}.", labels=BY_QUEUE
        )
        _add(counter, totals[name])
        yield counter


def _cleanup(counted: dict[str, Metric], queues: Iterable[QueueFigures]) -> Metric:
    family = CounterMetricFamily(
        "forq_messages_cleanup", "Messages that ended in a dead-letter queue.", labels=("reason",)
    )
    ended: Counter[tuple[str, ...]] = Counter()
    for queue in queues:
        if queue_type(queue.name) == "dlq":
            ended["failed",] += queue.dead_total
            ended["expired",] += queue.expired_total
    ended["deleted_by_user",] += int(_values(counted, "okmq_messages_deleted").get(("dlq",), 0))
    _add(family, ended)
    return family


def _add(
    family: CounterMetricFamily | GaugeMetricFamily,
    values: dict[tuple[str, ...], float] | Counter[tuple[str, ...]],
) -> None:
    for labels, value in values.items():
        if value:
            family.add_metric(labels, value)

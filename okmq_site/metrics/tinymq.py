"""The same figures under the names TinyMQ gives them (TinyMQ contract, section 5.2).

TinyMQ has no accounts: queues of one name are added up. Who waits for messages of a topic is known to each
process alone and is not told here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily, Metric

if TYPE_CHECKING:
    from queues.broker.census import Census


def families(taken: Census | None) -> Iterator[Metric]:
    """``taken``: the queues' figures, if the database gave any."""
    if taken is None:
        return
    yield GaugeMetricFamily("tinymq_topics_total", "Same as okmq_queues.", value=taken.count)
    waiting: Counter[str] = Counter()
    for queue in taken.queues:
        waiting[queue.name] += queue.pending + queue.scheduled
    messages = GaugeMetricFamily("tinymq_topic_messages", "Messages that nobody holds.", labels=("topic",))
    for name, count in waiting.items():
        messages.add_metric((name,), count)
    yield messages

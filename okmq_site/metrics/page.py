"""The metrics of all web processes and of all queues, as text. Imported only when metrics are on."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector

from okmq_site.metrics import forq, instruments, queue_figures, sampler, shared, tinymq


def render() -> tuple[bytes, str]:
    """The page and its content type."""
    return generate_latest(Everything()), CONTENT_TYPE_PLAIN_0_0_4


class Everything:
    """A collector in prometheus-client's sense."""

    def collect(self) -> Iterator[Metric]:
        taken = queue_figures.READER.read()
        sampler.look()
        own = list(_of_processes())
        yield from own
        yield from queue_figures.families(taken)
        yield from forq.families(own, taken)
        yield from tinymq.families(taken)


def _of_processes() -> Iterator[Metric]:
    folder = shared.folder()
    if folder is None:
        yield from instruments.REGISTRY.collect()
    else:
        yield from MultiProcessCollector(None, str(folder)).collect()  # type: ignore[no-untyped-call]

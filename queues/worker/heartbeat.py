"""Saying that this worker lives (``queues.broker.beats``)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from importlib import metadata
from typing import Any

from queues.broker import beats, clock
from queues.broker.errors import BrokerError, ShuttingDown
from queues.broker.housekeeping import own_name

log = logging.getLogger("okmq.worker")


class Heartbeat:
    """``detail_of_all``: what the worker's services have in hand."""

    name = "heartbeat"

    def __init__(self, detail_of_all: Callable[[], dict[str, Any]]) -> None:
        self._detail_of_all = detail_of_all

    def run(self, stop: threading.Event) -> None:
        name, started_at = own_name(), clock.now()
        while not stop.is_set():
            try:
                beats.beat(name, version(), started_at, self._detail_of_all())
            except ShuttingDown:
                return
            except BrokerError as error:
                log.warning("no heartbeat: %s", error)
            stop.wait(beats.EVERY_SECONDS)
        try:
            beats.leave(name)
        except BrokerError as error:
            log.warning("cannot say goodbye: %s", error)

    def detail(self) -> dict[str, Any]:
        return {}


def version() -> str:
    """OKMQ's own; empty when it runs from a folder that was never installed."""
    try:
        return metadata.version("okmq")
    except metadata.PackageNotFoundError:
        return ""

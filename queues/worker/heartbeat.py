"""Saying that this worker, or this web process, lives (``queues.broker.beats``)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from importlib import metadata
from typing import Any

from queues.broker import beats, clock
from queues.broker.errors import BrokerError, ShuttingDown
from queues.broker.housekeeping import own_name
from queues.broker.wakes import HUB

log = logging.getLogger("okmq.worker")


class Heartbeat:
    """``detail_of_all``: what the worker's services have in hand."""

    name = "heartbeat"

    def __init__(self, detail_of_all: Callable[[], dict[str, Any]]) -> None:
        self._detail_of_all = detail_of_all

    def run(self, stop: threading.Event) -> None:
        name, started_at = own_name(), clock.now()
        _tell(
            stop,
            lambda: beats.beat(name, version(), started_at, self._detail_of_all()),
            lambda: beats.leave(name),
        )

    def detail(self) -> dict[str, Any]:
        return {}


class WebHeartbeat:
    """How many receivers are parked in this web process. For where it is not the only one."""

    name = "web-heartbeat"

    def run(self, stop: threading.Event) -> None:
        name = own_name()
        _tell(stop, lambda: beats.beat_of_web(name, HUB.parked), lambda: beats.leave_web(name))

    def detail(self) -> dict[str, Any]:
        return {}


def _tell(stop: threading.Event, beat: Callable[[], None], leave: Callable[[], None]) -> None:
    while not stop.is_set():
        try:
            beat()
        except ShuttingDown:
            return
        except BrokerError as error:
            log.warning("no heartbeat: %s", error)
        stop.wait(beats.EVERY_SECONDS)
    try:
        leave()
    except BrokerError as error:
        log.warning("cannot say goodbye: %s", error)


def version() -> str:
    """OKMQ's own; empty when it runs from a folder that was never installed."""
    try:
        return metadata.version("okmq")
    except metadata.PackageNotFoundError:
        return ""

"""What a duty of the worker looks like."""

from __future__ import annotations

import threading
from typing import Any, Protocol


class Service(Protocol):
    """One duty, run in a thread of its own for as long as its worker lives. Any number of workers may run
    the same service at once, in one process or on several machines: those that must not, elect one
    (``queues.broker.housekeeping.hold_duty``)."""

    name: str

    def run(self, stop: threading.Event) -> None:
        """Do the duty until ``stop`` is set; then finish what is in hand within ``OKMQ_STOP_SECONDS``, give
        the rest back and return. To wait with ``stop.wait(seconds)`` returns at once when it is set. What
        this raises is logged, and it is run again after a pause."""

    def detail(self) -> dict[str, Any]:
        """What it has in hand at this moment, in figures an operator understands: ``{"in_flight": 3}``.
        Called from other threads; must be quick."""

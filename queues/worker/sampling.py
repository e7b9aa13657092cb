"""Taking the samples of all queues (``queues.broker.samples``)."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from functools import partial
from typing import Any

from queues.broker import clock, samples
from queues.broker.errors import BrokerError, ShuttingDown
from queues.broker.housekeeping import CHUNK, hold_duty, leave_duty
from queues.broker.lanes import in_transaction
from queues.broker.samples import HOUR, MINUTE, Sampler

log = logging.getLogger("okmq.worker")

DUTY = "samples"
HELD_FOR = timedelta(seconds=90)
"""Renewed with each sample, and not in between: where SQLite is shared, every write has the other processes
look whether it concerns them."""
LOOK_SECONDS = 1.0
"""How late a sample may be taken."""
ASK_SECONDS = 10.0
"""How often whoever does not lead asks whether it may."""


class Sampling:
    """One worker of all takes the samples: whoever holds the duty."""

    name = "samples"

    def __init__(self) -> None:
        self._samplers = [Sampler(MINUTE), Sampler(HOUR)]
        self._leads = False

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self.round()
            except ShuttingDown:
                return
            except BrokerError as error:
                log.warning("samples wait: %s", error)
            stop.wait(LOOK_SECONDS if self._leads else ASK_SECONDS)
        if self._leads:
            in_transaction(partial(leave_duty, name=DUTY))

    def detail(self) -> dict[str, Any]:
        return {"leads": True} if self._leads else {}

    def round(self) -> None:
        """Take what is due, if it is this worker's duty. Raises BrokerError."""
        now = clock.now()
        due = {sampler.span: (sampler, at) for sampler in self._samplers if (at := sampler.due(now))}
        if not due:
            return
        self._leads = in_transaction(partial(hold_duty, name=DUTY, held_for=HELD_FOR))
        if not self._leads:
            for sampler in self._samplers:
                sampler.forget()
            return
        found = samples.look()
        for sampler, at in due.values():
            try:
                samples.store(sampler.take(found, at), sampler.span)
            except BrokerError:
                # What it believes to be stored is not.
                sampler.forget()
                raise
        if HOUR in due:
            while in_transaction(lambda tx: samples.prune(tx, CHUNK)) >= CHUNK:
                pass

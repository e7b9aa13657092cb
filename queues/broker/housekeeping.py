"""Keeping the tables small: what is due, over, or left of deleted queues.

Any number of processes may run this; one at a time does the work (``Duty``), and doing it twice does no harm.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import connection
from django.db.models import Q

from queues.broker import audit, beats, concurrency, due, events, passing, queues, seen_keys, usage
from queues.broker.errors import BrokerError, ShuttingDown
from queues.broker.lanes import Transaction, in_transaction
from queues.broker.letters import jobs
from queues.fields import to_datetime
from queues.models import Duty

log = logging.getLogger("okmq.housekeeping")

CHUNK = 1_000
HELD_FOR = timedelta(seconds=15)

RESTS = 14
"""Times as long as a chunk took that nothing is removed after it, while there is more: removing a million
messages must not be felt by those who publish and receive meanwhile."""

NO_REST_AFTER_SECONDS = 1200
"""The rest shrinks to nothing while a chore finds no end for so long: what is over must not become
more and more only because so much is over all the time."""

ROUND_SECONDS = 5.0
"""The longest that one chore keeps the others waiting, and less than the duty is held for."""


def own_name() -> str:
    """This process. Asked for each time: the module may have been imported before the processes forked."""
    return f"{socket.gethostname()}:{os.getpid()}"


Chore = Callable[[Transaction, int], int]
"""Removes up to that many rows; how many it found, so that it is called again while there are more."""

# Whoever has tables of his own beside the engine's adds to these when his app is ready.
SWEEPS: list[Chore] = [due.sweep, audit.prune, events.prune, jobs.prune, beats.prune]
PURGES: list[Chore] = [
    queues.purge_deleted,
    usage.merge_shards,
    concurrency.drop_lost,
    seen_keys.purge,
    passing.purge,
]


def run(stop: threading.Event) -> None:
    """Keep house until ``stop`` is set. Survives a database that is away for a while."""
    next_sweep = 0.0
    unfinished: Unfinished = {}
    while not stop.is_set():
        try:
            if in_transaction(hold_duty):
                sweeping = time.monotonic() >= next_sweep
                _tidy(stop, unfinished, sweeping=sweeping)
                if sweeping:
                    next_sweep = time.monotonic() + settings.OKMQ_SWEEP_SECONDS
        except ShuttingDown:
            return
        except BrokerError as error:
            log.warning("housekeeping waits: %s", error)
        except Exception:
            log.exception("housekeeping failed")
        finally:
            # A connection that broke must not be met again.
            connection.close()
        stop.wait(settings.OKMQ_HOUSEKEEPING_SECONDS)


def hold_duty(
    tx: Transaction, holder: str = "", name: str = "housekeeping", held_for: timedelta = HELD_FOR
) -> bool:
    """Take or keep the duty; False while another process holds it."""
    holder = holder or own_name()
    now = to_datetime(tx.now)
    Duty.objects.get_or_create(name=name, defaults={"holder": "", "until": now})
    free = Duty.objects.filter(Q(holder=holder) | Q(until__lte=now), name=name)
    return free.update(holder=holder, until=now + held_for) == 1


def leave_duty(tx: Transaction, name: str) -> None:
    """Let another process have the duty at once, if this one holds it."""
    Duty.objects.filter(name=name, holder=own_name()).update(until=to_datetime(tx.now))


Unfinished = dict[Chore, float]
"""Since when (monotonic seconds) a chore has had more to do than one round of it does."""


def _tidy(stop: threading.Event, unfinished: Unfinished, *, sweeping: bool) -> None:
    promoted = 0
    for queue_id in in_transaction(due.queues_due):
        count = CHUNK
        while not stop.is_set() and count >= CHUNK:
            count = in_transaction(partial(due.promote, queue_id=queue_id))
            promoted += count
    _log_done(logging.DEBUG, "due.promote", promoted)
    for sweep in SWEEPS:
        if sweeping or sweep in unfinished:
            _repeat(stop, sweep, unfinished, until=CHUNK)
    for purge in PURGES:
        _repeat(stop, purge, unfinished, until=1)


def _repeat(stop: threading.Event, chore: Chore, unfinished: Unfinished, until: int) -> None:
    """Do the chore until it finds fewer than ``until`` rows, or its round is over."""
    began = now = time.monotonic()
    since = unfinished.pop(chore, began)
    total, found = 0, until
    while found >= until and not stop.is_set():
        if now >= began + ROUND_SECONDS:
            unfinished[chore] = since
            break
        found = _do(chore)
        total += found
        done = time.monotonic()
        if found >= CHUNK:
            stop.wait(rest(done - now, done - since))
        now = time.monotonic()
    _log_done(logging.INFO, f"{chore.__module__.rpartition('.')[2]}.{chore.__name__}", total)


def rest(took: float, behind: float) -> float:
    """Seconds to wait after a chunk that took so long, of a chore that has been at it for ``behind``
    seconds."""
    return took * RESTS * max(0.0, 1 - behind / NO_REST_AFTER_SECONDS)


def _log_done(level: int, chore: str, rows: int) -> None:
    if rows:
        fields = {"event": "chore", "chore": chore, "rows": rows}
        log.log(level, "%s: %d rows", chore, rows, extra={"fields": fields})


def _do(chore: Chore) -> int:
    found: int = in_transaction(lambda tx: chore(tx, CHUNK))
    return found

"""How many consume calls an account may have open at once: max_concurrency (okmq.md §8.4).

Each process counts its own calls in memory. Alone it needs no more. Where several processes serve one
database, an account whose quota they could reach together is shared out: a process must have *reserved* a
call in the database (``ConsumeCalls``) before it opens one, and keeps the reservation for a moment, so that
busy consumers do not write for each call. What nobody used for ``TIDY_SECONDS`` is given back; a refused
process waits a little longer than that and asks once more.

Reservations end by themselves after ``HELD_SECONDS`` unless renewed: a killed process takes none with it.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection

from queues.broker import account_sql
from queues.broker.clock import SECOND
from queues.broker.errors import BrokerError, QuotaExceeded
from queues.broker.lanes import in_transaction
from queues.broker.queues import reading

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction

log = logging.getLogger("okmq.broker")

FEW_PROCESSES = 8
"""Up to so many processes together can never have more calls open than they have threads: a quota above that
is kept by itself and costs nothing."""

TIDY_SECONDS = 0.1
ASK_AGAIN_SECONDS = 0.3
"""Longer than it takes to notice that a reservation is not used any more: up to two tidyings."""
RENEW_SECONDS = 3.0
HELD_SECONDS = 10.0
LIMIT_SECONDS = 5.0
"""How long a quota that was changed may go unnoticed."""
MAX_KNOWN_LIMITS = 10_000


class _Open:
    """One account's calls in this process. ``open``: now; ``busiest``: at most since the last tidying;
    ``reserved``: as many as it may have without asking; ``turn`` orders the answers of the database."""

    __slots__ = ("busiest", "open", "reserved", "turn")

    def __init__(self) -> None:
        self.open = self.busiest = self.reserved = self.turn = 0


class Calls:
    """The consume calls that are open in this process."""

    def __init__(self, *, shared: bool | None = None) -> None:
        self.holder = f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._shared = shared
        self._lock = threading.Lock()
        self._accounts: dict[int, _Open] = {}
        self._limits: dict[int, tuple[int, float]] = {}
        self._turns = 0
        self._tidying = False

    def enter(self, account_id: int) -> None:
        """Open a call. Raises QuotaExceeded, at once unless another process may be about to close one."""
        limit = self._limit(account_id)
        with self._lock:
            mine = self._accounts.get(account_id) or _Open()
            if mine.open >= limit:
                raise QuotaExceeded("max_concurrency")
            self._accounts[account_id] = mine
            mine.open += 1
            mine.busiest = max(mine.busiest, mine.open)
            if mine.open <= mine.reserved or not self._is_shared(limit):
                return
        try:
            self._reserve(account_id)
        except BaseException:
            self.leave(account_id)
            raise

    def leave(self, account_id: int) -> None:
        """Close a call."""
        with self._lock:
            mine = self._accounts[account_id]
            mine.open -= 1
            if not mine.open and not mine.reserved:
                del self._accounts[account_id]

    def open(self, account_id: int) -> int:
        """How many are open here."""
        with self._lock:
            mine = self._accounts.get(account_id)
            return 0 if mine is None else mine.open

    # ------------------------------------------------------------ the quota

    def _limit(self, account_id: int) -> int:
        known = self._limits.get(account_id)
        now = time.monotonic()
        if known is not None and now < known[1]:
            return known[0]
        with reading() as db:
            rows = db.rows(account_sql.MAX_CONCURRENCY, account=account_id)
        limit: int = rows[0][0] if rows else 0
        if len(self._limits) >= MAX_KNOWN_LIMITS:
            self._limits = {}
        self._limits[account_id] = limit, now + LIMIT_SECONDS
        return limit

    def _is_shared(self, limit: int) -> bool:
        """Whether other processes count too. SQLite is served by one process as a rule."""
        if self._shared is not None:
            return self._shared
        others = connection.vendor == "postgresql" or settings.OKMQ_PROCESSES > 1
        return others and limit < FEW_PROCESSES * settings.OKMQ_THREADS

    # ------------------------------------------------------------ reservations

    def _reserve(self, account_id: int) -> None:
        for pause in (ASK_AGAIN_SECONDS, None):
            granted, turn = in_transaction(partial(self._grow, account_id))
            with self._lock:
                mine = self._accounts[account_id]
                if granted and turn > mine.turn:
                    mine.reserved, mine.turn = granted, turn
            self._start_tidying()
            if granted:
                return
            if pause is not None:
                time.sleep(pause)
        raise QuotaExceeded("max_concurrency")

    def _grow(self, account_id: int, tx: Transaction) -> tuple[int, int]:
        """One call more for this process, and some to spare while there are many; 0 when there are none left.
        With it the turn this was: answers may overtake each other on their way out of the lane."""
        rows = tx.db.rows(account_sql.LOCK_ACCOUNT, account=account_id)
        limit = rows[0][1] if rows else 0
        me = {"account": account_id, "holder": self.holder}
        free = limit - tx.db.rows(account_sql.CALLS_ELSEWHERE, **me, now=tx.now)[0][0]
        held = tx.db.rows(account_sql.CALLS_HERE, **me)
        wanted = (held[0][0] if held else 0) + 1
        self._turns += 1
        if wanted > free:
            return 0, self._turns
        wanted += (free - wanted) // 8
        tx.db.run(account_sql.SET_CALLS, **me, calls=wanted, until=tx.now + int(HELD_SECONDS * SECOND))
        return wanted, self._turns

    def _start_tidying(self) -> None:
        with self._lock:
            if self._tidying:
                return
            self._tidying = True
        threading.Thread(target=self._tidy, name="okmq-calls", daemon=True).start()

    def _tidy(self) -> None:
        """Give back what is not used and renew the rest, until nothing is reserved."""
        renewed = time.monotonic()
        while True:
            time.sleep(TIDY_SECONDS)
            with self._lock:
                held = {a: mine for a, mine in self._accounts.items() if mine.reserved}
                if not held:
                    self._tidying = False
                    return
                idle = [a for a, mine in held.items() if max(mine.busiest, mine.open) < mine.reserved]
                for account_id in held.keys() - set(idle):
                    held[account_id].busiest = held[account_id].open
            renew = time.monotonic() - renewed >= RENEW_SECONDS
            try:
                if idle or renew:
                    in_transaction(self._give_back)
                    renewed = time.monotonic() if renew else renewed
            except BrokerError:
                continue  # later; at worst the reservations run out
            except Exception:
                log.exception("cannot give back consume calls")

    def _give_back(self, tx: Transaction) -> None:
        until = tx.now + int(HELD_SECONDS * SECOND)
        tx.db.run(account_sql.RENEW_CALLS, holder=self.holder, until=until)
        for account_id, held in tx.db.rows(account_sql.CALLS_OF_HOLDER, holder=self.holder):
            me = {"account": account_id, "holder": self.holder}
            keep = self._shrink(account_id)
            if not keep:
                tx.db.run(account_sql.DROP_CALLS, **me)
            elif keep < held:
                tx.db.run(account_sql.SET_CALLS, **me, calls=keep, until=until)

    def _shrink(self, account_id: int) -> int:
        """Lower what this process believes to have before the database says so: never the other way round."""
        with self._lock:
            self._turns += 1
            mine = self._accounts.get(account_id)
            if mine is None:
                return 0
            keep = max(mine.busiest, mine.open)
            mine.reserved, mine.turn, mine.busiest = min(mine.reserved, keep), self._turns, mine.open
            if not mine.open and not mine.reserved:
                del self._accounts[account_id]
            return keep


class _OfProcess:
    """This process's calls, made on first use: after any fork."""

    def __init__(self) -> None:
        self._pid = 0
        self._calls: Calls
        self._lock = threading.Lock()

    def get(self) -> Calls:
        if self._pid != os.getpid():
            with self._lock:
                if self._pid != os.getpid():
                    self._calls = Calls()
                    self._pid = os.getpid()
        return self._calls


_of_process = _OfProcess()


@contextmanager
def open_call(account_id: int) -> Iterator[None]:
    """For the time of one consume call. Raises QuotaExceeded, Unavailable."""
    calls = _of_process.get()
    calls.enter(account_id)
    try:
        yield
    finally:
        calls.leave(account_id)


def drop_lost(tx: Transaction, limit: int) -> int:
    """Remove reservations that ran out; how many. They count no more, but a process that was killed leaves
    them lying about."""
    return len(tx.db.rows(account_sql.DROP_LOST_CALLS, now=tx.now - 60 * SECOND))

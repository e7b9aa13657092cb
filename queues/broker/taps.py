"""Looking on while messages are published: a tap gets a copy of each as it is stored or broadcast, and takes
nothing away. What it does not fetch in time is dropped, the oldest first; what was published before is not
shown.

A process tells the others of which accounts somebody looks on in it, again and again. For these accounts, and
as long as they are told, the others pass on what they publish by the way of broadcasts. On SQLite processes
do not tell each other such things: there a tap sees what its own process publishes."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from queues.broker import identities
from queues.broker.types import Received
from queues.broker.wakes import HUB, of_tap, of_tapped_account
from queues.broker.watchers import Pattern

KEPT = 1024
"""Messages a tap holds until they are fetched."""
TOLD_SECONDS = 15.0
"""How long a process believes that somebody elsewhere looks on. It is told every third of that."""


class Tap:
    """Sees what is published to one queue of an account, or, with ``is_prefix``, to all whose names begin so,
    whether they exist or not. ``channel`` is signalled when there is something new."""

    _numbers = itertools.count(1)

    def __init__(self, account_id: int, name: str, *, is_prefix: bool = False) -> None:
        self.account_id = account_id
        self.channel = of_tap(next(self._numbers))
        self._name = None if is_prefix else name
        self._pattern = Pattern(account_id, name)
        self._seen: deque[tuple[str, Received]] = deque(maxlen=KEPT)

    def wants(self, identity: identities.Identity) -> bool:
        if self._name is not None:
            return identity == (self.account_id, self._name)
        return identity.account_id == self.account_id and identity.name.startswith(self._pattern.prefix)

    def show(self, name: str, message: Received) -> None:
        self._seen.append((name, message))
        HUB.signal(self.channel)

    def fetch(self) -> list[tuple[str, Received]]:
        """What came since the last time, each with the name of its queue."""
        found = []
        while self._seen:
            found.append(self._seen.popleft())
        return found


class Taps:
    """Those of this process, and which accounts are looked on elsewhere."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: tuple[Tap, ...] = ()
        self._elsewhere: dict[int, float] = {}

    def __bool__(self) -> bool:
        """Whether anybody looks on at anything."""
        return bool(self._open or self._elsewhere)

    @contextmanager
    def opened(self, tap: Tap) -> Iterator[Tap]:
        self.open(tap)
        try:
            yield tap
        finally:
            self.close(tap)

    def open(self, tap: Tap) -> None:
        with self._lock:
            self._open = (*self._open, tap)
        self.tell_others(tap.account_id)

    def close(self, tap: Tap) -> None:
        with self._lock:
            self._open = tuple(one for one in self._open if one is not tap)

    def tell_others(self, account_id: int) -> None:
        """To be repeated every ``TOLD_SECONDS / 3``."""
        HUB.on_change({of_tapped_account(account_id): 1}, True)

    def note_elsewhere(self, account_id: int) -> None:
        with self._lock:
            self._elsewhere[account_id] = time.monotonic() + TOLD_SECONDS

    def is_wanted(self, identity: identities.Identity) -> bool:
        """Whether somebody in this process looks on at this queue."""
        return any(tap.wants(identity) for tap in self._open)

    def is_wanted_elsewhere(self, account_id: int) -> bool:
        until = self._elsewhere.get(account_id)
        if until is None:
            return False
        if until > time.monotonic():
            return True
        with self._lock:
            self._elsewhere.pop(account_id, None)
        return False

    def show(self, message: Received) -> None:
        identity = identities.known(message.queue_id)
        if identity is not None:
            for tap in self._open:
                if tap.wants(identity):
                    tap.show(identity.name, message)


TAPS = Taps()

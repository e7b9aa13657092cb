"""Waking those who wait: parked receivers, in this process at once and in others soon.

The hub knows who is parked on which queue. A transaction collects what it made ready and tells the hub after
its commit; the hub wakes one receiver for each message, first come first served, and leaves the rest parked.
Receivers also wake by the clock, when a delayed message or a lease falls due.

Those who follow a stream park here too, under one cap with all others. A stream's channel is minus its id
(``of_stream``), so that it never meets a queue's; what else is said here of queues holds for it. So do those
who wait for a queue that is not made yet (``of_account``).

A receiver may also wait for any queue whose name begins in a certain way (``watchers``). It parks on the
channel of a queue that stands for the pattern, and a message of a queue that matches goes to it before it
goes to those who wait for that queue alone."""

from __future__ import annotations

import contextlib
import heapq
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from queues.broker import clock, identities
from queues.broker.floors import FLOORS
from queues.broker.types import Micros, Received
from queues.broker.watchers import Ear, Pattern, Watchers

if TYPE_CHECKING:
    from queues.broker.db import Connection

EVERYONE = -1
LONGEST_NAP_SECONDS = 60.0

# Channels that are no queue's own: each sort has a range for itself, above all ids.
NUMBER, ROOM, PUSH, ACCOUNT, BROADCASTS, TAP, TAPPED = (n << 60 for n in range(1, 8))
FIRST_OTHER = NUMBER

Signal = dict[int, int]
"""Queue id: how many messages became ready there, or EVERYONE when the queue itself changed."""


def is_queue(channel: int) -> bool:
    """Whether the channel is a queue's own."""
    return 0 < channel < FIRST_OTHER


def of_push(queue_id: int) -> int:
    """The channel on which pushers hear that a queue has something for its destinations."""
    return PUSH + queue_id


def of_account(account_id: int) -> int:
    """The channel on which those wait who want a queue of the account that does not exist. All are woken
    whenever it gets one: that is rare, and a look costs little."""
    return ACCOUNT + account_id


def of_room(queue_id: int) -> int:
    """The channel on which those wait whose consumer has as many of the queue's messages in its hands as it
    may; by tag, which is the consumer. They would only swallow the signals that are for others."""
    return ROOM + queue_id


def of_number(number: int) -> int:
    """A channel of its own for what is neither queue nor stream; ``number`` below 2 ** 60."""
    return NUMBER + number


def of_broadcasts() -> int:
    """The channel on which processes tell each other that there are broadcasts to be heard."""
    return BROADCASTS


def of_tap(number: int) -> int:
    """The channel of one who looks on at what is published (``taps``)."""
    return TAP + number


def of_tapped_account(account_id: int) -> int:
    """The channel on which processes tell each other that somebody looks on at the account's queues."""
    return TAPPED + account_id


def of_stream(stream_id: int) -> int:
    """The channel on which readers of a stream wait. Reading takes nothing away, so all of them are woken."""
    return -stream_id


class Waiter:
    """One parked receiver. ``wanted``: of each channel it waits on, the only tags it takes, none for any.
    ``pattern``: which other queues it takes messages of. ``woken_by``: the queue of the message it was woken
    for, if that is one of the pattern's."""

    __slots__ = ("_lock", "pattern", "wanted", "woken", "woken_by")

    def __init__(self, wanted: Mapping[int, Sequence[str]], pattern: Pattern | None = None) -> None:
        self.wanted = wanted
        self.pattern = pattern
        self.woken = False
        self.woken_by: int | None = None
        # A bare lock as a one-shot event: hundreds of these are parked at once.
        self._lock = threading.Lock()
        self._lock.acquire()

    def wait(self, seconds: float) -> bool:
        """Whether it was woken within ``seconds``."""
        return self._lock.acquire(timeout=max(seconds, 0))

    def wake(self) -> None:
        if not self.woken:
            self.woken = True
            self._lock.release()


class Follower:
    """One who follows channels for as long as it likes, as an event stream does. Following takes nothing
    away, so each signal of a channel wakes all its followers; one that comes while it is busy is not lost."""

    def __init__(self, channels: Iterable[int]) -> None:
        self.channels = frozenset(channels)
        self._changed = threading.Event()

    def wait(self, seconds: float) -> bool:
        """Whether a channel was signalled since the last time this said so, or within ``seconds``."""
        if not self._changed.wait(max(seconds, 0)):
            return False
        self._changed.clear()  # before the look that follows: what comes during it is told again
        return True

    def wake(self) -> None:
        self._changed.set()


class Hub:
    """This process's parked receivers, and those who follow channels."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parked: dict[int, deque[Waiter]] = defaultdict(deque)
        self._followers: dict[int, set[Follower]] = {}
        self._watchers = Watchers()
        self._ears: dict[Ear, None] = {}
        self._count = 0
        self._own = 0
        # When each queue was last signalled, on a counter of signals: closes the gap between a receiver's
        # empty look and its parking. The latest are the last.
        self._signals = 0
        self._last: dict[int, int] = {}
        self.pushing = False
        """Whether some queue has destinations that this process pushes to."""
        self._pushers: tuple[Callable[[int | None], None], ...] = ()
        self._due: list[tuple[Micros, int]] = []
        self._next_due: dict[int, Micros] = {}
        self._due_changed = threading.Condition(self._lock)
        self._clock_thread: threading.Thread | None = None
        self.closing = False
        # Set by queues.broker.neighbours: tells other processes (at once, or when it suits), and starts
        # hearing them.
        self.on_change: Callable[[Signal, bool], None] = lambda signal, at_once: None
        self.on_park: Callable[[], None] = lambda: None

    @property
    def parked(self) -> int:
        """How many clients' receivers are parked now, followers included."""
        return self._count

    @property
    def awaited(self) -> bool:
        """Whether anybody waits, the server's own workers included."""
        return self._count + self._own > 0

    def queues(self) -> set[int]:
        """Queues somebody is parked on, and channels somebody follows."""
        with self._lock:
            return {queue_id for queue_id, waiters in self._parked.items() if waiters} | set(self._followers)

    def follow(self, channels: Iterable[int], limit: int) -> Follower | None:
        """A place until ``unfollow``; None when ``limit`` places are taken or the process is stopping."""
        self.on_park()
        follower = Follower(channels)
        with self._lock:
            if self._count >= limit or self.closing:
                return None
            self._count += 1
            for channel in follower.channels:
                self._followers.setdefault(channel, set()).add(follower)
        return follower

    def unfollow(self, follower: Follower) -> None:
        with self._lock:
            self._count -= 1
            for channel in follower.channels:
                followers = self._followers[channel]
                followers.remove(follower)
                if not followers:
                    del self._followers[channel]

    def hear_pushes(self, pusher: Callable[[int | None], None]) -> None:
        """Call ``pusher`` with a queue's id whenever there is something for its destinations, and with None
        when that may be so of any queue. It is called with a lock held, must be quick and must not raise."""
        self.on_park()
        with self._lock:
            self._pushers += (pusher,)

    def forget_pushes(self, pusher: Callable[[int | None], None]) -> None:
        with self._lock:
            self._pushers = tuple(known for known in self._pushers if known != pusher)

    def tell_pushers(self, queue_id: int | None = None) -> None:
        for pusher in self._pushers:
            pusher(queue_id)

    def stamp(self) -> int:
        """To be taken before a look, and shown when parking after finding nothing."""
        return self._signals

    @contextmanager
    def park(
        self,
        wanted: Mapping[int, Sequence[str]],
        stamp: int,
        limit: int | None,
        *,
        pattern: Pattern | None = None,
        ear: Ear | None = None,
    ) -> Iterator[Waiter | None]:
        """A place to wait at, for each channel with the tags that are wanted there (none: any); already woken
        if one of them was signalled since ``stamp``. None when ``limit`` receivers are parked or the process
        is stopping. No ``limit``: for a worker of the server's own, who takes no client's place and is not
        counted among them. ``pattern``: which other queues wake it; ``ear``: broadcasts that it hears do."""
        self.on_park()
        waiter = Waiter(wanted, pattern)
        with self._lock:
            if self.closing or (limit is not None and self._count >= limit):
                waiter_or_none = None
            else:
                waiter_or_none = waiter
                self._take_place(1, own=limit is None)
                if ear is not None:
                    ear.waiter = waiter
                if self._signalled_since(stamp, waiter) or (ear is not None and ear.given is not None):
                    waiter.wake()
                else:
                    for channel in wanted:
                        self._parked[channel].append(waiter)
                    self._watchers.add(waiter)
        if waiter_or_none is None:
            yield None
            return
        try:
            yield waiter
        finally:
            with self._lock:
                self._take_place(-1, own=limit is None)
                for channel in wanted:
                    self._forget(channel, waiter)
                self._watchers.discard(waiter)
                if ear is not None:
                    ear.waiter = None

    def _take_place(self, places: int, *, own: bool) -> None:
        if own:
            self._own += places
        else:
            self._count += places

    def _signalled_since(self, stamp: int, waiter: Waiter) -> bool:
        if any(self._last.get(channel, 0) > stamp for channel in waiter.wanted):
            return True
        if waiter.pattern is not None:
            for channel in reversed(self._last):
                if self._last[channel] <= stamp:
                    break
                if is_queue(channel) and waiter.pattern.may_match(channel):
                    return True
        return False

    def _forget(self, queue_id: int, waiter: Waiter) -> None:
        waiters = self._parked.get(queue_id)
        if waiters is None:
            return
        # Who waits in several places was taken out of one of them when it was woken.
        if not waiter.woken or len(waiter.wanted) > 1 or waiter in waiters:
            with contextlib.suppress(ValueError):
                waiters.remove(waiter)
        if not waiters:
            del self._parked[queue_id]

    def listen(self, ear: Ear) -> None:
        """Have it hear broadcasts until ``unlisten``."""
        with self._lock:
            self._ears[ear] = None

    def unlisten(self, ear: Ear) -> None:
        with self._lock:
            self._ears.pop(ear, None)

    def waiting(self, queue_id: int) -> int:
        """How many of those who hear broadcasts wait for the queue, or for the pattern it stands for, and
        have a client yet."""
        with self._lock:
            ears = [ear for ear in self._ears if ear.channel == queue_id]
        return sum(ear.has_client for ear in ears)

    @property
    def watched(self) -> bool:
        """Whether anybody waits under a pattern: then it matters which queue is which."""
        return bool(self._watchers)

    def broadcast(self, queue_id: int, message: Received) -> int:
        """Give ``message`` to everybody who waits for the queue now, by its name or under a pattern, and
        hears broadcasts. How many that were."""
        with self._lock:
            return sum(ear.give(message) for ear in self._ears if ear.hears(queue_id))

    def signal(self, queue_id: int, count: int = 1, tags: Counter[str | None] | None = None) -> int:
        """``count`` messages of the queue became ready, with these tags if that is known. If it is not, one
        who takes a single tag may look in vain: those after him look too, down to one who takes any. How many
        messages nobody here was woken for."""
        with self._lock:
            self._stamp(queue_id)
            self._wake_followers(queue_id)
            if PUSH <= queue_id < ACCOUNT and self._pushers:
                self.tell_pushers(queue_id - PUSH)
                return 0
            if self._watchers and is_queue(queue_id):
                count -= self._wake_watchers(queue_id, count)
            waiters = self._parked.get(queue_id)
            if not waiters:
                return count
            left = None if tags is None else tags.copy()
            passed_over: list[Waiter] = []
            while waiters and count > 0:
                waiter = waiters.popleft()
                if waiter.woken:
                    continue  # on another channel
                wanted = waiter.wanted[queue_id]
                if wanted and left is not None:
                    tag = next((tag for tag in wanted if left[tag] > 0), None)
                    if tag is None:
                        passed_over.append(waiter)
                        continue
                    left[tag] -= 1
                waiter.wake()
                count -= not wanted or left is not None
            waiters.extendleft(reversed(passed_over))
            return count

    def _wake_watchers(self, queue_id: int, count: int) -> int:
        """Wake up to ``count`` of those whose pattern the queue matches. How many of the messages are theirs:
        none, if it is not known that it does."""
        woken = self._watchers.of(queue_id)[:count]
        for waiter in woken:
            waiter.woken_by = queue_id
            waiter.wake()
        return len(woken) if identities.known(queue_id) is not None else 0

    def _wake_followers(self, channel: int) -> None:
        for follower in self._followers.get(channel, ()):
            follower.wake()

    def _stamp(self, queue_id: int) -> None:
        self._signals += 1
        if len(self._last) > 50_000:
            # A receiver just between look and parking may miss the one signal forgotten here; the fallback
            # look finds its message.
            self._last.clear()
        self._last.pop(queue_id, None)
        self._last[queue_id] = self._signals

    def wake_everyone(self, queue_id: int | None = None) -> None:
        """The queue is gone or changed for all (or, without a queue, the process is stopping)."""
        with self._lock:
            if queue_id is None:
                woken = list(self._parked.values())
                for channel in self._followers:
                    self._wake_followers(channel)
            else:
                self._stamp(queue_id)
                self._wake_followers(queue_id)
                woken = [self._parked[queue_id]] if queue_id in self._parked else []
            for parked in woken:
                while parked:
                    parked.popleft().wake()

    # ------------------------------------------------------------ by the clock

    def due(self, queue_id: int, at: Micros, *, news: bool = False) -> None:
        """Something of the queue becomes ready at ``at``, if nothing happens to it before. ``news``: just now
        written, not only seen."""
        with self._lock:
            if news:
                # Somebody between look and parking has not seen this: the stamp sends him back to look.
                self._stamp(queue_id)
            if not self._is_awaited(queue_id):
                return  # whoever parks later has looked and knows
            # Only the earliest is kept. The receiver it wakes looks, and brings back the next one.
            if at >= self._next_due.get(queue_id, at + 1):
                return
            self._next_due[queue_id] = at
            heapq.heappush(self._due, (at, queue_id))
            if self._clock_thread is None:
                self._clock_thread = threading.Thread(target=self._tick, name="okmq-clock", daemon=True)
                self._clock_thread.start()
            if self._due[0] == (at, queue_id):
                self._due_changed.notify()

    def _is_awaited(self, channel: int) -> bool:
        if self._parked.get(channel) or channel in self._followers:
            return True
        return bool(self._watchers) and is_queue(channel) and bool(self._watchers.of(channel))

    def _tick(self) -> None:
        while not self.closing:
            with self._lock:
                while not self._due or self._due[0][0] > clock.now():
                    self._due_changed.wait(self._seconds_to_wait())
                at, queue_id = heapq.heappop(self._due)
                if self._next_due.get(queue_id) != at:
                    continue  # an earlier one came after it and has been signalled
                del self._next_due[queue_id]
            self.signal(queue_id)

    def _seconds_to_wait(self) -> float | None:
        if not self._due:
            return None
        # No condition can wait for the year 9999, and the clock may be set meanwhile.
        return min((self._due[0][0] - clock.now()) / clock.SECOND, LONGEST_NAP_SECONDS)

    def close(self) -> None:
        """Let everyone go with what they have; nobody parks any more. Safe in a signal handler's thread."""
        self.closing = True
        self.wake_everyone()


HUB = Hub()


class Wakes:
    """What one transaction has to tell the hub once it is committed. ``afterwards``: what else is to be done
    then, quickly and without fail. ``not_last``: queues in which something became ready that others come
    after."""

    def __init__(self) -> None:
        self.afterwards: list[Callable[[], None]] = []
        self._ready: dict[int, Counter[str | None]] = {}
        self.not_last: set[int] = set()
        self._due: dict[int, Micros] = {}
        self._everyone: set[int] = set()

    def ready(self, queue_id: int, tag: str | None = None, count: int = 1, *, last: bool = False) -> None:
        """``count`` messages became ready; ``tag`` None: with a tag that is not known here. ``last``: they
        are new, and none goes first by its priority."""
        self._ready.setdefault(queue_id, Counter())[tag] += count
        if not last:
            self.not_last.add(queue_id)

    def due(self, queue_id: int, at: Micros) -> None:
        self._due[queue_id] = min(at, self._due.get(queue_id, at))

    def everyone(self, queue_id: int) -> None:
        """The queue itself changed: deleted, paused, resumed."""
        self._everyone.add(queue_id)

    def learn_names(self, db: Connection) -> None:
        """To be called before the commit: whoever waits under a pattern wants to know which queues these
        are."""
        if HUB.watched and (self._ready or self._due):
            identities.learn(db, filter(is_queue, self._ready.keys() | self._due.keys()))

    def send(self) -> None:
        FLOORS.brought(self.not_last, self._due)
        left = 0
        for queue_id, tags in self._ready.items():
            left += HUB.signal(queue_id, tags.total(), None if None in tags else tags)
        for queue_id, at in self._due.items():
            HUB.due(queue_id, at, news=True)
        for queue_id in self._everyone:
            HUB.wake_everyone(queue_id)
        for work in self.afterwards:
            work()
        changed = self._ready.keys() | self._due.keys() | self._everyone
        if changed:
            counts = {q: self._ready[q].total() if q in self._ready else 1 for q in changed}
            # For what somebody here was woken for, others would only look in vain, and at the same moment.
            at_once = left > 0 or bool(self._due or self._everyone)
            HUB.on_change(counts | dict.fromkeys(self._everyone, EVERYONE), at_once)

"""A week that the demo's queues never had: samples for the charts, which end in what is true now."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from queues.broker import clock, samples
from queues.broker.lanes import Transaction, in_transaction
from queues.broker.samples import NOTHING, OF_SERVER, Values
from queues.broker.types import Micros
from queues.fields import to_micros
from queues.models import QueueSample

HOURS, MINUTES = 6 * 24, 24 * 60
"""How far back there is a step for each hour, and from then on one for each minute."""
PER_MINUTE, PER_HOUR = 60 * clock.SECOND, 3600 * clock.SECOND
WAITED = 45 * clock.SECOND
BYTES = 90
TOTALS = tuple(name for name in Values._fields if name.endswith("_total"))

Life = list[tuple[Micros, Values]]
"""Instants, rising, and what held then."""


@dataclass(frozen=True)
class Habit:
    """How a queue lives. ``per_minute``: messages published at its best time of day. ``failing``: of so many
    deliveries one fails. ``jam``: so many minutes ago something went wrong, for so many minutes, and at the
    worst so many messages waited. ``stuck``, ``dying``: for so many minutes the ready ones and the dead ones
    have been growing to what they are."""

    per_minute: float
    failing: int = 40
    jam: tuple[int, int, int] = (0, 0, 0)
    stuck: int = 0
    dying: int = 0


def make(account_id: int, habits: dict[int, Habit]) -> None:
    """``habits``: of the account's queues, by id. What passed through them is added to their totals; what
    they hold stays as it is. The same on every run."""
    chance, at = random.Random(7), _instants(clock.now())
    found = samples.look()
    lives = {
        queue: _life(found.get(queue, NOTHING), habit, at, chance) for queue, habit in sorted(habits.items())
    }
    for sampled in (samples.of_account(account_id), OF_SERVER):
        ours = [samples.added(*(life[n][1] for life in lives.values())) for n in range(len(at))]
        _store(sampled, _among_others(sampled, found.get(sampled, NOTHING), at, ours))
    for queue, life in lives.items():
        _store(queue, life)
    in_transaction(lambda tx: _count(tx, lives, found))


def _instants(now: Micros) -> list[Micros]:
    """Whole hours, then whole minutes, the last of them the present one."""
    last = now - now % PER_MINUTE
    minutes = [last - ago * PER_MINUTE for ago in range(MINUTES)]
    before = minutes[-1] - minutes[-1] % PER_HOUR
    return [before - ago * PER_HOUR for ago in reversed(range(HOURS))] + minutes[::-1]


def _life(end: Values, habit: Habit, instants: list[Micros], chance: random.Random) -> Life:
    """A queue's steps, the last of them the present."""
    life: Life = []
    first = _level(end, habit, MINUTES, chance)
    total = first._replace(**{name: getattr(end, name) for name in TOTALS})
    total = total._replace(dead_total=max(end.dead_total - end.dead + first.dead, 0))
    before = instants[0]
    for at in instants:
        ago, minutes = (instants[-1] - at) // PER_MINUTE, (at - before) // PER_MINUTE
        level = _level(end, habit, ago, chance) if ago else end
        more = _held(level) - _held(total)
        usual = _published(habit, at, chance) * minutes
        came = more if ago < habit.stuck else max(usual, more)
        died, done = max(level.dead - total.dead, 0), max(came - more, 0)
        nacked = done // habit.failing + 2 * died
        total = level._replace(
            published_total=total.published_total + max(came, 0),
            received_total=total.received_total + done + nacked + died,
            acked_total=total.acked_total + done,
            nacked_total=total.nacked_total + nacked,
            dead_total=total.dead_total + died,
            expired_total=total.expired_total,
        )
        life.append((at, total))
        before = at
    return life


def _held(values: Values) -> int:
    return values.pending + values.processing + values.scheduled + values.dead


def _level(end: Values, habit: Habit, ago: int, chance: random.Random) -> Values:
    """What it held so many minutes ago."""
    pending = round(end.pending * chance.uniform(0.5, 1.5))
    if habit.stuck:
        pending = end.pending * max(habit.stuck - ago, 0) // habit.stuck
    since, lasted, height = habit.jam
    if lasted and since - lasted <= ago <= since:
        pending += round(height * math.sin(math.pi * (since - ago) / lasted))
    level = NOTHING._replace(
        pending=pending,
        processing=round(end.processing * chance.uniform(0.3, 1.4)),
        scheduled=end.scheduled,
        dead=end.dead * max(habit.dying - ago, 0) // habit.dying if habit.dying else end.dead,
    )
    oldest = clock.now() - ago * PER_MINUTE - WAITED if pending else None
    return level._replace(bytes=_held(level) * BYTES, oldest_ready_at=oldest)


def _published(habit: Habit, at: Micros, chance: random.Random) -> int:
    """In a minute at that time: more by day than by night, and never quite the same."""
    hour = at / PER_HOUR % 24
    by_day = max(math.sin(math.pi * (hour - 5) / 16), 0) if 5 <= hour <= 21 else 0
    return round(habit.per_minute * (0.25 + 0.75 * by_day) * chance.uniform(0.8, 1.2))


def _among_others(sampled: int, now: Values, instants: list[Micros], ours: list[Values]) -> Life:
    """A sum over time: the demo's queues, and what was sampled of the others."""
    rows = [
        (to_micros(row.at), Values(*(_plain(getattr(row, name)) for name in Values._fields)))
        for row in QueueSample.objects.filter(queue_id=sampled).order_by("at", "-span_seconds")
    ]
    known = [at for at, _ in rows]
    others = [_less(now, ours[-1]), *(values for _, values in rows)]
    # Before the first sample it was as that says.
    return [
        (at, samples.added(others[min(max(bisect_right(known, at), 1), len(rows))], mine))
        for at, mine in zip(instants, ours, strict=True)
    ]


def _plain(value: Any) -> Any:
    return to_micros(value) if isinstance(value, datetime) else value


def _less(whole: Values, part: Values) -> Values:
    rest = (max(a - b, 0) for a, b in zip(whole[:-1], part[:-1], strict=True))
    return Values._make((*rest, None))


def _store(sampled: int, life: Life) -> None:
    """In place of what there was."""
    QueueSample.objects.filter(queue_id=sampled).delete()
    for span, kept in samples.kept_for().items():
        since = clock.now() - clock.micros(kept)
        taken = [(sampled, at, held) for at, held in life if at > since and not at % clock.micros(span)]
        samples.store(taken, span)


def _count(tx: Transaction, lives: dict[int, Life], found: dict[int, Values]) -> None:
    for queue, life in lives.items():
        had, has = found.get(queue, NOTHING), life[-1][1]
        tx.tally.add(queue, **{name: getattr(has, name) - getattr(had, name) for name in TOTALS})

"""When a schedule is due next (tasks.md section 8.4).

Five fields, or ``@hourly`` ``@daily`` ``@weekly`` ``@monthly`` ``@yearly``, are times on the wall of the
schedule's time zone: an hour that is skipped does not fire, one that comes twice fires once. ``@every
<duration>`` is plain time from a beginning.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from queues.fields import to_datetime, to_micros

NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}


class InvalidCron(ValueError):
    """Not a cron expression; the message says why."""


@dataclass(frozen=True)
class WallClock:
    """``expression``: five fields."""

    expression: str
    zone: ZoneInfo

    def next_after(self, instant: int) -> int | None:
        """The first due time after ``instant`` (microseconds since 1970); None if there is none in the
        next fifty years."""
        local = to_datetime(instant).astimezone(self.zone)
        try:
            # Wall clocks without a zone: what a change of the clock does to them is decided here.
            for wall in CronSim(self.expression, local.replace(tzinfo=None, fold=0)):
                due = wall.replace(tzinfo=self.zone).astimezone(UTC)
                skipped = due.astimezone(self.zone).replace(tzinfo=None) != wall
                if not skipped and to_micros(due) > instant:
                    return to_micros(due)
        except OverflowError:
            pass
        return None


@dataclass(frozen=True)
class Interval:
    """Every ``step`` from ``begin`` on (both microseconds)."""

    step: int
    begin: int

    def next_after(self, instant: int) -> int | None:
        """The first due time after ``instant``."""
        if instant < self.begin:
            return self.begin + self.step
        return self.begin + ((instant - self.begin) // self.step + 1) * self.step


def read(expression: str, zone: ZoneInfo) -> WallClock:
    """Raises InvalidCron. ``@every`` is not for here."""
    fields = NAMED.get(expression, expression)
    # CronSim would take six fields and four: seconds, and crontab's system lines.
    if len(fields.split()) != 5:
        raise InvalidCron("must have five fields: minute, hour, day of month, month, day of week")
    try:
        CronSim(fields, datetime(2024, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise InvalidCron(str(error)) from error
    return WallClock(fields, zone)

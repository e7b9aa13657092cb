"""One line in the log when the database goes away, and one when it is back; not one for every call."""

from __future__ import annotations

import logging
import threading
import time

log = logging.getLogger("okmq.broker")


class Outage:
    """``since``: when the database was first found away (monotonic seconds), or None while it serves."""

    def __init__(self) -> None:
        self.since: float | None = None
        self._lock = threading.Lock()

    def notice(self, error: BaseException) -> None:
        with self._lock:
            if self.since is not None:
                return
            self.since = time.monotonic()
        log.warning(
            "the database is away: %s",
            error,
            extra={"fields": {"event": "database_away", "error": str(error)}},
        )

    def over(self) -> None:
        with self._lock:
            if self.since is None:
                return
            seconds, self.since = time.monotonic() - self.since, None
        log.warning(
            "the database is back after %.1f s",
            seconds,
            extra={"fields": {"event": "database_back", "seconds": round(seconds, 3)}},
        )


OUTAGE = Outage()

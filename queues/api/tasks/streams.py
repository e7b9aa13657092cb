"""Progress as it comes: what a stream tells of one task, or of several (tasks.md sections 5.3, 5.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from queues.api import sse
from queues.api.tasks.progress_schemas import (
    DoneEvent,
    StreamError,
    final_status,
    multi_json,
    progress_json,
)
from queues.api.tasks.scalars import format_stream_id
from queues.broker import names
from queues.broker.errors import Unavailable
from queues.tasks import tasks
from queues.tasks.progress import Standing
from queues.tasks.types import Entry, Status


def failed(task_id: str, error: Exception) -> bytes:
    """The client may come back: nothing is said to be done."""
    away = isinstance(error, Unavailable)
    code, text = (
        ("SERVICE_UNAVAILABLE", "the database is not available") if away else ("INTERNAL_ERROR", "it failed")
    )
    return sse.event("error", StreamError(task_id, code, text, text))


class OneTask(sse.Source):
    """``after``: the position the client is at. What stands up to ``history_until`` goes out as history."""

    def __init__(self, account_id: int, task_id: str, after: int, history_until: int = -1) -> None:
        self.account_id = account_id
        self.task_id = task_id
        self.channels = (tasks.channel(task_id),)
        self.after = after
        self.history_until = history_until

    def look(self) -> bytes:
        standing = tasks.follow(self.account_id, [(self.task_id, self.after)]).get(self.task_id)
        if standing is None:
            # It was deleted: nobody will ever tell more of it.
            self.ended = True
            return self._done(Status.CANCELLED, self.after)
        frames = b"".join(self._frame(entry) for entry in standing.entries)
        self.after = max(self.after, *(entry.position for entry in standing.entries), -1)
        if standing.status:
            self.ended = True
            frames += self._done(standing.status, standing.last)
        return frames

    def _frame(self, entry: Entry) -> bytes:
        name = "history" if entry.position <= self.history_until else "progress"
        return sse.event(name, progress_json(self.task_id, entry), id=format_stream_id(entry.position))

    def _done(self, status: str, position: int) -> bytes:
        told = DoneEvent(self.task_id, final_status(str(status)))
        return sse.event("done", told, id=format_stream_id(max(position, 0)))

    def failed(self, error: Exception) -> bytes:
        return failed(self.task_id, error)


class SeveralTasks(sse.Source):
    """``places``: the position the client is at with each task, in the order it asked for them; ``unknown``:
    those of them that there are not."""

    def __init__(self, account_id: int, places: Mapping[str, int], unknown: Iterable[str]) -> None:
        self.account_id = account_id
        self.places = dict(places)
        self.unknown = list(unknown)
        self.open = [task_id for task_id in places if task_id not in self.unknown]
        self.channels = tuple(tasks.channel(task_id) for task_id in self.open)

    def look(self) -> bytes:
        frames = b"".join(self._no_such_task(task_id) for task_id in self.unknown)
        self.unknown = []
        found = tasks.follow(self.account_id, [(task_id, self.places[task_id]) for task_id in self.open])
        for task_id in list(self.open):
            frames += self._frames(task_id, found.get(task_id))
        self.ended = not self.open
        return frames

    def _frames(self, task_id: str, standing: Standing | None) -> bytes:
        if standing is None:
            return self._done(task_id, Status.CANCELLED)
        frames = b""
        for entry in standing.entries:
            self.places[task_id] = entry.position
            frames += sse.event("progress", multi_json(task_id, entry), id=self._cursor())
        return frames + self._done(task_id, standing.status) if standing.status else frames

    def _done(self, task_id: str, status: str) -> bytes:
        self.open.remove(task_id)
        return sse.event("done", DoneEvent(task_id, final_status(str(status))), id=self._cursor())

    @staticmethod
    def _no_such_task(task_id: str) -> bytes:
        text = "task not found"
        task_id = names.cleaned(task_id)
        return sse.event("error", StreamError(task_id, "TASK_NOT_FOUND", text, text))

    def _cursor(self) -> str:
        return ",".join(format_stream_id(max(position, 0)) for position in self.places.values())

    def failed(self, error: Exception) -> bytes:
        return failed(",".join(self.open), error)


def at_connect(account_id: int, task_ids: Sequence[str]) -> dict[str, Standing]:
    """How the tasks stand now, without their entries; those that there are not are left out."""
    return tasks.follow(account_id, [(task_id, 2**63 - 1) for task_id in task_ids])

"""Progress as it is shown, in answers and in streams (tasks.md section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, cast

from msgspec import Meta, Raw, Struct

from queues.api.problems import BadRequest
from queues.api.query import Params, integer
from queues.api.tasks.scalars import format_stream_id, parse_stream_id
from queues.api.tasks.schemas import WORD, NotNegative, StreamId
from queues.tasks import progress, types
from queues.tasks.journal import KEPT_ENTRIES
from queues.tasks.types import Entry

BEGINNING = ("-", "0", "0-0")
FinalStatus = Annotated[Literal["completed", "failed", "cancelled"], Meta(extra_json_schema=WORD)]


class Progress(Struct, omit_defaults=True):
    task_id: str
    percentage: Annotated[int, Meta(ge=0, le=100)]
    stage: str
    message: str
    timestamp_ms: Annotated[int, Meta(ge=0, extra_json_schema={"format": "int64"})]
    metadata: Annotated[
        Raw | None, Meta(extra_json_schema={"type": "object", "additionalProperties": {"type": "string"}})
    ] = None


class LatestProgress(Struct, omit_defaults=True):
    progress: Progress
    is_final: bool
    stream_id: StreamId
    status: FinalStatus | None = None


class HistoryEntry(Struct, omit_defaults=True):
    stream_id: StreamId
    progress: Progress
    is_final: bool
    status: Annotated[FinalStatus | None, Meta(description="Only on the final entry.")] = None


class History(Struct):
    task_id: str
    count: Annotated[int, Meta(ge=0, le=KEPT_ENTRIES)]
    history: list[HistoryEntry]


class ProgressInfo(Struct):
    """``first_entry`` and ``last_entry`` are empty when there is none."""

    task_id: str
    has_progress: bool
    length: NotNegative
    first_entry: str
    last_entry: str


class DoneEvent(Struct):
    task_id: str
    status: FinalStatus


class MultiProgressEvent(Struct, omit_defaults=True):
    task_id: str
    progress: Progress
    is_final: bool = False
    status: FinalStatus | None = None


class StreamError(Struct):
    task_id: str
    code: str
    error: str
    message: str


def progress_json(task_id: str, entry: Entry) -> Progress:
    return Progress(
        task_id,
        entry.percentage,
        entry.stage,
        entry.message,
        progress.milliseconds(entry.position),
        None if entry.metadata is None else Raw(entry.metadata),
    )


def final_status(status: str) -> FinalStatus:
    return cast("FinalStatus", status)


def _status(entry: Entry) -> FinalStatus | None:
    return final_status(entry.status) if entry.status else None


def latest_json(task_id: str, entry: Entry) -> LatestProgress:
    return LatestProgress(
        progress_json(task_id, entry), bool(entry.status), format_stream_id(entry.position), _status(entry)
    )


def history_json(task_id: str, entries: Sequence[Entry]) -> History:
    found = [
        HistoryEntry(
            format_stream_id(entry.position),
            progress_json(task_id, entry),
            bool(entry.status),
            _status(entry),
        )
        for entry in entries
    ]
    return History(task_id, len(found), found)


def info_json(task_id: str, info: types.ProgressInfo) -> ProgressInfo:
    if not info.length:
        return ProgressInfo(task_id, False, 0, "", "")
    first, last = format_stream_id(info.first), format_stream_id(info.last)
    return ProgressInfo(task_id, True, info.length, first, last)


def multi_json(task_id: str, entry: Entry) -> MultiProgressEvent:
    return MultiProgressEvent(task_id, progress_json(task_id, entry), bool(entry.status), _status(entry))


def history_window(params: Params) -> tuple[int, int]:
    """After which position, and how many entries (Redis's rules, section 5.2). Raises ``BadRequest``."""
    limit = integer(params, "limit", KEPT_ENTRIES, 1, KEPT_ENTRIES)
    text = params.get("start_id", "-") or "-"
    if text in BEGINNING:
        return -1, limit
    if text.startswith("("):
        return _position(text[1:]), limit
    return _position(text) - 1, limit


def _position(text: str) -> int:
    try:
        return parse_stream_id(text)
    except ValueError as error:
        raise BadRequest(f"start_id: {error}") from None


def stream_start(params: Params) -> int | None:
    """After which position a stream is to start; -1 = from the beginning, None = with what is new (section
    5.3). Raises ``BadRequest``."""
    text = params.get("start_id", "$") or "$"
    if text == "$":
        return None
    return -1 if text in BEGINNING else _position(text)


def last_event_position(text: str) -> int | None:
    """What ``Last-Event-ID`` says, None if it is no stream id."""
    try:
        return parse_stream_id(text.strip()) if "-" in text else None
    except ValueError:
        return None

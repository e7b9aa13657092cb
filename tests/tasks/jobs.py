"""Django tasks for tests."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from django_tasks import TaskContext, task

from queues.tasks.backend import Context
from queues.tasks.registry import RetryIn

ran: list[Any] = []
"""What tasks were run with, in order."""

let_go = threading.Event()
begun = threading.Event()


@task
def add(a: int, b: int = 1) -> dict[str, Any]:
    return {"sum": a + b}


@task
def nothing(*args: Any, **kwargs: Any) -> None:
    ran.append((args, kwargs))


@task
async def later(text: str) -> str:
    await asyncio.sleep(0)
    return text * 2


@task
def fails(text: str) -> None:
    raise KeyError(text)


@task(takes_context=True)
def second_time(context: TaskContext) -> str:
    assert isinstance(context, Context)
    context.okmq.progress(30, message="so far")
    if context.attempt == 1:
        raise RetryIn(0, "not yet")
    return context.task_result.id


@task
def waits() -> None:
    begun.set()
    assert let_go.wait(30)


@task
def unfit() -> Any:
    return object()

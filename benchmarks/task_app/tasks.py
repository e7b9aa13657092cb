"""Handlers that do nothing."""

from __future__ import annotations

import time
from typing import Any

from queues.tasks.registry import TaskContext, task_handler


@task_handler("bench:no-op")
def do_nothing(payload: dict[str, Any], context: TaskContext) -> None:
    """What is left is what running a task costs."""


@task_handler("bench:start")
def tell_start(payload: dict[str, Any], context: TaskContext) -> float:
    return time.time()

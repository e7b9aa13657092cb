"""The built-in task type ``demo`` (tasks.md section 7): counts, and reports each step."""

from __future__ import annotations

from typing import Annotated

import msgspec
from django.conf import settings

from queues.broker import names
from queues.tasks.registry import TaskContext, task_handler


class Demo(msgspec.Struct):
    message: str = ""
    count: Annotated[int, msgspec.Meta(ge=0)] = 0

    def __post_init__(self) -> None:
        if not names.storable(self.message):
            raise ValueError("message: must not contain NUL, since it is reported")


@task_handler("demo", payload=Demo)
def run(demo: Demo, context: TaskContext) -> None:
    """``count`` steps of OKMQ_DEMO_STEP_MS each; stops at the step at which the task is cancelled."""
    for step in range(1, demo.count + 1):
        if context.wait(settings.OKMQ_DEMO_STEP_MS / 1000):
            return
        message = f"{demo.message} {step}/{demo.count}".strip()
        context.progress(100 * step // demo.count, message=message)

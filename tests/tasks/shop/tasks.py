"""What its workers do."""

from __future__ import annotations

from pathlib import Path

import msgspec
from django_tasks import task

from queues.tasks.registry import TaskContext, task_handler


class Order(msgspec.Struct):
    gate: str
    """A file: while it is not there the order is not done."""


@task_handler("shop:order", payload=Order)
def deliver(order: Order, context: TaskContext) -> dict[str, int]:
    context.progress(50, message=f"attempt {context.attempt}")
    while not Path(order.gate).exists():
        if context.wait(0.02):
            break
    return {"attempt": context.attempt}


@task
def add(a: int, b: int) -> int:
    return a + b

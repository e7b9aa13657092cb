"""Handlers: how they register, what their payloads may be, what the built-in one does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest

from queues.tasks import registry
from queues.tasks.registry import InvalidPayload, TaskContext, task_handler

pytestmark = pytest.mark.once


@pytest.fixture
def name() -> Iterator[str]:
    yield "test:registry"
    registry.unregister("test:registry")


class Context:
    """Notes what a handler reports; ends after ``ends_after`` waits."""

    task_id, account_id, queue, attempt, deadline, percentage = "id", 1, "default", 1, 0.0, 0
    metadata: Mapping[str, str] = {}

    def __init__(self, ends_after: int = 1000) -> None:
        self.reports: list[tuple[int, str, str]] = []
        self.waits = 0
        self._ends_after = ends_after

    @property
    def cancelled(self) -> bool:
        return self.waits > self._ends_after

    def wait(self, seconds: float) -> bool:
        self.waits += 1
        return self.cancelled

    def progress(
        self,
        percentage: int,
        stage: str = "processing",
        message: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self.reports.append((percentage, stage, message))


def run(type: str, payload: dict[str, Any], context: TaskContext) -> Any:
    handler = registry.find(type)
    assert handler is not None
    return handler.function(handler.read(payload), context)


def test_a_handler_is_found_by_its_type(name: str) -> None:
    @task_handler(name)
    def double(payload: dict[str, Any], context: TaskContext) -> Any:
        return payload["n"] * 2

    assert run(name, {"n": 4}, Context()) == 8
    assert name in registry.types()


def test_a_type_has_one_handler(name: str) -> None:
    task_handler(name)(lambda payload, context: 1)
    with pytest.raises(ValueError, match="has a handler already"):
        task_handler(name)(lambda payload, context: 2)


@pytest.mark.parametrize("bad", ["", "a b", "ä", "a" * 129, "a\n"])
def test_a_type_has_a_name_the_contract_allows(bad: str) -> None:
    with pytest.raises(ValueError, match="is no task type"):
        task_handler(bad)


def test_a_payload_that_does_not_fit_is_refused_with_its_field(name: str) -> None:
    class Mail(msgspec.Struct):
        to: str

    task_handler(name, payload=Mail)(lambda mail, context: mail.to)
    assert run(name, {"to": "x", "extra": 1}, Context()) == "x"
    for bad in ({}, {"to": 5}):
        with pytest.raises(InvalidPayload, match="to"):
            run(name, bad, Context())


def test_the_demo_counts_and_reports_each_step() -> None:
    context = Context()
    run("demo", {"message": "hello", "count": 3}, context)
    assert [report[:2] for report in context.reports] == [
        (33, "processing"),
        (66, "processing"),
        (100, "processing"),
    ]
    assert [report[2] for report in context.reports] == ["hello 1/3", "hello 2/3", "hello 3/3"]


def test_the_demo_without_a_count_reports_nothing() -> None:
    context = Context()
    run("demo", {}, context)
    assert context.reports == []


def test_the_demo_stops_when_it_is_cancelled() -> None:
    context = Context(ends_after=2)
    run("demo", {"count": 60}, context)
    assert len(context.reports) == 2


@pytest.mark.parametrize(
    "bad", [{"count": "x"}, {"count": -1}, {"count": 1.5}, {"count": True}, {"message": 3}]
)
def test_the_demo_refuses_other_types(bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidPayload):
        run("demo", bad, Context())

"""The broker does what the model does, whatever is asked of it, on either database."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from queues import broker
from queues.broker import clock
from queues.broker.types import Ack, Extend, Nack, Outcome, RetryStrategy, State

from .conftest import NewQueue
from .handle import Handle
from .model import Model
from .rows import age, assert_rows_fit

# Ages and durations never meet: a second or more lies between "due" and "not yet", however slow the run.
DURATION, LONG, AGES = 10, 30, (11, 33)

some_message = st.integers(0, 9).map(str)
which_receipt = st.sampled_from(["latest", "first", None])


class Broker(RuleBasedStateMachine):
    new_queue: NewQueue

    @initialize(max_attempts=st.integers(1, 3), retry_delay=st.sampled_from([0, DURATION]))
    def begin(self, max_attempts: int, retry_delay: int) -> None:
        retry = RetryStrategy("fixed", retry_delay)
        self.queue: Handle = self.new_queue(lease_seconds=LONG, max_attempts=max_attempts, retry=retry)
        self.model = Model(lease=LONG, max_attempts=max_attempts, delay=retry_delay)

    @rule(
        id=some_message,
        priority=st.sampled_from([0, 0, 5]),
        key=st.sampled_from(["", "", "k"]),
        delay=st.sampled_from([0, 0, DURATION]),
    )
    def publish(self, id: str, priority: int, key: str, delay: int) -> None:
        if key:
            priority = delay = 0
        at = clock.now() + clock.micros(delay) if delay else None
        answer = self.queue.publish(id, priority=priority, partition_key=key, deliver_at=at)[0]
        assert answer.duplicate is not self.model.publish(id, priority, key, delay)
        assert answer.offset == self.model.messages[id].offset

    @rule(limit=st.integers(1, 3))
    def receive(self, limit: int) -> None:
        expected = self.model.receive(limit)
        found = self.queue.receive(limit)
        assert [one.public_id for one in found] == [one.id for one in expected]
        for one, told in zip(found, expected, strict=True):
            assert one.attempt == told.attempts
            assert one.receipt is not None
            assert not told.receipts or one.receipt > told.receipts[-1]
            told.receipts.append(one.receipt)

    @rule(id=some_message, which=which_receipt)
    def ack(self, id: str, which: str | None) -> None:
        self._settle(Ack, id, which, done=lambda: self.model.ack(id), unheld=True)

    @rule(id=some_message, which=which_receipt, dead=st.booleans())
    def nack(self, id: str, which: str | None, dead: bool) -> None:
        self._settle(Nack, id, which, done=lambda: self.model.nack(id, dead=dead), dead=dead)

    @rule(id=some_message, which=which_receipt, seconds=st.sampled_from([DURATION, LONG]))
    def extend(self, id: str, which: str | None, seconds: int) -> None:
        self._settle(Extend, id, which, done=lambda: self.model.extend(id, seconds), seconds=seconds)

    def _settle(
        self, kind: Any, id: str, which: str | None, *, done: Any, unheld: bool = False, **fields: Any
    ) -> None:
        told = self.model.messages.get(id)
        receipts = told.receipts if told else []
        receipt = None if which is None or not receipts else receipts[0 if which == "first" else -1]
        outcome = self.queue.settle(kind(id, receipt=receipt, **fields))[0]
        if told is None:
            assert outcome is Outcome.UNKNOWN
        elif (unheld and receipt is None) or self.model.held(id, receipt):
            done()
            assert outcome is (Outcome.DEAD if told.state == "dead" and kind is Nack else Outcome.DONE)
        else:
            assert outcome is Outcome.NOT_HELD

    @rule(ids=st.lists(some_message, min_size=1, max_size=3, unique=True))
    def replay(self, ids: list[str]) -> None:
        dead = [id for id in ids if id in self.model.in_state(State.FAILED)]
        assert self.queue.replay(ids=ids) == len(dead)
        for id in dead:
            self.model.replay(id)

    @rule(ids=st.lists(some_message, min_size=1, max_size=2, unique=True))
    def delete(self, ids: list[str]) -> None:
        assert self.queue.delete_messages(ids=ids) == sum(id in self.model.messages for id in ids)
        for id in ids:
            self.model.delete(id)

    @rule(seconds=st.sampled_from(AGES))
    def let_time_pass(self, seconds: int) -> None:
        age(self.queue, seconds)
        self.model.age(seconds)

    @precondition(lambda self: not self.model.paused)
    @rule()
    def pause(self) -> None:
        broker.pause_queue(self.queue.account_id, self.queue.name)
        self.model.paused = True

    @precondition(lambda self: self.model.paused)
    @rule()
    def resume(self) -> None:
        broker.resume_queue(self.queue.account_id, self.queue.name)
        self.model.paused = False

    @invariant()
    def the_queue_is_what_the_model_is(self) -> None:
        views = {view.public_id: view for view in self.queue.peek()}
        assert list(views) == list(self.model.messages)
        for state in State:
            assert [id for id, view in views.items() if view.state is state] == self.model.in_state(state)
        for id, view in views.items():
            assert (view.offset, view.attempts) == (
                self.model.messages[id].offset,
                self.model.messages[id].attempts,
            )

    def teardown(self) -> None:
        if hasattr(self, "queue"):
            assert_rows_fit(self.queue)


def _run(new_queue: NewQueue, examples: int, steps: int) -> None:
    machine = type("BrokerOfThisTest", (Broker,), {"new_queue": staticmethod(new_queue)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_broker_does_what_the_model_does(new_queue: NewQueue) -> None:
    _run(new_queue, examples=12, steps=25)


@pytest.mark.faults
def test_the_broker_does_what_the_model_does_at_length(new_queue: NewQueue) -> None:
    _run(new_queue, examples=400, steps=50)

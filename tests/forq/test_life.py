"""A message's way through retries, the dead-letter queue and expiry (forq.md section 7). Where the original
waits for its jobs, here everything happens on time: tests let the clock do its work where no reader sees to
that."""

from __future__ import annotations

import pytest

from queues.broker.types import State

from .client import Message, Queue, code_of

NOT_FOUND = (404, "not_found.message")
DAY = 86_400
WAITS = (1, 5, 15, 30)


def fail(queue: Queue) -> Message:
    """Five deliveries, each given back; the last one."""
    for wait in (*WAITS, 0):
        message = queue.take()
        queue.nack(message).expect(204)
        if wait:
            view = queue.view(message["id"])
            assert view.deliver_at - view.updated_at == wait * 1_000_000
            early = wait // 2  # by so many seconds, which a slow machine may need
            queue.age(wait - early)
            if early:
                queue.consume().expect(204)
            queue.age(early)
    return message


@pytest.mark.contract("17", "18")
def test_the_fifth_nack_moves_it_to_the_dead_letter_queue(q: Queue) -> None:
    q.produce("x").expect(204)
    last = fail(q)
    assert q.ids() == []
    q.consume().expect(204)
    assert code_of(q.nack(last)) == NOT_FOUND
    view = q.dlq().view(last["id"])
    assert (view.state, view.attempts, view.dead_reason) == (State.PENDING, 0, "max_attempts_reached")
    assert view.expires_at is not None
    assert view.expires_at - view.updated_at == 168 * 3600 * 1_000_000
    letter = q.dlq().take()
    assert (letter["id"], letter["content"]) == (last["id"], "x")
    assert code_of(q.ack(letter)) == NOT_FOUND
    q.dlq().ack(letter).expect(204)
    assert q.dlq().ids() == []


@pytest.mark.contract("19")
def test_five_more_nacks_and_it_is_gone(q: Queue) -> None:
    q.produce("x").expect(204)
    fail(q)
    letter = fail(q.dlq())
    assert q.ids() == q.dlq().ids() == []
    q.dlq().settle("ack", letter["id"]).expect(204)
    Queue(q.client, f"{q.name}-dlq-dlq").consume().expect(204)


@pytest.mark.contract("20")
@pytest.mark.parametrize("swept", [False, True])
def test_a_lease_that_ran_out_brings_it_back_at_once(q: Queue, swept: bool) -> None:
    q.produce("x").expect(204)
    first = q.take()
    q.age(299)
    q.consume().expect(204)
    q.age(2)
    if swept:
        q.let_clock_work()
    assert code_of(q.ack(first)) == NOT_FOUND
    second = q.take()
    assert second["id"] == first["id"]
    assert code_of(q.ack(first)) == NOT_FOUND
    q.ack(second).expect(204)


@pytest.mark.contract("21")
def test_an_ack_is_in_time_until_the_lease_ends(q: Queue) -> None:
    """The original may accept one up to three minutes late, when its job has not come by yet; nobody can rely
    on that. Here leases end on time."""
    q.produce("in time").expect(204)
    message = q.take()
    q.age(298)
    q.ack(message).expect(204)
    q.produce("late").expect(204)
    message = q.take()
    q.age(360)
    assert code_of(q.ack(message)) == NOT_FOUND
    assert q.taken() == ["late"]


@pytest.mark.contract("22")
def test_five_deliveries_without_an_answer_exhaust_it_too(q: Queue) -> None:
    q.produce("x").expect(204)
    for _ in range(5):
        message = q.take()
        q.age(301)
    q.let_clock_work()
    assert q.ids() == []
    view = q.dlq().view(message["id"])
    assert (view.attempts, view.dead_reason) == (0, "max_attempts_reached")


def test_nacks_and_lost_leases_count_together(q: Queue) -> None:
    q.produce("x").expect(204)
    for number in range(5):
        message = q.take()
        if number % 2:
            q.age(301)
        else:
            q.nack(message).expect(204)
            if number < 4:
                q.age(WAITS[number])
    assert (q.ids(), q.dlq().ids()) == ([], [message["id"]])


@pytest.mark.contract("23")
@pytest.mark.parametrize("met", [False, True])
def test_what_nobody_took_for_a_day_is_a_dead_letter_for_a_week(q: Queue, met: bool) -> None:
    q.produce("x").expect(204)
    (id,) = q.ids()
    q.age(DAY - 1)
    q.let_clock_work()
    assert q.ids() == [id]
    q.age(2)
    if met:
        q.consume().expect(204)  # by a consumer, before any sweep
    else:
        q.let_clock_work()
    view = q.dlq().view(id)
    assert (q.ids(), view.dead_reason, view.attempts) == ([], "message_expired", 0)
    q.dlq().age(7 * DAY - 1)
    q.let_clock_work()
    assert q.dlq().ids() == [id]
    q.dlq().age(2)
    q.dlq().let_clock_work()
    assert q.dlq().ids() == []


@pytest.mark.contract("24")
@pytest.mark.parametrize("dead", [False, True])
def test_what_is_in_flight_does_not_expire(q: Queue, dead: bool) -> None:
    q.produce("x").expect(204)
    if dead:
        fail(q)
    queue = q.dlq() if dead else q
    queue.age((7 if dead else 1) * DAY - 60)
    message = queue.take()
    queue.age(120)
    queue.let_clock_work()
    assert queue.view(message["id"]).state is State.PROCESSING
    queue.ack(message).expect(204)
    assert queue.ids() == []


def test_given_back_after_its_time_it_expires(q: Queue) -> None:
    q.produce("x").expect(204)
    q.age(DAY - 60)
    message = q.take()
    q.age(120)
    q.let_clock_work()
    q.nack(message).expect(204)
    q.age(1)
    q.let_clock_work()
    assert q.ids() == []
    assert q.dlq().view(message["id"]).dead_reason == "message_expired"


def test_a_delayed_or_retried_message_goes_before_younger_ones(q: Queue) -> None:
    q.produce("old").expect(204)
    q.nack(q.take()).expect(204)
    q.produce("young").expect(204)
    q.age(1)
    assert q.taken() == ["old", "young"]

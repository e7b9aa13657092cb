"""The state machine as pure functions of one record and an instant."""

from __future__ import annotations

import pytest

from queues.broker.records import BLOCKED, LEASED, READY, SCHEDULED, Record
from queues.broker.types import ExpiryAction, Extend, Nack, Outcome, QueueSettings, RetryStrategy, State

NOW = 1_000_000_000
LATER = NOW + 60_000_000
EARLIER = NOW - 60_000_000


def record(state: int | None = None, due_at: int = NOW, attempts: int = 1, max_attempts: int = 3) -> Record:
    """A message published a minute ago that lives for an hour; with a delivery unless ``state`` is None."""
    lives_until = EARLIER + 3_600_000_000
    made = Record(
        (
            1,
            7,
            "m",
            1,
            10,
            "t",
            "",
            0,
            EARLIER,
            EARLIER,
            EARLIER,
            lives_until,
            lives_until,
            0,
            0,
            None,
            "",
            None,
            None,
            "",
            None,
        )
    )
    made.settings = QueueSettings(retry=RetryStrategy("fixed", 5), max_attempts=max_attempts)
    if state is not None:
        made.add_delivery((7, state, EARLIER, due_at, EARLIER, attempts, max_attempts, 42, "me", EARLIER))
    return made


def acked() -> Record:
    made = record()
    made.acked_at = EARLIER
    return made


def dead() -> Record:
    made = record()
    made.dead_at, made.dead_reason = EARLIER, "rejected"
    return made


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (acked(), State.ACKED),
        (dead(), State.FAILED),
        (record(READY), State.PENDING),
        (record(READY, attempts=3), State.PENDING),
        (record(BLOCKED), State.PENDING),
        (record(LEASED, LATER), State.PROCESSING),
        (record(LEASED, LATER, attempts=3), State.PROCESSING),
        (record(LEASED, NOW), State.PENDING),
        (record(LEASED, NOW, attempts=3), State.FAILED),
        (record(SCHEDULED, LATER), State.SCHEDULED),
        (record(SCHEDULED, NOW), State.PENDING),
    ],
)
def test_the_visible_state_is_what_the_clock_makes_of_the_stored_one(made: Record, expected: State) -> None:
    assert made.visible_state(NOW) is expected


@pytest.mark.parametrize("state", [SCHEDULED, READY, LEASED, BLOCKED])
def test_an_ack_leaves_the_lane_in_every_stored_state(state: int) -> None:
    made = record(state, LATER)
    assert made.ack(NOW, None) is Outcome.DONE
    assert (made.state, made.acked_at, made.updated_at, made.gone) == (None, NOW, NOW, False)
    assert made.sweep_at == made.expires_at


def test_an_ack_ends_a_preserved_messages_privilege() -> None:
    made = record(LEASED, LATER)
    made.sweep_at = None
    made.ack(NOW, None)
    assert made.sweep_at == made.expires_at


def test_an_ack_raises_the_dead() -> None:
    made = dead()
    assert made.ack(NOW, None) is Outcome.DONE
    assert (made.acked_at, made.dead_at, made.dead_reason) == (NOW, None, "")


def test_a_second_ack_keeps_the_time_but_may_delete() -> None:
    made = acked()
    assert made.ack(NOW, None) is Outcome.DONE
    assert (made.acked_at, made.gone) == (EARLIER, False)
    assert made.ack(NOW, True) is Outcome.DONE
    assert made.gone


def test_a_nack_schedules_the_retry() -> None:
    made = record(LEASED, LATER)
    assert made.nack(NOW, Nack("m")) is Outcome.DONE
    assert (made.state, made.due_at, made.deliver_at) == (SCHEDULED, NOW + 5_000_000, NOW + 5_000_000)
    assert (made.attempts, made.receipt, made.consumer, made.updated_at) == (1, 42, "", NOW)


@pytest.mark.parametrize(("at", "state"), [(LATER, SCHEDULED), (NOW, READY), (EARLIER, READY)])
def test_a_nack_may_name_any_time(at: int, state: int) -> None:
    made = record(LEASED, LATER)
    made.nack(NOW, Nack("m", deliver_at=at))
    assert (made.state, made.due_at, made.deliver_at) == (state, at, at)


@pytest.mark.parametrize(
    ("attempts", "request_", "reason"),
    [
        (3, Nack("m", deliver_at=LATER), "max_attempts_reached"),
        (1, Nack("m", dead=True), "rejected"),
        (3, Nack("m", reason="why"), "why"),
    ],
)
def test_a_nack_on_the_last_attempt_or_on_request_is_death(
    attempts: int, request_: Nack, reason: str
) -> None:
    made = record(LEASED, LATER, attempts)
    assert made.nack(NOW, request_) is Outcome.DEAD
    assert (made.state, made.dead_at, made.dead_reason) == (None, NOW, reason)


@pytest.mark.parametrize(
    "made", [record(READY), record(SCHEDULED), record(BLOCKED), record(LEASED, NOW), acked(), dead()]
)
def test_neither_nack_nor_extension_touch_what_is_not_leased(made: Record) -> None:
    before = {name: getattr(made, name) for name in Record.__slots__}
    assert made.nack(NOW, Nack("m", dead=True)) is Outcome.NOT_HELD
    assert made.extend(NOW, Extend("m", 60)) is Outcome.NOT_HELD
    assert {name: getattr(made, name) for name in Record.__slots__} == before


def test_an_extension_moves_the_leases_end_and_nothing_else() -> None:
    made = record(LEASED, LATER)
    assert made.extend(NOW, Extend("m", 1.5)) is Outcome.DONE
    assert (made.state, made.due_at, made.receipt, made.deliver_at) == (LEASED, NOW + 1_500_000, 42, EARLIER)


@pytest.mark.parametrize("state", [SCHEDULED, LEASED])
def test_what_falls_due_is_ready(state: int) -> None:
    made = record(state)
    made.fall_due(NOW)
    assert (made.state, made.attempts, made.deliver_at) == (READY, 1, EARLIER)


def test_a_last_lease_that_ran_out_is_death_at_that_instant() -> None:
    made = record(LEASED, EARLIER, attempts=3)
    made.fall_due(NOW)
    assert (made.state, made.dead_at, made.dead_reason) == (None, EARLIER, "max_attempts_reached")


def test_death_leaves_for_the_dead_letter_queue_where_there_is_one() -> None:
    made = record(LEASED, LATER, attempts=3)
    made.settings = made.settings.but(dead_letter_queue="graves")
    assert made.nack(NOW, Nack("m", reason="why")) is Outcome.DEAD
    assert (made.letter, made.gone, made.dead_at) == ("why", True, None)


@pytest.mark.parametrize("keep", [False, True])
def test_only_preserved_dead_messages_are_spared_by_expiry(keep: bool) -> None:
    made = record(LEASED, LATER, attempts=3)
    made.settings = made.settings.but(preserve_failed=keep)
    made.nack(NOW, Nack("m"))
    assert made.sweep_at == (None if keep else made.expires_at)


def test_expiry_removes() -> None:
    for made in (record(READY), acked(), dead()):
        made.expire(NOW)
        assert (made.gone, made.state, made.letter) == (True, None, "")


def test_expiry_dead_letters_what_nobody_handled_if_the_settings_say_so() -> None:
    for made, handled in (
        (record(READY), False),
        (record(LEASED, LATER), False),
        (acked(), True),
        (dead(), True),
    ):
        made.settings = made.settings.but(on_expiry=ExpiryAction.DEAD_LETTER, dead_letter_queue="graves")
        made.expire(NOW)
        assert made.gone
        assert made.letter == ("" if handled else "message_expired")


def test_with_drop_dead_the_dead_are_gone_unless_a_queue_is_to_have_them() -> None:
    for queue, gone in ((None, ""), ("graves", "max_attempts_reached")):
        made = record(LEASED, LATER, attempts=3)
        made.settings = made.settings.but(drop_dead=True, dead_letter_queue=queue)
        assert made.nack(NOW, Nack("m")) is Outcome.DEAD
        assert (made.gone, made.state, made.letter) == (True, None, gone)


def test_expiry_spares_what_somebody_holds_if_the_settings_say_so() -> None:
    made = record(LEASED, LATER)
    assert not made.outlives(NOW)
    made.settings = made.settings.but(preserve_leased=True)
    assert made.outlives(NOW)
    assert not made.outlives(LATER)
    assert not record(READY).outlives(NOW)


def test_what_is_spared_is_swept_at_the_end_of_its_lease_or_once_it_is_given_back() -> None:
    made = record(LEASED, LATER)
    made.settings = made.settings.but(preserve_leased=True)
    made.expires_at = made.sweep_at = NOW - 1
    assert made.delivery_sweep_at == LATER
    made.put_off_expiry()
    assert (made.sweep_at, made.delivery_sweep_at) == (LATER, LATER)
    made.extend(NOW, Extend("m", 120))
    assert made.delivery_sweep_at == NOW + 120_000_000
    made.nack(NOW, Nack("m"))
    assert (made.sweep_at, made.delivery_sweep_at) == (NOW - 1, NOW - 1)


def test_a_replay_leaves_out_the_delay_before_the_first_life() -> None:
    made = dead()
    made.settings = made.settings.but(ttl_from_delivery=True, ttl_seconds=600)
    made.revive(NOW)
    assert made.expires_at == NOW + 600_000_000


def test_a_replay_starts_a_new_life_of_the_same_length() -> None:
    made = dead()
    made.attempts = 3
    made.revive(NOW)
    assert (made.state, made.attempts, made.max_attempts) == (READY, 0, made.settings.max_attempts)
    assert (made.deliver_at, made.due_at, made.updated_at, made.dead_at, made.dead_reason) == (
        NOW,
        NOW,
        NOW,
        None,
        "",
    )
    assert made.expires_at == made.sweep_at == NOW + 3_600_000_000


def test_a_replay_within_a_partition_key_waits_for_its_turn() -> None:
    made = dead()
    made.partition_key = "k"
    made.revive(NOW)
    assert made.state == BLOCKED

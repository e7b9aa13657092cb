"""The checker finds each broken promise in a history made for it, and nothing in one that keeps them all."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import pytest

from tests.faults.checker import Rules, check
from tests.faults.history import Call, Delivery, Final, History, How, Publication

pytestmark = pytest.mark.once

RULES = Rules(limit=2)
LEASE = 10.0


class Story:
    """Publishes a and b, hands both out, acks a, lets b die after its second delivery."""

    def __init__(self) -> None:
        self.history = History()
        self.a = Publication("a", "body a", key="k")
        self.b = Publication("b", "body b", key="k", at=2.0)
        self.publish_a = self._add("publish", 1, publications=(self.a,))
        self.publish_b = self._add("publish", 2, publications=(self.b,))
        self.take_a = self._add("receive", 3, delivered=(self.delivery("a", 1, 30),))
        self.ack_a = self._add("ack", 4, token="a", receipt=30)
        self.take_b = self._add("receive", 5, delivered=(self.delivery("b", 1, 50),))
        self.nack_b = self._add("nack", 6, token="b", receipt=50)
        self.take_b_again = self._add("receive", 7, delivered=(self.delivery("b", 2, 70),))
        self.nack_b_again = self._add("nack", 8, token="b", receipt=70)
        self.consume = self._add("consume", 9, offsets=(1, 2, 3))
        self.final = Final(
            states={"a": "acked", "b": "dead"},
            bodies={"a": "body a", "b": "body b"},
            attempts={"a": 1, "b": 2},
            counted={"total": 2},
            recounted={"total": 2},
        )

    @staticmethod
    def delivery(token: str, attempt: int, receipt: int, body: str = "") -> Delivery:
        return Delivery(token, token, body or f"body {token}", LEASE, attempt, receipt)

    def _add(self, what: str, started: float, **about: object) -> Call:
        call = Call("c", what, started, started + 0.5, How.OK, **about)  # type: ignore[arg-type]
        self.history.calls.append(call)
        return call

    def broken(self) -> set[str]:
        return {one.invariant for one in check(self.history, self.final, RULES)}


def test_a_history_that_keeps_every_promise_has_no_violation() -> None:
    assert Story().broken() == set()


def lose(story: Story) -> None:
    del story.final.states["b"], story.final.bodies["b"]
    story.history.calls = [story.publish_a, story.publish_b, story.take_a, story.ack_a]


def alter(story: Story) -> None:
    story.take_a.delivered = (story.delivery("a", 1, 30, "other"),)


def invent(story: Story) -> None:
    story.final.states["x"] = story.final.bodies["x"] = "acked"


def break_into_a_lease(story: Story) -> None:
    story.history.calls.remove(story.nack_b)


def settle_with_an_old_receipt(story: Story) -> None:
    story.nack_b_again.receipt = 50


def deliver_again(story: Story) -> None:
    story.history.calls.append(Call("d", "receive", 20, 21, How.OK, delivered=(story.delivery("a", 2, 200),)))
    story.final.attempts["a"] = 2


def swap(story: Story) -> None:
    story.ack_a.started, story.ack_a.ended = 5.6, 5.7


def skip_an_attempt(story: Story) -> None:
    story.take_b.delivered = (story.delivery("b", 2, 50),)
    story.take_b_again.delivered = (story.delivery("b", 3, 70),)


def die_early(story: Story) -> None:
    story.history.calls = [
        one for one in story.history.calls if one not in (story.take_b_again, story.nack_b_again)
    ]
    story.final.attempts["b"] = 1


def hand_out_early(story: Story) -> None:
    story.publish_b.publications = (Publication("b", "body b", key="k", at=6.0),)


def store_twice(story: Story) -> None:
    story.publish_a.publications = (Publication("a", "body a", dedup="same"),)
    story.publish_b.publications = (Publication("b", "body b", dedup="same"),)


def leave_a_hole(story: Story) -> None:
    story.consume.offsets = (1, 3)


def miscount(story: Story) -> None:
    story.final.counted["total"] = 3


@pytest.mark.parametrize(
    ("breach", "invariant"),
    [
        (lose, "I1"),
        (alter, "I2"),
        (invent, "I2"),
        (break_into_a_lease, "I3"),
        (settle_with_an_old_receipt, "I4"),
        (deliver_again, "I5"),
        (swap, "I6"),
        (skip_an_attempt, "I7"),
        (die_early, "I7"),
        (hand_out_early, "I8"),
        (store_twice, "I9"),
        (leave_a_hole, "I10"),
        (miscount, "I11"),
    ],
)
def test_each_broken_promise_is_found(breach: Callable[[Story], None], invariant: str) -> None:
    story = Story()
    breach(story)
    assert invariant in story.broken()


def test_what_had_no_answer_may_or_may_not_have_happened() -> None:
    for happened in (True, False):
        story = Story()
        story.publish_b.how, story.publish_b.ended = How.UNKNOWN, inf
        if not happened:
            lose(story)
        assert story.broken() == set()


def test_a_delivery_whose_answer_was_lost_uses_up_an_attempt() -> None:
    story = Story()
    story.take_b.how, story.take_b.ended, story.take_b.delivered = How.UNKNOWN, inf, ()
    story.history.calls.remove(story.nack_b)
    assert story.broken() == set()


def test_a_late_nack_without_a_receipt_gives_back_what_is_held_by_then() -> None:
    """Sent before the lease it ends began, since the server was away for a while."""
    story = Story()
    story.nack_b.started, story.nack_b.receipt = story.take_b.started - 0.5, None
    assert story.broken() == set()


def test_a_call_that_was_refused_changed_nothing() -> None:
    story = Story()
    story.history.calls.append(
        Call("c", "publish", 9, 9.5, How.FAILED, publications=(Publication("z", "body z"),))
    )
    assert story.broken() == set()
    story.final.states["z"], story.final.bodies["z"] = "pending", "body z"
    assert story.broken() == {"I2"}


def test_an_answer_that_was_long_under_way_is_of_before() -> None:
    """Its client stood still while it was given; the lease was over and the message with another."""
    story = Story()
    story.take_b.ended = 40.0
    story.nack_b.started, story.nack_b.ended, story.nack_b.how = 41.0, 41.5, How.FAILED
    for call, started in ((story.take_b_again, 20.0), (story.nack_b_again, 22.0)):
        call.started, call.ended = started, started + 0.5
    assert story.broken() == set()
    story.take_b_again.delivered = (story.delivery("b", 1, 70),)
    assert "I7" in story.broken()


def test_which_delivery_it_was_decides_the_order_of_those_that_overlap() -> None:
    """One client stood still past its lease; then two got it at once, of whom one tells attempts."""
    story = Story()
    rules = Rules(limit=5)
    story.history.calls = [story.publish_a, story.publish_b, story.take_a, story.ack_a]
    story.final.states["b"], story.final.attempts["b"] = "acked", 4
    for client, started, ended, attempt, receipt in (
        ("still", 9.0, 30.0, None, 50),
        ("forq", 20.0, 21.3, None, 70),
        ("agentuity", 20.1, 21.1, 2, None),
        ("last", 21.0, 21.6, None, 90),
    ):
        delivery = Delivery("b", "b", "body b", LEASE, attempt, receipt)
        story.history.calls.append(Call(client, "receive", started, ended, How.OK, delivered=(delivery,)))
    for what, client, started, receipt in (("nack", "agentuity", 21.1, None), ("nack", "forq", 21.3, 70)):
        call = Call(client, what, started, started + 0.1, How.OK, token="b", receipt=receipt)
        story.history.calls.append(call)
    assert check(story.history, story.final, rules) == []

"""Whether a history could be one of the server that was promised.

    I1  nothing acked to its publisher is lost            I7  attempts rise by one; dead exactly at the limit
    I2  nothing is invented or altered                    I8  nothing is delivered before its time
    I3  no delivery inside another one's lease            I9  publications meant to be one are one
    I4  a superseded receipt never settles                I10 stream offsets are dense
    I5  acked means never again                           I11 counters equal recounts
    I6  order within a partition key

A violation is reported only if no order of effects within the calls' bounds explains what was seen: a call
without an answer may have taken effect at any time after its start, or never.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise, permutations
from math import inf

from tests.faults.history import Call, Delivery, Final, History, How, Publication

Given = tuple[Call, Delivery]
MANY = 6
"""Deliveries of one message, beyond which not all of their orders are looked at."""


@dataclass(frozen=True)
class Violation:
    invariant: str
    text: str
    """Begins with the token of the message, if it is about one."""

    def __str__(self) -> str:
        return f"{self.invariant}: {self.text}"


@dataclass(frozen=True)
class Rules:
    """``limit``: deliveries until a message is dead. ``kept``: acked messages stay to be seen in the end."""

    limit: int
    kept: bool = True
    slack: float = 0.05
    """Seconds by which clocks of client and server may differ."""


class Checker:
    def __init__(self, history: History, final: Final, rules: Rules) -> None:
        self.history = history
        self.final = final
        self.rules = rules
        self.published: dict[str, Publication] = {}
        self.accepted: dict[str, Publication] = {}
        for call in history.of("publish"):
            for one in call.publications:
                if call.how is not How.FAILED:
                    self.published[one.token] = one
                if call.how is How.OK:
                    self.accepted[one.token] = one
        self.settled: dict[str, list[Call]] = defaultdict(list)
        for call in history.of("ack", "nack"):
            self.settled[call.token].append(call)
        self.deliveries: dict[str, list[Given]] = defaultdict(list)
        # By their ends: of two that wait, the one that began first need not be served first.
        for call in sorted(history.of("receive"), key=lambda call: call.ended):
            for delivery in call.delivered:
                self.deliveries[delivery.token].append((call, delivery))
        for token, many in self.deliveries.items():
            self.deliveries[token] = self._likeliest_order(many)

    def _likeliest_order(self, many: list[Given]) -> list[Given]:
        """Of deliveries whose calls overlap, the order that explains best what was seen: an answer may have
        been under way for long while others were given."""
        if len(many) > MANY or all(
            first.ended < second.started for (first, _), (second, _) in pairwise(many)
        ):
            return many
        return min(filter(_is_possible, map(list, permutations(many))), key=self._oddities)

    def _oddities(self, order: list[Given]) -> tuple[int, int]:
        """What cannot have been so; and how many say that they were another delivery than the order has it,
        which some do where answers were lost."""
        falls = sum(
            (one.attempt or 0) > (two.attempt or inf) or (one.receipt or 0) > (two.receipt or inf)
            for (_, one), (_, two) in combinations(order, 2)
        )
        intrusions = sum(self._intrudes(*first, second) for first, (second, _) in pairwise(order))
        misplaced = sum(one.attempt not in (None, at) for at, (_, one) in enumerate(order, 1))
        return falls + intrusions, misplaced

    def violations(self) -> list[Violation]:
        checks = {
            "I1": self.nothing_is_lost,
            "I2": self.nothing_is_invented,
            "I3": self.leases_are_exclusive,
            "I4": self.superseded_receipts_settle_nothing,
            "I5": self.acked_is_for_good,
            "I6": self.keys_keep_their_order,
            "I7": self.attempts_rise_by_one,
            "I8": self.nothing_is_early,
            "I9": self.duplicates_are_one,
            "I10": self.offsets_are_dense,
            "I11": self.counters_equal_recounts,
        }
        return [Violation(name, text) for name, check in checks.items() for text in check()]

    def nothing_is_lost(self) -> Iterator[str]:
        handled = {one.token for many in self.deliveries.values() for _, one in many}
        one_of = {publication.dedup for token, publication in self.published.items() if self._there(token)}
        for token, publication in self.accepted.items():
            if self._there(token) or (publication.dedup and publication.dedup in one_of):
                continue
            if not self.rules.kept and token in handled:
                continue
            yield f"{token} was accepted and is not there"

    def _there(self, token: str) -> bool:
        return token in self.final.states or (not self.rules.kept and token in self.deliveries)

    def _of(self, token: str) -> list[Given]:
        return self.deliveries.get(token, [])

    def nothing_is_invented(self) -> Iterator[str]:
        seen = [(one.token, one.body) for many in self.deliveries.values() for _, one in many]
        for token, body in seen + list(self.final.bodies.items()):
            publication = self.published.get(token)
            if publication is None:
                yield f"{token} was never published"
            elif publication.body != body:
                yield f"{token} came as {body[:80]!r} instead of {publication.body[:80]!r}"

    def leases_are_exclusive(self) -> Iterator[str]:
        for token, many in self.deliveries.items():
            for (first, one), (second, _) in pairwise(many):
                if self._intrudes(first, one, second):
                    yield f"{token} went to {second.client} while {first.client} held it"

    def _intrudes(self, first: Call, delivery: Delivery, second: Call) -> bool:
        """Whether the second got the message inside the first one's lease."""
        until = first.started + delivery.lease - self.rules.slack
        given_back = any(
            call.started <= second.ended and call.how is not How.FAILED
            for call in self.settled[delivery.token]
            if call.what == "nack"
            # Without a receipt it gives back what is held when it takes effect, not when it was sent.
            and (call.started if call.receipt is not None else call.ended) >= first.started
        )
        return second.ended < until and not given_back

    def superseded_receipts_settle_nothing(self) -> Iterator[str]:
        for token, many in self.deliveries.items():
            for call in self.settled[token]:
                if call.how is not How.OK or call.receipt is None:
                    continue
                receipts = [delivery.receipt for _, delivery in many]
                for later, _ in many[receipts.index(call.receipt) + 1 :]:
                    if later.ended < call.started:
                        yield f"{token} was settled by {call.client} after it had gone to {later.client}"

    def acked_is_for_good(self) -> Iterator[str]:
        for token, many in self.deliveries.items():
            for call in self.settled[token]:
                if call.what != "ack" or call.how is not How.OK:
                    continue
                for later, _ in many:
                    if later.started > call.ended:
                        yield f"{token} was delivered to {later.client} after it was acked"
                if self.final.states.get(token, "acked") != "acked":
                    yield f"{token} was acked and is {self.final.states[token]}"

    def keys_keep_their_order(self) -> Iterator[str]:
        """Of each key, the next is not handed out before the one published before it is out of the way."""
        order: dict[str, list[Publication]] = defaultdict(list)
        for call in self.history.of("publish"):
            for publication in call.publications:
                if publication.key and call.how is How.OK:
                    order[publication.key].append(publication)
        for key, publications in order.items():
            for before, after in pairwise(publications):
                for call, _ in self._of(after.token):
                    if not self._out_of_the_way(before.token, call.ended):
                        yield f"{after.token} of key {key} came before {before.token} was done"

    def _out_of_the_way(self, token: str, at: float) -> bool:
        many = self._of(token)
        if not many:
            return self.final.states.get(token) in ("acked", "dead") or token not in self.final.states
        ended = any(
            call.started <= at and call.how is not How.FAILED
            for call in self.settled[token]
            if call.what == "ack" or (many[-1][1].attempt or len(many)) >= self.rules.limit
        )
        dead = self.final.states.get(token) == "dead"
        return ended or (dead and many[-1][0].started + many[-1][1].lease <= at + self.rules.slack)

    def attempts_rise_by_one(self) -> Iterator[str]:
        answers_lost = any(call.how is How.UNKNOWN for call in self.history.of("receive"))
        for token, many in self.deliveries.items():
            told = [(at, one.attempt) for at, (_, one) in enumerate(many, 1) if one.attempt is not None]
            attempts = [attempt for _, attempt in told]
            if not answers_lost and any(attempt != at for at, attempt in told):
                yield f"{token} came as attempts {attempts}, of {len(many)} deliveries"
            elif any(b <= a for a, b in pairwise(attempts)):
                yield f"{token} came as attempts {attempts}, which do not rise"
            if attempts and max(attempts) > self.rules.limit:
                yield f"{token} came {max(attempts)} times, the limit being {self.rules.limit}"
            if self.final.states.get(token) == "dead" and self.final.attempts.get(token) != self.rules.limit:
                yield f"{token} is dead after {self.final.attempts.get(token)} deliveries"

    def nothing_is_early(self) -> Iterator[str]:
        for token, many in self.deliveries.items():
            publication = self.published.get(token)
            for call, _ in many:
                if publication and call.ended < publication.at - self.rules.slack:
                    yield f"{token} came {publication.at - call.ended:.2f} s before its time"

    def duplicates_are_one(self) -> Iterator[str]:
        stored: dict[str, set[str]] = defaultdict(set)
        for token in {*self.final.states, *self.deliveries}:
            if (publication := self.published.get(token)) and publication.dedup:
                stored[publication.dedup].add(token)
        for tokens in stored.values():
            if len(tokens) > 1:
                yield f"{min(tokens)} is there again as {' '.join(sorted(tokens)[1:])}"

    def offsets_are_dense(self) -> Iterator[str]:
        offsets = [offset for call in self.history.of("consume") for offset in call.offsets]
        if offsets and sorted(set(offsets)) != list(range(1, max(offsets) + 1)):
            missing = sorted(set(range(1, max(offsets) + 1)) - set(offsets))
            yield f"offsets are missing: {missing[:10]}"
        for call in self.history.of("consume"):
            if list(call.offsets) != sorted(call.offsets):
                yield f"{call.client} read offsets out of order"

    def counters_equal_recounts(self) -> Iterator[str]:
        if self.final.counted != self.final.recounted:
            yield f"counted {self.final.counted}, recounted {self.final.recounted}"


def _is_possible(order: list[Given]) -> bool:
    """None of them had ended before one began that comes earlier."""
    return all(second.ended >= first.started for (first, _), (second, _) in combinations(order, 2))


def check(history: History, final: Final, rules: Rules) -> list[Violation]:
    return Checker(history, final, rules).violations()

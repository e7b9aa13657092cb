"""Looking through a queue: what is found, how much is looked at, where it goes on."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from queues.broker import clock, contents, search
from queues.broker.errors import MessageNotFound
from queues.broker.search import Found, Wanted
from queues.broker.sql import search as search_sql
from queues.broker.types import Ack, Encoding, Nack, State

from .conftest import NewQueue
from .handle import Handle, message
from .rows import age


def look(q: Handle, before: int | None = None, limit: int = 50, **wanted: Any) -> Found:
    return search.search(q.id, Wanted(**wanted), before=before, limit=limit)


def ids(found: Found) -> list[str]:
    return [line.public_id for line in found.lines]


def test_the_newest_come_first_and_pages_follow_each_other(q: Handle) -> None:
    q.publish(*(f"m{number}" for number in range(7)))
    first = look(q, limit=3)
    assert ids(first) == ["m6", "m5", "m4"]
    assert (first.searched, first.newest, first.oldest, first.next) == (3, 6, 4, 4)
    second = look(q, first.next, limit=3)
    assert ids(second) == ["m3", "m2", "m1"]
    last = look(q, second.next, limit=3)
    assert ids(last) == ["m0"]
    assert last.next is None


def test_an_empty_queue_has_nothing_further(q: Handle) -> None:
    assert look(q) == Found()


def test_every_state_is_found_wherever_it_is_kept(q: Handle) -> None:
    q.publish("acked", "dead", "held", "ready")
    q.publish("later", deliver_at=clock.now() + clock.micros(600))
    q.receive(limit=3)
    q.settle(Ack("acked"), Nack("dead", dead=True, reason="broken"))
    for state, expected in (
        (State.ACKED, "acked"), (State.FAILED, "dead"), (State.PROCESSING, "held"), (State.PENDING, "ready"),
        (State.SCHEDULED, "later"),
    ):  # fmt: skip
        found = look(q, state=state)
        assert ids(found) == [expected]
        assert found.lines[0].state is state
        assert found.next is None


def test_a_crowd_of_scheduled_ones_is_walked_in_order(q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_MESSAGES", 3)
    monkeypatch.setattr(search, "MOST_TIMED", 3)
    later = clock.now() + clock.micros(600)
    q.publish(*(f"s{number}" for number in range(4)), deliver_at=later)
    q.publish("ready")
    found = look(q, state=State.SCHEDULED)
    assert ids(found) == ["s3", "s2"]  # the ready one was one of the three
    assert found.searched == 3
    assert ids(look(q, found.next, state=State.SCHEDULED)) == ["s1", "s0"]


def test_a_lease_that_ran_out_on_the_last_attempt_is_dead_before_anybody_noticed(new_queue: NewQueue) -> None:
    q = new_queue(max_attempts=1)
    q.publish("m")
    q.receive()
    age(q, 700)
    assert ids(look(q, state=State.FAILED)) == ["m"]
    assert ids(look(q, state=State.PROCESSING)) == []


def test_what_expired_is_not_found(new_queue: NewQueue) -> None:
    q = new_queue(ttl_seconds=60)
    q.publish("m")
    age(q, 61)
    assert ids(look(q)) == []
    with pytest.raises(MessageNotFound):
        search.view_at(q.id, 0)


def test_messages_are_filtered_by_what_they_carry(q: Handle) -> None:
    q.publish("red", tag="red")
    q.publish("keyed", partition_key="k")
    q.publish("tried")
    q.receive(limit=1, tag="red")
    assert ids(look(q, tag="red")) == ["red"]
    assert ids(look(q, partition_key="k")) == ["keyed"]
    assert ids(look(q, attempts=1)) == ["red"]
    assert ids(look(q, tag="red", state=State.PENDING)) == []


def test_messages_are_filtered_by_age(q: Handle) -> None:
    q.publish("old")
    age(q, 3600)
    q.publish("young")
    hour_ago = clock.now() - clock.micros(1800)
    assert ids(look(q, published_before=hour_ago)) == ["old"]
    assert ids(look(q, published_after=hour_ago)) == ["young"]


def test_a_search_by_age_begins_and_ends_where_the_age_is(q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_MESSAGES", 4)
    for hours in range(3, -1, -1):
        q.publish(*(f"{hours}h-{number}" for number in range(5)))
        age(q, 3600 if hours else 0)
    ago = [clock.now() - clock.micros(3600 * hours - 1800) for hours in range(4)]
    older = look(q, published_before=ago[2])
    assert ids(older) == ["2h-4", "2h-3", "2h-2", "2h-1"]
    assert (older.began_below, older.ended_above, older.next) == (10, None, 6)
    assert ids(look(q, older.next, published_before=ago[2])) == ["2h-0", "3h-4", "3h-3", "3h-2"]
    between = look(q, 7, published_before=ago[2], published_after=ago[3])
    assert (ids(between), between.searched, between.next) == (["2h-1", "2h-0"], 2, None)
    assert (between.began_below, between.ended_above) == (None, 4)
    assert look(q, published_before=ago[3] - clock.micros(7200)) == Found(began_below=0)


def test_where_messages_came_from_elsewhere_all_are_looked_at(new_queue: NewQueue) -> None:
    letters = new_queue()
    q = new_queue(max_attempts=1, dead_letter_queue=letters.name)
    letters.publish("before")
    q.publish("old")
    age(q, 7200)
    q.receive()
    q.settle(Nack("old", dead=True))
    letters.publish("after")
    hour_ago = clock.now() - clock.micros(3600)
    found = look(letters, published_before=hour_ago)
    assert ids(found) == ["old"] and found.began_below is None


def test_what_waits_with_a_key_is_found_among_many(q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_MESSAGES", 4)
    q.publish("held", "next", "last", partition_key="k")
    q.publish("later", partition_key="k", deliver_at=clock.now() + clock.micros(600))
    q.publish(*(f"m{number}" for number in range(9)))
    q.receive(limit=1)
    for state, expected in (
        (State.PENDING, ["last", "next"]), (State.PROCESSING, ["held"]), (State.SCHEDULED, ["later"]),
    ):  # fmt: skip
        assert ids(look(q, state=state, partition_key="k")) == expected
    assert ids(look(q, state=State.PENDING, partition_key="other")) == []
    assert ids(look(q, partition_key="k")) == []  # in any state: nothing leads there


def test_bodies_are_searched_for_text_and_values(q: Handle) -> None:
    q.send(
        message("a", '{"customer": {"id": 42, "name": "Zoë"}, "lines": [{"sku": "X1"}]}'),
        message("b", '{"customer": {"id": 43}}'),
        message("c", "aGVsbG8gd29ybGQ=", encoding=Encoding.BASE64),
        message("d", "plain HELLO", encoding=Encoding.TEXT),
    )
    assert ids(look(q, text="hello")) == ["d", "c"]
    assert ids(look(q, text="zoë")) == ["a"]
    path = contents.parse_path
    assert ids(look(q, path=path("$.customer.id"), value="42")) == ["a"]
    assert ids(look(q, path=path("lines[0].sku"), value="X1")) == ["a"]
    assert ids(look(q, path=path("$.customer.id"), value="44")) == []


def test_a_search_stops_at_its_bound_and_says_where(q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_MESSAGES", 4)
    monkeypatch.setattr(search, "FIRST_CHUNK", 2)
    q.send(message("needle", '"needle"'), *(message(f"m{number}") for number in range(9)))
    first = look(q, text="needle")
    assert ids(first) == []
    assert (first.searched, first.newest, first.oldest, first.next) == (4, 9, 6, 6)
    second = look(q, first.next, text="needle")
    third = look(q, second.next, text="needle")
    assert ids(third) == ["needle"]
    assert third.next is None


def test_bodies_are_read_up_to_a_bound_of_bytes(q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_BYTES", 250)
    monkeypatch.setattr(search, "BODIES_AT_ONCE", 100)
    q.send(*(message(f"m{number}", f'"{"x" * 98}"') for number in range(6)))
    found = look(q, text="y")
    assert (found.searched, found.bytes, found.next) == (3, 300, 3)


def test_a_line_shows_the_beginning_of_a_body(q: Handle) -> None:
    q.send(message("m", f'"{"x" * 1000}"'))
    (line,) = look(q).lines
    assert len(line.preview) == search.PREVIEW
    assert line.size == 1002


def test_an_id_is_found_in_every_queue_that_has_it(new_queue: NewQueue) -> None:
    one, two, three = new_queue(), new_queue(), new_queue()
    one.publish("other", f"same-{one.name}")
    two.publish(f"same-{one.name}")
    three.publish(f"same-{one.name}")
    three.delete()
    assert search.find_id(f"same-{one.name}") == [(one.id, 1), (two.id, 0)]
    assert search.find_id("nul\0") == []


def test_first_in_line_is_delivery_order(q: Handle) -> None:
    q.publish("a", "b")
    q.publish("urgent", priority=5)
    assert [line.public_id for line in search.first_in_line(q.id, 2)] == ["urgent", "a"]
    assert q.stats().pending == 3


def test_a_message_is_seen_by_its_offset(q: Handle) -> None:
    q.publish("a", "b")
    assert search.view_at(q.id, 1).public_id == "b"
    with pytest.raises(MessageNotFound):
        search.view_at(q.id, 2)


@pytest.mark.once
@pytest.mark.parametrize(
    "name", ["ALL", "TAGGED", "LIVE", "DEAD", "TIMED", "KEYED", "AT_OR_BELOW", "LOWEST", "LINES", "VIEW_AT"]
)
def test_every_look_is_led_by_an_index_and_sorts_no_more_than_it_reads(q: Handle, name: str) -> None:
    given: dict[str, Any] = {
        "queue": q.id, "before": 9, "scan": 1, "now": 0, "tag": "t", "offsets": "[]", "preview": 1,
        "offset": 0, "timed": 0, "key": "k",
    }  # fmt: skip
    plan = [row[3] for row in explain(getattr(search_sql, name).sqlite, given)]
    assert not [
        step for step in plan if step.startswith("SCAN") and "json_each" not in step and step not in DERIVED
    ]
    assert name in ("DEAD", "TIMED", "KEYED", "LINES") or not [step for step in plan if "TEMP B-TREE" in step]


DERIVED = {"SCAN f", "SCAN dead", "SCAN found", *(f"SCAN of_state_{state}" for state in range(4))}
"""Of the letters an index found before."""


def explain(sql: str, given: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.connection.row_factory = None
        rows: list[tuple[Any, ...]] = cursor.connection.execute("EXPLAIN QUERY PLAN " + sql, given).fetchall()
        return rows

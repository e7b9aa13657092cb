"""D. Enqueue: stored messages, batches, duplicates, delivery times. Bodies are in test_bodies.py."""

import pytest

from .bad_values import BAD_ITEMS, BAD_TIMES, array, item
from .client import Client, Queue, counts, ids_of, message_path
from .clock import assert_between, eventually, from_now, instant, now
from .conftest import NewQueue
from .states import STAYING, fill

ODD_IDS = [
    "x" * 50,
    "é" * 50,
    "🙂" * 50,
    " padded ",
    " ",
    "a/b",
    "/",
    "/lead",
    "trail/",
    "a//b",
    "?#%",
    "%41",
    "%2F",
    "a+b&c=d;e",
    "https://example.com/a?b=c#d",
    ".",
    "..",
    "../..",
    "line\nfeed",
    "\n",
    "\r\n",
    "\t",
    "\u007f\u0001",
    "back\\slash",
    "'\"--",
    "e\u0301",
    "null",
]

TIMES_EITHER_WAY = [
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-14:00",
    "9999-12-31T23:59:59.9999999Z",
    "2016-12-31T23:59:60Z",
    "2030-01-01T24:00:00Z",
    "2030-01-01T10:00:00",
    "2030-01-01T10:00:00.123456789",
    "2030-01-01T10:00:00-00:00",
    "2030-01-01T10:00:00+24:00",
    "2030-01-01T10:00:00z",
    "2030-01-01T10:00:00,5Z",
]


@pytest.mark.contract("D40")
def test_a_stored_message_shows_what_it_was_stored_under(new_queue: NewQueue) -> None:
    """D 40: m with tag → 204; attempt 0, settings copied, ttl = created + 300, delivery_time ≈ created."""
    queue = new_queue(lock_duration=44, max_delivery_attempts=4)
    start = now()
    queue.enqueue({"id": "m", "body": "b", "tag": "t"})
    found = queue.get("m")
    assert_between(found["created"], start, now())
    assert found["updated"] == found["created"]
    assert found["delivery_time"] == found["created"]
    assert (instant(found["ttl"]) - instant(found["created"])).total_seconds() == 300
    expected = {"id": "m", "body": "b", "tag": "t", "delivery_attempt": 0}
    expected |= {"auto_ack": False, "lock_duration": 44, "max_delivery_attempts": 4}
    assert {field: found[field] for field in expected} == expected


@pytest.mark.contract("D41")
def test_what_a_message_does_not_have_is_left_out(new_queue: NewQueue) -> None:
    """D 41: without tag, ttl, lock or ack those keys are absent, not null, in m, peek and consume."""
    queue = new_queue(ttl=0)
    queue.enqueue(
        {"id": "m", "body": "b"}, {"id": "n", "body": "b", "tag": ""}, {"id": "o", "body": "b", "tag": None}
    )
    for found in queue.peek() + [queue.get(id) for id in ("m", "n", "o")]:
        assert found.keys().isdisjoint({"tag", "ttl", "locked_until", "acked"}), found
    received = queue.receive()
    assert len(received) == 3
    for found in received:
        assert found.keys().isdisjoint({"tag", "ttl", "acked"}), found
    queue.ack("m")
    assert "locked_until" not in queue.get("m") and "locked_until" not in queue.peek(limit=1)[0]


@pytest.mark.contract("D42")
def test_a_batch_holds_a_hundred(q: Queue) -> None:
    """D 42: 100 items → 204; 101 → 400, none stored."""
    q.send(*(f"over {number}" for number in range(101))).expect(400)
    assert q.stats() == counts()
    q.enqueue(*(f"{number}" for number in range(100)))
    assert q.ids() == [f"{number}" for number in range(100)]


@pytest.mark.contract("D43")
def test_an_empty_batch_does_nothing(q: Queue) -> None:
    """D 43: [] → 204."""
    q.enqueue()
    assert q.stats() == counts()


@pytest.mark.contract("D44")
@pytest.mark.parametrize("bad", BAD_ITEMS, ids=lambda text: ascii(text)[:50])
def test_one_bad_item_stores_nothing(q: Queue, bad: str) -> None:
    """D 44: good, bad, good for each bad item → 400, none stored."""
    q.call("POST", "/messages", body=array(item("first"), bad, item("last"))).expect(400)
    assert q.stats() == counts()


@pytest.mark.contract("D44")
def test_an_error_names_the_field_of_the_bad_item(q: Queue) -> None:
    """D 44: the error says which field of the batch is wrong."""
    for field, value in {"id": 5, "tag": 5, "delivery_time": "soon"}.items():
        bad = {"id": "x", "body": "b"} | {field: value}
        assert field in q.send("good", bad).expect(400).json()["error"]
    for field in ("id", "body"):
        missing = {name: "x" for name in ("id", "body") if name != field}
        assert field in q.send("good", missing).expect(400).json()["error"]


@pytest.mark.contract("D45")
@pytest.mark.parametrize("bad", BAD_TIMES)
def test_a_bad_delivery_time_changes_nothing(new_queue: NewQueue, bad: str) -> None:
    """D 45: in enqueue and in a nack → 400, nothing changed."""
    queue = new_queue(max_delivery_attempts=3)
    queue.enqueue("a", "b")
    queue.receive()
    before = queue.peek()
    queue.call("POST", "/messages", body=array(item("c"), item("d", delivery_time=bad))).expect(400)
    nack = f'{{"id": "b", "ack": false, "delivery_time": {bad}}}'
    queue.call("POST", "/ack", body=array('{"id": "a", "ack": true}', nack)).expect(400)
    queue.call("POST", "/ack", body=array(nack.replace("false", "true"))).expect(400)
    assert queue.peek() == before


@pytest.mark.contract("D46")
@pytest.mark.parametrize("odd", TIMES_EITHER_WAY)
def test_a_time_on_the_edge_is_taken_or_refused(new_queue: NewQueue, odd: str) -> None:
    """D 46: first and last years, leap second, no zone → 204 or 400 (both tolerated), readable afterwards."""
    queue = new_queue(max_delivery_attempts=3)
    queue.enqueue("locked")
    queue.receive()
    sent = queue.send({"id": "m", "body": "b", "delivery_time": odd}).expect(204, 400).status
    nack = {"id": "locked", "ack": False, "delivery_time": odd}
    nacked = queue.call("POST", "/ack", json=[nack]).expect(204, 400).status
    assert sent == nacked
    assert queue.ids() == (["locked", "m"] if sent == 204 else ["locked"])
    for id in queue.ids():
        queue.get(id)
    assert queue.stats()["total"] == len(queue.ids())


@pytest.mark.contract("D47")
@pytest.mark.parametrize("odd", ODD_IDS, ids=lambda value: ascii(value[:20]))
def test_an_odd_id_is_settled_exactly(new_queue: NewQueue, odd: str) -> None:
    """D 47: consume, nack, ack, peek and delete work on exactly that id, not on its neighbours."""
    queue = new_queue(max_delivery_attempts=9, lock_duration=60)
    near = [id for id in (odd.strip(), odd.upper(), "x" + odd[1:], odd[:-1]) if id and id != odd]
    near = list(dict.fromkeys(near))
    queue.enqueue(odd, *near)
    assert ids_of(queue.receive()) == [odd, *near]
    queue.nack(odd, delivery_time="2020-01-01T00:00:00Z")
    assert ids_of(queue.receive()) == [odd]
    queue.ack(odd)
    assert queue.ids(type="acked") == [odd]
    queue.call("DELETE", "/messages", json={"ids": [odd]}).expect(204)
    assert queue.ids() == near


@pytest.mark.contract("D48")
@pytest.mark.parametrize("odd", ODD_IDS, ids=lambda value: ascii(value[:20]))
def test_an_odd_id_is_found_percent_encoded(q: Queue, odd: str) -> None:
    """D 48: GET and DELETE of one message → 200/204, then 404."""
    q.enqueue(odd, "other")
    assert q.get(odd)["body"] == odd
    q.call("DELETE", message_path(odd)).expect(204)
    q.call("GET", message_path(odd)).expect(404)
    q.call("DELETE", message_path(odd)).expect(404)
    assert q.ids() == ["other"]


@pytest.mark.contract("D54")
def test_a_known_id_is_dropped_silently(q: Queue) -> None:
    """D 54: known id → 204, body and tag unchanged."""
    q.enqueue({"id": "m", "body": "first", "tag": "t"})
    before = q.get("m")
    q.enqueue({"id": "m", "body": "second", "tag": "u", "delivery_time": from_now(60)}, "new")
    assert q.get("m") == before
    assert q.ids() == ["m", "new"]


@pytest.mark.contract("D55")
def test_a_known_id_is_dropped_in_every_state(new_queue: NewQueue) -> None:
    """D 55: known ids in acked, failed, processing, scheduled (and pending) state → unchanged."""
    queue = new_queue(**STAYING)
    ids = fill(queue).values()
    before = [queue.get(id) for id in ids]
    queue.enqueue(*({"id": id, "body": "again", "tag": "again"} for id in ids))
    assert [queue.get(id) for id in ids] == before
    assert queue.stats() == counts(failed=1, acked=1, processing=1, scheduled=1, pending=1)


@pytest.mark.contract("D56")
def test_the_first_of_two_equal_ids_in_a_batch_wins(q: Queue) -> None:
    """D 56: same id twice in one batch → first wins."""
    q.enqueue({"id": "m", "body": "first"}, "between", {"id": "m", "body": "second", "tag": "t"})
    assert [(found["id"], found["body"]) for found in q.peek()] == [("m", "first"), ("between", "between")]
    assert "tag" not in q.get("m")


@pytest.mark.contract("D57")
def test_a_deleted_id_is_free_again(q: Queue) -> None:
    """D 57: delete m, enqueue again → new body, at the end of the order."""
    q.enqueue({"id": "m", "body": "first"}, "n")
    q.call("DELETE", "/messages/m").expect(204)
    q.enqueue({"id": "m", "body": "second"})
    assert [(found["id"], found["body"]) for found in q.receive()] == [("n", "n"), ("m", "second")]


@pytest.mark.contract("D58")
def test_an_id_belongs_to_one_queue(new_queue: NewQueue) -> None:
    """D 58: same id in two queues → independent."""
    one, two = new_queue(), new_queue()
    one.enqueue({"id": "m", "body": "one"})
    two.enqueue({"id": "m", "body": "two"})
    one.receive()
    one.ack("m")
    two.ack("ghost")
    assert (one.stats(), two.stats()) == (counts(acked=1), counts(pending=1))
    one.call("DELETE", "/messages/m").expect(204)
    assert two.get("m")["body"] == "two"


@pytest.mark.contract("D59")
def test_a_scheduled_message_is_delivered_when_due(q: Queue) -> None:
    """D 59: delivery_time +1.5 s → scheduled, not delivered, then delivered when due with attempt 1."""
    due = now().timestamp() + 1.5
    q.enqueue({"id": "later", "body": "b", "delivery_time": from_now(1.5)}, "at once")
    assert q.stats() == counts(scheduled=1, pending=1)
    assert ids_of(q.receive()) == ["at once"]
    received = q.receive()
    assert now().timestamp() >= due - 0.05
    assert [(found["id"], found["delivery_attempt"]) for found in received] == [("later", 1)]


@pytest.mark.contract("D59")
def test_a_scheduled_message_goes_before_younger_ones_once_due(q: Queue) -> None:
    """D 59: once due it has its old place in the publish order (§5.2)."""
    q.enqueue("older", {"id": "later", "body": "b", "delivery_time": from_now(1)}, "younger")
    assert q.stats() == counts(pending=2, scheduled=1)
    eventually(lambda: q.stats() == counts(pending=3))
    assert ids_of(q.receive()) == ["older", "later", "younger"]


@pytest.mark.contract("D60")
def test_times_are_instants_whatever_their_spelling(q: Queue) -> None:
    """D 60: past, other zones and fractions → pending, equal instant, cut to microseconds (§2.5)."""
    spellings = {
        "2020-02-03T04:05:06Z": "2020-02-03T04:05:06.000000Z",
        "2020-02-03T06:35:06+02:30": "2020-02-03T04:05:06.000000Z",
        "2020-02-02T23:05:06.5-05:00": "2020-02-03T04:05:06.500000Z",
        "2020-02-03T04:05:06.250Z": "2020-02-03T04:05:06.250000Z",
        "2020-02-03T04:05:06.123456789Z": "2020-02-03T04:05:06.123456Z",
        "2020-02-03T04:05:06.9999999Z": "2020-02-03T04:05:06.999999Z",
        "2020-02-03t04:05:06Z": "2020-02-03T04:05:06.000000Z",
        "2020-02-03 04:05:06+00:00": "2020-02-03T04:05:06.000000Z",
        "2020-02-29T00:00:00Z": "2020-02-29T00:00:00.000000Z",
        "1969-12-31T23:59:59Z": "1969-12-31T23:59:59.000000Z",
    }
    q.enqueue(*({"id": text, "body": "b", "delivery_time": text} for text in spellings))
    found = {message["id"]: instant(message["delivery_time"]) for message in q.peek(type="pending")}
    assert found == {text: instant(expected) for text, expected in spellings.items()}
    assert ids_of(q.receive()) == list(spellings)


@pytest.mark.contract("D61")
def test_a_tag_of_fifty_letters_is_filterable(q: Queue) -> None:
    """D 61: tag of 50 × é → stored and filterable."""
    tag = "é" * 50
    q.enqueue({"id": "m", "body": "b", "tag": tag}, {"id": "n", "body": "b", "tag": tag[:-1]})
    assert q.get("m")["tag"] == tag
    assert q.ids(tag=tag) == ["m"]
    assert q.stats(tag=tag) == counts(pending=1)
    assert [(found["id"], found["tag"]) for found in q.receive(tag=tag)] == [("m", tag)]


@pytest.mark.contract("D62")
def test_a_missing_queue_takes_nothing(mq: Client, name: str) -> None:
    """D 62: enqueue (also [] and junk) to a missing queue → 404 E."""
    missing = Queue(mq, name)
    missing.send("m").expect(404)
    missing.send().expect(404)
    missing.call("POST", "/messages", body=b"{not json").expect(404)
    missing.call("POST", "/messages").expect(404)

"""L. Streams themselves: settings, names, deletion."""

from typing import Any

import pytest

from .bad_values import BAD_NAMES, settings
from .client import Client, Queue
from .clock import assert_between, now
from .conftest import NewStream
from .stream import Stream

ODD_NAMES = ["a b", " padded ", "é中🙂", "%41", "?#&=", "a+b;c,d:e@f!$'()*~", "x" * 50, "🙂" * 50, "...", "-"]

BAD_SETTINGS = [
    *(f'"ttl": {value}' for value in ("-1", "31536001", "1.5", '"300"', "true", "[]", "{}", '""', "1e9")),
    *(f'"auto_delete": {value}' for value in ('"true"', "1", "0", "[]", "{}", '""', "0.0")),
]


@pytest.mark.contract("L133")
def test_a_new_stream_shows_the_defaults(mq: Client, name: str) -> None:
    """L 133: defaults false, 0, 0, 0 and name; list equals GET."""
    start = now()
    stream = Stream(mq, name).create()
    found = stream.info()
    assert_between(found.pop("created"), start, now())
    assert found == {"name": name, "auto_delete": False, "ttl": 0, "message_count": 0, "offset": 0}
    assert mq.get("/streams").expect(200).json() == [stream.info()]


@pytest.mark.contract("L133")
def test_the_list_is_in_order_of_creation(mq: Client, new_stream: NewStream) -> None:
    """L 133: the list holds each stream as its GET shows it, oldest first."""
    streams = [new_stream(ttl=number) for number in range(3)]
    streams[1].produce("m")
    assert mq.get("/streams").json() == [stream.info() for stream in streams]


@pytest.mark.contract("L134")
def test_a_name_is_given_once(mq: Client, s: Stream) -> None:
    """L 134: again → 409 whatever the settings; the stream is untouched."""
    s.produce("m")
    before = s.info()
    mq.post("/streams", {"name": s.name, "auto_delete": True, "ttl": 9}).expect(409)
    assert s.info() == before


@pytest.mark.contract("L134")
@pytest.mark.parametrize("bad", BAD_SETTINGS)
def test_a_bad_setting_changes_nothing(mq: Client, s: Stream, name: str, bad: str) -> None:
    """L 134: bad ttl/auto_delete on create and PATCH → 400, nothing."""
    mq.request("POST", "/streams", body=settings(bad, name=name)).expect(400)
    Stream(mq, name).call("GET").expect(404)
    before = s.info()
    good = {"auto_delete": True} if "ttl" in bad else {"ttl": 5}
    answer = s.call("PATCH", body=settings(bad, **good)).expect(400)
    assert answer.json()["error"].startswith("ttl: " if "ttl" in bad else "auto_delete: ")
    assert s.info() == before


@pytest.mark.contract("L134", "C20")
@pytest.mark.parametrize("bad", BAD_NAMES, ids=lambda text: ascii(text)[:30])
def test_a_bad_name_is_refused(mq: Client, bad: str) -> None:
    """L 134, C 20: 51 letters, "", null, 5, slashes, NUL, dots, surrogates … → 400, also for streams."""
    mq.request("POST", "/streams", body=f'{{"name": {bad}}}'.encode()).expect(400)
    assert mq.get("/streams").json() == []


@pytest.mark.contract("C21")
def test_a_stream_needs_a_name(mq: Client) -> None:
    """C 21: no name → 400, also for streams."""
    mq.post("/streams", {"ttl": 5}).expect(400)


@pytest.mark.contract("C22")
@pytest.mark.parametrize("odd", ODD_NAMES, ids=ascii)
def test_an_odd_name_works_in_every_call(mq: Client, odd: str) -> None:
    """C 22: blank, é/中/emoji, `%41`, `?#&=`, punctuation, exactly 50 → 201, every call works, also here."""
    stream = Stream(mq, odd).create()
    try:
        stream.produce("m", "n")
        stream.patch(ttl=60)
        assert stream.ids() == ["m", "n"]
        stream.commit(1)
        stream.clear(offset=2)
        found = stream.info()
        assert (found["name"], found["message_count"], found["offset"]) == (odd, 1, 1)
    finally:
        stream.delete()


@pytest.mark.contract("C26")
def test_unknown_fields_are_ignored(mq: Client, name: str) -> None:
    """C 26: unknown fields on create, PATCH, produce, commit → ignored, also for streams."""
    stream = Stream(mq, name).create(lock_duration=5, color="red")
    stream.patch(name="other", ttl=7, tag=None)
    stream.produce({"id": "m", "body": "b", "tag": 5, "delivery_time": "x"})
    stream.call("POST", "/commit", json={"offset": 1, "extra": [1]}).expect(204)
    found = stream.info()
    assert (found["name"], found["ttl"], found["offset"], found["message_count"]) == (name, 7, 1, 1)


@pytest.mark.contract("L135")
def test_a_queue_and_a_stream_may_share_a_name(mq: Client, name: str) -> None:
    """L 135: q and s of one name coexist, also while both are waited on."""
    queue, stream = Queue(mq, name).create(), Stream(mq, name).create()
    at_queue, at_stream = queue.poll(), stream.poll()
    queue.enqueue({"id": "m", "body": "queue"})
    assert [found["body"] for found in at_queue.answer(within=2).json()] == ["queue"]
    assert not at_stream.is_answered(within=0.3)
    stream.produce({"id": "m", "body": "stream"})
    assert [found["body"] for found in at_stream.answer(within=2).json()] == ["stream"]
    queue.delete()
    assert stream.ids() == ["m"]
    Queue(mq, name).create()
    stream.delete()
    Queue(mq, name).call("GET").expect(200)


@pytest.mark.contract("L136")
def test_patch_changes_what_it_names(s: Stream) -> None:
    """L 136: PATCH both, each, {} → 204; null counts as not sent; only what is named changes."""
    created = s.info()["created"]
    steps: list[tuple[dict[str, Any], tuple[bool, int]]] = [
        ({"auto_delete": True, "ttl": 60}, (True, 60)),
        ({"ttl": 31_536_000}, (True, 31_536_000)),
        ({"auto_delete": False}, (False, 31_536_000)),
        ({}, (False, 31_536_000)),
        ({"auto_delete": None, "ttl": None}, (False, 31_536_000)),
        ({"ttl": 30.0}, (False, 30)),
        ({"ttl": 0}, (False, 0)),
    ]
    for sent, expected in steps:
        s.patch(**sent)
        found = s.info()
        assert (found["auto_delete"], found["ttl"]) == expected
    assert s.info()["created"] == created


@pytest.mark.contract("L136")
def test_patch_of_a_bad_value_or_a_missing_stream(mq: Client, s: Stream, name: str) -> None:
    """L 136: 31536001 → 400, missing → 404, also with a bad body."""
    s.call("PATCH", json={"auto_delete": True, "ttl": 31_536_001}).expect(400)
    assert s.info()["auto_delete"] is False
    missing = Stream(mq, name)
    bodies: list[Any] = [{"ttl": 5}, {}, {"ttl": -1}, []]
    for json in bodies:
        missing.call("PATCH", json=json).expect(404)


@pytest.mark.contract("L137")
def test_a_deleted_stream_is_gone_and_its_name_free(mq: Client, s: Stream) -> None:
    """L 137: DELETE s → 204; all six routes 404; recreated: empty, offset 0; ids and offsets start anew."""
    s.produce("m", "n")
    s.commit(1)
    poll = Stream(mq, s.name).poll(limit=1)
    assert poll.is_answered(within=2)
    s.delete()
    calls: list[tuple[str, str, Any]] = [
        ("GET", "", None), ("PATCH", "", {"ttl": 5}), ("DELETE", "", None), ("POST", "/messages", []),
        ("GET", "/messages", None), ("DELETE", "/messages", None), ("POST", "/commit", {"offset": 0}),
    ]  # fmt: skip
    for method, rest, json in calls:
        s.call(method, rest, **({} if json is None else {"json": json})).expect(404)
    s.create()
    assert (s.count, s.committed) == (0, 0)
    s.produce("m")
    assert s.consume() == [{"id": "m", "body": "m", "offset": 1}]


@pytest.mark.contract("L137")
def test_a_poll_ends_when_its_stream_is_deleted(s: Stream) -> None:
    """L 137: consumers waiting on a deleted stream get 404 at once (§3.6)."""
    poll = s.poll()
    assert not poll.is_answered(within=0.3)
    s.delete()
    poll.answer(within=2).expect(404)

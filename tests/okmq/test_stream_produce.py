"""L and D. Putting messages into streams: order, duplicates, bodies, bad items."""

from json import dumps

import pytest

from .bad_values import BAD_ITEMS, array, item
from .client import Client
from .conftest import NewStream
from .stream import Stream
from .test_bodies import BODIES, MEGABYTE, body_of
from .test_enqueue import ODD_IDS

# An enqueue's bad items without those that are bad by their tag, which a stream's message does not have.
BAD_HERE = [bad for bad in BAD_ITEMS if '"tag"' not in bad]


@pytest.mark.contract("L138")
def test_messages_are_numbered_in_array_order(s: Stream) -> None:
    """L 138: 2 batches → array order, offsets from 1 strictly up, bodies intact, message_count 6."""
    s.produce("c", "a", "b")
    s.produce(*({"id": str(n), "body": {"n": [n, "é"]}} for n in range(3)))
    found = s.consume()
    assert [one["offset"] for one in found] == [1, 2, 3, 4, 5, 6]
    assert [one["id"] for one in found] == ["c", "a", "b", "0", "1", "2"]
    assert [one["body"] for one in found] == ["c", "a", "b", *({"n": [n, "é"]} for n in range(3))]
    assert s.count == 6


@pytest.mark.contract("L144")
def test_known_ids_are_ignored(s: Stream) -> None:
    """L 144: known ids ignored, committed ones too; no offset is spent on them."""
    s.produce({"id": "m", "body": "old"}, "n")
    s.commit(2)
    s.produce({"id": "n", "body": "new"}, "o", {"id": "m", "body": "new"})
    s.commit(0)
    assert s.consume() == [
        {"id": "m", "body": "old", "offset": 1},
        {"id": "n", "body": "n", "offset": 2},
        {"id": "o", "body": "o", "offset": 3},
    ]
    assert s.count == 3


@pytest.mark.contract("D56")
def test_of_one_id_twice_in_a_batch_the_first_wins(s: Stream) -> None:
    """D 56: same id twice in one batch → first wins, in a stream too."""
    s.produce({"id": "m", "body": 1}, "n", {"id": "m", "body": 2}, {"id": "m", "body": 3})
    assert [(one["id"], one["body"], one["offset"]) for one in s.consume()] == [("m", 1, 1), ("n", "n", 2)]


@pytest.mark.contract("D58")
def test_streams_do_not_share_ids(new_stream: NewStream) -> None:
    """D 58: same id in two streams → independent."""
    one, two = new_stream(), new_stream()
    one.produce({"id": "m", "body": 1})
    two.produce({"id": "m", "body": 2})
    assert (one.consume()[0]["body"], two.consume()[0]["body"]) == (1, 2)


@pytest.mark.contract("L146")
def test_a_batch_holds_a_thousand(s: Stream) -> None:
    """L 146: 1001 → 400, none; 1000 → 204; [] → 204."""
    s.send(*map(str, range(1001))).expect(400)
    assert s.count == 0
    s.produce()
    assert s.count == 0
    s.produce(*map(str, range(1000)))
    assert s.ids() == [str(number) for number in range(1000)]


@pytest.mark.contract("L146")
def test_ids_may_be_odd_and_fifty_long(s: Stream) -> None:
    """L 146: ids of 50 → 204, whatever their letters; they are told apart exactly."""
    s.produce(*ODD_IDS)
    s.produce(*reversed(ODD_IDS))
    assert s.ids() == ODD_IDS


@pytest.mark.contract("L147")
@pytest.mark.parametrize("bad", BAD_HERE, ids=lambda text: ascii(text)[:50])
def test_one_bad_item_stores_nothing(s: Stream, bad: str) -> None:
    """L 147: good + each of the bad items → 400, none."""
    assert len(BAD_HERE) >= 15
    s.call("POST", "/messages", body=array(item("first"), bad, item("last"))).expect(400)
    assert s.count == 0
    s.produce("m")
    assert s.offsets() == [1]


@pytest.mark.contract("L147")
def test_an_error_names_the_field(s: Stream) -> None:
    """L 147: the error says which item and field is wrong."""
    answer = s.send("good", {"id": 5, "body": "b"}).expect(400)
    assert answer.json()["error"].startswith("[1].id: ")
    answer = s.send("good", "good too", {"id": "x" * 51, "body": "b"}).expect(400)
    assert answer.json()["error"].startswith("[2].id: ")


@pytest.mark.contract("D62")
def test_a_missing_stream_takes_nothing(mq: Client, name: str) -> None:
    """D 62: produce (also [] and junk) to a missing stream → 404 E."""
    missing = Stream(mq, name)
    missing.send("m").expect(404)
    missing.send().expect(404)
    missing.call("POST", "/messages", body=b"{not json").expect(404)


@pytest.mark.contract("D49")
def test_any_json_value_comes_back_as_it_was_sent(s: Stream) -> None:
    """D 49: 19 and more bodies → equal and of the same type, from a stream too."""
    s.produce(*({"id": str(number), "body": body} for number, body in enumerate(BODIES)))
    assert [dumps(found["body"]) for found in s.consume(limit=100)] == [dumps(body) for body in BODIES]


@pytest.mark.contract("D49")
def test_a_body_comes_back_byte_for_byte(s: Stream) -> None:
    """D 49: not even the spelling of a body changes."""
    spellings = [
        r'"\u00e9\/"',
        "1E+2",
        "-0",
        '{ "a" : [ 1 , 2 ] , "a": 3}',
        "123456789012345678901234567890.10",
    ]
    items = array(*(body_of(text, str(number)) for number, text in enumerate(spellings)))
    s.call("POST", "/messages", body=items).expect(204)
    content = s.call("GET", "/messages").expect(200).content.decode()
    for text in spellings:
        assert f'"body":{text},' in content


@pytest.mark.contract("D50")
@pytest.mark.parametrize("text", [r'"\ud800"', r'{"\udfff": 1}', "null"])
def test_a_surrogate_or_null_as_body_is_kept_or_refused(s: Stream, text: str) -> None:
    """D 50: `"\\ud800"` and null as body → 204 or 400, reads keep working, of a stream too."""
    status = s.call("POST", "/messages", body=array(body_of(text))).expect(204, 400).status
    s.produce("neighbour")
    assert s.ids() == (["m", "neighbour"] if status == 204 else ["neighbour"])


@pytest.mark.contract("D51")
def test_a_body_of_a_megabyte_fits_and_no_more(s: Stream) -> None:
    """D 51: 1,048,576-byte string → 204; one more byte → 413 E and the small neighbour is not stored."""
    fits = "x" * MEGABYTE
    for body in (fits + "x", {"a": fits}, [fits]):
        s.send("small", {"id": "m", "body": body}).expect(413)
    assert s.count == 0
    s.produce("small", {"id": "m", "body": fits})
    assert [found["body"] for found in s.consume()] == ["small", fits]


@pytest.mark.contract("D52")
def test_size_counts_bytes_of_utf8(s: Stream) -> None:
    """D 52: 524,289 × é → 413; 524,288 × é → 204, into a stream too."""
    s.send({"id": "m", "body": "é" * 524_289}).expect(413)
    s.produce({"id": "m", "body": "é" * 524_288})
    assert s.consume()[0]["body"] == "é" * 524_288


@pytest.mark.contract("D53")
def test_a_batch_may_be_larger_than_one_message(s: Stream) -> None:
    """D 53: 6 × 1,000,000 bytes in one request → 204, and out again in one answer."""
    s.produce(*({"id": str(number), "body": str(number) * 1_000_000} for number in range(6)))
    assert [found["body"][0] for found in s.consume()] == list("012345")


@pytest.mark.contract("D53")
def test_very_large_answers_come_in_parts(s: Stream) -> None:
    """D 53: what does not fit into one answer comes with the next; the order has no hole."""
    for batch in range(3):
        s.produce(*({"id": f"{batch}-{n}", "body": "x" * 1_000_000} for n in range(10)))
    offsets: list[int] = []
    answers = 0
    while len(offsets) < 30:
        offsets += s.offsets()
        s.commit(offsets[-1])
        answers += 1
    assert (offsets, answers) == (list(range(1, 31)), 2)

"""D. Message bodies: any JSON value comes back as it was sent; sizes are bounded."""

from json import dumps
from typing import Any

import pytest

from .bad_values import array, item
from .client import Queue, counts

MEGABYTE = 1_048_576

BODIES: list[Any] = [
    "",
    "plain",
    " padded ",
    "é中🙂\u200d\ufeff",
    "line\nfeed\ttab\r",
    'quotes " and \\ and / <&>',
    "with \u0000 NUL \u0000",
    "\u2028\u2029\u007f\u0001",
    "null",
    "5",
    0,
    -1,
    2**63,
    12345678901234567890123,
    -98765432109876543210987,
    1.5,
    -0.0,
    1e-7,
    1e300,
    True,
    False,
    [],
    [1, "1", 1.0, None, [True, [[]]]],
    {},
    {"z": 1, "a": {"y": None, "b": [0.1, 1e22]}, "": "\u0000", "é": "🙂"},
]


def body_of(text: str, id: str = "m") -> str:
    """An item whose body is this JSON text."""
    return f'{{"id": "{id}", "body": {text}}}'


def send_text(queue: Queue, *texts: str) -> int:
    """Sends the bodies in one batch, with a small neighbour in front, and returns the status."""
    items = [item("small"), *(body_of(text, str(number)) for number, text in enumerate(texts))]
    return queue.call("POST", "/messages", body=array(*items)).status


@pytest.mark.contract("D49")
def test_any_json_value_comes_back_as_it_was_sent(q: Queue) -> None:
    """D 49: strings, numbers, 23-digit integers, bools, arrays, objects, NUL → equal and of the same type."""
    q.enqueue(*({"id": str(number), "body": body} for number, body in enumerate(BODIES)))
    # As JSON text, so that 1 is not True, 1.0 is not 1, and the order of keys counts.
    expected = [dumps(body) for body in BODIES]
    assert [dumps(found["body"]) for found in q.peek()] == expected
    assert [dumps(q.get(str(number))["body"]) for number in range(len(BODIES))] == expected
    assert [dumps(found["body"]) for found in q.receive(limit=100)] == expected


@pytest.mark.contract("D49")
def test_the_text_of_a_number_or_string_may_be_spelled_in_many_ways(q: Queue) -> None:
    r"""D 49: escapes, raw UTF-8, surrogate pairs, exponents and repeated blanks mean the same value."""
    spellings = {
        r'"\u00e9\ud83d\ude42\/"': "é🙂/",
        '"é🙂/"': "é🙂/",
        '"\u007f"': "\u007f",
        "1E+2": 100.0,
        "-0": 0,
        '{ "a" : [ 1 , 2 ] }': {"a": [1, 2]},
        " \n[\t]\r ": [],
    }
    q.call(
        "POST", "/messages", body=array(*(body_of(text, str(n)) for n, text in enumerate(spellings)))
    ).expect(204)
    assert [found["body"] for found in q.peek()] == list(spellings.values())
    assert [found["body"] for found in q.receive()] == list(spellings.values())


@pytest.mark.contract("D50")
@pytest.mark.parametrize(
    "text", [r'"\ud800"', r'"a\udfffb"', r'["\ude42\ud83d"]', r'{"\ud800": 1}', "null"], ids=str
)
def test_a_surrogate_or_null_as_body_is_kept_or_refused(q: Queue, text: str) -> None:
    """D 50: a lone surrogate and null as body → 204 or 400 (both tolerated), reads keep working."""
    status = q.call("POST", "/messages", body=array(body_of(text))).expect(204, 400).status
    q.enqueue("neighbour")
    expected = ["m", "neighbour"] if status == 204 else ["neighbour"]
    assert q.ids() == expected
    assert q.get(expected[0])["id"] == expected[0]
    assert [found["id"] for found in q.receive()] == expected


@pytest.mark.contract("D50")
def test_null_is_a_body(q: Queue) -> None:
    """D 50: a null body is sent and comes back, as §2.3 and §4.2 decide; a missing one does not."""
    q.enqueue({"id": "m", "body": None})
    assert q.get("m")["body"] is None
    assert q.peek()[0]["body"] is None
    assert q.receive()[0]["body"] is None
    q.send({"id": "n"}).expect(400)


@pytest.mark.contract("D51")
def test_a_string_body_of_a_megabyte_fits(q: Queue) -> None:
    """D 51: 1,048,576-byte string → 204 and comes back whole; escapes do not count, the string's bytes do."""
    body = "x" * MEGABYTE
    q.enqueue({"id": "m", "body": body})
    assert q.get("m")["body"] == body
    assert q.receive()[0]["body"] == body
    assert send_text(q, '"' + "\\u0078" * MEGABYTE + '"') == 204
    assert q.get("0")["body"] == body


@pytest.mark.contract("D51")
@pytest.mark.parametrize(
    "text",
    [
        '"' + "x" * (MEGABYTE + 1) + '"',
        '{"a": "' + "x" * MEGABYTE + '"}',
        '["' + "x" * (MEGABYTE - 3) + '"]',
        "[" + "1," * (MEGABYTE // 2) + "1]",
    ],
    ids=["string", "object", "array with brackets", "numbers"],
)
def test_a_body_over_a_megabyte_stores_nothing(q: Queue, text: str) -> None:
    """D 51: one more byte, or an object around it → 413 E and the small neighbour is not stored."""
    assert send_text(q, text) == 413
    assert send_text(q, '"fits"', text) == 413
    assert q.stats() == counts()


@pytest.mark.contract("D51")
def test_the_size_of_an_object_is_that_of_its_compact_json(q: Queue) -> None:
    """D 51: exactly 1,048,576 bytes with brackets fit, and blanks between tokens do not count (§4.1)."""
    assert send_text(q, '["' + "x" * (MEGABYTE - 4) + '"]') == 204
    q.call("DELETE", "/messages").expect(204)
    assert send_text(q, "[1," + " " * MEGABYTE + "2]") == 204
    assert q.get("0")["body"] == [1, 2]


@pytest.mark.contract("D52")
@pytest.mark.parametrize("letter", ["é", r"\u00e9"])
def test_size_counts_bytes_of_utf8(q: Queue, letter: str) -> None:
    """D 52: 524,289 × é → 413; 524,288 × é → 204, raw or escaped."""
    assert send_text(q, '"' + letter * 524_289 + '"') == 413
    assert q.stats() == counts()
    assert send_text(q, '"' + letter * 524_288 + '"') == 204
    assert q.get("0")["body"] == "é" * 524_288


@pytest.mark.contract("D53")
def test_a_batch_may_be_larger_than_one_message(q: Queue) -> None:
    """D 53: 6 × 1,000,000 bytes in one request → 204."""
    q.enqueue(*({"id": str(number), "body": str(number) * 1_000_000} for number in range(6)))
    assert q.stats() == counts(pending=6)
    assert [found["body"][0] for found in q.receive()] == list("012345")


@pytest.mark.contract("D53")
def test_a_request_of_sixteen_mebibytes_is_accepted(q: Queue) -> None:
    """D 53: a request of exactly 16 MiB → 204 (§4.1)."""
    items = array(*(body_of('"' + "x" * 1_000_000 + '"', str(number)) for number in range(16)))
    q.call("POST", "/messages", body=items + b" " * (16 * MEGABYTE - len(items))).expect(204)
    assert q.stats() == counts(pending=16)

"""What counts as JSON, and how a misfit is told (OKMQ contract section 2.3)."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from queues.api import strict_json
from queues.api.problems import BadRequest

pytestmark = pytest.mark.once


class Item(msgspec.Struct):
    id: str
    body: msgspec.Raw = msgspec.Raw(b"null")
    flag: bool | None = None


items = msgspec.json.Decoder(list[Item])
item = msgspec.json.Decoder(Item)
JUNK = [
    b"",
    b" ",
    b"{not json",
    b"nul",
    b"[1,]",
    b"[01]",
    b"[+1]",
    b"[1.]",
    b"[.5]",
    b"[0x1]",
    b"'a'",
    b"[NaN]",
    b"[Infinity]",
    b"[-Infinity]",
    b"[1e400]",
    b"[-1e400]",
    b"[" + b"9" * 400 + b".5]",
    b"[" + b"9" * 400 + b"e0]",
    b'["\xff"]',
    b'["\xed\xa0\x80"]',
    b'["\xc0\x80"]',
    b"\xff\xfe[\x00]\x00",
    b"\xef\xbb\xbf[]",
    b'["\\ud800"]',
    b'["\\udc00\\ud800"]',
    b'["\\ud800\\u0041"]',
    b'["\\x41"]',
    b'["\x01"]',
    b'["tab\there"]',
    b"[1] 2",
    b"[1]\x00",
    b"[" * 100_000,
    b"[" * 5000 + b"]" * 5000,
    b'{"a":' * 5000 + b"1" + b"}" * 5000,
    b'{"\xff":null}',
    b'{"a\xed\xa0\x80":null}',
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


def short(value: bytes) -> str:
    return repr(value)[:40]


def around(body: bytes) -> bytes:
    return b'[{"id":"x","body":' + body + b"}]"


@pytest.mark.parametrize("junk", JUNK, ids=short)
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises(BadRequest, match=r"^request body: "):
        strict_json.decode(junk)
    with pytest.raises(BadRequest, match=r"^request body: "):
        strict_json.decode_as(items, junk)
    with pytest.raises(BadRequest, match=r"^request body: "):
        strict_json.decode_nullable(item, junk)


@pytest.mark.parametrize("junk", [junk for junk in JUNK if junk.strip()], ids=short)
def test_junk_is_refused_where_it_is_not_decoded(junk: bytes) -> None:
    with pytest.raises(BadRequest):
        strict_json.decode_as(items, around(junk))
    with pytest.raises(BadRequest):
        strict_json.decode_as(items, b'[{"id":"x","unknown":' + junk + b"}]")
    with pytest.raises(BadRequest):
        strict_json.decode_nullable(item, b'{"id":null,"unknown":' + junk + b"}")


def test_null_is_as_if_it_were_absent_where_that_is_so() -> None:
    read = strict_json.decode_nullable(item, b'{"id":"x","body": [null],"flag": null ,"unknown":null}')
    assert (read.id, bytes(read.body), read.flag) == ("x", b"[null]", None)
    with pytest.raises(BadRequest, match=r"^id: is required"):
        strict_json.decode_nullable(item, b'{"id":null}')
    with pytest.raises(BadRequest, match=r"^id: expected string"):
        strict_json.decode_nullable(item, b'{"id":1,"flag":null}')
    with pytest.raises(BadRequest, match=r"^request body: expected object"):
        strict_json.decode_nullable(item, b"null")


@given(json_values)
def test_json_is_accepted_and_kept(value: Any) -> None:
    text = json.dumps(value).encode()
    assert bytes(strict_json.decode_as(items, around(text))[0].body) == text


@pytest.mark.parametrize("digits", [20, 23, 400, 4300, 4301, 5000, 100_000])
def test_integers_of_any_size_are_kept_where_they_are_not_decoded(digits: int) -> None:
    number = b"-" + b"9" * digits
    assert bytes(strict_json.decode_as(items, around(number))[0].body) == number


@pytest.mark.parametrize(
    "companion", [b"1e400", b'"\\ud800"', b'{"a":"\\ud800","a":1}', b"NaN", b"[" * 20_000], ids=short
)
def test_a_long_integer_hides_no_junk(companion: bytes) -> None:
    with pytest.raises(BadRequest):
        strict_json.decode_as(items, around(b"[" + b"9" * 5000 + b"," + companion + b"]"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "request body: is required"),
        (b"null", "request body: expected array, got null"),
        (b"{}", "request body: expected array, got object"),
        (b"[1]", "[0]: expected object, got int"),
        (b"[{}]", "[0].id: is required"),
        (b'[{"id":"a"},{"id":5}]', "[1].id: expected string, got int"),
        (b'[{"id":null}]', "[0].id: expected string, got null"),
        (b'[{"id":"a","flag":1}]', "[0].flag: expected boolean | null, got int"),
        (b'[{"id":"a","flag":"true"}]', "[0].flag: expected boolean | null, got string"),
        (b'["\xff"]', "request body: is not UTF-8"),
        (b"[" * 5000, "request body: is nested too deeply"),
    ],
)
def test_the_text_names_the_field(text: bytes, told: str) -> None:
    with pytest.raises(BadRequest) as refused:
        strict_json.decode_as(items, text)
    assert refused.value.text.startswith(told)


@pytest.mark.parametrize("escape", ["\\ud800", "\\uDFFF", "a\\ud83dz", "\\ude00\\ud83d", "\\ud800\\ud800"])
def test_a_lone_surrogate_in_a_look_up_becomes_nul(escape: str) -> None:
    found = strict_json.decode_lookup(items, f'[{{"id":"{escape}"}},{{"id":"b"}}]'.encode())
    assert "\0" in found[0].id
    assert found[1].id == "b"


@pytest.mark.parametrize("text", ["\\ud83d\\ude00", "\\\\ud800", "\\\\\\\\ud800", "\\u00e9"])
def test_other_escapes_in_a_look_up_stay_what_they_are(text: str) -> None:
    found = strict_json.decode_lookup(items, f'[{{"id":"{text}"}},{{"id":"\\udc00"}}]'.encode())
    assert found[0].id == json.loads(f'"{text}"')


def test_a_look_up_is_as_strict_in_all_else() -> None:
    for junk in JUNK:
        if b"\\ud" not in junk:
            with pytest.raises(BadRequest):
                strict_json.decode_lookup(items, junk)

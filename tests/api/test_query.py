"""Query parameters (OKMQ contract sections 2.3 and 2.6)."""

from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queues.api import query
from queues.api.okmq.views import read_window
from queues.api.problems import BadRequest
from queues.broker.names import storable
from queues.broker.types import State

pytestmark = pytest.mark.once

BAD_INTEGERS = [
    "",
    "abc",
    "1.5",
    "1_0",
    "٣",
    "0x10",
    "1e1",
    " 5",
    "5 ",
    "+5",
    "--5",
    "-",
    "9" * 30,
    "9" * 5000,
]


@pytest.mark.parametrize("text", [*BAD_INTEGERS, "0", "-1", "101", "true"])
def test_a_bad_limit_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match=r"^limit: "):
        read_window(f"limit={quote(text)}")


@pytest.mark.parametrize(("text", "limit"), [("1", 1), ("100", 100), ("007", 7), ("0" * 5000 + "5", 5)])
def test_a_good_limit_is_taken(text: str, limit: int) -> None:
    assert read_window(f"limit={text}").limit == limit


@pytest.mark.parametrize("text", [*BAD_INTEGERS, "-1", str(2**63)])
def test_a_bad_offset_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match=r"^offset: "):
        read_window(f"offset={quote(text)}")


def test_an_offset_may_be_large() -> None:
    assert read_window(f"offset={2**63 - 1}").offset == 2**63 - 1
    assert read_window("offset=-0").offset == 0


@pytest.mark.parametrize("text", ["", "yes", "2", "banana", "tru", "TRUEE", "-1"])
def test_peek_is_exact(text: str) -> None:
    with pytest.raises(BadRequest, match=r"^peek: "):
        read_window(f"peek={text}")


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "1"])
def test_peek_may_be_written_in_any_case(text: str) -> None:
    assert read_window(f"peek={text}").peek


@pytest.mark.parametrize("text", ["", "nope", "ALL", "Pending", "acked,failed", "list"])
def test_type_must_be_a_state(text: str) -> None:
    with pytest.raises(BadRequest, match=r"^type: "):
        read_window(f"type={text}")


def test_every_state_is_a_type() -> None:
    assert [read_window(f"type={state}").state for state in State] == list(State)
    assert read_window("type=all").state is None


def test_without_a_query_the_defaults_hold() -> None:
    assert read_window("") == (10, "", False, None, 0)
    assert read_window("unknown=1&format=xml&=&&") == (10, "", False, None, 0)


def test_the_last_of_repeated_parameters_counts() -> None:
    assert read_window("limit=5&limit=7").limit == 7


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_tag_arrives_as_it_was_sent(tag: str) -> None:
    assert query.tag_filter(query.parse_query(urlencode({"tag": tag}))) == tag
    wsgi_text = ("tag=" + tag).encode().decode("latin-1")  # a client that does not percent-encode
    if not set("&+%;=") & set(tag):
        assert query.tag_filter(query.parse_query(wsgi_text)) == tag


@pytest.mark.parametrize("text", ["%00", "a%00b", "%FF", "%F0%9F", "\xff", "%ED%A0%80"])
def test_a_tag_that_cannot_exist_becomes_no_other_tag(text: str) -> None:
    assert not storable(query.tag_filter(query.parse_query(f"tag={text}")))


@given(st.binary())
def test_no_query_is_too_odd(raw: bytes) -> None:
    query.tag_filter(query.parse_query(raw.decode("latin-1")))

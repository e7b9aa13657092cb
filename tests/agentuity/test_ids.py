"""Ids to and fro."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queues.api.agentuity import ids
from queues.broker.ids import new_message_id

pytestmark = pytest.mark.once
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=256)


@given(TEXT | st.uuids().map(str) | st.uuids().map(lambda uuid: uuid.hex))
def test_every_id_has_a_form_of_its_own(public_id: str) -> None:
    written = ids.message_id(public_id)
    assert re.fullmatch("qmsg_[a-zA-Z0-9]+", written)
    assert ids.public_id(written) == public_id


def test_the_servers_own_ids_are_short() -> None:
    assert len(ids.message_id(new_message_id())) == len("qmsg_") + 32


@given(st.text(max_size=80) | st.from_regex(r"qmsg_x?[0-9a-fA-F]*", fullmatch=True))
def test_each_id_is_written_in_one_way_only(text: str) -> None:
    found = ids.public_id(text)
    assert found is None or ids.message_id(found) == text


@given(st.integers(0, 2**63 - 1))
def test_numbers(number: int) -> None:
    assert ids.number_of(ids.QUEUE, ids.queue_id(number)) == number


@pytest.mark.parametrize("text", ["", "queue_", "queue_1", "queue_" + "g" * 22, "que_" + "0" * 22, "0" * 22])
def test_what_is_no_number(text: str) -> None:
    assert ids.number_of(ids.QUEUE, text) is None

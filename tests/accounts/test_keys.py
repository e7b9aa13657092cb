"""The text of a key: its form, its checksum, its hash."""

import re

import pytest
from django.conf import LazySettings
from hypothesis import given
from hypothesis import strategies as st

from accounts import keys

pytestmark = pytest.mark.once


def test_a_key_has_the_documented_form() -> None:
    assert re.fullmatch(r"okmq_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}", keys.generate().text)


def test_no_two_keys_are_alike() -> None:
    assert len({keys.generate().text for _ in range(200)}) == 200


def test_a_key_is_parsed_into_what_it_was_made_of() -> None:
    parts = keys.generate()
    assert keys.parse(parts.text) == parts


@given(st.integers(0, 55), st.sampled_from(keys.ALPHABET))
def test_one_changed_character_is_recognised(at: int, letter: str) -> None:
    text = keys.generate().text
    changed = text[:at] + letter + text[at + 1 :]
    assert changed == text or keys.parse(changed) is None


@given(st.text())
def test_nothing_else_is_a_key(text: str) -> None:
    assert keys.parse(text) is None


def test_blanks_and_line_ends_around_a_key_are_no_part_of_it() -> None:
    text = keys.generate().text
    assert [keys.parse(odd) for odd in (text + "\n", " " + text, text + "0", text[:-1])] == [None] * 4


def test_the_checksum_never_changes() -> None:
    """Keys handed out by an earlier version must go on working."""
    assert keys.checksum("okmq_000000000000_00000000000000000000000000000000") == "2wpWSn"


def test_a_hash_says_nothing_without_the_site_key(settings: LazySettings) -> None:
    settings.SECRET_KEY = "one"
    first = keys.hash_secret("s")
    settings.SECRET_KEY = "two"
    assert keys.hash_secret("s") != first
    assert not keys.secret_matches("s", first)


@pytest.mark.parametrize("fallbacks", [["one"], ["zero", "one"]])
def test_a_hash_under_an_older_site_key_still_matches(settings: LazySettings, fallbacks: list[str]) -> None:
    settings.SECRET_KEY = "one"
    stored = keys.hash_secret("s")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "two", fallbacks
    assert keys.secret_matches("s", stored)
    assert not keys.secret_matches("t", stored)

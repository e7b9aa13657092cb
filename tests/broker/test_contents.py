"""Looking into bodies."""

from __future__ import annotations

import pytest

from queues.broker.contents import has_text, has_value, parse_path
from queues.broker.types import Encoding

pytestmark = pytest.mark.once
JSON = Encoding.JSON


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("$", ()),
        ("$.a.b", ("a", "b")),
        ("a.b", ("a", "b")),
        ("$.lines[0].sku", ("lines", 0, "sku")),
        ("$[\"a.b\"]['c']", ("a.b", "c")),
        ("$.with space.x-y", ("with space", "x-y")),
    ],
)
def test_paths_are_read(text: str, path: tuple[str | int, ...]) -> None:
    assert parse_path(text) == path


@pytest.mark.parametrize("text", ["$..a", "$.a[", "$.a[x]", "$.a]", "$.a."])
def test_what_is_no_path_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="expected a path"):
        parse_path(text)


@pytest.mark.parametrize(
    ("body", "path", "value", "there"),
    [
        ('{"a": 1}', "a", "1", True),
        ('{"a": "1"}', "a", "1", True),
        ('{"a": 17.50}', "a", "17.5", True),
        ('{"a": true}', "a", "true", True),
        ('{"a": true}', "a", "1", False),
        ('{"a": null}', "a", "null", True),
        ('{"a": {"b": [1, {"c": "x"}]}}', "a.b[1].c", "x", True),
        ('{"a": [1, 2]}', "a", "[1,2]", True),
        ('{"a": [1, 2]}', "a[2]", "1", False),
        ('{"b": 1}', "a", "1", False),
        ("[5]", "$[0]", "5", True),
        ("not json", "a", "1", False),
        ('{"0": "x"}', "$.0", "x", True),
    ],
)
def test_values_are_compared_as_json_or_as_text(body: str, path: str, value: str, there: bool) -> None:
    assert has_value(body, JSON, parse_path(path), value) is there


def test_letters_that_json_escapes_are_found() -> None:
    assert has_text('{"name": "Zo\\u00eb"}', JSON, "ZOË")
    assert not has_text('{"name": "Zo\\u00eb"}', Encoding.TEXT, "zoë")
    assert not has_value("AAAA", Encoding.BASE64, ("a",), "1")

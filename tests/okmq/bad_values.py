"""What the contract forbids, as JSON text: several of these cannot be written by an honest JSON encoder."""

from json import dumps

DIGITS_5000 = "9" * 5000
DEEP = 100_000
HUGE_NUMBERS = {"5,000 digits": DIGITS_5000, "1e400": "1e400", "1e30": "1e30", "2^63": str(2**63)}
ELEVEN_TOPICS = "[" + ",".join(f'"topic {n}"' for n in range(11)) + "]"
LETTERS_51 = '"' + "x" * 51 + '"'


def _members(field: str, *values: str) -> list[str]:
    return [f'"{field}": {value}' for value in values]


def _retry(*members: str) -> list[str]:
    return ['"retry_strategy": {"type": "exponential", ' + member + "}" for member in members]


FLAGS = ("auto_ack", "auto_delete", "preserve_failed", "preserve_pending")

# Members of a settings object, for create and for PATCH (contract §3.1, §5.4).
BAD_SETTINGS = [
    *(member for flag in FLAGS for member in _members(flag, '"true"', "1", "0")),
    *_members("auto_ack", "[]", "{}", '""', "0.0"),
    *_members("lock_duration", "0", "-1", "true", '"30"', "1.5", "[]", "1e9", "-30.0"),
    *_members("max_delivery_attempts", "0", "-1", "true", '"3"', "2.5", "{}"),
    *_members("ttl", "-1", "false", '"300"', "0.5", '""', "[300]"),
    *_members("topics", '"t"', "{}", "true", "[5]", "[null]", '["t", true]', '[["t"]]', ELEVEN_TOPICS),
    *_members("topics", '[""]', f"[{LETTERS_51}]", '["a/b"]', '["a\\\\b"]', '["\\u0000"]', '["."]', '[".."]'),
    *_members("topics", '["\\ud800"]', '["a\\tb"]'),
    *_members("retry_strategy", '"fixed"', "[]", "5", "true", "{}", '{"base_delay": 5}'),
    *_members("retry_strategy", '{"type": "random"}', '{"type": "Fixed"}', '{"type": null}', '{"type": 5}'),
    *_retry(*_members("base_delay", "0", "-1", '"5"', "true", "1.5", "31536001")),
    *_retry(*_members("max_delay", "0", '"300"', "false", "2.5", "31536001")),
    *_retry(*_members("multiplier", "0.5", "0", "-2", '"2"', "true", "[]", "1e400")),
]

# Upper bounds which the original document writes on PATCH only (contract §3.1).
OVER_BOUNDS = [
    *_members("lock_duration", "86401"),
    *_members("max_delivery_attempts", "101"),
    *_members("ttl", "31536001"),
]

# Values of "name", for create (contract §2.6).
BAD_NAMES = [
    LETTERS_51,
    '"' + "é" * 51 + '"',
    '""',
    "null",
    "5",
    "true",
    "[]",
    '["x"]',
    "{}",
    '"a/b"',
    '"/"',
    '"a\\\\b"',
    '"\\u0000"',
    '"a\\u0000b"',
    '"a\\tb"',
    '"a\\n"',
    '"\\u001f"',
    '"\\u007f"',
    '"."',
    '".."',
    '"\\ud800"',
    '"a\\udfff"',
]

# Items of an enqueue or publish batch (contract §2.6, §4.2).
BAD_ITEMS = [
    '{"body": "x"}',
    '{"id": null, "body": "x"}',
    '{"id": "", "body": "x"}',
    '{"id": ' + LETTERS_51 + ', "body": "x"}',
    '{"id": "' + "🙂" * 51 + '", "body": "x"}',
    '{"id": "a\\u0000b", "body": "x"}',
    '{"id": "\\ud800", "body": "x"}',
    '{"id": 5, "body": "x"}',
    '{"id": 1.5, "body": "x"}',
    '{"id": true, "body": "x"}',
    '{"id": ["x"], "body": "x"}',
    '{"id": {"id": "x"}, "body": "x"}',
    '{"id": "bad"}',
    '{"id": "bad", "body": "x", "tag": ' + LETTERS_51 + "}",
    '{"id": "bad", "body": "x", "tag": 5}',
    '{"id": "bad", "body": "x", "tag": false}',
    '{"id": "bad", "body": "x", "tag": ["t"]}',
    '{"id": "bad", "body": "x", "tag": "a\\u0000"}',
    '{"id": "bad", "body": "x", "tag": "\\udc00"}',
    '{"id": "bad", "body": 1e400}',
    "{}",
    "null",
    '"bad"',
    "5",
    "true",
    "[]",
    '[{"id": "bad", "body": "x"}]',
]

# Values of "delivery_time", for enqueue and for a nack (contract §2.5).
BAD_TIMES = [
    '""',
    '"tomorrow"',
    '"now"',
    '"2030-01-01"',
    '"10:00:00Z"',
    '"2030-01-01T10:00Z"',
    '"2030-13-01T10:00:00Z"',
    '"2030-00-01T10:00:00Z"',
    '"2030-02-30T10:00:00Z"',
    '"2030-02-29T10:00:00Z"',
    '"2030-01-01T25:00:00Z"',
    '"2030-01-01T10:60:00Z"',
    '"2030-01-01T10:00:61Z"',
    '"2030-01-01T10:00:00+25:00"',
    '"2030-01-01T10:00:00+0100"',
    '"2030-01-01T10:00:00.Z"',
    '"12030-01-01T10:00:00Z"',
    '"-2030-01-01T10:00:00Z"',
    '"20300101T100000Z"',
    '"2030-W01-1T10:00:00Z"',
    '" 2030-01-01T10:00:00Z"',
    '"2030-01-01T10:00:00Z "',
    '"2030-01-01T10:00:00Z\\u0000"',
    '"2030-01-01_10:00:00Z"',
    '"٢٠٣٠-01-01T10:00:00Z"',
    '"1893492000"',
    "1893492000",
    "1893492000.5",
    "true",
    "[]",
    '{"at": "2030-01-01T10:00:00Z"}',
]

# Items of an ack batch (contract §5.6).
BAD_ACKS = [
    '{"ack": true}',
    '{"id": "m"}',
    '{"id": null, "ack": true}',
    '{"id": 5, "ack": true}',
    '{"id": true, "ack": true}',
    '{"id": ["m"], "ack": true}',
    '{"id": "m", "ack": null}',
    '{"id": "m", "ack": "true"}',
    '{"id": "m", "ack": 1}',
    '{"id": "m", "ack": 0}',
    '{"id": "m", "ack": []}',
    '{"id": "m", "ack": true, "delete": "true"}',
    '{"id": "m", "ack": true, "delete": 1}',
    '{"id": "m", "ack": false, "delete": "no"}',
    '{"id": "m", "ack": true, "delivery_time": "soon"}',
    '{"id": "m", "ack": false, "delivery_time": 5}',
    "{}",
    "null",
    '"m"',
    "5",
    "true",
    '["m", true]',
]

# Bodies that are not JSON, for every route that takes one (contract §2.3).
JUNK = {
    "broken object": b"{not json",
    "unfinished array": b"[1,",
    "two documents": b"[] []",
    "trailing comma": b"[1,]",
    "single quotes": b"['a']",
    "bare word": b"hello",
    "form": b"id=a&body=b",
    "broken UTF-8": b'["\xff\xfe"]',
    "cut-off UTF-8": b'["\xf0\x9f"]',
    "UTF-8 surrogate": b'["\xed\xa0\x80"]',
    "UTF-16": "[]".encode("utf-16"),
    "NUL": b"\x00",
    "blanks": b"  \n ",
    "raw line feed in a string": b'["a\nb"]',
    "NaN": b"[NaN]",
    "Infinity": b"[Infinity]",
    "-Infinity": b"[-Infinity]",
    "1e400": b"[1e400]",
    "open brackets": b"[" * DEEP,
    "nested arrays": b"[" * DEEP + b"]" * DEEP,
    "nested objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
}

# Values that a filter must be able to look up without finding anything (contract §2.6).
STRANGE_LOOKUPS = ["", "\x00", "a\x00b", "x" * 500, "🙂" * 51, "%", "' OR 1=1 --", "../..", "\n"]


def item(id: str, **members: str) -> str:
    """An enqueue item as JSON text, its further members given as JSON text too."""
    rest = "".join(f', "{name}": {value}' for name, value in members.items())
    return f'{{"id": "{id}", "body": "b"{rest}}}'


def array(*items: str) -> bytes:
    return ("[" + ", ".join(items) + "]").encode()


def settings(member: str, **others: object) -> bytes:
    """A settings object of one raw member after good ones."""
    good = dumps(others)[1:-1]
    return ("{" + (good + ", " if good else "") + member + "}").encode()

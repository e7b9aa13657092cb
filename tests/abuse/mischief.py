"""Requests that mean harm or nothing at all, from a seeded source: the same again in the next run."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from tests.abuse.operations import Operation

NAMES = ["plain"] * 6 + ["m1"] * 3 + ["news", "plain-dlq", "demo", "0", "1"]
"""What a path may really name: queue and stream, message, and some that become names by use."""
JUNK_SEGMENTS = [
    "%00", "%FF", "a%00b", "%F0%9F", "%C3%28", "..", "%2e%2e", "%20", "%ED%A0%80", "a%2fb", "x" * 300,
    "%F0%9F%99%82" * 60, "-1", "9" * 400, "*", "a%0d%0ab", "%25", "null", "%E2%80%AE", "%ef%bb%bf", ";",
    "a,b", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "NaN", "+", "%5C",
    "'", "%22",
]  # fmt: skip
JUNK_VALUES = [
    "", "0", "-1", "1", "9" * 30, "9" * 5000, "1e400", "NaN", "Infinity", "1.5", "true", "false", "\x00",
    "\x7f", "null", "\ud800", "é", "🙂" * 80, "a" * 300, "[]", "{}", "2030-01-01T00:00:00Z",
    "-9999-01-01T00:00:00Z", "%", "٣", "' OR 1=1 --", "1ns", "-1s", "9" * 20 + "h", "$", "1,2,3", "1-1",
    "9" * 25 + "-0", "pending", "worker",
]  # fmt: skip
JUNK_JSON: list[str] = [
    "null", "true", "-0", "1e400", "-1e400", "NaN", "Infinity", "9" * 5000, "0." + "1" * 5000, "1e-400", "[]",
    "{}", '""', '"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', '"' + "x" * 70_000 + '"', "[" * 100,
    "[" * 2_000 + "]" * 2_000, '{"a":' * 500 + "1" + "}" * 500, '"\\x"', "'x'", "01", "+1", ".5", "[1,]",
    '{"a":1,}', '{"a":1,"a":2}', "{a:1}", "18446744073709551616", "-9223372036854775809",
    '"2030-02-30T00:00:00Z"', '"é"', '"﻿"', "[[[[]]]]", "[null]", '{"__proto__":{}}', '{"$ref":"#"}',
    "1" + "0" * 400, "//x", "/**/1", "\u2028", "[NaN]", "1_000", "0x10", "1e5",
]  # fmt: skip
SENDABLE = [value for value in JUNK_VALUES if all(" " <= letter <= "\xff" for letter in value)]
"""Those that a header can hold."""
STRANGE_BYTES = (b"\0", b"\xff", b"\xed\xa0\x80", b"\\", b'"', b"\xef\xbb\xbf")
CONTENT_TYPES = [
    "application/json", "application/json", "application/json; charset=utf-16",
    "application/json; charset=latin-1", "text/html", "text/plain; charset=nonsense", "multipart/form-data",
    "multipart/form-data; boundary=x", "", ";", "application/x-www-form-urlencoded",
    "application/octet-stream", "x" * 3000, "\xff\xfe", "application/json,text/xml",
]  # fmt: skip
HEADERS = {
    "Accept": ["text/html", "application/xml", "*/*;q=x", "", "\xff"],
    "Accept-Encoding": ["gzip, br;q=nan", "identity;q=0"],
    "Content-Encoding": ["gzip", "deflate", "br", "x"],
    "Content-Length": ["abc", "-1", "9" * 30, "1", "0", "\xb2", "1e3", " "],
    "Cookie": ["a=b; " * 500, "sessionid=\xff", "="],
    "Expect": ["100-continue", "200-ok"],
    "Host": ["", "a b", "[::", "x" * 300, "\xff", "evil.example:0"],
    "If-Match": ["*", '"x"'],
    "If-None-Match": ["*", "x"],
    "Last-Event-ID": JUNK_VALUES[:12],
    "Origin": ["null", "http://\xff", "https://evil.example"],
    "Range": ["bytes=0-0", "bytes=-" + "9" * 40],
    "Transfer-Encoding": ["chunked", "gzip"],
    "Upgrade": ["websocket", "h2c"],
    "X-Forwarded-For": ["\xff", "1.2.3.4, 5.6.7.8", "x" * 5000],
    "X-HTTP-Method-Override": ["DELETE"],
    "X-Request-ID": ["x" * 200, "\xff", "a b", ""],
    "Idempotency-Key": ["x" * 400, "\xff", "k"],
    "Traceparent": ["00-" + "0" * 32 + "-" + "0" * 16 + "-01", "x"],
}


@dataclass(frozen=True)
class Request:
    method: str
    target: str
    content: bytes
    headers: dict[str, str]

    def __str__(self) -> str:
        return f"{self.method} {self.target[:200]} {self.headers} {self.content[:200]!r}"


class Mischief:
    """Requests to one operation."""

    def __init__(self, operation: Operation, credentials: dict[str, str], seed: int = 1) -> None:
        self.operation = operation
        self._credentials = credentials
        self._chance = random.Random(f"{seed} {operation.label}")
        self._kinds: list[Callable[[], bytes]] = [
            self._random_bytes, self._mutated_text, self._mutated_value, self._mutated_value, self._junk,
            self._example, self._compressed, self._deep, self._empty,
        ]  # fmt: skip

    def request(self) -> Request:
        chance = self._chance
        headers = {} if chance.random() < 0.03 else dict(self._credentials)
        headers["Content-Type"] = chance.choice(CONTENT_TYPES)
        for _ in range(chance.choice((0, 0, 0, 1, 2))):
            name = chance.choice([*HEADERS, *self.operation.headers])
            headers[name] = chance.choice(HEADERS.get(name, SENDABLE))
        method = (
            self.operation.method
            if chance.random() < 0.97
            else chance.choice(("PUT", "HEAD", "OPTIONS", "FOO"))
        )
        return Request(method, self._target(), chance.choice(self._kinds)(), headers)

    def garbage(self) -> Request:
        """One whose body is certainly not JSON."""
        return self._proper_but_for(b"\xff" + self._random_bytes())

    def noise(self) -> Request:
        """One whose body is bytes by chance, a few of which are JSON."""
        length = self._chance.choice((1, 1, 2, 3, 10, 30, 300, 3_000))
        return self._proper_but_for(self._chance.randbytes(length))

    def _proper_but_for(self, content: bytes) -> Request:
        path = re.sub(r"\{\w+\}", "plain", self.operation.path)
        headers = {**self._credentials, "Content-Type": "application/json"}
        return Request(self.operation.method, path, content, headers)

    def _target(self) -> str:
        chance = self._chance

        def segment(_: re.Match[str]) -> str:
            return chance.choice(NAMES) if chance.random() < 0.7 else chance.choice(JUNK_SEGMENTS)

        path = re.sub(r"\{\w+\}", segment, self.operation.path)
        names = [*self.operation.query, "x", "format", "limit"]
        query = [
            (chance.choice(names), chance.choice(JUNK_VALUES)) for _ in range(chance.choice((0, 0, 1, 2, 5)))
        ]
        if not query:
            return path
        if chance.random() < 0.1:
            return f"{path}?{'&'.join(name for name, _ in query)}&=&%&%zz=%FF"
        return f"{path}?{urlencode(query, quote_via=quote, errors='surrogatepass')}"

    # ------------------------------------------------------------ bodies

    def _random_bytes(self) -> bytes:
        return self._chance.randbytes(self._chance.choice((1, 3, 30, 300)))

    def _example(self) -> bytes:
        return json.dumps(self.operation.example).encode()

    def _mutated_text(self) -> bytes:
        """The example with some bytes changed, cut out or doubled."""
        text = bytearray(self._example())
        for _ in range(self._chance.randint(1, 3)):
            at = self._chance.randrange(len(text)) if text else 0
            change = self._chance.randrange(4)
            if change == 0:
                text[at : at + 1] = self._chance.randbytes(1)
            elif change == 1:
                del text[at : at + self._chance.randint(1, 5)]
            elif change == 2:
                text[at:at] = text[at : at + 8]
            else:
                text[at:at] = self._chance.choice(STRANGE_BYTES)
        return bytes(text)

    def _mutated_value(self) -> bytes:
        """The example with something else in one or two places."""
        value = json.loads(json.dumps(self.operation.example))
        for _ in range(self._chance.randint(1, 2)):
            value = self._replaced(value)
        text = json.dumps(value, ensure_ascii=self._chance.random() < 0.5)
        text = re.sub(r'"@(\d+)@"', lambda mark: JUNK_JSON[int(mark[1])], text)
        return text.encode("utf-8", "surrogatepass")

    def _replaced(self, value: Any) -> Any:
        """``value`` with a mark for junk somewhere in it."""
        chance = self._chance
        if isinstance(value, dict) and value and chance.random() < 0.85:
            name = chance.choice(list(value))
            change = chance.random()
            if change < 0.1:
                return {other: value[other] for other in value if other != name}
            if change < 0.15:
                return {**value, chance.choice(JUNK_VALUES): 1}
            return {**value, name: self._replaced(value[name])}
        if isinstance(value, list) and value and chance.random() < 0.6:
            return [self._replaced(value[0]), *value[1:]] * chance.choice((1, 1, 2, 300))
        return f"@{chance.randrange(len(JUNK_JSON))}@"

    def _junk(self) -> bytes:
        return self._chance.choice(JUNK_JSON).encode("utf-8", "surrogatepass")

    def _compressed(self) -> bytes:
        return gzip.compress(self._example(), 1)

    def _deep(self) -> bytes:
        return self._chance.choice((b"[" * 100_000, b'{"a":' * 50_000, b"[" * 100_000 + b"]" * 100_000))

    def _empty(self) -> bytes:
        return b""

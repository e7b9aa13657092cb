"""A destination's configuration: read from what a client sent, merged, shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from queues.push import egress, secrets
from queues.push.errors import InvalidDestination, TargetRefused
from queues.push.types import OVER_HTTP, REDACTED, Config, Kind, RetryPolicy

METHODS = ("POST", "PUT", "PATCH")
MAX_SECRET_LENGTH = 512
MAX_HEADERS = 50
MAX_HEADER_BYTES = 8_192
DAY_MS = 86_400_000
LEVELS = 2
"""Of objects in a configuration: what lies deeper means nothing, however deep it is."""

TARGET_FIELDS = {
    Kind.HTTP: "url",
    Kind.URL: "url",
    Kind.WEBHOOK: "url",
    Kind.QUEUE: "queue_id",
    Kind.SANDBOX: "sandbox_id",
    Kind.EMAIL: "email_address",
}

# What the sender says of itself, and what would change where or how far a request goes.
_RESERVED = frozenset(
    [
        "host",
        "content-length",
        "transfer-encoding",
        "content-encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "proxy-authorization",
        "proxy-authenticate",
        "proxy-connection",
        "x-tinymq-signature",
    ]
)
_RESERVED_PREFIXES = ("webhook-", "x-agentuity-", ":")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class Settled(msgspec.Struct, frozen=True):
    """A whole configuration that will do. ``secret`` None: as it was."""

    target: str
    config: Config
    secret: str | None


def merged(old: Mapping[str, Any], changes: Mapping[str, Any], levels: int = LEVELS) -> dict[str, Any]:
    """``changes`` merged into ``old`` as a JSON merge patch (RFC 7396): objects into objects, null removes,
    so that the default holds again."""
    result = dict(old)
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping) and levels > 1:
            before = result.get(name)
            result[name] = merged(before if isinstance(before, Mapping) else {}, value, levels - 1)
        else:
            result[name] = value
    return result


def read(kind: Kind, raw: Mapping[str, Any]) -> Settled:
    """The configuration that ``raw`` says; members it does not know are ignored, null means absent. Raises
    InvalidDestination, TargetRefused."""
    raw = merged({}, raw)
    field = TARGET_FIELDS[kind]
    target = _text(raw, field)
    if kind not in OVER_HTTP:
        return Settled(target, Config(), None)
    try:
        egress.parse(target)
    except egress.Malformed as error:
        raise InvalidDestination(f"config.{field}", str(error)) from error
    except egress.Refused as error:
        raise TargetRefused(f"config.{field}", str(error)) from error
    signing = _object(raw, "signing")
    config = Config(
        method=_method(raw),
        headers=_headers(raw),
        timeout_ms=_whole(raw, "timeout_ms", 1000, 300_000, Config().timeout_ms),
        retry_policy=_retry_policy(_object(raw, "retry_policy")),
        signed=_flag(signing, "signing.enabled"),
        concurrency=_whole(raw, "concurrency", 1, 1000, 0) or None,
    )
    return Settled(target, config, _secret(signing))


def shown(kind: Kind, target: str, config: Config, *, has_secret: bool) -> dict[str, Any]:
    """What answers show: everything but the secret, and no nulls."""
    found: dict[str, Any] = {TARGET_FIELDS[kind]: target}
    if kind not in OVER_HTTP:
        return found
    found["method"] = config.method
    found["headers"] = dict(config.headers)
    found["timeout_ms"] = config.timeout_ms
    found["retry_policy"] = msgspec.to_builtins(config.retry_policy)
    found["signing"] = {"enabled": config.signed}
    if has_secret:
        found["signing"]["secret_key"] = REDACTED
    if config.concurrency is not None:
        found["concurrency"] = config.concurrency
    return found


def _retry_policy(raw: Mapping[str, Any]) -> RetryPolicy:
    standard = RetryPolicy()
    return RetryPolicy(
        max_attempts=_whole(raw, "retry_policy.max_attempts", 1, 100, standard.max_attempts),
        initial_backoff_ms=_whole(
            raw, "retry_policy.initial_backoff_ms", 0, DAY_MS, standard.initial_backoff_ms
        ),
        max_backoff_ms=_whole(raw, "retry_policy.max_backoff_ms", 0, DAY_MS, standard.max_backoff_ms),
        backoff_multiplier=_number(
            raw, "retry_policy.backoff_multiplier", 1, 100, standard.backoff_multiplier
        ),
    )


def _secret(signing: Mapping[str, Any]) -> str | None:
    secret = signing.get("secret_key")
    if secret is None or secret == REDACTED:
        return None
    path = "config.signing.secret_key"
    if not isinstance(secret, str) or not 1 <= len(secret) <= MAX_SECRET_LENGTH or not secret.isprintable():
        raise InvalidDestination(path, f"must be text of 1 to {MAX_SECRET_LENGTH} printable characters")
    try:
        secrets.key_of(secret)
    except ValueError as error:
        raise InvalidDestination(path, f"must be Base64 after {secrets.PREFIX}") from error
    return secret


def _method(raw: Mapping[str, Any]) -> str:
    method = raw.get("method", METHODS[0])
    if method not in METHODS:
        raise InvalidDestination("config.method", f"must be one of {', '.join(METHODS)}")
    return str(method)


def _headers(raw: Mapping[str, Any]) -> dict[str, str]:
    headers = _object(raw, "headers")
    for name, value in headers.items():
        path = f"config.headers.{name}" if _TOKEN.fullmatch(name) else "config.headers"
        if path == "config.headers":
            raise InvalidDestination(path, "must be named by letters, digits and hyphens")
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise InvalidDestination(path, "must be text without line breaks or other control characters")
        if name.lower() in _RESERVED or name.lower().startswith(_RESERVED_PREFIXES):
            raise InvalidDestination(path, "is set by the server and cannot be given")
    if len(headers) > MAX_HEADERS or sum(len(n) + len(v) for n, v in headers.items()) > MAX_HEADER_BYTES:
        raise InvalidDestination(
            "config.headers", f"must be at most {MAX_HEADERS} of {MAX_HEADER_BYTES} bytes together"
        )
    if len({name.lower() for name in headers}) < len(headers):
        raise InvalidDestination("config.headers", "must name each header once")
    return dict(headers)


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > egress.MAX_URL_LENGTH:
        raise InvalidDestination(f"config.{name}", "must be text, and not empty")
    if "\0" in value:
        raise InvalidDestination(f"config.{name}", "must not contain control characters")
    return value


def _object(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name, {})
    if not isinstance(value, Mapping):
        raise InvalidDestination(f"config.{name}", "must be an object")
    return value


def _flag(raw: Mapping[str, Any], path: str) -> bool:
    value = raw.get(path.rpartition(".")[2], False)
    if not isinstance(value, bool):
        raise InvalidDestination(f"config.{path}", "must be true or false")
    return value


def _whole(raw: Mapping[str, Any], path: str, low: int, high: int, default: int) -> int:
    value = _number(raw, path, low, high, default)
    if value != int(value):
        raise InvalidDestination(f"config.{path}", f"must be a whole number from {low} to {high}")
    return int(value)


def _number(raw: Mapping[str, Any], path: str, low: float, high: float, default: float) -> float:
    value = raw.get(path.rpartition(".")[2])
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InvalidDestination(f"config.{path}", f"must be a number from {low} to {high}")
    return value

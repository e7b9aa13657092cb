"""One attempt: a request, and what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from queues.broker import clock
from queues.broker.types import Micros
from queues.push import egress, secrets, signing
from queues.push.backoff import HEEDED, parse_retry_after
from queues.push.bodies import FORMS, Outgoing, Rendered
from queues.push.types import REDACTED, Config, Form

USER_AGENT = "OKMQ"
MAX_ANSWER_BYTES = 64 * 1024
"""Of an answer's body no more is read."""

ANSWER_SECONDS = 5.0
"""How long a body may take that comes after its status: nothing depends on it."""

EXCERPT_BYTES = 2048
MAX_LOGGED_HEADERS = 40
MAX_LOGGED_VALUE = 512
MAX_ERROR = 500

_SECRETIVE = re.compile(r"auth|cookie|token|secret|password|key|signature|credential", re.IGNORECASE)
_NOT_SECRET = ("webhook-signature", "x-agentuity-signature", "x-tinymq-signature")


@dataclass(slots=True, frozen=True)
class Target:
    """Where to, and how. ``keys``: the secrets to sign with, the newest first."""

    url: str
    form: Form
    config: Config
    keys: tuple[str, ...]


@dataclass(slots=True)
class Answer:
    """``http_status`` None: there was none, and ``error`` says why. ``retry_after``: the instant the receiver
    asked not to be called before."""

    at: Micros = 0
    http_status: int | None = None
    error: str = ""
    duration_ms: int = 0
    request_headers: Mapping[str, str] = field(default_factory=dict)
    response_headers: Mapping[str, str] = field(default_factory=dict)
    response_body: str = ""
    retry_after: Micros | None = None

    @property
    def ok(self) -> bool:
        return self.http_status is not None and 200 <= self.http_status < 300


def session() -> aiohttp.ClientSession:
    """Pooled connections to wherever requests may go; no cookies, no proxies, no redirects, nothing
    decompressed. To be made inside the loop that uses it."""
    return aiohttp.ClientSession(
        connector=egress.connector(limit=0, limit_per_host=0, keepalive_timeout=30),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        raise_for_status=False,
    )


async def send(http: aiohttp.ClientSession, target: Target, message: Outgoing) -> Answer:
    """Send ``message``; never raises but when it is cancelled."""
    answer = Answer()
    begin = time.perf_counter()
    try:
        rendered = FORMS[target.form](message)
        headers = _headers(target, message, rendered)
        answer.request_headers = loggable(headers)
        egress.parse(target.url)
        await _request(http, target, headers, rendered.body, answer)
    except egress.Refused as error:
        answer.error = f"the URL {error}"
    except egress.RefusedAddress as error:
        answer.error = f"the URL {error}"
    except aiohttp.ClientConnectorError as error:
        cause = error.os_error
        answer.error = f"the URL {cause}" if isinstance(cause, egress.RefusedAddress) else _words(error)
    except TimeoutError:
        answer.error = f"no answer within {target.config.timeout_ms} ms"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        answer.error = _words(error)
    answer.duration_ms = round((time.perf_counter() - begin) * 1000)
    answer.at = clock.now()
    return answer


async def _request(
    http: aiohttp.ClientSession, target: Target, headers: dict[str, str], body: bytes, answer: Answer
) -> None:
    timeout = aiohttp.ClientTimeout(total=target.config.timeout_ms / 1000)
    async with http.request(
        target.config.method,
        URL(target.url, encoded=True),
        data=body,
        headers=headers,
        timeout=timeout,
        allow_redirects=False,
    ) as response:
        answer.http_status = response.status
        answer.response_headers = loggable(response.headers)
        answer.response_body = await _excerpt(response)
        if response.status in HEEDED:
            answer.retry_after = parse_retry_after(response.headers.get("Retry-After"), clock.now())
        if not answer.ok:
            answer.error = _status_words(response.status)


async def _excerpt(response: aiohttp.ClientResponse) -> str:
    """The beginning of the body. The rest is read so that the connection can be used again, up to a limit of
    bytes and time; past that the connection is closed."""
    read = bytearray()
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(ANSWER_SECONDS):
            while len(read) <= MAX_ANSWER_BYTES:
                chunk = await response.content.readany()
                if not chunk:
                    break
                read += chunk
    if not response.content.at_eof():
        response.close()
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        return ""
    return storable(read[:EXCERPT_BYTES].decode(errors="replace"))


def _headers(target: Target, message: Outgoing, rendered: Rendered) -> dict[str, str]:
    timestamp = clock.now() // clock.SECOND
    message_id = signing.header_text(rendered.message_id)
    found = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "Accept": "*/*",
        "Accept-Encoding": "identity",
    }
    own = {name.lower() for name in target.config.headers}
    found = {name: value for name, value in found.items() if name.lower() not in own}
    found |= target.config.headers
    if target.form == Form.MESSAGE:
        found["X-Agentuity-Queue"] = signing.header_text(message.queue)
        found["X-Agentuity-Message-Id"] = message_id
        found["X-Agentuity-Delivery-Attempt"] = str(message.attempt)
    return found | signing.headers(target.form, message_id, timestamp, rendered.body, target.keys)


def loggable(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers for the log: not too many, not too long, and without what they may give away."""
    found: dict[str, str] = {}
    for name, value in list(headers.items())[:MAX_LOGGED_HEADERS]:
        secretive = _SECRETIVE.search(name) and name.lower() not in _NOT_SECRET
        found[storable(name)] = REDACTED if secretive else storable(value[:MAX_LOGGED_VALUE])
    return found


def storable(text: str) -> str:
    """Without what PostgreSQL's text cannot hold."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _words(error: BaseException) -> str:
    return storable(f"{type(error).__name__}: {error}"[:MAX_ERROR])


def _status_words(status: int) -> str:
    return f"redirects are not followed ({status})" if 300 <= status < 400 else f"answered {status}"


def usable_keys(secret: str, old_secret: str) -> tuple[str, ...]:
    """The stored secrets, decrypted, without those that cannot be. Raises secrets.Unreadable when the newest
    cannot be: an unsigned request is not what was asked for."""
    keys = [secrets.decrypt(secret)] if secret else []
    with contextlib.suppress(secrets.Unreadable):
        keys += [secrets.decrypt(old_secret)] if old_secret else []
    return tuple(keys)

"""Every setting OKMQ reads from its environment, in one table.

``okmq_site.settings`` takes its values from here and from nowhere else, and ``docs/settings.md`` is
printed from it (``make docs``), so a setting cannot exist without being documented.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email
from environs import Env, EnvError, validate

Kind = Literal["str", "int", "bool", "list"]


@dataclass(slots=True, frozen=True)
class Setting:
    """One environment variable. ``default`` None: computed when absent, as ``meaning`` tells.

    ``low`` and ``high`` bound a number, both included; ``choices`` bounds a word.
    """

    name: str
    kind: Kind
    default: Any
    meaning: str
    unit: str = ""
    low: int | None = None
    high: int | None = None
    choices: tuple[str, ...] = ()
    shown_default: str = ""

    def validators(self) -> list[Callable[[Any], Any]]:
        found: list[Callable[[Any], Any]] = []
        if self.low is not None or self.high is not None:
            found.append(validate.Range(min=self.low, max=self.high))
        if self.choices:
            found.append(validate.OneOf(self.choices))
        return found

    def expected(self) -> str:
        """What a value must look like, in words for an operator."""
        if self.choices:
            return "expected one of " + ", ".join(self.choices)
        if self.kind == "int":
            return f"expected a whole number from {self.low} to {self.high}"
        return "expected true or false" if self.kind == "bool" else "expected text"

    def domain(self) -> str:
        """Unit and bounds, or the words allowed, for the documentation."""
        if self.kind == "int":
            return f"{self.unit or 'number'}, {self.low} to {self.high}"
        if self.kind == "bool":
            return "`true` or `false`"
        return ", ".join(f"`{choice}`" for choice in self.choices)

    def default_text(self) -> str:
        if self.shown_default:
            return self.shown_default
        return f"`{str(self.default).lower()}`" if self.kind == "bool" else f"`{self.default}`"


TABLE: tuple[Setting, ...] = (
    Setting(
        "HOST",
        "str",
        "127.0.0.1",
        "Address `manage.py serve` listens on. `0.0.0.0` for every interface.",
    ),
    Setting(
        "PORT", "int", 8080, "Port `manage.py serve` listens on. 0 takes any free one.", low=0, high=65535
    ),
    Setting(
        "OKMQ_DATA_DIR",
        "str",
        "data",
        "Folder of what the server keeps: the SQLite database and the generated secret key. "
        "Created when missing.",
        shown_default="`./data`",
    ),
    Setting(
        "DATABASE_URL",
        "str",
        None,
        "Database, as `sqlite:////path/to/file` or `postgresql://user:password@host:5432/name`.",
        shown_default="SQLite file `okmq.sqlite3` in `OKMQ_DATA_DIR`",
    ),
    Setting(
        "SECRET_KEY",
        "str",
        None,
        "Signs console sessions and keys the hashes of API keys: **a new one makes every API key invalid**. "
        "Every process and machine of one installation needs the same one.",
        shown_default="generated once into `secret_key` in `OKMQ_DATA_DIR`, readable by its owner only",
    ),
    Setting(
        "SECRET_KEY_FALLBACKS",
        "list",
        [],
        "Earlier values of `SECRET_KEY`, separated by commas: what was signed, hashed or encrypted under "
        "them is still understood.",
        shown_default="none",
    ),
    Setting("OKMQ_DEBUG", "bool", False, "Django's debug pages in the console. Never in production."),
    Setting(
        "OKMQ_ALLOWED_HOSTS",
        "list",
        ["*"],
        "Host names the console answers to, separated by commas. The APIs do not look at the host name.",
        shown_default="`*`",
    ),
    Setting(
        "OKMQ_CSRF_TRUSTED_ORIGINS",
        "list",
        [],
        "Origins the console accepts forms from when a proxy changes the host name, "
        "such as `https://mq.example.com`, separated by commas.",
        shown_default="none",
    ),
    Setting(
        "OKMQ_SECURE",
        "bool",
        False,
        "Set it when a proxy in front of OKMQ speaks TLS: console cookies only over HTTPS, redirect of the "
        "console to HTTPS, HSTS. The proxy must set `X-Forwarded-Proto`, and replace one the client sent.",
    ),
    Setting(
        "OKMQ_TRUST_PROXY_HEADERS",
        "bool",
        False,
        "Take a client's address from the last entry of `X-Forwarded-For` instead of its connection, for the "
        "limit on wrong keys and for the log. Only behind a proxy that adds the address itself: clients can "
        "write the header too.",
    ),
    Setting(
        "OKMQ_CORS_ORIGIN",
        "str",
        "",
        "Origin whose pages may call the APIs from a browser, such as `https://app.example.com`, or `*` for "
        "any.",
        shown_default="none",
    ),
    Setting(
        "OKMQ_WRONG_KEYS_PER_MINUTE",
        "int",
        5,
        "Wrong API keys from one address that are answered 401 within a minute; the next one and what "
        "follows for a minute get 429. A right key always passes. 0 turns it off.",
        unit="keys",
        low=0,
        high=100_000,
    ),
    Setting(
        "OKMQ_ANONYMOUS_ACCOUNT",
        "str",
        "",
        "E-mail address of the account that TinyMQ and Tasks clients without any key speak for, with all "
        "scopes: **whoever reaches the port may then do anything in it**. The server makes the account if "
        "there is none. Empty: they are answered 401. A wrong key is refused in any case.",
        shown_default="none",
    ),
    Setting(
        "OKMQ_POLL_SECONDS",
        "int",
        20,
        "How long a receive waits for a message before it answers with none.",
        unit="seconds",
        low=5,
        high=55,
    ),
    Setting(
        "OKMQ_FORQ_POLL_SECONDS",
        "int",
        30,
        "How long a consume of the Forq API waits for a message. Its clients give up after 35.",
        unit="seconds",
        low=0,
        high=34,
    ),
    Setting(
        "OKMQ_FORQ_V0",
        "bool",
        False,
        "Leave `receipt` out of what a consume of the Forq API answers, for clients of Forq before 1.0 that "
        "take no field they do not know. Forq's own Java library needs no such setting. Acks and nacks "
        "without a receipt are accepted either way.",
    ),
    Setting(
        "OKMQ_FORQ_REQUIRE_RECEIPT",
        "bool",
        False,
        "Refuse the Forq API's acks and nacks without `X-Forq-Receipt`, as Forq 1.0 does.",
    ),
    Setting(
        "OKMQ_FORQ_QUEUE_TTL_HOURS",
        "int",
        24,
        "Life of messages in queues that the Forq API makes from now on, from their delivery time on; then "
        "they move to the dead-letter queue.",
        unit="hours",
        low=1,
        high=87_600,
    ),
    Setting(
        "OKMQ_FORQ_DLQ_TTL_HOURS",
        "int",
        168,
        "Life of messages in the dead-letter queues it makes.",
        unit="hours",
        low=1,
        high=87_600,
    ),
    Setting(
        "OKMQ_TINYMQ_MAX_MESSAGES",
        "int",
        100_000,
        "Messages that may wait in a topic that the TinyMQ API makes from now on. One more is answered 429, "
        "or "
        "the oldest make room, as the topic's policy has it.",
        unit="messages",
        low=1,
        high=1_000_000_000,
    ),
    Setting(
        "OKMQ_MAX_REQUEST_BYTES",
        "int",
        32 * 1024 * 1024,
        "Largest request body taken; larger ones are refused.",
        unit="bytes",
        low=16 * 1024 * 1024,
        high=1024 * 1024 * 1024,
    ),
    Setting(
        "OKMQ_MAX_CONNECTIONS",
        "int",
        10_000,
        "Connections that one web process keeps open, idle ones included; never more than three quarters of "
        "the files it may open. When they are used up, the one that has been idle for longest is closed.",
        unit="connections",
        low=100,
        high=1_000_000,
    ),
    Setting(
        "OKMQ_REQUEST_SECONDS",
        "int",
        30,
        "How long a request may take to come in, from its first byte on; a second more for each 8 KiB of it. "
        "Slower ones are answered 408, and their connections closed.",
        unit="seconds",
        low=1,
        high=3600,
    ),
    Setting(
        "OKMQ_SERVER",
        "str",
        "gunicorn",
        "What `manage.py serve` speaks HTTP with. granian, where it is installed (`make granian`), is faster "
        "with single messages, and knows less of its clients: see [operations](operations.md#granian).",
        choices=("gunicorn", "granian"),
    ),
    Setting(
        "OKMQ_THREADS",
        "int",
        640,
        "Requests served at the same time by one web process, waiting receives included. "
        "Threads are started when first needed.",
        unit="threads",
        low=4,
        high=10_000,
    ),
    Setting(
        "OKMQ_RESERVED_THREADS",
        "int",
        64,
        "Threads of `OKMQ_THREADS` that waiting receives never take, so that publish and ack always find "
        "one. A receive beyond that answers at once.",
        unit="threads",
        low=1,
        high=10_000,
    ),
    Setting(
        "OKMQ_MAX_STREAMS",
        "int",
        256,
        "Event streams that one web process keeps open at the same time; each takes a thread for as long as "
        "it lasts, and they share with waiting receives what `OKMQ_RESERVED_THREADS` leaves. One more is "
        "answered 503.",
        unit="streams",
        low=1,
        high=10_000,
    ),
    Setting(
        "OKMQ_PROCESSES",
        "int",
        None,
        "Web processes. On SQLite leave it at 1: more work, but gain nothing.",
        unit="processes",
        low=1,
        high=64,
        shown_default="1 on SQLite, 2 on PostgreSQL",
    ),
    Setting(
        "OKMQ_HOUSEKEEPING_SECONDS",
        "int",
        1,
        "Pause between two rounds of the worker.",
        unit="seconds",
        low=1,
        high=60,
    ),
    Setting(
        "OKMQ_SWEEP_SECONDS",
        "int",
        15,
        "Pause between two removals of expired messages. "
        "Expired messages are never handed out; this decides how soon their space is free.",
        unit="seconds",
        low=1,
        high=60,
    ),
    Setting(
        "OKMQ_APPS",
        "list",
        [],
        "Django apps of your own, by the names they are imported by, separated by commas: their task "
        "handlers and Django tasks are run by this server's workers. See docs/tasks.md.",
        shown_default="none",
    ),
    Setting(
        "OKMQ_TASK_CONCURRENCY",
        "int",
        10,
        "Tasks that one worker runs at once, each in a thread. 0: this worker runs none.",
        unit="tasks",
        low=0,
        high=1000,
    ),
    Setting(
        "OKMQ_DEMO_STEP_MS",
        "int",
        500,
        "How long each step of the built-in task type `demo` takes.",
        unit="milliseconds",
        low=0,
        high=60_000,
    ),
    Setting(
        "OKMQ_STOP_SECONDS",
        "int",
        15,
        "How long the worker may finish what it has in hand when it is told to stop. The rest is given back, "
        "for another worker to go on with at once.",
        unit="seconds",
        low=0,
        high=20,
    ),
    Setting(
        "OKMQ_AUDIT_DAYS",
        "int",
        90,
        "How long the audit log keeps who destroyed, replayed or changed what.",
        unit="days",
        low=1,
        high=3650,
    ),
    Setting(
        "OKMQ_EGRESS_ALLOW",
        "list",
        [],
        "Networks that push destinations may lie in although they are not public, as `10.1.0.0/16` or "
        "`fd12::/16`, separated by commas. Whoever may make destinations can reach them through the server.",
        shown_default="none",
    ),
    Setting(
        "OKMQ_PUSH_CONCURRENCY",
        "int",
        16,
        "Requests in flight at once from one worker to one push destination, unless the destination says "
        "otherwise (`concurrency`).",
        unit="requests",
        low=1,
        high=1000,
    ),
    Setting(
        "OKMQ_PUSH_LOG_DAYS",
        "int",
        7,
        "How long the log of pushed deliveries is kept.",
        unit="days",
        low=1,
        high=3650,
    ),
    Setting(
        "OKMQ_SAMPLE_HOURS",
        "int",
        24,
        "How long the figures of each minute are kept of every queue, for charts.",
        unit="hours",
        low=1,
        high=168,
    ),
    Setting(
        "OKMQ_SAMPLE_DAYS",
        "int",
        30,
        "How long the figures of each hour are kept of every queue, for charts.",
        unit="days",
        low=1,
        high=400,
    ),
    Setting(
        "OKMQ_EVENT_DAYS",
        "int",
        30,
        "How long the failures in a message's life (rejections, leases that ran out, deaths, replays) are "
        "kept, if the message is kept that long.",
        unit="days",
        low=1,
        high=3650,
    ),
    Setting(
        "OKMQ_TASK_RETENTION_HOURS",
        "int",
        24,
        "How long a completed task stays readable; one made earlier keeps what held then. Archived ones stay "
        "for 90 days, and of a queue the newest 10,000.",
        unit="hours",
        low=0,
        high=87_600,
    ),
    Setting(
        "OKMQ_PG_POOL",
        "int",
        16,
        "Most connections one process opens to PostgreSQL.",
        unit="connections",
        low=8,
        high=500,
    ),
    Setting(
        "OKMQ_PG_PREPARE",
        "bool",
        True,
        "Prepared statements on PostgreSQL. Turn it off behind a pooler in transaction mode, "
        "such as pgbouncer.",
    ),
    Setting(
        "OKMQ_LOG_LEVEL",
        "str",
        "INFO",
        "Least serious log lines written to standard error.",
        choices=("DEBUG", "INFO", "WARNING", "ERROR"),
    ),
    Setting(
        "OKMQ_LOG_FORMAT",
        "str",
        None,
        "How log lines look: a JSON object each, or text.",
        choices=("json", "text"),
        shown_default="`text` when standard error is a terminal, else `json`",
    ),
    Setting(
        "OKMQ_ACCESS_LOG",
        "bool",
        True,
        "A log line for each request, at level `INFO`; answers from 500 up at `WARNING`.",
    ),
    Setting(
        "OKMQ_METRICS_ENABLED",
        "bool",
        False,
        "Serve `/metrics` in Prometheus's format, to those who show `OKMQ_METRICS_SECRET`.",
    ),
    Setting(
        "OKMQ_METRICS_SECRET",
        "str",
        "",
        "What Prometheus shows in `X-API-Key` or as `Authorization: Bearer`: 32 or more printable ASCII "
        "characters without spaces. Required with `OKMQ_METRICS_ENABLED`. API keys do not open `/metrics`.",
        shown_default="none",
    ),
    Setting(
        "OKMQ_METRICS_QUEUES",
        "int",
        1000,
        "Queues that have figures of their own in `/metrics`, the oldest first: each makes 12 series, up to "
        "5 under Forq's names and one under TinyMQ's.",
        unit="queues",
        low=0,
        high=100_000,
    ),
)

SECRET_LENGTH = 32
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s,]+")


def read() -> dict[str, Any]:
    """The value of every setting in ``TABLE``, from the process's environment.

    A variable that is set but empty counts as absent, as ``PORT= make run`` means it.
    Raises ``ImproperlyConfigured``, in one line that names the variable, for a value that will not do.
    """
    env = Env()
    values = {setting.name: _value(env, setting) for setting in TABLE}
    if values["OKMQ_RESERVED_THREADS"] >= values["OKMQ_THREADS"]:
        raise ImproperlyConfigured("OKMQ_RESERVED_THREADS must be less than OKMQ_THREADS")
    if values["OKMQ_FORQ_V0"] and values["OKMQ_FORQ_REQUIRE_RECEIPT"]:
        raise ImproperlyConfigured("OKMQ_FORQ_REQUIRE_RECEIPT asks for what OKMQ_FORQ_V0 leaves out")
    if values["OKMQ_METRICS_ENABLED"] and not _is_secret(values["OKMQ_METRICS_SECRET"]):
        raise ImproperlyConfigured(
            f"OKMQ_METRICS_SECRET must be {SECRET_LENGTH} or more printable ASCII characters without spaces "
            "when OKMQ_METRICS_ENABLED is set"
        )
    for text in values["OKMQ_EGRESS_ALLOW"]:
        _check_network(text)
    _check_texts(values)
    return values


def _check_texts(values: dict[str, Any]) -> None:
    """What would fail, or do nothing, only when it is used."""
    if (email := values["OKMQ_ANONYMOUS_ACCOUNT"].strip()) and not _is_email(email):
        raise ImproperlyConfigured(_refused("OKMQ_ANONYMOUS_ACCOUNT", email, "expected an e-mail address"))
    for name in values["OKMQ_APPS"]:
        if not _is_there(name.partition(".")[0]):
            raise ImproperlyConfigured(
                _refused("OKMQ_APPS", name, "there is no such app; PYTHONPATH must name the folder it is in")
            )
    cors = values["OKMQ_CORS_ORIGIN"].strip()
    origins = [("OKMQ_CSRF_TRUSTED_ORIGINS", text) for text in values["OKMQ_CSRF_TRUSTED_ORIGINS"]]
    for name, text in [*origins, ("OKMQ_CORS_ORIGIN", cors)]:
        if text and not ORIGIN.fullmatch(text) and (name, text) != ("OKMQ_CORS_ORIGIN", "*"):
            told = "expected an origin as https://app.example.com, with nothing behind the host"
            raise ImproperlyConfigured(_refused(name, text, told))


def _is_email(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def _is_there(package: str) -> bool:
    return package.isidentifier() and importlib.util.find_spec(package) is not None


def _refused(name: str, text: str, expected: str) -> str:
    return f"{name}={text!r} will not do: {expected}"


def _check_network(text: str) -> None:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"OKMQ_EGRESS_ALLOW: {error}; expected networks as 10.1.0.0/16") from error


def hand_on(name: str, value: str) -> None:
    """Set a variable for a library that can be told in no other way."""
    os.environ[name] = value


def forget(prefixes: tuple[str, ...]) -> None:
    """Drop variables that a library would hand on where they mean something else."""
    for name in [name for name in os.environ if name.startswith(prefixes)]:
        del os.environ[name]


def _is_secret(text: str) -> bool:
    return len(text) >= SECRET_LENGTH and text.isascii() and text.isprintable() and " " not in text


def _value(env: Env, setting: Setting) -> Any:
    if not os.environ.get(setting.name, "").strip():
        return setting.default
    parse = getattr(env, setting.kind)
    try:
        value = parse(setting.name, validate=setting.validators())
    except EnvError as error:
        text = os.environ[setting.name]
        raise ImproperlyConfigured(_refused(setting.name, text, setting.expected())) from error
    return [item.strip() for item in value if item.strip()] if setting.kind == "list" else value


def markdown() -> str:
    """``docs/settings.md``."""
    lines = [HEADING, "| setting | default | unit or values | meaning |", "|---|---|---|---|"]
    lines += [f"| `{s.name}` | {s.default_text()} | {s.domain()} | {s.meaning} |" for s in TABLE]
    return "\n".join(lines) + "\n"


HEADING = """\
# Settings

All settings are environment variables. They are read once, at the start; a value that will not do stops the
start with one line that names it. An empty variable counts as absent. Truth values are `true` and `false`.

This page is printed from the table in `okmq_site/env.py` by `make docs`; a test compares the two.
"""


if __name__ == "__main__":
    sys.stdout.write(markdown())

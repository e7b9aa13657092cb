"""Topics: their names, what comes of using one that does not exist, and the groups that read copies of one
(tinymq.md sections 4.1, 4.3, 4.6, 5.3). A topic is a queue; so are a group ``TOPIC::GROUP``, a dead-letter
topic ``TOPIC.dlq``, and a pattern somebody consumes from."""

from __future__ import annotations

import re

from django.conf import settings

from queues import broker
from queues.api.tinymq.errors import Refused
from queues.broker.types import QueueSettings, RetryStrategy, WhenFull

NAME_LENGTH = 255
NAME_PATTERN = "^[a-zA-Z0-9._:/-]+$"
OR_PATTERN = r"^([a-zA-Z0-9._:/-]+\*?|\*)$"
NAME_SCHEMA = {"type": "string", "minLength": 1, "maxLength": NAME_LENGTH, "pattern": NAME_PATTERN}
DEAD_LETTER = ".dlq"
MAX_RETRIES = 3
"""From this one on a message goes to the dead-letter topic."""
GROUP = "::"
LEASE_SECONDS = 3600
"""The original knows no lease: what is consumed and not acknowledged comes back when the broker is started
anew. Here it comes back after an hour, so that a handler may take its time and a crash loses nothing."""
EVER = 2**31 - 1

_NAME = re.compile(NAME_PATTERN.strip("^$"))
_GROUP_NAME = re.compile(r"[a-zA-Z0-9._-]+")


def fault(name: str) -> str | None:
    """Why there is no topic of this name, or None."""
    if len(name) > NAME_LENGTH or not name:
        return f"invalid topic name length (must be 1 to {NAME_LENGTH} characters)"
    if not _NAME.fullmatch(name) or any(part in ("", ".", "..") for part in name.split("/")):
        return "invalid topic name"
    return None


def check(name: str) -> None:
    """Raises ``Refused``."""
    if reason := fault(name):
        raise Refused(reason)


def prefix_of(name: str) -> str | None:
    """What names begin with that the pattern ``name`` matches, or None when it is no pattern."""
    return name[:-1] if name.endswith("*") else None


def is_pattern(name: str) -> bool:
    """Whether it is a proper one: a star at the end of what could begin a name, or a star alone."""
    prefix = prefix_of(name)
    if prefix is None or len(name) > NAME_LENGTH:
        return False
    return not prefix or (_NAME.fullmatch(prefix) is not None and fault(f"{prefix}x") is None)


def group_of(topic: str, group: str) -> str:
    """The topic that holds the group's copies. Raises ``Refused``."""
    name = f"{topic}{GROUP}{group}"
    if not _GROUP_NAME.fullmatch(group) or fault(name) is not None:
        raise Refused("invalid group name format")
    return name


def dead_letters_of(topic: str) -> str:
    return topic + DEAD_LETTER


def is_dead_letters(topic: str) -> bool:
    return topic.endswith(DEAD_LETTER)


def settings_for(*, when_full: WhenFull = WhenFull.REJECT, retain: float | None = None) -> QueueSettings:
    """Of a topic that is made now. ``retain``: seconds that messages live, unless they say so themselves."""
    return QueueSettings(
        auto_delete=True,
        lease_seconds=LEASE_SECONDS,
        max_attempts=EVER,
        ttl_seconds=retain,
        retry=RetryStrategy(type="none"),
        max_backlog=settings.OKMQ_TINYMQ_MAX_MESSAGES,
        when_full=when_full,
    )


def ensure(account_id: int, name: str) -> None:
    """Make the topic if it does not exist, and tie it to its groups, and to the topic whose group it is:
    either may have been deleted while the other lived on. Raises QuotaExceeded, Unavailable."""
    broker.ensure_queues(account_id, {name: settings_for()})
    tie(account_id, name)


def tie(account_id: int, name: str) -> None:
    """Have the groups of the topic, and the topic itself if it is a group, get copies of what is published
    from now on."""
    if is_group(name):
        ensure(account_id, name.rpartition(GROUP)[0])  # which ties all its groups
    for found in broker.names_beginning(account_id, name + GROUP):
        if is_group(found) and found.rpartition(GROUP)[0] == name:
            broker.follow(account_id, name, found)


def is_group(name: str) -> bool:
    """Whether it is the topic of a group: neither a group's dead letters nor a pattern for groups, which
    would keep copies that nobody fetches."""
    topic, _, group = name.rpartition(GROUP)
    return fault(topic) is None and _GROUP_NAME.fullmatch(group) is not None and not is_dead_letters(name)

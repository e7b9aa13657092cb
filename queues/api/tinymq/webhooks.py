"""TinyMQ's webhooks are push destinations that get the payload alone (tinymq.md section 4.8).

Unlike the original, a delivery that fails is tried again, and each is in the destination's log. The first
repetition comes late: a receiver made for the original expects none."""

from __future__ import annotations

import re

from queues.api.tinymq import topics
from queues.api.tinymq.errors import Refused
from queues.broker.errors import QueueNotFound
from queues.push import destinations, egress
from queues.push.errors import DestinationExists, InvalidDestination
from queues.push.types import OVER_HTTP, Form, Kind

# Whatever its scheme, which is looked at where it is decided what may be connected.
_URL = re.compile(r"(?:https?://[^\s/?#]|(?!https?:)[a-z][a-z0-9+.-]*://)\S*", re.IGNORECASE)
TIMEOUT_MS = 10_000
RETRIES = {
    "max_attempts": 6,
    "initial_backoff_ms": 30_000,
    "max_backoff_ms": 3_600_000,
    "backoff_multiplier": 4.0,
}


def register(account_id: int, topic: str, url: str, secret: str) -> None:
    """Have every message published to the topic from now on sent to ``url``. One that is registered is left
    as it is. The topic is made if it does not exist: the destination has to belong to something. Raises
    ``Refused``."""
    if not _URL.fullmatch(url):
        raise Refused("url: is not a URL")
    try:
        egress.look_up(url)
    except egress.Refused as error:
        raise Refused(f"Security rejection: url {error}", 403) from None
    signing = {"enabled": True, "secret_key": secret} if secret else {"enabled": False}
    config = {"url": url, "timeout_ms": TIMEOUT_MS, "retry_policy": RETRIES, "signing": signing}
    try:
        _create(account_id, topic, url, config)
    except QueueNotFound:
        topics.ensure(account_id, topic)
        _create(account_id, topic, url, config)


def _create(account_id: int, topic: str, url: str, config: dict[str, object]) -> None:
    try:
        destinations.create(
            account_id, topic, name=url[:256], kind=Kind.WEBHOOK, config=config, form=Form.PAYLOAD
        )
    except DestinationExists:
        return
    except InvalidDestination as error:
        if error.field.endswith("secret_key"):
            raise Refused(f"secret: {error.reason}") from None
        raise Refused(f"Security rejection: url {error.reason}", 403) from None


def urls_of(account_id: int, topic: str) -> list[str]:
    """The URLs that get what is published to the topic, the oldest first."""
    try:
        found = destinations.list_all(account_id, topic)
    except QueueNotFound:
        return []
    return [one.target for one in found if one.kind in OVER_HTTP]

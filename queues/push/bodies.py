"""What is sent as the body of a request, and under which id."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import NamedTuple

from queues.broker.types import Encoding, Received
from queues.push.types import Form


class Outgoing(Received, frozen=True, gc=False):
    """A message on its way to a destination of the queue of that name. ``max_attempts`` is the
    destination's."""

    queue: str = ""


class Rendered(NamedTuple):
    """``message_id``: what the receiver knows the message by."""

    message_id: str
    body: bytes


def payload(message: Outgoing) -> Rendered:
    """The bytes that were published."""
    raw = base64.b64decode(message.body) if message.encoding is Encoding.BASE64 else message.body.encode()
    return Rendered(message.public_id, raw)


FORMS: dict[Form, Callable[[Outgoing], Rendered]] = {Form.PAYLOAD: payload}
"""How each form is made. Messages as objects are a dialect's: it puts its function here when its app is
ready."""

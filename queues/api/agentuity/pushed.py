"""The body of a request to a destination: the Message as a JSON object (agentuity.md section 5,
Destinations)."""

from __future__ import annotations

import msgspec

from queues.api.agentuity.message_schemas import received_json
from queues.push.bodies import Outgoing, Rendered

_encoder = msgspec.json.Encoder()


def message_object(message: Outgoing) -> Rendered:
    """With the ids under which the API knows the message and its queue."""
    found = received_json(message)
    return Rendered(found.id, _encoder.encode(found))

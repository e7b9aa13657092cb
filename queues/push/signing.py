"""Headers by which a receiver knows who sent a request, and that nobody changed it.

Standard Webhooks (``webhook-id``, ``webhook-timestamp``, ``webhook-signature``) on every signed request;
beside them what the dialect's own clients look for.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from urllib.parse import quote

from queues.push import secrets
from queues.push.types import Form

# All of printable ASCII but the blank.
_PLAIN = "".join(chr(code) for code in range(33, 127))


def header_text(text: str) -> str:
    """``text`` as a header can carry it: what is not printable ASCII is percent-encoded."""
    return quote(text, safe=_PLAIN)


def headers(form: Form, message_id: str, timestamp: int, body: bytes, keys: Sequence[str]) -> dict[str, str]:
    """Of a request that ends ``body`` at ``timestamp`` (Unix seconds), under all of ``keys``: while a rotated
    secret is valid a receiver may know either. ``message_id`` as ``webhook-id`` carries it."""
    found = {"webhook-id": message_id, "webhook-timestamp": str(timestamp)}
    if not keys:
        return found
    signed = f"{message_id}.{timestamp}.".encode() + body
    found["webhook-signature"] = " ".join(f"v1,{_standard(key, signed)}" for key in keys)
    if form == Form.PAYLOAD:
        # tinymq.md §4.8: over the body alone.
        found["X-TinyMQ-Signature"] = _hex(keys, body)
    else:
        # agentuity.md §5 Destinations.
        found["X-Agentuity-Timestamp"] = str(timestamp)
        found["X-Agentuity-Signature"] = _hex(keys, f"{timestamp}.".encode() + body)
    return found


def _standard(key: str, signed: bytes) -> str:
    return base64.b64encode(hmac.digest(secrets.key_of(key), signed, hashlib.sha256)).decode()


def _hex(keys: Sequence[str], signed: bytes) -> str:
    """One signature a key, separated by commas: a receiver that knows one secret gets what it expects, but
    for the day after a rotation."""
    return ",".join(f"sha256={hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()}" for key in keys)

"""How TinyMQ's clients show their key, if they need one (tinymq.md section 5.1)."""

from __future__ import annotations

import base64
import binascii

from rest_framework.request import Request

from accounts.authentication import OpenAuthentication, key_in_header
from queues.api.query import parse_query

CHALLENGE = 'Basic realm="TinyMQ Secure Dashboard"'


class TinymqAuthentication(OpenAuthentication):
    """Every form of the other dialects, the key as password of any user (``Basic``), or ``?token=KEY``."""

    def shown(self, request: Request) -> str:
        return super().shown(request) or parse_query(request._request.META.get("QUERY_STRING", "")).get(
            "token", ""
        )

    def key_in(self, shown: str) -> str | None:
        scheme, _, credentials = shown.partition(" ")
        return _password(credentials.strip()) if scheme.lower() == "basic" else key_in_header(shown)

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def _password(credentials: str) -> str | None:
    try:
        user_and_password = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user_and_password.partition(":")[2].strip() or None

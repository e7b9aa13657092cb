"""DRF authentication by API key, one class for every dialect and every header form."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.services import AuthenticatedKey, authenticate

SCHEMES = frozenset({"bearer", "apikey"})


class ApiKeyAuthentication(BaseAuthentication):
    """Accepts KEY, ``Bearer KEY`` or ``ApiKey KEY`` (any case) in ``Authorization`` or ``X-API-Key``.

    A non-empty ``Authorization`` decides alone. No credentials: None, and the view refuses. Bad ones:
    ``AuthenticationFailed``. A database that cannot be asked raises ``django.db.Error``, which is
    answered 503: a client told 401 would throw its good key away.
    """

    def authenticate(self, request: Request) -> tuple[Any, AuthenticatedKey] | None:
        # Read past DRF's wrapper: its attribute proxy is slow, and this runs in every request.
        meta = request._request.META
        header = meta.get("HTTP_AUTHORIZATION") or meta.get("HTTP_X_API_KEY")
        if not header:
            return None
        text = key_in_header(header)
        key = authenticate(text) if text else None
        if key is None:
            raise AuthenticationFailed("The API key is not valid.")
        return key, key

    def authenticate_header(self, request: Request) -> str:
        """Without it DRF would answer 403 instead of 401."""
        return "Bearer"


def key_in_header(value: str) -> str | None:
    """The key's text in a header value, or None when it has another form (``Bearer a b``, ``Basic …``)."""
    words = value.split()
    if len(words) == 1:
        return words[0]
    if len(words) == 2 and words[0].lower() in SCHEMES:
        return words[1]
    return None

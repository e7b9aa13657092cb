"""DRF authentication by API key, one class for every dialect and every header form."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.request import Request

from accounts.models import SCOPES
from accounts.services import AuthenticatedKey, anonymous, authenticate
from accounts.wrong_keys import seconds_to_wait

SCHEMES = frozenset({"bearer", "apikey"})


class TooManyWrongKeys(APIException):
    """429: too many wrong keys came from this address; ``wait`` seconds for which they are not looked at."""

    status_code = 429

    def __init__(self, wait: int) -> None:
        super().__init__("Too many wrong API keys came from this address. A valid key works at any time.")
        self.wait = wait


class MissingScope(APIException):
    """403: the key is good, but not for this. Not 401, which would tell the client to get another key in the
    account's name, and make it throw away one that works."""

    status_code = 403

    def __init__(self, needed: tuple[str, ...], key: AuthenticatedKey) -> None:
        self.needed = needed
        has = ", ".join(scope for scope in SCOPES if scope in key.scopes)
        super().__init__(
            f"This API key has not the scope that the call needs: {' or '.join(needed)}. It has: {has}."
        )


class ApiKeyAuthentication(BaseAuthentication):
    """Accepts KEY, ``Bearer KEY`` or ``ApiKey KEY`` (any case) in ``Authorization`` or ``X-API-Key``.

    A non-empty ``Authorization`` decides alone. No credentials: None, and the view refuses. Bad ones:
    ``AuthenticationFailed``, or ``TooManyWrongKeys``. A database that cannot be asked raises
    ``django.db.Error``, which is answered 503: a client told 401 would throw its good key away.
    """

    def authenticate(self, request: Request) -> tuple[Any, AuthenticatedKey] | None:
        # Read past DRF's wrapper: its attribute proxy is slow, and this runs in every request.
        meta = request._request.META
        shown = self.shown(request)
        if not shown:
            return None
        text = self.key_in(shown)
        key = authenticate(text) if text else None
        if key is None:
            wait = seconds_to_wait(meta)
            if wait:
                raise TooManyWrongKeys(wait)
            raise AuthenticationFailed("The API key is not valid.")
        return key, key

    def shown(self, request: Request) -> str:
        """What the client shows of itself; "" for nothing."""
        meta = request._request.META
        return meta.get("HTTP_AUTHORIZATION") or meta.get("HTTP_X_API_KEY") or ""

    def key_in(self, shown: str) -> str | None:
        """The key's text in that, or None where there is none."""
        return key_in_header(shown)

    def authenticate_header(self, request: Request) -> str:
        """Without it DRF would answer 403 instead of 401."""
        return "Bearer"


class BearerAuthentication(ApiKeyAuthentication):
    """``Authorization: Bearer KEY`` alone."""

    def shown(self, request: Request) -> str:
        return str(request._request.META.get("HTTP_AUTHORIZATION", ""))

    def key_in(self, shown: str) -> str | None:
        scheme, _, key = shown.strip().partition(" ")
        return super().key_in(key) if scheme.lower() == "bearer" else None


class OpenAuthentication(ApiKeyAuthentication):
    """For dialects whose clients need no key: who shows none speaks for ``OKMQ_ANONYMOUS_ACCOUNT``, if the
    operator named one. A wrong key stays a wrong key."""

    def authenticate(self, request: Request) -> tuple[Any, AuthenticatedKey] | None:
        found = super().authenticate(request)
        if found is None and settings.OKMQ_ANONYMOUS_ACCOUNT:
            key = anonymous(settings.OKMQ_ANONYMOUS_ACCOUNT)
            return None if key is None else (key, key)
        return found


def key_in_header(value: str) -> str | None:
    """The key's text in a header value, or None when it has another form (``Bearer a b``, ``Basic …``)."""
    words = value.split()
    if len(words) == 1:
        return words[0]
    if len(words) == 2 and words[0].lower() in SCHEMES:
        return words[1]
    return None

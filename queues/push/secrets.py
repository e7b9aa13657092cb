"""Signing secrets: made, kept encrypted, turned back.

Encrypted by Fernet under a key that HKDF derives from SECRET_KEY: whoever gets a copy of the database alone
can sign nothing. SECRET_KEY_FALLBACKS still decrypt.
"""

from __future__ import annotations

import base64
import secrets
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

PREFIX = "whsec_"
"""Of Standard Webhooks: what follows is the key in Base64."""

LENGTH = 32
"""Bytes of a secret made here."""

PURPOSE = b"okmq signing secrets of push destinations"


class Unreadable(Exception):
    """The stored secret was encrypted under a SECRET_KEY that is not known here."""


def generate() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(LENGTH)).decode()


def key_of(secret: str) -> bytes:
    """The bytes that sign by Standard Webhooks: those the prefix promises, else the text itself. Raises
    ValueError when the prefix promises Base64 and none follows."""
    if secret.startswith(PREFIX):
        text = secret.removeprefix(PREFIX)
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        if not key:
            raise ValueError("empty")
        return key
    return secret.encode()


def encrypt(secret: str) -> str:
    return _fernet(*_keys()).encrypt(secret.encode()).decode() if secret else ""


def decrypt(token: str) -> str:
    """Raises Unreadable."""
    if not token:
        return ""
    try:
        return _fernet(*_keys()).decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise Unreadable from error


def _keys() -> tuple[str, ...]:
    return (settings.SECRET_KEY, *(str(key) for key in settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=4)
def _fernet(*keys: str) -> MultiFernet:
    return MultiFernet([Fernet(_derived(key)) for key in keys])


def _derived(key: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(key.encode())
    return base64.urlsafe_b64encode(derived)

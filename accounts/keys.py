"""The text of an API key: ``okmq_<public>_<secret><checksum>``. No database here.

``public`` finds the key, ``secret`` (190 random bits) proves it. ``checksum`` is the CRC-32 of all that
precedes it in base 62, so that a mistyped key is recognised without asking the database, and a secret
scanner can tell a leaked key from a look-alike.
"""

from __future__ import annotations

import re
import secrets
import zlib
from hmac import compare_digest
from typing import NamedTuple

from django.conf import settings
from django.utils.crypto import salted_hmac

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PUBLIC_LENGTH = 12
SECRET_LENGTH = 32
CHECKSUM_LENGTH = 6
_KEY = re.compile(
    rf"(okmq_([0-9A-Za-z]{{{PUBLIC_LENGTH}}})_([0-9A-Za-z]{{{SECRET_LENGTH}}}))([0-9A-Za-z]{{{CHECKSUM_LENGTH}}})"
)


class KeyParts(NamedTuple):
    public: str
    secret: str

    @property
    def text(self) -> str:
        """The whole key, as its owner keeps it."""
        head = f"okmq_{self.public}_{self.secret}"
        return head + checksum(head)


def generate() -> KeyParts:
    return KeyParts(_random_text(PUBLIC_LENGTH), _random_text(SECRET_LENGTH))


def parse(text: str) -> KeyParts | None:
    """The parts of a key, or None for what cannot be one (wrong form or checksum)."""
    match = _KEY.fullmatch(text)
    if match is None or checksum(match[1]) != match[4]:
        return None
    return KeyParts(match[2], match[3])


def checksum(head: str) -> str:
    number = zlib.crc32(head.encode())
    digits = []
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def hash_secret(secret: str) -> str:
    """The keyed hash to store, in hex. The secret is random, so no slow password hash is needed."""
    return _hash_with(settings.SECRET_KEY, secret)


def secret_matches(secret: str, stored: str) -> bool:
    """Compare in constant time, also under the SECRET_KEY_FALLBACKS a stored hash may stem from."""
    site_keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return any(compare_digest(_hash_with(key, secret), stored) for key in site_keys)


def _hash_with(site_key: str | bytes, secret: str) -> str:
    return salted_hmac("accounts.apikey", secret, secret=site_key, algorithm="sha256").hexdigest()


def _random_text(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))

"""Accounts and keys: make them, recognise them.

``authenticate`` stands in every request's way, so a key once looked up is believed for up to
``CACHE_SECONDS``: that long a revoked key may go on working, in each process.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from accounts import keys
from accounts.models import SCOPES, Account, ApiKey, validate_scopes
from queues.broker.audit import ANONYMOUS, Act

CACHE_SECONDS = 5.0
REFRESH_SECONDS = 4.0
CACHE_ENTRIES = 10_000
LAST_USED_SECONDS = 60.0
NO_KEY = 0
"""The ``key_id`` of callers who need none."""


@dataclass(slots=True, frozen=True)
class AuthenticatedKey:
    """A key that was recognised, and whose it is. Also stands in for ``request.user``."""

    account_id: int
    key_id: int
    scopes: frozenset[str]
    expires_at: datetime | None = None
    public: str = ""

    is_authenticated = True

    @property
    def actor(self) -> str:
        """How the audit log names its holder."""
        return f"key {self.public}" if self.public else ANONYMOUS


def create_account(email: str) -> Account:
    """Raises ``ValidationError`` for what is no e-mail address, or one that has an account already."""
    account = Account(email=normalise_email(email))
    account.full_clean()
    with transaction.atomic():
        account.save()
        Act(account.pk, "account.create", f"account {account.email}").save()
    return account


def find_account(email: str) -> Account | None:
    return Account.objects.filter(email=normalise_email(email)).first()


def get_or_create_account(email: str) -> Account:
    """Raises ``ValidationError`` for what is no e-mail address."""
    try:
        return find_account(email) or create_account(email)
    except (ValidationError, IntegrityError):
        # Somebody else made it in this moment.
        found = find_account(email)
        if found is None:
            raise
        return found


def normalise_email(email: str) -> str:
    return email.strip().lower()


def create_key(
    account: Account,
    name: str = "",
    *,
    scopes: Sequence[str] = SCOPES,
    expires_at: datetime | None = None,
) -> str:
    """Make a key and return its text, which cannot be had again. Raises ``ValidationError``."""
    key = ApiKey(account=account, name=name, scopes=list(dict.fromkeys(scopes)), expires_at=expires_at)
    validate_scopes(key.scopes)
    return issue_key(key)


def revoke_key(public: str) -> ApiKey:
    """End a key, found by its public part, its whole text, or as the console shows it. This process knows at
    once, others within ``CACHE_SECONDS``. Raises ``ApiKey.DoesNotExist``."""
    parts = public.split("_")
    key = ApiKey.objects.select_related("account").get(public=parts[1] if len(parts) > 1 else public)
    with transaction.atomic():
        if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
            Act(key.account_id, "key.revoke", f"key {key.public}").save()
    forget_cached_keys()
    return key


def get_account(account_id: int) -> Account:
    """Raises ``Account.DoesNotExist``."""
    return Account.objects.get(pk=account_id)


def issue_key(key: ApiKey) -> str:
    """Fill in the public part and hash of an unsaved key, save it, and return its text."""
    parts = keys.generate()
    key.public = parts.public
    key.secret_hash = keys.hash_secret(parts.secret)
    with transaction.atomic():
        key.save()
        Act(
            key.account_id, "key.create", f"key {key.public}", {"name": key.name, "scopes": key.scopes}
        ).save()
    return parts.text


def authenticate(text: str) -> AuthenticatedKey | None:
    """Whose key this is; None when unknown, mistyped, revoked, expired or of an inactive account.

    Raises ``django.db.Error`` when the database cannot be asked (and the answer is not cached).
    """
    return _cache.get(text)


def anonymous(email: str) -> AuthenticatedKey | None:
    """What stands for a key where none is needed: all scopes of the account ``email``; None when there is no
    such account, or it is not active. Raises ``django.db.Error``."""
    return _anonymous.get(email)


def forget_cached_keys() -> None:
    """Have every key of this process looked up afresh."""
    _cache.clear()
    _anonymous.clear()


def flush_last_used() -> int:
    """Store when keys were last used; returns how many rows were written. For housekeeping, once a minute.

    Requests only remember the instant in memory, so that they never wait for (or cause) a write. A
    key is written at most once in ``LAST_USED_SECONDS``. Raises ``django.db.Error``; nothing is lost then.
    """
    return _last_used.flush()


def _look_up(text: str) -> AuthenticatedKey | None:
    parts = keys.parse(text)
    if parts is None:
        return None
    try:
        key = ApiKey.objects.select_related("account").filter(public=parts.public).first()
    finally:
        # The request may be parked for a long poll next: it must not keep a connection meanwhile.
        connection.close_if_unusable_or_obsolete()
    if key is None or not keys.secret_matches(parts.secret, key.secret_hash) or not key.is_usable():
        return None
    _last_used.note(key.pk, keys.hash_secret(parts.secret) if _is_stale(parts, key) else None)
    return AuthenticatedKey(key.account_id, key.pk, frozenset(key.scopes), key.expires_at, key.public)


def _look_up_account(email: str) -> AuthenticatedKey | None:
    try:
        account = Account.objects.filter(email=normalise_email(email), is_active=True).first()
    finally:
        connection.close_if_unusable_or_obsolete()
    return None if account is None else AuthenticatedKey(account.pk, NO_KEY, frozenset(SCOPES))


def _is_stale(parts: keys.KeyParts, key: ApiKey) -> bool:
    """The stored hash stems from a SECRET_KEY_FALLBACKS entry and dies with it unless renewed."""
    return keys.hash_secret(parts.secret) != key.secret_hash


@dataclass(slots=True)
class _Entry:
    key: AuthenticatedKey
    fresh_until: float
    valid_until: float


class _KeyCache:
    """Positive answers only, so a new key works at once and guesses cannot fill it.

    Indexed by a digest: no key text lies about in memory, and the look-up's timing says nothing.
    """

    def __init__(self, look_up: Callable[[str], AuthenticatedKey | None]) -> None:
        self._look_up = look_up
        self._entries: dict[bytes, _Entry] = {}
        self._lock = threading.Lock()

    def get(self, text: str) -> AuthenticatedKey | None:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        entry = self._entries.get(digest)
        now = monotonic()
        if entry is not None and now < entry.valid_until:
            if now < entry.fresh_until:
                return entry.key
            if not self._takes_refresh(entry, now):
                return entry.key
        return self._load(digest, text)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def _takes_refresh(self, entry: _Entry, now: float) -> bool:
        """The first to find an ageing entry renews it; the others use it on meanwhile.

        Otherwise all threads would ask the database at the same instant whenever an entry ends.
        """
        with self._lock:
            if now < entry.fresh_until:
                return False
            entry.fresh_until = entry.valid_until
            return True

    def _load(self, digest: bytes, text: str) -> AuthenticatedKey | None:
        asked_at = monotonic()  # before the query: the entry's age counts from what it may have missed
        key = self._look_up(text)
        with self._lock:
            if key is None:
                self._entries.pop(digest, None)
            else:
                self._make_room(asked_at)
                valid_until = asked_at + min(CACHE_SECONDS, _seconds_left(key))
                fresh_until = min(asked_at + REFRESH_SECONDS, valid_until)
                self._entries[digest] = _Entry(key, fresh_until, valid_until)
        return key

    def _make_room(self, now: float) -> None:
        if len(self._entries) < CACHE_ENTRIES:
            return
        self._entries = {digest: entry for digest, entry in self._entries.items() if now < entry.valid_until}
        if len(self._entries) >= CACHE_ENTRIES:
            self._entries.clear()


def _seconds_left(key: AuthenticatedKey) -> float:
    if key.expires_at is None:
        return CACHE_SECONDS
    return (key.expires_at - datetime.now(UTC)).total_seconds()


class _LastUsed:
    """When keys were last looked up, and hashes to renew, until housekeeping writes them down."""

    def __init__(self) -> None:
        self._noted: dict[int, tuple[datetime, str | None]] = {}
        self._written: dict[int, float] = {}

    def note(self, key_id: int, renewed_hash: str | None) -> None:
        self._noted[key_id] = (datetime.now(UTC), renewed_hash)

    def flush(self) -> int:
        now = monotonic()
        self._written = {key_id: at for key_id, at in self._written.items() if now - at < LAST_USED_SECONDS}
        due = [key_id for key_id in list(self._noted) if key_id not in self._written]
        for key_id in due:
            self._write(key_id, *self._noted[key_id])
            self._written[key_id] = now
        return len(due)

    def _write(self, key_id: int, used_at: datetime, renewed_hash: str | None) -> None:
        changes: dict[str, object] = {"last_used_at": used_at}
        if renewed_hash is not None:
            changes["secret_hash"] = renewed_hash
        # Other processes see the same key: never set the clock back behind what one of them wrote.
        older = Q(last_used_at__isnull=True) | Q(last_used_at__lt=used_at)
        ApiKey.objects.filter(older, pk=key_id).update(**changes)
        if self._noted.get(key_id, (None, None))[0] == used_at:
            self._noted.pop(key_id, None)


_cache = _KeyCache(_look_up)
_anonymous = _KeyCache(_look_up_account)
_last_used = _LastUsed()

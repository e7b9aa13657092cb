"""Who owns queues (Account) and what opens them (ApiKey). Console operators are Django users, not these."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

READ, PUBLISH, CONSUME, MANAGE = "read", "publish", "consume", "manage"
SCOPES = (READ, PUBLISH, CONSUME, MANAGE)


def all_scopes() -> list[str]:
    return list(SCOPES)


def validate_scopes(value: object) -> None:
    if not isinstance(value, list) or not value or any(scope not in SCOPES for scope in value):
        raise ValidationError(f"Scopes are a list out of: {', '.join(SCOPES)}.")


class Account(models.Model):
    """Owns queues, streams and keys. The quotas bound what all of its channels together may hold.

    Hot tables refer to the integer ``id``; the outside world sees ``public_id``.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    email = models.EmailField(unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    is_active = models.BooleanField(
        default=True, help_text="Keys of an inactive account are refused; its messages stay."
    )
    max_channels = models.PositiveIntegerField(default=10_000, help_text="Queues and streams together.")
    max_mb = models.PositiveIntegerField(default=100_000, help_text="Message bodies, in MiB.")
    max_messages = models.PositiveIntegerField(default=100_000_000, help_text="Stored messages in any state.")
    max_concurrency = models.PositiveIntegerField(default=10_000, help_text="Consume calls open at once.")

    class Meta:
        # Who may do what in the console: accounts/roles.py.
        permissions = [
            ("console_view", "May see the console"),
            ("console_operate", "May replay, purge, pause, publish and resend"),
            ("console_administer", "May change accounts, keys and settings"),
        ]

    def __str__(self) -> str:
        return self.email


class ApiKey(models.Model):
    """One key of an account. Of its text only ``public`` and a keyed hash of the secret are stored."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100, blank=True)
    public = models.CharField(max_length=32, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False)
    scopes = models.JSONField(default=all_scopes, validators=[validate_scopes])
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "API key"
        ordering: ClassVar[list[str]] = ["id"]

    def __str__(self) -> str:
        return f"okmq_{self.public}_…"

    def is_usable(self) -> bool:
        """Neither revoked nor expired, and the account is active."""
        if self.revoked_at is not None or not self.account.is_active:
            return False
        return self.expires_at is None or self.expires_at > timezone.now()

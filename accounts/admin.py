"""The operator's pages for accounts and keys. A key's text is shown once, right after it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts import console_users  # noqa: F401  (its pages register themselves)
from accounts.models import SCOPES, Account, ApiKey
from accounts.services import forget_cached_keys, issue_key, normalise_email, revoke_key
from okmq_site.console.model_pages import LinesOnly, ModelPages
from okmq_site.console.pages import draw
from okmq_site.console.tags import share, size

if TYPE_CHECKING:
    from queues.broker import Usage

    ApiKeyFormBase = forms.ModelForm[ApiKey]
else:
    ApiKeyFormBase = forms.ModelForm

STATES = {"valid": "success", "revoked": "danger", "expired": "warning", "account inactive": "warning"}
MIB = 1_048_576
NEW_KEY = (
    'The new key, shown only this once: <code id="new-key">{}</code> '
    '<button type="button" class="console-button" data-copy="new-key">Copy</button>'
)


def usage_of(account: Account) -> Usage:
    """Asked once for all columns of a line."""
    from queues import broker  # the engine imports this app's models

    found: Usage | None = getattr(account, "_usage", None)
    if found is None:
        found = broker.account_usage(account.pk)
        account._usage = found  # type: ignore[attr-defined]
    return found


def scope_names(key: ApiKey) -> str:
    return "all" if set(key.scopes) == set(SCOPES) else ", ".join(key.scopes)


def state_of(key: ApiKey) -> str:
    """In one word, whether the key opens anything."""
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= timezone.now():
        return "expired"
    return "valid" if key.account.is_active else "account inactive"


class KeysOfAccount(LinesOnly[ApiKey, Account]):
    model = ApiKey
    fields = readonly_fields = (
        "key", "name", "scopes_shown", "state", "created_at", "expires_at", "last_used_at",
    )  # fmt: skip

    @admin.display(description="key")
    def key(self, key: ApiKey) -> str:
        return str(key)

    @admin.display(description="scopes")
    def scopes_shown(self, key: ApiKey) -> str:
        return scope_names(key)

    @display(description="state", label=STATES)  # type: ignore[untyped-decorator]
    def state(self, key: ApiKey) -> str:
        return state_of(key)


@admin.register(Account)
class AccountAdmin(ModelPages[Account]):
    list_display = ("email", "is_active", "messages_used", "bytes_used", "channels_used", "created_at")
    list_filter = ("is_active",)
    list_per_page = 50
    search_fields = ("email", "public_id")
    ordering = ("email",)
    figures = ("messages_used", "bytes_used", "peak", "channels_used")
    readonly_fields = ("public_id", "created_at", *figures)
    inlines = (KeysOfAccount,)
    fieldsets = (
        (None, {"fields": ("email", "is_active", "public_id", "created_at")}),
        ("Usage", {"fields": figures}),
        ("Quotas", {"fields": ("max_channels", "max_messages", "max_mb", "max_concurrency")}),
    )

    @admin.display(description="messages")
    def messages_used(self, account: Account) -> str:
        used = usage_of(account).messages if account.pk else 0
        return _bar(used, account.max_messages, f"{used:,}", f"{account.max_messages:,}")

    @admin.display(description="bodies")
    def bytes_used(self, account: Account) -> str:
        used, quota = usage_of(account).bytes if account.pk else 0, account.max_mb * MIB
        return _bar(used, quota, size(used), size(quota))

    @admin.display(description="most ever stored")
    def peak(self, account: Account) -> str:
        return size(usage_of(account).peak_bytes) if account.pk else "–"

    @admin.display(description="queues and streams")
    def channels_used(self, account: Account) -> str:
        used = sum(map(len, usage_of(account).channels.values())) if account.pk else 0
        return _bar(used, account.max_channels, f"{used:,}", f"{account.max_channels:,}")

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        obj.email = normalise_email(obj.email)
        super().save_model(request, obj, form, change)
        _record(obj.pk, "account", f"account {obj.email}", form, change)
        forget_cached_keys()


def _record(account_id: int, noun: str, target: str, form: Any, change: bool) -> None:
    """For the audit log: what was made, or which fields were changed."""
    from queues.broker.audit import Act  # the engine imports this app's models

    verb = "change" if change else "create"
    if form.changed_data or not change:
        Act(account_id, f"{noun}.{verb}", target, {"fields": form.changed_data if change else None}).save()


def _bar(used: int, quota: int, shown_used: str, shown_quota: str) -> str:
    """What is used of a quota, as a bar and in words."""
    percent = 100 if used and not quota else share(used, quota)
    level = "full" if percent >= 90 else "high" if percent >= 70 else ""
    return format_html(
        '<span class="console-quota"><span class="console-bar {}"><span style="width: {}%"></span></span>'
        "<span>{} of {} ({}%)</span></span>",
        level, percent, shown_used, shown_quota, percent,
    )  # fmt: skip


class ApiKeyForm(ApiKeyFormBase):
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES],
        initial=list(SCOPES),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    class Meta:
        model = ApiKey
        fields = ("account", "name", "scopes", "expires_at")
        help_texts = {"expires_at": "UTC; empty: never."}


@admin.register(ApiKey)
class ApiKeyAdmin(ModelPages[ApiKey]):
    form = ApiKeyForm
    list_display = ("__str__", "account", "name", "scopes_shown", "state", "expires_at", "last_used_at")
    list_filter = ("revoked_at", "expires_at")
    list_select_related = ("account",)
    search_fields = ("public", "name", "account__email")
    autocomplete_fields = ("account",)
    actions = ("revoke",)
    fields = ("account", "name", "scopes", "expires_at")
    readonly_when_made = ("account", "public", "created_at", "revoked_at", "last_used_at")

    @admin.display(description="scopes")
    def scopes_shown(self, key: ApiKey) -> str:
        return scope_names(key)

    @display(description="state", label=STATES)  # type: ignore[untyped-decorator]
    def state(self, key: ApiKey) -> str:
        return state_of(key)

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return self.fields if obj is None else (*self.fields, *self.readonly_when_made[1:])

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return () if obj is None else self.readonly_when_made

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            _record(obj.account_id, "key", f"key {obj.public}", form, change)
            forget_cached_keys()
        else:
            text = issue_key(obj)
            messages.warning(request, format_html(NEW_KEY, text))

    @admin.action(description="Revoke the selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        """Asks first: a key cannot be had back."""
        valid = list(queryset.filter(revoked_at__isnull=True).select_related("account"))
        if valid and "confirmed" not in request.POST:
            return draw(request, "console/revoke.html", "Revoke API keys", keys=valid)
        for key in valid:
            revoke_key(key.public)
        self.message_user(request, "1 key revoked." if len(valid) == 1 else f"{len(valid)} keys revoked.")
        return None

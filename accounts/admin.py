"""The operator's pages for accounts and keys. A key's text is shown once, right after it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from accounts.models import SCOPES, Account, ApiKey
from accounts.services import forget_cached_keys, issue_key, normalise_email

if TYPE_CHECKING:  # Django's own classes take no type parameters when the code runs
    from queues.broker import Usage

    AccountPages = admin.ModelAdmin[Account]
    ApiKeyPages = admin.ModelAdmin[ApiKey]
    ApiKeyLines = admin.TabularInline[ApiKey, Account]
    ApiKeyFormBase = forms.ModelForm[ApiKey]
else:
    AccountPages = ApiKeyPages = admin.ModelAdmin
    ApiKeyLines = admin.TabularInline
    ApiKeyFormBase = forms.ModelForm

MIB = 1_048_576


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


class KeysOfAccount(ApiKeyLines):
    """To be looked at; each line leads to the key's own page."""

    model = ApiKey
    extra = 0
    can_delete = False
    show_change_link = True
    fields = readonly_fields = ("name", "scopes_shown", "state", "created_at", "expires_at", "last_used_at")

    @admin.display(description="scopes")
    def scopes_shown(self, key: ApiKey) -> str:
        return scope_names(key)

    @admin.display(description="state")
    def state(self, key: ApiKey) -> str:
        return state_of(key)

    def has_add_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        return False


@admin.register(Account)
class AccountAdmin(AccountPages):
    list_display = ("email", "is_active", "messages_used", "bytes_used", "channels_used", "created_at")
    list_filter = ("is_active",)
    list_per_page = 50
    search_fields = ("email", "public_id")
    figures = ("messages_used", "bytes_used", "peak", "channels_used")
    readonly_fields = ("public_id", "created_at", *figures)
    inlines = (KeysOfAccount,)
    fieldsets = (
        (None, {"fields": ("email", "is_active", "public_id", "created_at")}),
        ("Quotas", {"fields": ("max_channels", "max_messages", "max_mb", "max_concurrency")}),
        ("Usage", {"fields": figures}),
    )

    @admin.display(description="messages")
    def messages_used(self, account: Account) -> str:
        return _of(usage_of(account).messages, account.max_messages) if account.pk else "-"

    @admin.display(description="bodies")
    def bytes_used(self, account: Account) -> str:
        if not account.pk:
            return "-"
        used, quota = usage_of(account).bytes, account.max_mb * MIB
        return f"{filesizeformat(used)} of {filesizeformat(quota)} ({_percent(used, quota)})"

    @admin.display(description="most ever stored")
    def peak(self, account: Account) -> str:
        return filesizeformat(usage_of(account).peak_bytes) if account.pk else "-"

    @admin.display(description="queues and streams")
    def channels_used(self, account: Account) -> str:
        if not account.pk:
            return "-"
        return _of(sum(map(len, usage_of(account).channels.values())), account.max_channels)

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        obj.email = normalise_email(obj.email)
        super().save_model(request, obj, form, change)
        forget_cached_keys()


def _of(used: int, quota: int) -> str:
    return f"{used:,} of {quota:,} ({_percent(used, quota)})"


def _percent(used: int, quota: int) -> str:
    return f"{used / quota:.0%}" if quota else "full"


class ApiKeyForm(ApiKeyFormBase):
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES],
        initial=list(SCOPES),
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = ApiKey
        fields = ("account", "name", "scopes", "expires_at")


@admin.register(ApiKey)
class ApiKeyAdmin(ApiKeyPages):
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

    @admin.display(description="state")
    def state(self, key: ApiKey) -> str:
        return state_of(key)

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return self.fields if obj is None else (*self.fields, *self.readonly_when_made[1:])

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return () if obj is None else self.readonly_when_made

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            forget_cached_keys()
            return
        text = issue_key(obj)
        messages.warning(request, f"The new key, shown only this once: {text}")

    @admin.action(description="Revoke the selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        count = queryset.filter(revoked_at__isnull=True).update(revoked_at=timezone.now())
        forget_cached_keys()
        self.message_user(request, f"{count} keys revoked.")

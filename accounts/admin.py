"""The operator's pages for accounts and keys. A key's text is shown once, right after it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import SCOPES, Account, ApiKey
from accounts.services import forget_cached_keys, issue_key, normalise_email

if TYPE_CHECKING:  # Django's own classes take no type parameters when the code runs
    AccountPages = admin.ModelAdmin[Account]
    ApiKeyPages = admin.ModelAdmin[ApiKey]
    ApiKeyFormBase = forms.ModelForm[ApiKey]
else:
    AccountPages = ApiKeyPages = admin.ModelAdmin
    ApiKeyFormBase = forms.ModelForm


@admin.register(Account)
class AccountAdmin(AccountPages):
    list_display = ("email", "is_active", "max_channels", "max_messages", "max_mb", "created_at")
    list_filter = ("is_active",)
    search_fields = ("email", "public_id")
    readonly_fields = ("public_id", "created_at")

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        obj.email = normalise_email(obj.email)
        super().save_model(request, obj, form, change)
        forget_cached_keys()


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
    list_display = ("__str__", "account", "name", "created_at", "expires_at", "revoked_at", "last_used_at")
    list_filter = ("revoked_at", "expires_at")
    list_select_related = ("account",)
    search_fields = ("public", "name", "account__email")
    autocomplete_fields = ("account",)
    actions = ("revoke",)
    fields = ("account", "name", "scopes", "expires_at")
    readonly_when_made = ("account", "public", "created_at", "revoked_at", "last_used_at")

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

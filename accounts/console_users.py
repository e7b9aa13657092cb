"""Who may log in to the console: Django users, each with one or more of the roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts import roles
from okmq_site.console.model_pages import ModelPages

if TYPE_CHECKING:  # Django's own class takes no type parameter when the code runs
    UserPages = UserAdmin[User]
else:
    UserPages = UserAdmin

admin.site.unregister(User)
admin.site.unregister(Group)  # the roles are what they are


@admin.register(User)
class ConsoleUserAdmin(ModelPages[User], UserPages):
    """Only a superuser sees or changes superusers, so nobody can lift himself above his role."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "roles", "is_active", "last_login")
    list_filter = ("groups", "is_active")
    search_fields = ("username", "email")
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password", "email")}),
        ("Role", {"fields": ("groups", "is_active")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "usable_password", "password1", "password2", "groups")}),)

    @admin.display(description="roles")
    def roles(self, user: User) -> str:
        return "superuser" if user.is_superuser else ", ".join(group.name for group in user.groups.all())

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        users = super().get_queryset(request).prefetch_related("groups")
        return users if request.user.is_superuser else users.filter(is_superuser=False)

    def has_view_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return roles.may(request, roles.ADMINISTER)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return roles.may(request, roles.ADMINISTER)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        obj.is_staff = True
        super().save_model(request, obj, form, change)

    @transaction.atomic
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Changed and recorded, or neither."""
        answer: HttpResponse = super().user_change_password(request, id, form_url)
        return answer

    def log_addition(self, request: HttpRequest, obj: User, message: Any) -> Any:
        self._record("user.create", obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: User, message: Any) -> Any:
        """Also of a password."""
        changed = [name for part in message for name in part["changed"]["fields"]]
        if changed:
            self._record("user.change", obj, fields=changed)
        return super().log_change(request, obj, message)

    def _record(self, action: str, user: User, **detail: Any) -> None:
        from queues.broker.audit import Act  # the engine imports this app's models

        Act(None, action, f"user {user.username}", {"roles": self.roles(user), **detail}).save()

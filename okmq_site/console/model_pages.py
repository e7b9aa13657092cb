"""Pages of models, for the roles: a viewer looks, an admin changes; each change is in the page's history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import admin
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from unfold.admin import ModelAdmin, TabularInline

from accounts import roles

M = TypeVar("M", bound=Model)
Parent = TypeVar("Parent", bound=Model)

if TYPE_CHECKING:  # unfold has no types, and Django's own classes take no type parameters when the code runs

    class _Pages(admin.ModelAdmin[M]): ...

    class _Lines(admin.TabularInline[M, Parent]): ...
else:

    class _Parametrised:
        """``ModelPages[Account]`` is ModelPages."""

        def __class_getitem__(cls, parameters):  # noqa: ANN001, ANN204
            return cls

    class _Pages(_Parametrised, ModelAdmin): ...

    class _Lines(_Parametrised, TabularInline): ...


class ModelPages(_Pages[M]):
    compressed_fields = True
    list_filter_submit = True
    list_filter_sheet = False
    warn_unsaved_form = True

    def has_module_permission(self, request: HttpRequest) -> bool:
        return roles.may(request, roles.VIEW)

    def has_view_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return roles.may(request, roles.VIEW)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return roles.may(request, roles.ADMINISTER)

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return roles.may(request, roles.ADMINISTER)

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False


class OwnPages(ModelPages[M]):
    """To be looked at only: each row has a page of its own making in the place of a form."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def show(self, request: HttpRequest, row: M) -> HttpResponse:
        raise NotImplementedError

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return self.show(request, row)


class LinesOnly(_Lines[M, Parent]):
    """Rows of another model on a page, to be looked at; each leads to its own page."""

    extra = 0
    can_delete = False
    show_change_link = True
    hide_title = True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return roles.may(request, roles.VIEW)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

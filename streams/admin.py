"""The operator's page for streams: to be looked at only. Streams are changed through the API."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from okmq_site.console.model_pages import ModelPages
from streams.models import Stream


@admin.register(Stream)
class StreamAdmin(ModelPages[Stream]):
    list_display = ("name", "account", "message_count", "bytes", "committed", "auto_delete", "ttl_seconds")
    list_filter = ("auto_delete",)
    list_select_related = ("account",)
    search_fields = ("name", "account__email")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Stream]:
        return super().get_queryset(request).filter(deleted_at=None)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Stream | None = None) -> bool:
        return False

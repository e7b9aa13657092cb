"""The console's site: the dashboard as its first page, and the pages that are no model's."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from unfold.sites import UnfoldAdminSite

from accounts import roles


class ConsoleSite(UnfoldAdminSite):  # type: ignore[misc]  # unfold has no types
    site_header = site_title = "OKMQ"
    index_title = "Dashboard"
    site_url = None

    def has_permission(self, request: HttpRequest) -> bool:
        """Whoever logs in has a role, or sees nothing at all."""
        allowed: bool = super().has_permission(request)
        return allowed and roles.may(request, roles.VIEW)

    def extra_urls(self) -> list[URLPattern]:
        from queues.admin.urls import patterns  # its pages register themselves with this site

        return patterns(self)

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One's own."""
        from queues.broker.audit import Act

        with transaction.atomic():
            answer: HttpResponse = super().password_change(request, extra_context)
            if answer.status_code == 302:
                Act(
                    None, "user.change", f"user {request.user.get_username()}", {"fields": ["password"]}
                ).save()
        return answer

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        from queues.admin.dashboard import dashboard

        return dashboard(request)

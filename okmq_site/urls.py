"""Every dialect is mounted at the root; their paths do not collide."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from okmq_site import documents, errors, health
from okmq_site.console.door import door
from okmq_site.metrics.view import metrics
from queues.api.forq.views import NowhereViewSet

urlpatterns = [
    path("", include("queues.api.okmq.urls")),
    path("", include("queues.api.forq.urls")),
    path("", include("queues.api.agentuity.urls")),
    # A client's base URL may end with a slash, and its paths begin with one.
    path("/", include("queues.api.agentuity.urls")),
    path("", include("queues.api.tinymq.urls")),
    path("", include("queues.api.tinymq.incomplete_urls")),
    path("", include("queues.api.tasks.urls")),
    path("health", health.health),
    path("live", health.live),
    path("ready", health.ready),
    path("metrics", metrics),
    path("metrics/", metrics),
    path("openapi/<str:dialect>.json", documents.openapi, name="openapi"),
    path("docs", RedirectView.as_view(url="/docs/")),
    path("docs/", documents.page),
    re_path(r"^api/v1/(?:tasks|task-types|progress|schedules|queues/stats)(?:/.*)?$", errors.nowhere),
    # After every dialect that serves something below it.
    path("api/v1/<rest:path>", NowhereViewSet.as_view({"get": "nowhere"})),
    path("", door),
    path("dashboard", door),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
]

handler400 = "okmq_site.errors.bad_request"
handler403 = "okmq_site.errors.permission_denied"
handler404 = "okmq_site.errors.page_not_found"
handler500 = "okmq_site.errors.server_error"

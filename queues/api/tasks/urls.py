"""The tasks API's routes. None redirects; a slash at the end makes another path, which is not found."""

from __future__ import annotations

from django.urls import path

from queues.api.tasks.schedule_views import ScheduleViewSet
from queues.api.tasks.views import (
    ProgressViewSet,
    StreamViewSet,
    TaskTypeViewSet,
    TaskViewSet,
    WorkViewSet,
)

TASK = "api/v1/tasks/<str:id>"

urlpatterns = [
    path("api/v1/tasks", TaskViewSet.as_view({"post": "create", "get": "list"})),
    path("api/v1/tasks/claim", WorkViewSet.as_view({"post": "claim"})),
    path(f"{TASK}/progress", ProgressViewSet.as_view({"get": "latest", "post": "report"})),
    path(f"{TASK}/progress/history", ProgressViewSet.as_view({"get": "history"})),
    path(f"{TASK}/progress/info", ProgressViewSet.as_view({"get": "info"})),
    path(f"{TASK}/progress/stream", StreamViewSet.as_view({"get": "one"})),
    path("api/v1/progress/stream", StreamViewSet.as_view({"get": "several"})),
    path(f"{TASK}/heartbeat", WorkViewSet.as_view({"post": "heartbeat"})),
    path(f"{TASK}/complete", WorkViewSet.as_view({"post": "complete"})),
    path(f"{TASK}/fail", WorkViewSet.as_view({"post": "fail"})),
    path(f"{TASK}/cancel", TaskViewSet.as_view({"post": "cancel"})),
    path(f"{TASK}/run", TaskViewSet.as_view({"post": "run"})),
    path(TASK, TaskViewSet.as_view({"get": "retrieve", "delete": "destroy"})),
    path("api/v1/schedules", ScheduleViewSet.as_view({"get": "list"})),
    path(
        "api/v1/schedules/<str:name>",
        ScheduleViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"}),
    ),
    path("api/v1/schedules/<str:name>/run", ScheduleViewSet.as_view({"post": "run"})),
    path("api/v1/queues/stats", TaskViewSet.as_view({"get": "stats"})),
    path("api/v1/task-types", TaskTypeViewSet.as_view({"get": "list"})),
    path("api/v1/task-types/<str:type>", TaskTypeViewSet.as_view({"put": "update", "delete": "destroy"})),
]

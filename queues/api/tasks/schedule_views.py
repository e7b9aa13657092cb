"""Schedules over HTTP (tasks.md section 8.4)."""

from __future__ import annotations

from django.http import HttpResponse

from accounts.models import MANAGE, PUBLISH, READ
from queues.api.negotiation import json_response
from queues.api.tasks import openapi, schemas
from queues.api.tasks.errors import Refused
from queues.api.tasks.schedule_schemas import read_schedule, schedule_json
from queues.api.tasks.views import TasksViewSet
from queues.api.views import DialectRequest
from queues.tasks import registry, schedules
from queues.tasks.cron import InvalidCron


class ScheduleViewSet(TasksViewSet):
    action_scopes = {
        "list": (READ,),
        "retrieve": (READ,),
        "update": (MANAGE,),
        "destroy": (MANAGE,),
        "run": (PUBLISH,),
    }

    @openapi.list_schedules
    def list(self, request: DialectRequest) -> HttpResponse:
        return json_response([schedule_json(one) for one in schedules.list_all(self.account_id)])

    @openapi.get_schedule
    def retrieve(self, request: DialectRequest, name: str) -> HttpResponse:
        return json_response(schedule_json(schedules.get(self.account_id, name)))

    @openapi.put_schedule
    def update(self, request: DialectRequest, name: str) -> HttpResponse:
        new = read_schedule(name, request.content, self.account_id)
        try:
            schedule, made = schedules.put(self.account_id, new)
        except registry.InvalidPayload as error:
            raise Refused("INVALID_PAYLOAD", f"task.payload: {error}") from error
        except InvalidCron as error:
            raise Refused("INVALID_CRON", f"cron: {error}") from error
        return json_response(schedule_json(schedule), 201 if made else 200)

    @openapi.delete_schedule
    def destroy(self, request: DialectRequest, name: str) -> HttpResponse:
        schedules.delete(self.account_id, name)
        return json_response(schemas.Message("schedule deleted"))

    @openapi.run_schedule
    def run(self, request: DialectRequest, name: str) -> HttpResponse:
        try:
            made = schedules.run(self.account_id, name)
        except registry.InvalidPayload as error:  # its handler is not the one it was made for
            raise Refused("INVALID_PAYLOAD", f"task.payload: {error}") from error
        return json_response(schemas.created_json(made), 201)

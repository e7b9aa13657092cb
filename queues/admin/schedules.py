"""Tasks made by the clock: when next, what became of the last one, and making one now."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display

from accounts import roles
from okmq_site.console.model_pages import OwnPages
from okmq_site.console.pages import action, draw, page, refusal
from okmq_site.console.tags import NOTHING, ago
from queues.admin.message import pretty
from queues.broker.errors import BrokerError
from queues.models import Schedule
from queues.tasks import schedules

AHEAD = 5
"""Due times that a schedule's page tells."""


@admin.register(Schedule)
class ScheduleAdmin(OwnPages[Schedule]):
    list_display = ("name", "account", "cron", "timezone", "state", "next_run", "last_run", "last_error")
    list_filter = ("enabled",)
    list_select_related = ("account",)
    list_per_page = 50
    search_fields = ("name", "account__email")
    ordering = ("next_run_at", "name")
    actions = ("run_now",)

    @display(  # type: ignore[untyped-decorator]
        description="state", label={"on": "success", "off": "warning", "failing": "danger"}
    )
    def state(self, schedule: Schedule) -> str:
        return state_of(schedule)

    @admin.display(description="next", ordering="next_run_at")
    def next_run(self, schedule: Schedule) -> str:
        return ago(schedule.next_run_at) if schedule.enabled else NOTHING

    @admin.display(description="last", ordering="last_run_at")
    def last_run(self, schedule: Schedule) -> str:
        if not schedule.last_task_id:
            return ago(schedule.last_run_at)
        task = reverse("admin:console_task", args=[schedule.last_task_id])
        return format_html('<a href="{}">{}</a>', task, ago(schedule.last_run_at))

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return roles.may(request, roles.OPERATE)

    @admin.action(description="Make a task now", permissions=["operate"])
    def run_now(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        for schedule in queryset:
            try:
                made = schedules.run(schedule.account_id, schedule.name)
            except BrokerError as error:
                self.message_user(request, f"{schedule.name}: {refusal(error)}", messages.ERROR)
            else:
                self.message_user(request, f"{schedule.name}: task {made.task_id} was made.")

    def show(self, request: HttpRequest, row: Schedule) -> HttpResponse:
        return schedule_page(request, schedule=row)


@page()
def schedule_page(request: HttpRequest, schedule: Schedule) -> HttpResponse:
    """One schedule: when it is due, what it made last, and what it makes."""
    return draw(
        request,
        "console/schedule.html",
        schedule.name,
        schedule=schedule,
        state=state_of(schedule),
        ahead=schedules.ahead(schedule, AHEAD) if schedule.enabled else [],
        zone=ZoneInfo(schedule.timezone),
        task=pretty(schedule.document),
    )


@action(roles.OPERATE, "queues_schedule_changelist")
def run(request: HttpRequest, schedule_id: int) -> HttpResponse:
    schedule = Schedule.objects.filter(pk=schedule_id).first()
    if schedule is None:
        raise Http404
    made = schedules.run(schedule.account_id, schedule.name)
    messages.success(request, f"Task {made.task_id} was made.")
    return HttpResponseRedirect(reverse("admin:console_task", args=[made.task_id]))


def state_of(schedule: Schedule) -> str:
    return "failing" if schedule.last_error else "on" if schedule.enabled else "off"

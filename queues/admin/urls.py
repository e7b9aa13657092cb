"""The console's addresses below ``/admin/`` that are no model's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import URLPattern, path

from queues.admin import (
    audit_page,
    dashboard,
    destinations,
    editing,
    jobs,
    letters,
    message,
    messages,
    queue_actions,
    queue_list,
    queue_page,
    queue_settings,
    schedules,
    tasks,
)

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite

    from okmq_site.console.pages import View


def patterns(site: AdminSite) -> list[URLPattern]:
    def at(route: str, view: View, name: str) -> URLPattern:
        return path(route, site.admin_view(view), name=name)

    return [
        at("figures/", dashboard.figures, "console_figures"),
        at("queues/", queue_list.queue_list, "console_queues"),
        at("queues/<int:queue_id>/", queue_page.queue_page, "console_queue"),
        at("queues/<int:queue_id>/figures/", queue_page.figures, "console_queue_figures"),
        at("queues/<int:queue_id>/pause/", queue_actions.pause, "console_pause"),
        at("queues/<int:queue_id>/resume/", queue_actions.resume, "console_resume"),
        at("queues/<int:queue_id>/publish/", queue_actions.publish, "console_publish"),
        at("queues/<int:queue_id>/settings/", queue_settings.settings_page, "console_settings"),
        at("queues/<int:queue_id>/settings/change/", queue_settings.change, "console_settings_change"),
        at("messages/", messages.messages, "console_messages"),
        at("queues/<int:queue_id>/messages/<int:offset>/", message.message, "console_message"),
        at("queues/<int:queue_id>/messages/<int:offset>/body/", message.body, "console_message_body"),
        at("destinations/", destinations.destination_list, "console_destinations"),
        at("destinations/<str:public_id>/", destinations.destination, "console_destination"),
        at("destinations/<str:public_id>/figures/", destinations.figures, "console_destination_figures"),
        at("destinations/<str:public_id>/enable/", destinations.enable, "console_enable"),
        at("destinations/<str:public_id>/disable/", destinations.disable, "console_disable"),
        at("destinations/<str:public_id>/test/", destinations.send_test, "console_send_test"),
        at("destinations/<str:public_id>/rotate/", destinations.rotate, "console_rotate"),
        at("destinations/<str:public_id>/<int:log_id>/", destinations.attempt, "console_attempt"),
        at("destinations/<str:public_id>/<int:log_id>/resend/", destinations.resend, "console_resend"),
        at("dead-letters/", letters.letter_groups, "console_letters"),
        at("dead-letters/<int:queue_id>/", letters.letter_list, "console_letter_list"),
        at("dead-letters/<int:queue_id>/preview/", letters.letter_preview, "console_letter_preview"),
        at("dead-letters/<int:queue_id>/order/", letters.letter_order, "console_letter_order"),
        at("dead-letters/jobs/<int:job_id>/", jobs.job_page, "console_job"),
        at("dead-letters/jobs/<int:job_id>/figures/", jobs.figures, "console_job_figures"),
        at("dead-letters/jobs/<int:job_id>/cancel/", jobs.cancel, "console_cancel"),
        at("queues/<int:queue_id>/messages/<int:offset>/edit/", editing.edit, "console_edit"),
        at(
            "queues/<int:queue_id>/messages/<int:offset>/replay-edited/",
            editing.replay_edited,
            "console_replay_edited",
        ),
        at("tasks/", tasks.task_list, "console_tasks"),
        at("tasks/figures/", tasks.list_figures, "console_tasks_figures"),
        at("tasks/<str:task_id>/", tasks.task_page, "console_task"),
        at("tasks/<str:task_id>/figures/", tasks.figures, "console_task_figures"),
        at("tasks/<str:task_id>/run/", tasks.run, "console_task_run"),
        at("tasks/<str:task_id>/cancel/", tasks.cancel, "console_task_cancel"),
        at("schedules/<int:schedule_id>/run/", schedules.run, "console_schedule_run"),
        at("audit/", audit_page.audit_page, "console_audit"),
    ]

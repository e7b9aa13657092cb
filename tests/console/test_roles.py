"""Viewers look, operators act, admins change; nobody does more than his role."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import Account, ApiKey
from queues import broker
from queues.broker import letters
from queues.broker.types import Nack
from queues.models import DeliveryLog, Schedule
from queues.tasks import schedules
from queues.tasks.create import create
from queues.tasks.schedules import NewSchedule
from queues.tasks.types import NewTask
from tests.broker.handle import Handle

from .conftest import Hire
from .destinations import new_attempt
from .people import Person

LOOKED_AT = {
    "console_figures", "console_queues", "console_queue", "console_queue_figures", "console_messages",
    "console_message", "console_message_body", "console_destinations", "console_destination",
    "console_attempt", "console_audit", "console_destination_figures", "console_letters",
    "console_letter_list", "console_job",
    "console_job_figures", "console_tasks", "console_tasks_figures", "console_task", "console_task_figures",
}  # fmt: skip
FORMS = {"console_letter_preview": "operator", "console_edit": "operator", "console_settings": "admin"}
"""Looked at by those only who may go on from there: the least role that may."""
ACTIONS = {
    "console_pause": "operator",
    "console_resume": "operator",
    "console_publish": "operator",
    "console_enable": "operator",
    "console_disable": "operator",
    "console_resend": "operator",
    "console_send_test": "operator",
    "console_rotate": "admin",
    "console_settings_change": "admin",
    "console_letter_order": "operator",
    "console_cancel": "operator",
    "console_task_run": "operator",
    "console_task_cancel": "operator",
    "console_schedule_run": "operator",
    "console_replay_edited": "operator",
}
"""By name of the route: the least role that may press it."""


def test_the_roles_are_groups_made_by_a_migration(django_db_setup: None) -> None:
    found = {
        group.name: sorted(group.permissions.values_list("codename", flat=True))
        for group in Group.objects.filter(name__in=("viewer", "operator", "admin"))
    }
    assert found == {
        "viewer": ["console_view"],
        "operator": ["console_operate", "console_view"],
        "admin": ["console_administer", "console_operate", "console_view"],
    }


def console_routes() -> dict[str, str]:
    """Name and pattern of every route of ours."""
    found = {}

    def walk(resolver: URLResolver, prefix: str) -> None:
        for entry in resolver.url_patterns:
            if isinstance(entry, URLResolver):
                walk(entry, prefix + str(entry.pattern))
            elif isinstance(entry, URLPattern) and (entry.name or "").startswith("console_"):
                found[str(entry.name)] = prefix + str(entry.pattern)

    walk(get_resolver(), "")
    return found


def path_of(route: str, q: Handle) -> str:
    """The route's path, about the queue, its first message, and a destination with an attempt."""
    path = console_routes()[route].removeprefix("admin/")
    path = path.replace("<int:queue_id>", str(q.id)).replace("<int:offset>", "0")
    if "<str:task_id>" in path:
        made = create(q.account_id, NewTask(type="demo", payload="{}", queue=q.name))
        path = path.replace("<str:task_id>", made.task_id)
    if "<int:schedule_id>" in path:
        path = path.replace("<int:schedule_id>", str(new_schedule(q).pk))
    if "<int:job_id>" in path:
        job = letters.purge(q.account_id, q.name, per_second=1).job
        assert job is not None
        path = path.replace("<int:job_id>", str(job.id))
    if "<str:public_id>" in path:
        entry = DeliveryLog.objects.filter(queue_id=q.id).first() or new_attempt(q)
        path = path.replace("<str:public_id>", entry.destination.public_id).replace(
            "<int:log_id>", str(entry.pk)
        )
    return path


def new_schedule(q: Handle) -> Schedule:
    task = NewTask(type="demo", payload="{}", queue=q.name)
    return schedules.put(q.account_id, NewSchedule("daily", "@daily", None, "UTC", True, task, "{}"))[0]


def test_every_page_and_button_is_known_here() -> None:
    assert set(console_routes()) == LOOKED_AT | set(FORMS) | set(ACTIONS)


@pytest.mark.parametrize("route", sorted(LOOKED_AT))
def test_viewers_see_every_page(viewer: Person, q: Handle, route: str) -> None:
    q.publish("m")
    viewer.get(path_of(route, q))


@pytest.mark.parametrize("route", sorted(FORMS))
def test_forms_are_for_those_who_may_send_them(hire: Hire, q: Handle, route: str) -> None:
    q.publish("m")
    hire("viewer").get(path_of(route, q), 403)
    if FORMS[route] == "admin":
        hire("operator").get(path_of(route, q), 403)


@pytest.mark.parametrize("route", sorted(LOOKED_AT | set(FORMS) | set(ACTIONS)))
def test_strangers_are_sent_to_the_login(q: Handle, route: str) -> None:
    answer = Client().post(f"/admin/{path_of(route, q)}")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("route", sorted(ACTIONS))
def test_buttons_are_for_their_role_and_are_pressed_not_looked_at(hire: Hire, q: Handle, route: str) -> None:
    q.publish("m")
    path = f"/admin/{path_of(route, q)}"
    before = broker.get_queue(q.account_id, q.name), q.stats()
    assert hire("viewer").client.post(path).status_code == 403
    if ACTIONS[route] == "admin":
        assert hire("operator").client.post(path).status_code == 403
    looked = hire("admin").client.get(path)
    assert (looked.status_code, looked["Allow"]) == (405, "POST")
    assert "Nothing was done" in looked.content.decode()
    assert (broker.get_queue(q.account_id, q.name), q.stats()) == before


@pytest.mark.parametrize("route", sorted(ACTIONS))
def test_a_form_from_elsewhere_is_refused(hire: Hire, q: Handle, route: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(hire("admin").user, "django.contrib.auth.backends.ModelBackend")
    assert client.post(f"/admin/{path_of(route, q)}").status_code == 403


def test_buttons_are_shown_to_those_who_may_press_them(viewer: Person, operator: Person, q: Handle) -> None:
    assert "/pause/" not in viewer.get(f"queues/{q.id}/")
    assert "/pause/" in operator.get(f"queues/{q.id}/")


def test_staff_without_a_role_sees_nothing(django_db_setup: None) -> None:
    user = User.objects.create_user("nobody-in-particular", password="x", is_staff=True)
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    assert client.get("/admin/").status_code == 302
    user.delete()


MODEL_PAGES = ("accounts/account/add/", "accounts/apikey/add/", "auth/user/", "auth/user/add/")


@pytest.mark.parametrize("path", MODEL_PAGES)
def test_only_admins_make_accounts_keys_and_users(hire: Hire, path: str) -> None:
    hire("viewer").get(path, 403)
    hire("operator").get(path, 403)
    hire("admin").get(path)


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_admins_change_accounts_keys_and_users(
    hire: Hire, account: Account, api_key: str, role: str
) -> None:
    key, somebody, lower = ApiKey.objects.get(account=account), hire("viewer").user, hire(role)
    before = account.email, key.scopes, somebody.password
    for path, fields in (
        (f"accounts/account/{account.pk}/change/", {"email": "other@example.com"}),
        (f"accounts/apikey/{key.pk}/change/", {"scopes": ["read"]}),
        (f"auth/user/{somebody.pk}/change/", {"username": "other"}),
        (f"auth/user/{somebody.pk}/password/", {"password1": "x", "password2": "x"}),
    ):
        assert lower.client.post(f"/admin/{path}", fields).status_code == 403, path
    for row in (account, key, somebody):
        row.refresh_from_db()
    assert (account.email, key.scopes, somebody.password) == before


def test_operators_do_not_revoke_keys(operator: Person, account: Account, api_key: str) -> None:
    key = ApiKey.objects.get(account=account)
    operator.press("accounts/apikey/", action="revoke", _selected_action=[key.pk], confirmed="yes")
    key.refresh_from_db()
    assert key.revoked_at is None
    assert account.email in operator.get(f"accounts/account/?q={account.email}")


def test_admins_do_not_make_themselves_superusers(admin: Person, hire: Hire) -> None:
    boss = hire("superuser").user
    admin.get(f"auth/user/{boss.pk}/change/", 302)  # not to be found
    assert boss.username not in admin.get("auth/user/")
    page = admin.get(f"auth/user/{admin.user.pk}/change/")
    assert 'name="is_superuser"' not in page
    admin.press(
        f"auth/user/{admin.user.pk}/change/", username=admin.user.username, is_active="on", is_superuser="on"
    )
    admin.user.refresh_from_db()
    assert not admin.user.is_superuser


def test_a_new_user_may_log_in(admin: Person) -> None:
    group = Group.objects.get(name="viewer")
    password = "quite a long one 7"
    admin.press(
        "auth/user/add/",
        username="new-here",
        usable_password="true",
        password1=password,
        password2=password,
        groups=[group.pk],
    )
    made = User.objects.get(username="new-here")
    assert (
        made.is_staff
        and made.has_perm("accounts.console_view")
        and not made.has_perm("accounts.console_operate")
    )
    made.delete()


def test_nothing_dies_of_being_looked_at(viewer: Person, q: Handle) -> None:
    q.publish("m")
    q.receive()
    q.settle(Nack("m", dead=True))
    before = q.peek()
    viewer.get(f"queues/{q.id}/messages/0/")
    viewer.get(f"messages/?queue={q.id}&state=failed")
    assert q.peek() == before

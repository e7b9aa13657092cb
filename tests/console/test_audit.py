"""Every button of the console leaves its row in the audit log, in the name of who pressed it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User

from accounts.models import Account
from queues import broker
from queues.admin import queue_settings
from queues.broker import audit_log, letters
from queues.broker.audit_log import Entry
from queues.models import Destination
from queues.tasks import schedules, tasks
from queues.tasks.schedules import NewSchedule
from queues.tasks.types import NewTask
from tests.broker.handle import Handle

from .destinations import new_attempt, new_destination
from .people import Person
from .test_roles import ACTIONS, console_routes, new_schedule

Fields = dict[str, Any]
NEW = "quite a long one 7"


def nothing(q: Handle) -> Fields:
    return {}


def paused(q: Handle) -> Fields:
    q.pause()
    return {}


def dead(q: Handle) -> Fields:
    q.publish("m")
    q.kill("m")
    return {"kind": "purge", "which": "selected", "id": ["m"], "confirmed": "1", "body": "2"}


def settings(q: Handle) -> Fields:
    form = queue_settings.filled_in(q.info().settings) | {"max_attempts": 9}
    return {"form": {name: value for name, value in form.items() if value is not None}}


def job(q: Handle) -> Fields:
    dead(q)
    made = letters.purge(q.account_id, q.name, per_second=1).job
    return {"job_id": made.id if made else 0}


def task(q: Handle) -> Fields:
    made = tasks.create(q.account_id, NewTask(type="demo", payload="{}", queue=q.name))
    return {"task_id": made.task_id}


def ended_task(q: Handle) -> Fields:
    made = task(q)
    tasks.cancel(q.account_id, made["task_id"])
    return made


def schedule(q: Handle) -> Fields:
    return {"schedule_id": new_schedule(q).pk}


def destination(q: Handle) -> Fields:
    made = new_destination(q)
    q.publish("m")
    return {"public_id": made.public_id, "log_id": new_attempt(q, made).pk}


def unreachable(q: Handle) -> Fields:
    made = new_destination(q, target="http://192.0.2.1:1/refused")
    return {"public_id": made.public_id}


def disabled(q: Handle) -> Fields:
    made = destination(q)
    Destination.objects.filter(public_id=made["public_id"]).update(enabled=False)
    return made


SHOP = "destination shop of queue {q}"
BUTTONS: dict[str, tuple[Callable[[Handle], Fields], str, str, int | None]] = {
    "console_pause": (nothing, "queue.pause", "queue {q}", None),
    "console_resume": (paused, "queue.resume", "queue {q}", None),
    "console_settings_change": (settings, "queue.change", "queue {q}", None),
    "console_publish": (dead, "messages.publish", "queue {q}", 1),
    "console_enable": (disabled, "destination.enable", SHOP, None),
    "console_disable": (destination, "destination.disable", SHOP, None),
    "console_resend": (destination, "destination.resend", SHOP, 1),
    "console_send_test": (unreachable, "destination.test", SHOP, None),
    "console_rotate": (destination, "destination.rotate_secret", SHOP, None),
    "console_letter_order": (dead, "dead_letters.purge", "queue {q}", 1),
    "console_cancel": (job, "dead_letters.cancel", "job {job_id}", None),
    "console_task_run": (ended_task, "task.run", "task {task_id}", 1),
    "console_task_cancel": (task, "task.cancel", "task {task_id}", 1),
    "console_schedule_run": (schedule, "schedule.run", "schedule daily", None),
    "console_replay_edited": (dead, "dead_letters.edit", "queue {q}", 1),
}
"""By name of the route: what has to be there, and what its row says."""


def rows_of(person: Person) -> list[tuple[str, str, int | None]]:
    return [(one.action, one.target, one.count) for one in done_by(person)]


def done_by(person: Person) -> list[Entry]:
    """The oldest first."""
    return audit_log.entries(actor=f"user {person.user.username}")[::-1]


def test_every_button_is_known_here() -> None:
    assert set(BUTTONS) == set(ACTIONS)


@pytest.mark.parametrize("route", sorted(BUTTONS))
def test_a_button_leaves_one_row(admin: Person, q: Handle, route: str) -> None:
    prepare, action, target, count = BUTTONS[route]
    made = {"queue_id": q.id, "offset": 0, "q": q.name, **prepare(q)}
    path = console_routes()[route].removeprefix("admin/")
    for name, value in made.items():
        path = path.replace(f"<int:{name}>", str(value)).replace(f"<str:{name}>", str(value))
    fields = {name: made[name] for name in ("kind", "which", "id", "confirmed", "body") if name in made}
    fields |= made.get("form", {})
    admin.press(path, **fields)
    assert rows_of(admin) == [(action, target.format(**made), count)]


def test_a_rotated_secret_is_not_in_the_log(admin: Person, q: Handle) -> None:
    made = destination(q)
    admin.press(f"destinations/{made['public_id']}/rotate/")
    (entry,) = done_by(admin)
    assert entry.detail == {"id": made["public_id"], "secret": "changed", "signed": "false to true"}


def test_accounts_and_keys_are_made_and_changed(admin: Person) -> None:
    email = f"{uuid4().hex}@example.com"
    quotas: Fields = {"max_channels": 5, "max_mb": 5, "max_messages": 5, "max_concurrency": 5}
    keys: Fields = {"api_keys-TOTAL_FORMS": 0, "api_keys-INITIAL_FORMS": 0}
    admin.press("accounts/account/add/", email=email, is_active="on", **quotas, **keys)
    account = Account.objects.get(email=email)
    admin.press("accounts/apikey/add/", account=account.pk, name="ci", scopes=["read"])
    key = account.api_keys.get()
    admin.press(f"accounts/apikey/{key.pk}/change/", name="ci", scopes=["read", "publish"])
    admin.press(f"accounts/apikey/{key.pk}/change/", name="ci", scopes=["read", "publish"])  # no change
    admin.press("accounts/apikey/", action="revoke", _selected_action=[key.pk], confirmed="yes")
    form: Fields = {**quotas, "max_messages": 7, "email": email, "is_active": "on"}
    admin.press(f"accounts/account/{account.pk}/change/", **form, **keys)
    assert [(one.action, one.target, one.detail) for one in done_by(admin)] == [
        ("account.create", f"account {email}", {}),
        ("key.create", f"key {key.public}", {"name": "ci", "scopes": ["read"]}),
        ("key.change", f"key {key.public}", {"fields": ["scopes"]}),
        ("key.revoke", f"key {key.public}", {}),
        ("account.change", f"account {email}", {"fields": ["max_messages"]}),
    ]
    assert {one.account_id for one in done_by(admin)} == {account.pk}


def test_users_are_let_in_and_changed(admin: Person) -> None:
    viewer, operator = (Group.objects.get(name=name).pk for name in ("viewer", "operator"))
    name = f"new-{uuid4().hex[:8]}"
    secret: Fields = {"password1": NEW, "password2": NEW}
    admin.press("auth/user/add/", username=name, usable_password="true", groups=[viewer], **secret)
    user = User.objects.get(username=name)
    changed: Fields = {"username": name, "is_active": "on", "groups": [operator]}
    for _ in range(2):  # the second time it changes nothing
        admin.press(f"auth/user/{user.pk}/change/", **changed)
    admin.press(f"auth/user/{user.pk}/password/", usable_password="true", **secret)
    assert [(one.action, one.target, one.detail) for one in done_by(admin)] == [
        ("user.create", f"user {name}", {"roles": "viewer"}),
        ("user.change", f"user {name}", {"roles": "operator", "fields": ["Groups"]}),
        ("user.change", f"user {name}", {"roles": "operator", "fields": ["password"]}),
    ]
    user.delete()


def test_ones_own_password_is_recorded(viewer: Person) -> None:
    viewer.user.set_password("the old one 7")
    viewer.user.save()
    viewer.client.force_login(viewer.user, "django.contrib.auth.backends.ModelBackend")
    typed: Fields = {"old_password": "not it", "new_password1": NEW, "new_password2": NEW}
    viewer.press("password_change/", **typed)
    assert rows_of(viewer) == []
    typed["old_password"] = "the old one 7"
    viewer.press("password_change/", **typed)
    assert rows_of(viewer) == [("user.change", f"user {viewer.user.username}", None)]


def test_a_schedule_run_by_hand_is_recorded(operator: Person, account: Account) -> None:
    tasks.register(account.pk, "t")
    task = NewTask(type="t", payload="{}", queue="work")
    schedule, _ = schedules.put(account.pk, NewSchedule("nightly", "@daily", None, "UTC", True, task, "{}"))
    operator.press("queues/schedule/", action="run_now", _selected_action=[schedule.pk])
    (made,) = tasks.list_tasks(account.pk, "work")
    rows = done_by(operator)
    # The queue came into being with its first task.
    assert [(one.action, one.target) for one in rows] == [
        ("queue.create", "queue work"),
        ("schedule.run", "schedule nightly"),
    ]
    assert rows[-1].detail == {"task": made.task_id}
    assert broker.list_queues(account.pk)

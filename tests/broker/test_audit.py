"""Who did what."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from accounts.models import Account
from accounts.services import create_key, revoke_key
from okmq_site.acting import ActorMiddleware
from okmq_site.wsgi import api
from queues.broker import audit, bulk, clock
from queues.broker.audit_log import Entry, entries
from queues.broker.errors import QueueNotFound
from queues.broker.lanes import Transaction, in_transaction
from queues.broker.types import State
from queues.fields import to_datetime
from queues.models import AuditEntry

from .conftest import NewQueue
from .handle import Handle

MADE = ("account.create", "key.create", "queue.create")
"""What fixtures leave."""


def recorded(account: Account, **wanted: Any) -> list[Entry]:
    """The newest first."""
    return [entry for entry in entries(account.pk, **wanted) if entry.action not in MADE]


def acts(account: Account) -> list[tuple[str, str, str, int | None]]:
    """What was recorded of the account, the oldest first."""
    return [(e.actor, e.action, e.target, e.count) for e in reversed(recorded(account))]


def test_who_deletes_replays_pauses_and_removes_is_recorded(account: Account, q: Handle) -> None:
    q.publish("a", "b", "c")
    q.kill("a", "b", "c")
    with audit.acting("key abc"):
        q.replay(ids=["a"])
        q.delete_messages(state=State.FAILED)
        q.pause()
        q.pause()  # changes nothing
        q.resume()
    with audit.acting("user root"):
        q.delete()
    queue = f"queue {q.name}"
    assert acts(account) == [
        ("key abc", "messages.replay", queue, 1),
        ("key abc", "messages.delete", queue, 2),
        ("key abc", "queue.pause", queue, None),
        ("key abc", "queue.resume", queue, None),
        ("user root", "queue.delete", queue, 1),
    ]


def test_the_filter_is_recorded(account: Account, q: Handle) -> None:
    q.publish("a", "b", tag="x")
    q.delete_messages(state=State.PENDING, tag="x")
    q.publish(*map(str, range(30)))
    q.delete_messages(ids=[str(n) for n in range(30)])
    by_filter, by_ids = reversed(recorded(account))
    assert by_filter.detail == {"state": "pending", "tag": "x"}
    assert by_ids.detail == {"ids": [*map(str, range(audit.SOME)), "..."]}
    assert (by_ids.count, by_ids.actor) == (30, audit.SYSTEM)


def test_what_destroyed_nothing_leaves_no_trace(account: Account, q: Handle) -> None:
    q.delete_messages(ids=["ghost"])
    q.delete_messages(tag="\0")
    q.replay()
    assert acts(account) == []


def test_an_act_that_fails_is_not_recorded(account: Account, q: Handle) -> None:
    q.delete()
    with pytest.raises(QueueNotFound):
        q.delete()
    assert len(acts(account)) == 1


def test_an_act_in_chunks_is_one_row_that_counts_them_all(
    account: Account, q: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "CHUNK", 10)
    q.publish(*map(str, range(35)))
    q.delete_messages()
    assert acts(account) == [("system", "messages.delete", f"queue {q.name}", 35)]


def test_the_row_counts_what_was_committed_when_a_later_chunk_fails(
    account: Account, q: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "CHUNK", 10)
    q.publish(*map(str, range(35)))
    record, calls = audit.Act.record, []

    def fail_at_the_third(self: audit.Act, tx: Transaction, count: int | None = None) -> int:
        calls.append(count)
        if len(calls) == 3:
            raise ValueError("no more")
        return record(self, tx, count)

    monkeypatch.setattr(audit.Act, "record", fail_at_the_third)
    with pytest.raises(ValueError, match="no more"):
        q.delete_messages()
    assert [act[-1] for act in acts(account)] == [20]
    assert q.stats().pending == 15


def test_a_thread_acts_for_nobody_but_itself() -> None:
    seen: list[str] = []
    with audit.acting("user root"):
        thread = threading.Thread(target=lambda: seen.append(audit.actor()))
        thread.start()
        thread.join()
    assert seen == [audit.actor()] == [audit.SYSTEM]


def test_a_revoked_key_is_recorded_once(account: Account) -> None:
    public = create_key(account).split("_")[1]
    revoke_key(public)
    revoke_key(public)
    assert acts(account) == [("system", "key.revoke", f"key {public}", None)]


@pytest.fixture
def five(account: Account) -> list[Entry]:
    """Five acts, the newest first; two of them of the same instant."""
    for n in range(5):
        audit.Act(account.pk, "queue.delete" if n else "key.revoke", f"queue q{n}", by=f"user u{n % 2}").save(
            n
        )
    rows = list(AuditEntry.objects.filter(account=account).exclude(action__in=MADE).order_by("id"))
    rows[2].at = rows[3].at
    rows[2].save()
    return recorded(account)


def test_the_log_is_read_page_by_page(account: Account, five: list[Entry]) -> None:
    pages: list[Entry] = []
    before = None
    while page := entries(account.pk, before=before, limit=2):
        pages += page
        before = page[-1].cursor
    assert [entry for entry in pages if entry.action not in MADE] == five
    assert [entry.count for entry in five] == [4, 3, 2, 1, 0]


def test_the_log_is_filtered(account: Account, five: list[Entry]) -> None:
    def counts(**wanted: Any) -> list[int | None]:
        return [entry.count for entry in recorded(account, **wanted)]

    assert counts(actor="user u1") == counts(actor="u1") == [3, 1]
    assert counts(action="queue") == counts(action="queue.delete") == [4, 3, 2, 1]
    assert counts(action="que") == []
    assert counts(text="Q3") == [3]
    assert counts(since=five[0].at) == [4]
    assert counts(until=five[3].at) == [0]


def test_accounts_do_not_see_each_other_but_the_operator_sees_all(
    account: Account, stranger: Account, five: list[Entry]
) -> None:
    assert recorded(stranger) == []
    assert five[0].id in {entry.id for entry in entries()}


def test_old_acts_are_forgotten(account: Account, five: list[Entry], settings: LazySettings) -> None:
    settings.OKMQ_AUDIT_DAYS = 1
    cut = clock.now() - 86_400 * clock.SECOND
    AuditEntry.objects.filter(account=account, count__lt=2).update(at=to_datetime(cut - 1))
    assert in_transaction(lambda tx: audit.prune(tx, 1)) == 1
    in_transaction(lambda tx: audit.prune(tx, 1_000))
    assert [entry.count for entry in recorded(account)] == [4, 3, 2]


def test_a_deleted_queue_counts_what_it_held(account: Account, new_queue: NewQueue) -> None:
    queue = new_queue()
    queue.publish("a", "b")
    queue.delete()
    assert acts(account)[0][-1] == 2


def test_a_call_is_recorded_as_its_keys(account: Account, api_key: str, q: Handle) -> None:
    answer = Client().delete(f"/queues/{q.name}", headers={"Authorization": api_key})
    assert answer.status_code == 204
    assert [act[:2] for act in acts(account)] == [(f"key {api_key.split('_')[1]}", "queue.delete")]


def test_the_next_request_of_a_thread_does_not_act_for_the_one_before(api_key: str) -> None:
    actors = []
    with audit.acting("whoever"):
        for key in (api_key, "no key"):
            request = RequestFactory().get("/queues", headers={"Authorization": key})
            api(request.environ, lambda *_: lambda _: None)
            actors.append(audit.actor())
    assert actors == [f"key {api_key.split('_')[1]}", audit.ANONYMOUS]


def test_the_console_acts_for_its_user(account: Account) -> None:
    request = RequestFactory().post("/admin/")
    request.user = User(username="root")
    seen: list[str] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(audit.actor())
        return HttpResponse()

    ActorMiddleware(view)(request)
    request.user = AnonymousUser()
    ActorMiddleware(view)(request)
    assert seen == ["user root", audit.ANONYMOUS]
    assert audit.actor() == audit.SYSTEM

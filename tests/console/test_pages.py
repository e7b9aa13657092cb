"""What the console's pages tell, as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Account
from queues import broker
from queues.admin import dashboard
from queues.admin.destinations import health
from queues.broker import beats, clock, letters, overview
from queues.broker.census import QueueFigures
from queues.broker.overview import Overview
from queues.broker.types import Ack, Encoding, ExpiryAction, Nack
from queues.models import Destination
from queues.tasks.create import create
from queues.tasks.types import NewTask
from tests.broker.conftest import NewQueue
from tests.broker.handle import Handle, message
from tests.broker.rows import age

from .destinations import new_attempt, new_destination
from .people import Person


def test_the_dashboard_has_what_is_in_trouble(
    viewer: Person, q: Handle, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard, "SHOWN", 10_000)
    q.publish("a", "b")
    q.receive(limit=1)
    q.settle(Nack("a", dead=True, reason="broken"))
    text = viewer.read("")
    table = text[text.index("Queues by trouble") :]
    assert q.name in table and account.email in table
    assert f"/admin/dead-letters/{q.id}/" in viewer.get("figures/")


def test_trouble_is_what_died_then_what_waits_longest_then_what_is_most() -> None:
    def figures(number: int, failed: int, waited: float, pending: int) -> QueueFigures:
        counts: dict[str, Any] = {
            name: 0 for name in QueueFigures.__struct_fields__ if name.endswith("_total")
        }
        return QueueFigures(
            1, "q", pending, 0, 0, failed, 0, **counts, oldest_ready_seconds=waited, id=number
        )

    queues = [figures(1, 0, 0, 9), figures(2, 0, 5, 1), figures(3, 1, 0, 0), figures(4, 0, 5, 2)]
    taken = Overview(0, queues, 4, {})
    assert [queue.id for queue in dashboard.by_trouble(taken, set())] == [3, 4, 2, 1]
    assert [queue.id for queue in dashboard.by_trouble(taken, {2, 1})] == [1, 2, 3, 4]
    totals = dashboard.total(queues, {2})
    assert (totals.dead, totals.moved, totals.oldest and totals.oldest.id) == (2, 1, 4)


def test_what_waits_in_a_dead_letter_queue_is_dead(
    viewer: Person, new_queue: NewQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard, "SHOWN", 10_000)
    graves = new_queue()
    mortal = new_queue(max_attempts=1, dead_letter_queue=graves.name)
    mortal.publish("a", "b")
    mortal.kill("a", "b", reason="no such street")
    assert "in dead-letter queues" in viewer.read("figures/")
    row = f"{graves.name} dead letters"
    assert row in viewer.read("figures/") and row in viewer.read(f"queues/?q={graves.name}")
    text = viewer.read(f"queues/{graves.id}/")
    assert "Dead 2 2 came from other queues" in text and "no such street 2" in text
    assert "There is no dead letter" in viewer.read(f"queues/{mortal.id}/")
    assert f"It died in {mortal.name} and came here." in viewer.read(f"queues/{graves.id}/messages/0/")
    letters.replay(graves.account_id, graves.name)
    assert f"It was replayed from {graves.name}." in viewer.read(f"queues/{mortal.id}/messages/0/")


def test_queues_that_are_not_looked_at_are_told(
    viewer: Person, q: Handle, other: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "MOST_QUEUES", 1)
    monkeypatch.setattr(overview, "kept", overview.Kept())
    assert "tiles and table are of the 1 oldest alone" in viewer.read("figures/")


def test_the_doors_lead_to_the_console(viewer: Person) -> None:
    for path in ("/", "/dashboard"):
        answer = viewer.client.get(path)
        assert (answer.status_code, answer["Location"]) == (302, "/admin/")
        assert viewer.client.post(path).status_code == 405


def test_queues_are_found_by_name_and_account(viewer: Person, q: Handle, account: Account) -> None:
    assert q.name in viewer.read(f"queues/?q={q.name.upper()}")
    assert q.name in viewer.read(f"queues/?q={account.email}")
    assert "No queue or account" in viewer.read("queues/?q=nothing-is-called-this")


def test_pages_of_one_queue_name_the_account(operator: Person, q: Handle, account: Account) -> None:
    """Another account may have a queue of the same name."""
    q.publish("m")
    q.kill("m")
    task = create(account.pk, NewTask(type="demo", payload="{}", queue=q.name))
    pushed = new_destination(q)
    job = letters.purge(q.account_id, q.name, per_second=1).job
    assert job is not None
    paths = (
        f"queues/{q.id}/", f"messages/?queue={q.id}", f"queues/{q.id}/messages/0/",
        f"queues/{q.id}/messages/0/edit/", f"dead-letters/{q.id}/", f"dead-letters/jobs/{job.id}/figures/",
        "dead-letters/", f"tasks/{task.task_id}/",
        f"destinations/?after={pushed.id - 1}", f"destinations/{pushed.public_id}/",
    )  # fmt: skip
    pages = [operator.read(path) for path in paths]
    pages.append(operator.press(f"dead-letters/{q.id}/preview/", kind="purge", which="all"))
    assert [page for page in pages if account.email not in page] == []


def test_a_queues_page_says_in_words_what_it_does(viewer: Person, q: Handle) -> None:
    q.publish("first", body='{"n": 1}')
    q.publish("gone")
    q.receive(limit=1)
    q.settle(Nack("first", dead=True, reason="no such customer"))
    new_destination(q, name="the shop", failures_in_row=3, last_failure_error="refused")
    text = viewer.read(f"queues/{q.id}/")
    for shown in (
        "2 attempts, 10 min lease, retried at once, kept for ever.", "Messages out of attempts stay here",
        "no such customer", "gone", "the shop failing", "t ",
    ):  # fmt: skip
        assert shown in text


def test_a_queue_that_is_not_there_is_not_found(viewer: Person, q: Handle) -> None:
    q.delete()
    for path in (f"queues/{q.id}/", f"messages/?queue={q.id}", f"queues/{q.id}/messages/0/"):
        text = viewer.get(path, 404)
        assert f"Queue not found: number {q.id}" in text and "To the dashboard" in text
    assert "no such page in the console" in viewer.get("nothing/", 404)


@pytest.mark.parametrize(
    "path", ["queues/{}/", "dead-letters/{}/", "dead-letters/jobs/{}/", "queues/{q}/messages/{}/"]
)
def test_a_number_that_no_database_holds_is_not_found(viewer: Person, q: Handle, path: str) -> None:
    viewer.get(path.format(2**63, q=q.id), 404)


def test_who_may_not_do_a_thing_is_told_on_a_page(viewer: Person, q: Handle) -> None:
    assert "Not for your role" in viewer.get(f"queues/{q.id}/settings/", 403)


def test_pausing_and_resuming(operator: Person, q: Handle) -> None:
    assert "is paused" in operator.press(f"queues/{q.id}/pause/")
    q.publish("m")
    assert q.take() == []
    assert "Paused" in operator.read(f"queues/{q.id}/")
    operator.press(f"queues/{q.id}/resume/")
    assert q.take() == ["m"]


@pytest.mark.parametrize(
    ("body", "encoding"), [('{"a": [1, 2.50]}', Encoding.JSON), ("just words", Encoding.TEXT)]
)
def test_a_test_message_is_published(operator: Person, q: Handle, body: str, encoding: Encoding) -> None:
    text = operator.press(f"queues/{q.id}/publish/", body=body, tag="tests", delay="60")
    assert "Published message" in text
    (view,) = q.peek()
    assert (view.body, view.encoding, view.tag, str(view.state)) == (body, encoding, "tests", "scheduled")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"body": "a\0b"}, "NUL"),
        ({"body": "x", "tag": "t" * 257}, "256 characters"),
        ({"body": "x", "delay": "soon"}, "number of seconds"),
        ({"body": "x" * 1_000_001}, "1,000,000 characters"),
    ],
)
def test_a_test_message_that_will_not_do_is_told(
    operator: Person, q: Handle, fields: dict[str, Any], told: str
) -> None:
    assert told in operator.press(f"queues/{q.id}/publish/", **fields)
    assert q.peek() == []


def test_what_the_engine_refuses_is_told(operator: Person, q: Handle, account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(max_messages=0)
    text = operator.press(f"queues/{q.id}/publish/", body="1")
    assert "quota is used up" in text and "Publish a test message" in text  # where the button stands


def test_messages_are_browsed_and_searched(viewer: Person, q: Handle) -> None:
    q.send(*(message(f"m{n}", f'{{"n": {n}}}') for n in range(60)))
    page = viewer.get(f"messages/?queue={q.id}")
    assert ">m59<" in page and ">m10<" in page and ">m9<" not in page
    assert f"?queue={q.id}&amp;before=10" in page
    assert ">m9<" in viewer.get(f"messages/?queue={q.id}&before=10")
    found = viewer.read(f"messages/?queue={q.id}&path=$.n&value=7")
    assert "m7" in found and "m8" not in found
    assert "searched 60 messages" in found and "that is all there are" in found
    assert "No message is like that" in viewer.read(f"messages/?queue={q.id}&text=nowhere")
    assert "No message is like that" in viewer.read(f"messages/?queue={q.id}&older=5m")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("older=yesterday", "neither an age"),
        ("path=$.a[&value=1", "expected a path"),
        ("path=$.a", "needs a value"),
        ("attempts=-1", "whole number"),
        ("state=lost", "is no state"),
    ],
)
def test_a_search_that_cannot_be_understood_is_told(viewer: Person, q: Handle, query: str, told: str) -> None:
    assert told in viewer.read(f"messages/?queue={q.id}&{query}")


def test_a_queue_beyond_those_offered_stays_chosen(
    viewer: Person, q: Handle, other: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    from queues.admin import messages

    monkeypatch.setattr(messages, "QUEUES_OFFERED", 1)
    for queue in (q, other):
        page = viewer.get(f"messages/?queue={queue.id}")
        assert f'<option value="{queue.id}" selected>' in page and "others: from their own pages" in page


def test_an_id_leads_to_its_message(viewer: Person, q: Handle) -> None:
    q.publish(f"only-{q.name}")
    answer = viewer.client.get("/admin/messages/", {"id": f"only-{q.name}"})
    assert answer["Location"] == f"/admin/queues/{q.id}/messages/0/"
    assert "No queue holds" in viewer.read("messages/?id=nobody-has-this")


def test_a_messages_page_shows_body_life_and_commands(viewer: Person, q: Handle) -> None:
    body = '{"price": 1.50, "big": 12345678901234567890, "name": "O\'Neil", "name": "twice"}'
    q.send(message("m", body, tag="t", metadata='{"trace": "abc"}'))
    q.receive(consumer="worker-7")
    q.settle(Nack("m", reason="try again"))
    q.receive()
    q.settle(Nack("m", reason="no such customer"))
    text = viewer.read(f"queues/{q.id}/messages/0/")
    assert '{ "price": 1.50, "big": 12345678901234567890, "name": "O\'Neil", "name": "twice" }' in text
    life = text[text.index("Life") :]
    steps = ("Published", "Handed out, attempt 1 to worker-7", "Failed", "Handed out, attempt 2", "Died")
    assert [life.index(step) for step in steps] == sorted(life.index(step) for step in steps)
    assert "no such customer" in text and '"trace": "abc"' in text
    assert f"/queues/{q.name}/messages/m" in text
    assert "O'\"'\"'Neil" in text  # quoted for the shell


def test_bodies_that_are_no_json_are_shown_as_what_they_are(viewer: Person, q: Handle) -> None:
    q.send(
        message("text", "<script>alert(1)</script>", encoding=Encoding.TEXT),
        message("bytes", "AP8AQUJD", encoding=Encoding.BASE64),
    )
    assert "&lt;script&gt;alert(1)" in viewer.get(f"queues/{q.id}/messages/0/")
    assert "00000000 00 ff 00 41 42 43 ...ABC" in viewer.read(f"queues/{q.id}/messages/1/")
    answer = viewer.client.get(f"/admin/queues/{q.id}/messages/1/body/")
    assert answer.content == b"\x00\xff\x00ABC"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment")


def test_an_acked_and_a_scheduled_message_tell_their_life(viewer: Person, q: Handle) -> None:
    q.publish("acked")
    q.publish("later", deliver_at=clock.now() + clock.micros(3600))
    q.receive()
    q.settle(Ack("acked"))
    assert "Acknowledged" in viewer.read(f"queues/{q.id}/messages/0/")
    later = viewer.read(f"queues/{q.id}/messages/1/")
    assert "To be delivered" in later and ("in 59 min" in later or "in 1 h" in later)


def test_a_messages_page_tells_how_long_it_is_kept(viewer: Person, new_queue: NewQueue) -> None:
    spared = {"ttl_seconds": 3600, "max_attempts": 1, "preserve_failed": True}
    q = new_queue(**spared)
    q.publish("m")
    text = viewer.read(f"queues/{q.id}/messages/0/")
    assert "Is removed its time is over then" in text
    q.kill("m")
    text = viewer.read(f"queues/{q.id}/messages/0/")
    assert "Is removed" not in text and "Kept until it is dealt with" in text
    q = new_queue(ttl_seconds=3600, on_expiry=ExpiryAction.DEAD_LETTER)
    q.publish("m")
    assert "Expires and becomes a dead letter" in viewer.read(f"queues/{q.id}/messages/0/")


def test_destinations_tell_their_health(viewer: Person, q: Handle) -> None:
    instant = clock.now()
    states: dict[str, dict[str, Any]] = {
        "unused": {},
        "healthy": {"last_success_at": instant},
        "failing": {"failures_in_row": 2, "last_failure_error": "refused"},
        "parked": {"failures_in_row": 20, "parked_at": instant, "probe_at": instant + clock.micros(90)},
        "disabled": {"enabled": False, "disabled_reason": "410 Gone"},
    }
    for word, fields in states.items():
        one = new_destination(q, name=f"is-{word}", **fields)
        text = viewer.read(f"destinations/{one.public_id}/")
        assert f"is-{word}" in text and f" {word} {health(one).text.split(', next')[0]}" in text
    failing = viewer.read("destinations/?failing=1")
    assert "is-failing" in failing and "is-parked" in failing and "is-healthy" not in failing
    assert "is-disabled" in failing  # the server did that
    viewer.get("destinations/nothing/", 404)


def test_a_destination_tells_what_waits_for_it_and_how_it_is_called(viewer: Person, q: Handle) -> None:
    one = new_destination(q)
    assert "nothing waits for it" in viewer.read(f"destinations/{one.public_id}/")
    q.publish("a", "b")
    age(q, 7200)
    text = viewer.read(f"destinations/{one.public_id}/figures/")
    assert "Waiting 2 the first was published 2 h ago" in text
    text = viewer.read(f"destinations/{one.public_id}/")
    assert "Request POST, at most 30 s Attempts 5 at the most, 1 s to 1 min apart Signed no" in text


def test_an_attempt_shows_request_and_answer(viewer: Person, q: Handle) -> None:
    q.publish("m", body='{"sent": 1}')
    entry = new_attempt(q)
    text = viewer.read(f"destinations/{entry.destination.public_id}/{entry.pk}/")
    for shown in ("503", "webhook-id", "nginx", "<b>try later</b>", '"sent": 1', "took 12 ms"):
        assert shown in text
    assert "503" in viewer.read(f"destinations/{entry.destination.public_id}/?status=failed")
    assert "No attempt" in viewer.read(f"destinations/{entry.destination.public_id}/?status=success")


def test_destinations_are_switched_and_sent_to_again(operator: Person, q: Handle) -> None:
    one = new_destination(q)
    q.publish("m")
    entry = new_attempt(q, one)
    assert "sent again" in operator.press(f"destinations/{one.public_id}/{entry.pk}/resend/")
    operator.press(f"destinations/{one.public_id}/disable/")
    assert "disabled" in operator.press(f"destinations/{one.public_id}/{entry.pk}/resend/").lower()
    assert "gets what is published" in operator.press(f"destinations/{one.public_id}/enable/")


def test_a_test_event_is_sent_and_its_answer_shown(operator: Person, q: Handle) -> None:
    one = new_destination(q)
    Destination.objects.filter(pk=one.id).update(target="http://192.0.2.1:1/refused")  # an address nobody has
    text = operator.press(f"destinations/{one.public_id}/test/")
    assert "attempt 1 of message test_" in text
    assert "failed" in text


def test_a_new_secret_is_shown_once(admin: Person, q: Handle) -> None:
    one = new_destination(q)
    answer = admin.client.post(f"/admin/destinations/{one.public_id}/rotate/")
    text = answer.content.decode()
    secret = text.partition('id="new-secret"')[2].partition(">")[2].partition("<")[0]
    assert len(secret) > 20
    assert "no-store" in answer["Cache-Control"]
    assert secret not in admin.get(f"destinations/{one.public_id}/")
    admin.press(f"destinations/{one.public_id}/rotate/")
    assert "two secrets until" in admin.read(f"destinations/{one.public_id}/")


def test_the_audit_log_names_who_did_what(operator: Person, viewer: Person, q: Handle) -> None:
    operator.press(f"queues/{q.id}/pause/")
    text = viewer.read(f"audit/?text={q.name}")
    assert f"user {operator.user.username}" in text and "queue.pause" in text
    assert "Nothing like that" in viewer.read(f"audit/?text={q.name}&action=key")
    assert "neither an age" in viewer.read("audit/?since=long")


def test_the_audit_log_goes_on_where_it_stopped(operator: Person, viewer: Person, q: Handle) -> None:
    for _ in range(26):
        operator.client.post(f"/admin/queues/{q.id}/pause/")
        operator.client.post(f"/admin/queues/{q.id}/resume/")
    page = viewer.get(f"audit/?text={q.name}")
    assert page.count("queue.pause") + page.count("queue.resume") >= 50
    following = page[page.rindex('href="?') + 6 :].partition('"')[0].replace("&amp;", "&")
    assert "queue." in viewer.read(f"audit/{following}")


def test_a_database_that_is_away_is_told(viewer: Person, q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise broker.Unavailable("gone")

    monkeypatch.setattr(overview, "take", away)
    assert "database cannot be reached" in viewer.get("", 503)


def test_what_is_old_says_so(viewer: Person, q: Handle) -> None:
    q.publish("m")
    age(q, 7200)
    assert "2 h ago" in viewer.read(f"messages/?queue={q.id}")


def test_charts_and_rates_come_from_the_workers_samples(viewer: Person, q: Handle) -> None:
    q.publish("m")
    for name in ("1h", "24h", "7d", "nonsense"):
        page = viewer.get(f"queues/{q.id}/?range={name}")
        assert page.count('role="img" aria-label="Messages a second, at last: published') == 1
        assert page.count('aria-label="Backlog, at last: ready') == 1
    assert 'aria-current="page">7d<' in viewer.get("figures/?range=7d")


def test_a_worker_that_is_silent_is_told(viewer: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def worker(late: bool) -> beats.WorkerInfo:
        return beats.WorkerInfo("w", "1", 0, clock.now() - clock.micros(7_200), late, {})

    monkeypatch.setattr(beats, "workers", lambda: [worker(True)])
    text = viewer.read("")
    assert "No worker is alive, the last one was 2 h ago" in text
    assert "Published – no worker counts" in text and "Acknowledged – no worker counts" in text
    monkeypatch.setattr(beats, "workers", lambda: [worker(False), worker(True)])
    assert "Workers alive 1 last beat 2 h ago ; 1 fell silent 2 h ago" in viewer.read("")


def test_parked_receivers_are_those_of_all_web_processes(
    viewer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(processes: int, silent: int) -> str:
        since = clock.now() - clock.micros(7_200) if silent else None
        told = beats.Receivers(12, processes, silent, since)
        monkeypatch.setattr(beats, "receivers", lambda name, parked: told)
        return viewer.read("figures/").partition("Parked receivers ")[2][:120]

    assert found(1, 0).startswith("12 waiting for messages ")
    assert found(3, 0).startswith("12 waiting for messages, in 3 web processes ")
    assert "; 1 web process fell silent 2 h ago and is not counted" in found(2, 1)
    assert "; 2 web processes fell silent 2 h ago and are not counted" in found(2, 2)

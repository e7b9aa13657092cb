"""Dead letters in the console: how many and which is shown before anything is done."""

from __future__ import annotations

import re
from typing import Any

import pytest

from queues.broker import audit_log, beats, letters
from queues.broker.letters import listing
from queues.broker.types import Encoding, Nack, State
from tests.broker.conftest import NewQueue
from tests.broker.handle import Handle, message

from .people import Person


@pytest.fixture
def dead(q: Handle) -> Handle:
    """Three messages died of two reasons, one is alive."""
    q.send(*(message(i, f'{{"n": "{i}"}}', tag="t" if i == "a" else "") for i in "abc"), message("alive"))
    q.receive(limit=3)
    q.settle(*(Nack(i, dead=True, reason="no stock" if i == "c" else "no address") for i in "abc"))
    return q


def order(person: Person, q: Handle, confirmed: int, **fields: Any) -> str:
    return person.press(f"dead-letters/{q.id}/order/", confirmed=confirmed, **fields)


def states(q: Handle) -> dict[str, State]:
    return {view.public_id: view.state for view in q.peek(limit=100)}


def test_letters_are_grouped_by_queue_and_reason(viewer: Person, dead: Handle) -> None:
    page = viewer.get("dead-letters/")
    rows = re.findall(rf'dead-letters/{dead.id}/\?reason=([^"]*)"', page)
    assert sorted(rows) == ["no%20address", "no%20stock"]


def test_letters_are_listed_and_filtered(viewer: Person, dead: Handle) -> None:
    def shown(query: str) -> list[str]:
        return re.findall(r'console-id"[^>]*>([^<]*)<', viewer.get(f"dead-letters/{dead.id}/{query}"))

    assert shown("") == ["c", "b", "a"]
    assert shown("?reason=no%20stock") == ["c"]
    assert shown("?tag=t") == ["a"]
    assert shown("?text=%22B%22") == ["b"]
    assert shown("?older=1h") == []
    assert "neither an age" in viewer.read(f"dead-letters/{dead.id}/?older=x")


def test_only_operators_select(viewer: Person, operator: Person, dead: Handle) -> None:
    assert "Purge" not in viewer.read(f"dead-letters/{dead.id}/")
    assert "Purge" in operator.read(f"dead-letters/{dead.id}/")


def test_a_preview_names_the_number_and_changes_nothing(operator: Person, dead: Handle) -> None:
    before = states(dead)
    path = f"dead-letters/{dead.id}/preview/"
    text = operator.press(path, kind="purge", which="selected", id=["a", "c"])
    assert "2 messages of" in text and "Purge 2 messages" in text and "deleted for good" in text
    text = operator.press(path, kind="replay", which="all", reason="no address")
    assert "Replay 2 messages" in text and "reason: no address" in text
    assert "Select some messages" in operator.press(path, kind="replay", which="selected")
    kept = operator.client.post(f"/admin/{path}", {"kind": "purge", "which": "selected", "tag": "t"})
    assert kept["Location"] == f"/admin/dead-letters/{dead.id}/?tag=t"
    assert states(dead) == before


def test_of_very_many_letters_the_preview_says_that_there_are_more(
    operator: Person, dead: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST_LETTERS", 2)
    text = operator.press(f"dead-letters/{dead.id}/preview/", kind="purge", which="all")
    assert f"More than 2 messages of {dead.name} will be deleted" in text
    assert "Purge all, more than 2 messages" in text
    order(operator, dead, 2, kind="purge", which="all")
    (job,) = letters.list_jobs(dead.account_id)
    assert job.expected is None


def test_letters_may_go_to_any_queue_of_their_account_and_to_no_other(
    operator: Person, dead: Handle, other: Handle
) -> None:
    answer = operator.client.post(
        f"/admin/dead-letters/{dead.id}/preview/", {"kind": "replay", "which": "all"}
    )
    page = answer.content.decode()
    offered = re.findall(r'<option value="([^"]+)"', page.partition('name="to"')[2].partition("</select>")[0])
    assert sorted(offered) == sorted([dead.name, other.name])


def test_selected_letters_are_replayed(operator: Person, dead: Handle) -> None:
    text = order(operator, dead, 2, kind="replay", which="selected", id=["a", "c"])
    assert "2 dead letters replayed" in text
    assert states(dead) == {"a": "pending", "b": "failed", "c": "pending", "alive": "pending"}


def test_all_that_match_are_purged(operator: Person, dead: Handle) -> None:
    assert "2 dead letters purged" in order(operator, dead, 2, kind="purge", which="all", reason="no address")
    assert set(states(dead)) == {"c", "alive"}
    (entry,) = audit_log.entries(dead.account_id, action="dead_letters")
    assert (entry.actor, entry.count) == (f"user {operator.user.username}", 2)


def test_another_number_than_was_confirmed_is_shown_again(operator: Person, dead: Handle) -> None:
    text = order(operator, dead, 2, kind="purge", which="all")
    assert "It was 2, by now it is 3" in text
    assert states(dead)["a"] == "failed"


def test_letters_that_are_left_are_told(operator: Person, new_queue: NewQueue) -> None:
    graves = new_queue()
    mortal = new_queue(max_attempts=1, dead_letter_queue=graves.name)
    mortal.publish("a", "b")
    mortal.kill("a", "b")
    (held,) = graves.receive(1)
    text = order(operator, graves, 2, kind="replay", which="all")
    assert (
        "1 dead letter replayed. Left, since somebody holds them at this moment or they are gone: 1." in text
    )
    graves.nack(held.public_id)
    mortal.delete()
    text = order(operator, graves, 1, kind="replay", which="all")
    assert "0 dead letters replayed. Left, since the queue they came from is gone: 1." in text


def test_letters_are_replayed_to_another_queue(operator: Person, dead: Handle, other: Handle) -> None:
    order(operator, dead, 1, kind="replay", which="selected", id=["a"], to=other.name)
    assert set(states(other)) == {"a"}
    assert "a" not in states(dead) or states(dead)["a"] != "failed"


def test_a_slow_replay_is_a_job_with_a_page(operator: Person, viewer: Person, dead: Handle) -> None:
    text = order(operator, dead, 3, kind="replay", which="all", per_second="0.5")
    assert "at most 0.5 a second" in text and "Stop it" in text
    assert "All dead letters of the queue." in text and "with all attempts before them" in text
    (job,) = letters.list_jobs(dead.account_id)
    assert f"Replay {job.id}" in viewer.read("dead-letters/")
    assert "Stop it" not in viewer.read(f"dead-letters/jobs/{job.id}/")
    operator.press(f"dead-letters/jobs/{job.id}/cancel/")
    assert letters.get_job(job.id).state == "cancelled"
    over = operator.read(f"dead-letters/jobs/{job.id}/figures/")
    assert "It is over" in over and "Stop it" not in over


def test_a_job_that_no_worker_will_do_says_so(
    operator: Person, viewer: Person, dead: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beats, "workers", list)
    order(operator, dead, 3, kind="replay", which="all", per_second="0.5")
    (job,) = letters.list_jobs(dead.account_id)
    assert "No worker is alive" in viewer.read(f"dead-letters/jobs/{job.id}/")
    letters.cancel_job(job.id)
    assert "No worker is alive" not in viewer.read(f"dead-letters/jobs/{job.id}/")


@pytest.mark.parametrize("rate", ["fast", "0", "-1", "10001", "nan"])
def test_a_rate_that_is_none_is_told(operator: Person, dead: Handle, rate: str) -> None:
    assert "number of messages a second" in order(
        operator, dead, 3, kind="replay", which="all", per_second=rate
    )
    assert states(dead)["a"] == "failed"


def test_a_corrected_body_is_published_and_both_lead_to_each_other(operator: Person, dead: Handle) -> None:
    assert "&quot;n&quot;: &quot;a&quot;" in operator.get(f"queues/{dead.id}/messages/0/edit/")
    assert "That is not JSON" in operator.press(f"queues/{dead.id}/messages/0/replay-edited/", body="{")
    text = operator.press(f"queues/{dead.id}/messages/0/replay-edited/", body='{"n": "A"}')
    assert "Published as" in text and "its corrected copy" in text
    new = next(view for view in dead.peek(limit=100) if view.body == '{"n": "A"}')
    assert states(dead)["a"] == "failed"
    assert "with another body; the original is still" in operator.read(
        f"queues/{dead.id}/messages/{new.offset}/"
    )


def test_a_refused_correction_is_not_lost(operator: Person, dead: Handle) -> None:
    letters.replay(dead.account_id, dead.name, letters.Wanted(ids=("a",)))
    page = operator.press(f"queues/{dead.id}/messages/0/replay-edited/", body='{"n": "corrected"}')
    assert "Message not found: a" in page and '{"n": "corrected"}' in page


def test_what_is_dealt_with_is_offered_no_replay(operator: Person, dead: Handle) -> None:
    path = f"queues/{dead.id}/messages/0/"
    assert "Replay…" in operator.read(path) and "Edit and replay" in operator.read(path)
    letters.replay(dead.account_id, dead.name)
    dead.take(auto_ack=True)
    assert "Replay…" not in operator.read(path)


def test_bytes_are_not_edited_by_hand(operator: Person, q: Handle) -> None:
    q.send(message("m", "AP8=", encoding=Encoding.BASE64))
    q.kill("m")
    text = operator.read(f"queues/{q.id}/messages/0/")
    assert "Replay…" in text and "Edit and replay" not in text
    assert "Only text and JSON" in operator.read_after(f"queues/{q.id}/messages/0/edit/")

"""Dead letters: looking through them, replaying, purging and editing them."""

from __future__ import annotations

import base64
from collections.abc import Callable

import msgspec
import pytest

from accounts.models import Account
from queues.broker import audit, clock, letters, observe
from queues.broker.audit_log import entries
from queues.broker.errors import MessageNotFound, QueueNotFound
from queues.broker.letters import Cursor, Letter, Wanted, listing, replaying, selection, working
from queues.broker.timeline import timeline
from queues.broker.types import Encoding, Nack, Origin, State

from .conftest import NewQueue
from .handle import Handle, message
from .rows import age, assert_consistent


def found(q: Handle, **wanted: object) -> list[str]:
    """The ids of the queue's letters, the oldest first."""
    page = letters.find(q.account_id, q.name, Wanted(**wanted), newest_first=False, limit=1_000)  # type: ignore[arg-type]
    assert page.next is None
    return [letter.public_id for letter in page.letters]


def all_pages(account_id: int, limit: int, **options: object) -> list[Letter]:
    seen: list[Letter] = []
    cursor: Cursor | None = None
    while True:
        page = letters.find(account_id, cursor=cursor, limit=limit, **options)  # type: ignore[arg-type]
        assert len(page.letters) <= limit
        seen += page.letters
        if page.next is None:
            return seen
        cursor = page.next


@pytest.fixture
def graves(new_queue: NewQueue) -> Handle:
    return new_queue()


@pytest.fixture
def mortal(new_queue: NewQueue, graves: Handle) -> Handle:
    """Its dead go to ``graves``."""
    return new_queue(max_attempts=1, dead_letter_queue=graves.name)


# ---------------------------------------------------------------- looking


def test_letters_in_place_and_those_that_came_are_found_alike(
    q: Handle, mortal: Handle, graves: Handle
) -> None:
    q.publish("a", "b", "c")
    q.kill("a", "b", "c", reason="bad")
    q.publish("alive")
    mortal.publish("m", tag="t")
    mortal.kill("m", reason="worse")
    assert found(q) == ["a", "b", "c"]
    assert found(mortal) == []
    (letter,) = letters.find(graves.account_id, graves.name).letters
    assert (letter.public_id, letter.in_place, letter.reason, letter.tag) == ("m", False, "worse", "t")
    assert letter.origin == Origin(mortal.name, "m", 0, 1)
    assert (letter.preview, letter.encoding, letter.size) == ('"b"', Encoding.JSON, 3)
    (first, *_) = letters.find(q.account_id, q.name, newest_first=False).letters
    assert (first.in_place, first.attempts, first.origin, first.last_error) == (True, 1, None, "bad")


def test_letters_are_filtered(q: Handle) -> None:
    for name, tag, body in (("a", "x", '"Apfel"'), ("b", "y", '"birne"'), ("c", "x", '"\\u00c4pfel"')):
        q.publish(name, tag=tag, body=body)
        q.kill(name, reason=f"because {name}")
        age(q, 100)
    cut = clock.now() - clock.micros(150)
    assert found(q, tag="x") == ["a", "c"]
    assert found(q, reason="because b") == ["b"]
    assert found(q, ids=("b", "ghost", "a", "\0")) == ["a", "b"]
    assert found(q, ids=()) == []
    assert found(q, text="APF") == ["a"]
    assert found(q, text="äpf") == ["c"]
    assert found(q, text="e", tag="x", ids=("a", "b")) == ["a"]
    assert found(q, died_before=cut) == ["a", "b"]
    assert found(q, died_after=cut) == ["c"]
    assert found(q, tag="\0") == found(q, reason="\ud800") == []


def test_bytes_are_searched_as_bytes(q: Handle) -> None:
    q.publish("m", body=base64.b64encode(b"\xff needle").decode(), encoding=Encoding.BASE64)
    q.kill("m")
    assert found(q, text="NEEDLE") == ["m"]


def test_what_is_alive_acked_or_expired_is_no_letter(new_queue: NewQueue, graves: Handle) -> None:
    queue = new_queue(ttl_seconds=100, max_attempts=1, dead_letter_queue=graves.name)
    queue.publish("a", "b")
    queue.kill("a", "b")
    assert found(graves) == ["a", "b"]
    graves.ack("a")
    assert found(graves) == ["b"]
    graves.take(auto_ack=True)
    assert found(graves) == []
    short = new_queue(ttl_seconds=10)
    short.publish("m")
    short.kill("m")
    assert found(short) == ["m"]
    age(short, 11)
    assert found(short) == []


def test_a_last_lease_that_ran_out_a_moment_ago_is_a_letter(new_queue: NewQueue) -> None:
    queue = new_queue(max_attempts=1)
    queue.publish("m")
    queue.take(lease_seconds=10)
    age(queue, 11)
    assert found(queue) == ["m"]


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("limit", [1, 3, 4, 100])
def test_the_letters_of_all_queues_come_page_by_page(
    account: Account, new_queue: NewQueue, newest_first: bool, limit: int
) -> None:
    wanted = []
    for _ in range(3):
        queue = new_queue()
        queue.publish("0", "1", "2", "3")
        queue.kill("0", "1", "2", "3")
        new_queue()
        ids = ["0", "1", "2", "3"]
        wanted += [(queue.name, one) for one in (reversed(ids) if newest_first else ids)]
    seen = all_pages(account.pk, limit, newest_first=newest_first)
    assert [(letter.queue, letter.public_id) for letter in seen] == wanted


def test_a_look_goes_through_a_bounded_number_and_says_where_to_go_on(
    q: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST_LETTERS", 10)
    monkeypatch.setattr(selection, "SCAN", 4)
    names = [str(n) for n in range(35)]
    q.publish(*names)
    q.kill(*names)
    page = letters.find(q.account_id, q.name, Wanted(ids=("0",)), limit=5)
    assert [letter.public_id for letter in page.letters] == ["0"]
    page = letters.find(q.account_id, q.name, Wanted(reason="nothing"), limit=5)
    assert (page.letters, page.searched) == ([], 10)
    assert page.next is not None
    assert len(all_pages(q.account_id, 5, queue=q.name)) == 35
    assert not letters.preview(q.account_id, q.name, Wanted()).complete


def test_bodies_are_read_in_bounded_parts(q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "BODIES_AT_ONCE", 5)
    monkeypatch.setattr(selection, "MOST_BYTES", 20)
    names = [str(n) for n in range(20)]
    q.publish(*names)
    q.kill(*names)
    page = letters.find(q.account_id, q.name, Wanted(text="nowhere"))
    assert page.searched < 20
    assert len(all_pages(q.account_id, 50, queue=q.name, wanted=Wanted(text="b"))) == 20


def test_letters_are_counted_by_queue_and_reason(
    account: Account, q: Handle, mortal: Handle, graves: Handle
) -> None:
    q.publish("a", "b", "c")
    q.take()
    q.settle(
        Nack("a", dead=True, reason="x"), Nack("b", dead=True, reason="y"), Nack("c", dead=True, reason="y")
    )
    mortal.publish("m")
    mortal.kill("m")
    seen = letters.groups(account.pk)
    assert seen.complete
    assert [(g.queue, g.reason, g.count, g.offset) for g in seen.groups] == [
        (q.name, "y", 2, 2),
        (q.name, "x", 1, 0),
        (graves.name, "max_attempts_reached", 1, 0),
    ]
    assert letters.groups(account.pk, q.name).groups == [g for g in seen.groups if g.queue == q.name]
    bounded = letters.groups(account.pk, q.name, most=2)
    assert (bounded.complete, sum(g.count for g in bounded.groups)) == (False, 2)


def test_dead_letter_queues_are_those_that_letters_came_to(
    q: Handle, mortal: Handle, graves: Handle, new_queue: NewQueue
) -> None:
    ids = [one.id for one in (q, mortal, graves, new_queue())]
    assert letters.dead_letter_queues(ids) == letters.dead_letter_queues([]) == set()
    q.publish("m")
    q.kill("m")
    mortal.publish("m")
    mortal.kill("m")
    assert letters.dead_letter_queues(ids) == {graves.id}
    letters.replay(graves.account_id, graves.name)
    assert letters.dead_letter_queues(ids) == set()


def test_a_preview_tells_how_many_and_shows_the_first(q: Handle) -> None:
    names = [str(n) for n in range(8)]
    q.publish(*names)
    q.kill(*names)
    seen = letters.preview(q.account_id, q.name, Wanted())
    assert (seen.count, seen.complete) == (8, True)
    assert [letter.public_id for letter in seen.first] == names[: listing.SHOWN]
    assert letters.preview(q.account_id, q.name, Wanted(tag="t")).count == 0


def test_strangers_see_nothing(q: Handle, stranger: Account) -> None:
    q.publish("m")
    q.kill("m")
    assert letters.find(stranger.pk).letters == []
    assert letters.groups(stranger.pk).groups == []
    for call in (letters.preview, letters.replay, letters.purge, letters.find):
        with pytest.raises(QueueNotFound):
            call(stranger.pk, q.name, Wanted())
    assert any(letter.queue == q.name for letter in all_pages(None, 200))  # type: ignore[arg-type]


# ---------------------------------------------------------------- replaying


def test_a_replay_in_place_gives_another_life_at_the_old_place(q: Handle) -> None:
    q.publish("a", "b")
    q.kill("a", "b")
    q.publish("young")
    assert letters.replay(q.account_id, q.name).done == 2
    assert [one.attempt for one in q.receive()] == [1, 1, 1]
    assert found(q) == []
    assert_consistent(q)


def test_a_replay_may_keep_the_attempts_but_grants_one_more(q: Handle) -> None:
    q.publish("m")
    for _ in range(3):
        q.take()
        q.nack("m")
    assert letters.replay(q.account_id, q.name, keep_attempts=True).done == 1
    assert [one.attempt for one in q.receive()] == [4]
    q.nack("m")
    assert q.state("m") is State.FAILED
    assert_consistent(q)


def test_what_came_from_elsewhere_goes_back_there(mortal: Handle, graves: Handle) -> None:
    mortal.publish("a", "b", tag="t", partition_key="k", priority=2, metadata='{"m":1}', headers='{"h":1}')
    mortal.kill("a")
    mortal.kill("b")
    assert letters.replay(graves.account_id, graves.name).done == 2
    assert graves.ids() == []
    first, second = mortal.peek()
    assert (first.public_id, first.tag, first.partition_key, first.priority) == ("a", "t", "k", 2)
    assert (first.metadata, first.headers, first.attempts, first.dead_reason) == ('{"m":1}', '{"h":1}', 0, "")
    assert first.settings.max_attempts == 1
    assert msgspec.json.decode(first.origin or "", type=Origin).queue == graves.name
    # Strict order of the key holds again.
    assert mortal.take() == ["a"]
    mortal.ack("a")
    assert mortal.take() == ["b"]
    assert second.public_id == "b"
    assert_consistent(mortal)
    assert_consistent(graves)


def test_a_replay_may_go_to_another_queue(
    q: Handle, mortal: Handle, graves: Handle, new_queue: NewQueue
) -> None:
    other = new_queue()
    q.publish("a")
    q.kill("a")
    mortal.publish("b")
    mortal.kill("b")
    assert letters.replay(q.account_id, q.name, to=other.name).done == 1
    assert letters.replay(q.account_id, graves.name, to=other.name, keep_attempts=True).done == 1
    assert other.take() == ["a", "b"]
    assert (q.ids(), graves.ids()) == ([], [])
    steps = [str(step.what) for step in timeline(q.account_id, other.name, "a")]
    assert steps == ["published", "leased", "nacked", "dead", "replayed", "leased"]
    for queue in (q, mortal, graves, other):
        assert_consistent(queue)


def test_an_id_that_the_target_holds_is_replaced(q: Handle, new_queue: NewQueue) -> None:
    other = new_queue()
    other.publish("m")
    q.publish("m")
    q.kill("m")
    letters.replay(q.account_id, q.name, to=other.name)
    assert len(set(other.ids())) == 2
    assert_consistent(other)


def test_what_has_nowhere_to_go_is_left(mortal: Handle, graves: Handle) -> None:
    mortal.publish("m")
    mortal.kill("m")
    mortal.delete()
    answer = letters.replay(graves.account_id, graves.name)
    assert (answer.done, answer.skipped) == (0, 1)
    assert letters.replay(graves.account_id, graves.name, to=graves.name).skipped == 1
    assert found(graves) == ["m"]
    assert entries(graves.account_id, action="dead_letters") == []


def test_a_letter_somebody_holds_is_left_alone(mortal: Handle, graves: Handle) -> None:
    mortal.publish("a", "b")
    mortal.kill("a", "b")
    (held,) = graves.receive(1)
    assert letters.replay(graves.account_id, graves.name).done == 1
    assert letters.purge(graves.account_id, graves.name).done == 0
    assert graves.ack(held.public_id, receipt=held.receipt) == ["done"]
    assert mortal.ids() == ["b"]


def test_a_missing_target_changes_nothing(q: Handle) -> None:
    q.publish("m")
    q.kill("m")
    with pytest.raises(QueueNotFound):
        letters.replay(q.account_id, q.name, to="nowhere")
    assert found(q) == ["m"]


def test_only_the_wanted_are_replayed_or_purged(q: Handle) -> None:
    for name in "abcd":
        q.publish(name, tag=name, body=f'"body {name}"')
    q.kill(*"abcd")
    assert letters.replay(q.account_id, q.name, Wanted(tag="a")).done == 1
    assert letters.purge(q.account_id, q.name, Wanted(text="BODY B")).done == 1
    assert letters.replay(q.account_id, q.name, Wanted(ids=("c", "a", "ghost"))).done == 1
    assert found(q) == ["d"]
    assert q.ids(State.PENDING) == ["a", "c"]
    assert letters.purge(q.account_id, q.name).done == 1
    assert q.ids() == ["a", "c"]
    assert_consistent(q)


def test_few_letters_among_many_others_are_done_at_once(q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "SCAN", 3)
    monkeypatch.setattr(working, "SCAN", 3)
    for n in range(20):
        q.publish(str(n), tag="odd" if n % 2 else "even")
    q.kill(*map(str, range(20)))
    assert letters.replay(q.account_id, q.name, Wanted(tag="odd")).done == 10
    (entry,) = entries(q.account_id, action="dead_letters")
    assert entry.count == 10


def test_replays_and_purges_are_recorded(account: Account, q: Handle) -> None:
    q.publish("a", "b", tag="t")
    q.kill("a", "b")
    with audit.acting("user root"):
        letters.replay(account.pk, q.name, Wanted(ids=("a",)), keep_attempts=True)
        letters.purge(account.pk, q.name, Wanted(tag="t", reason="rejected"))
    purged, replayed = entries(account.pk, action="dead_letters")
    assert (replayed.actor, replayed.action, replayed.target, replayed.count, replayed.detail) == (
        "user root",
        "dead_letters.replay",
        f"queue {q.name}",
        1,
        {"keep_attempts": True, "ids": ["a"]},
    )
    assert (purged.action, purged.count, purged.detail) == (
        "dead_letters.purge",
        1,
        {"tag": "t", "reason": "rejected"},
    )


def test_who_measures_is_told(q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str, int]] = []

    class Watch:
        def __getattr__(self, name: str) -> Callable[..., None]:
            return lambda *what: told.append((name, *what)) if name in ("replayed", "deleted") else None

    monkeypatch.setattr(observe, "watcher", Watch())
    q.publish("a", "b")
    q.kill("a", "b")
    letters.replay(q.account_id, q.name, Wanted(ids=("a",)))
    letters.purge(q.account_id, q.name)
    assert told == [("replayed", q.name, 1), ("deleted", q.name, 1)]


# ---------------------------------------------------------------- editing


def test_a_letter_is_replayed_with_another_body_and_stays(account: Account, q: Handle) -> None:
    q.publish("m", tag="t", priority=1, metadata='{"m":1}')
    q.kill("m")
    made = letters.replay_edited(account.pk, q.name, "m", body='{"fixed":true}', encoding=Encoding.JSON)
    view = q.get(made.public_id)
    assert (view.state, view.body, view.tag, view.priority, view.metadata, view.size) == (
        State.PENDING,
        '{"fixed":true}',
        "t",
        1,
        '{"m":1}',
        14,
    )
    assert msgspec.json.decode(view.origin or "", type=Origin) == Origin(q.name, "m", 0, 1, edited=True)
    assert (q.state("m"), found(q)) == (State.FAILED, ["m"])
    last = timeline(account.pk, q.name, "m")[-1]
    assert (last.what, last.reason) == ("replayed", f"edited, as {made.public_id} to {q.name}")
    (entry,) = entries(account.pk, action="dead_letters.edit")
    assert (entry.count, entry.detail) == (1, {"id": "m", "to": q.name, "as": made.public_id})
    assert_consistent(q)


def test_an_edited_letter_goes_where_it_died(mortal: Handle, graves: Handle, new_queue: NewQueue) -> None:
    mortal.publish("m")
    mortal.kill("m")
    letters.replay_edited(mortal.account_id, graves.name, "m", body="x", encoding=Encoding.TEXT)
    (view,) = mortal.peek()
    assert (view.body, view.encoding, found(graves)) == ("x", Encoding.TEXT, ["m"])
    other = new_queue()
    letters.replay_edited(
        mortal.account_id, graves.name, "m", body="y", encoding=Encoding.TEXT, to=other.name
    )
    assert [one.body for one in other.receive()] == ["y"]


def test_only_letters_are_edited(q: Handle) -> None:
    q.send(message("alive"))
    for name in ("alive", "ghost", "\0"):
        with pytest.raises(MessageNotFound):
            letters.replay_edited(q.account_id, q.name, name, body="x", encoding=Encoding.TEXT)
    q.kill("alive")
    with pytest.raises(QueueNotFound):
        letters.replay_edited(q.account_id, q.name, "alive", body="x", encoding=Encoding.TEXT, to="nowhere")
    assert q.stats().total == 1


def test_a_large_selection_becomes_a_job(q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "MOST_AT_ONCE", 2)
    q.publish("a", "b", "c")
    q.kill("a", "b", "c")
    assert letters.replay(q.account_id, q.name, Wanted(ids=("a", "b"))).job is None
    q.kill("a", "b")
    answer = letters.replay(q.account_id, q.name)
    assert answer.job is not None
    assert (answer.done, answer.job.expected, answer.job.state) == (0, 3, "waiting")
    assert found(q) == ["a", "b", "c"]

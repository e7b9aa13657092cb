"""L. Reading and committing streams."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from .client import Client, first_answered
from .conftest import NewStream
from .stream import Stream

PROMPT = 2.0  # seconds; far below the time a poll waits for nothing
BAD_LIMITS = ["0", "-1", "1001", "x", "1.5", "", "1_0", "٣", "0x10", "1e1", "9" * 30, "true", "+5", " 5"]
BAD_OFFSETS = [
    "{}", '{"offset": -1}', '{"offset": "1"}', '{"offset": 1.5}', '{"offset": true}', '{"offset": null}',
    '{"offset": [1]}', '{"offset": 1e30}', '{"offset": 9223372036854775808}', '{"offset": {}}',
    '{"offset": ""}', '{"offset": -0.5}', '{"offset": 1e400}', '{"Offset": 1}',
]  # fmt: skip


@pytest.mark.contract("L139")
def test_reading_repeats(s: Stream) -> None:
    """L 139: reading repeats, offset stays 0."""
    s.produce("m", "n", "o")
    for _ in range(3):
        assert s.ids() == ["m", "n", "o"]
        assert s.ids(limit=2) == ["m", "n"]
    assert (s.committed, s.count) == (0, 3)


@pytest.mark.contract("L140")
def test_a_commit_moves_on(s: Stream) -> None:
    """L 140: commit k → next read starts after k; count unchanged; then a read waits and wakes on produce."""
    s.produce(*"abcde")
    s.commit(2)
    assert s.ids() == ["c", "d", "e"]
    assert (s.committed, s.count) == (2, 5)
    s.commit(5)
    poll = s.poll()
    assert not poll.is_answered(within=1.2)
    s.produce("f")
    assert poll.answer(within=PROMPT).expect(200).json() == [{"id": "f", "body": "f", "offset": 6}]


@pytest.mark.contract("L140")
def test_all_who_wait_are_woken(s: Stream) -> None:
    """L 140: a read takes nothing away, so one message answers every poll."""
    polls = [s.poll() for _ in range(5)]
    assert first_answered(polls, within=0.5) == []
    s.produce("m")
    assert [poll.answer(within=PROMPT).json()[0]["id"] for poll in polls] == ["m"] * 5


@pytest.mark.contract("L140")
def test_a_poll_ends_on_a_rewind(s: Stream) -> None:
    """L 140: what a smaller commit makes readable again ends a poll, too."""
    s.produce("m", "n")
    s.commit(2)
    poll = s.poll()
    assert not poll.is_answered(within=0.3)
    s.commit(1)
    assert [found["id"] for found in poll.answer(within=PROMPT).json()] == ["n"]


@pytest.mark.slow
@pytest.mark.contract("E85")
def test_an_empty_stream_is_waited_for_and_answered(s: Stream, new_stream: NewStream) -> None:
    """E 85: empty stream, also one that is committed to its end → 200 [] after 3 … 60 s."""
    committed = new_stream()
    committed.produce("m")
    committed.commit(1)
    start = time.monotonic()
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda stream: stream.consume(), [s, committed]))
    assert found == [[], []]
    assert 3 < time.monotonic() - start < 60


@pytest.mark.contract("L141")
def test_a_commit_may_be_repeated_or_taken_back(s: Stream) -> None:
    """L 141: same commit again → 204; smaller commit and 0 → replay."""
    s.produce(*"abc")
    s.commit(2)
    s.commit(2)
    assert s.ids() == ["c"]
    s.commit(1)
    assert s.ids() == ["b", "c"]
    s.commit(0)
    assert s.ids() == ["a", "b", "c"]
    assert s.count == 3
    s.call("POST", "/commit", body=b'{"offset": 3.0}').expect(204)
    assert s.committed == 3


@pytest.mark.contract("L142")
@pytest.mark.parametrize("bad", BAD_OFFSETS)
def test_a_bad_commit_changes_nothing(s: Stream, bad: str) -> None:
    """L 142: {}, −1, "1", 1.5, true, null, [1], 1e30 → 400, unchanged."""
    s.produce("m", "n")
    s.commit(1)
    s.call("POST", "/commit", body=bad.encode()).expect(400)
    assert s.committed == 1


@pytest.mark.contract("L142")
def test_a_commit_needs_a_body(s: Stream) -> None:
    """L 142: no body → 400; the error names the field."""
    s.call("POST", "/commit").expect(400)
    for json in ({}, {"offset": "1"}, {"offset": 1.5}, {"offset": -1}):
        error = s.call("POST", "/commit", json=json).expect(400).json()["error"]
        assert error.startswith("offset: "), error


@pytest.mark.contract("L143")
def test_a_commit_beyond_the_end_is_refused(s: Stream) -> None:
    """L 143: commit beyond the end (empty stream: 1) → 400; the end is the last offset assigned."""
    s.send_commit(1).expect(400)
    s.commit(0)
    s.produce("m", "n")
    s.send_commit(3).expect(400)
    s.send_commit(2**63 - 1).expect(400)
    assert s.committed == 0
    s.clear()
    s.send_commit(3).expect(400)
    s.commit(2)
    assert s.committed == 2


@pytest.mark.contract("L145")
def test_a_read_brings_as_many_as_it_asks_for(s: Stream) -> None:
    """L 145: no limit → 10; 1000 → 1000; fewer than the limit are answered at once."""
    for batch in range(2):
        s.produce(*(f"{batch}-{number}" for number in range(600)))
    assert len(s.consume()) == 10
    assert s.offsets(limit=1) == [1]
    assert s.offsets() == list(range(1, 1001))
    s.commit(1000)
    assert s.offsets() == list(range(1001, 1201))


@pytest.mark.contract("L145")
@pytest.mark.parametrize("limit", BAD_LIMITS, ids=ascii)
def test_a_bad_limit_is_refused(s: Stream, limit: str) -> None:
    """L 145: 0, −1, 1001, x, 1.5, "", 1_0 and others → 400."""
    s.produce("m")
    s.call("GET", "/messages", query={"limit": limit}).expect(400)


@pytest.mark.contract("L148")
def test_auto_delete_removes_what_is_committed(new_stream: NewStream) -> None:
    """L 148: auto_delete: commit removes ≤ N; rewind does not restore; id free, higher offset."""
    stream = new_stream(auto_delete=True)
    stream.produce(*"abcd")
    stream.commit(2)
    assert (stream.count, stream.committed) == (2, 2)
    stream.commit(0)
    assert stream.consume()[0] == {"id": "c", "body": "c", "offset": 3}
    stream.commit(3)
    assert stream.count == 1
    stream.produce({"id": "a", "body": "again"})
    assert stream.consume() == [
        {"id": "d", "body": "d", "offset": 4},
        {"id": "a", "body": "again", "offset": 5},
    ]


@pytest.mark.contract("L148")
def test_auto_delete_is_a_setting_of_new_messages(s: Stream) -> None:
    """L 148: "settings are applied to new messages only": those go that were produced under auto_delete."""
    s.produce("old", "older")
    s.patch(auto_delete=True)
    s.produce("new", "newer")
    s.patch(auto_delete=False)
    s.produce("newest")
    s.commit(5)
    assert s.count == 3
    assert s.stored() == ["old", "older", "newest"]


@pytest.mark.contract("L152")
def test_a_missing_stream_is_told_at_once(mq: Client, name: str) -> None:
    """L 152: read of a missing stream → 404 at once, also with a bad limit; so is a commit."""
    missing = Stream(mq, name)
    assert missing.poll().answer(within=PROMPT).status == 404
    missing.call("GET", "/messages", query={"limit": "0"}).expect(404)
    missing.send_commit(0).expect(404)
    missing.send_commit("x").expect(404)


@pytest.mark.contract("E84")
def test_idle_polls_hold_nobody_up(mq: Client, s: Stream, new_stream: NewStream) -> None:
    """E 84: 16 idle polls: other calls < 3 s; each message reaches every poll."""
    polls = [s.poll() for _ in range(16)]
    assert first_answered(polls, within=0.5) == []
    start = time.monotonic()
    new_stream().produce("m")
    mq.get("/streams").expect(200)
    assert time.monotonic() - start < 3
    s.produce("m")
    assert [poll.answer(within=PROMPT).json()[0]["id"] for poll in polls] == ["m"] * 16

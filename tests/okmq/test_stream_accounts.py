"""N. Two accounts on one server, and their streams."""

import pytest

from .client import Client
from .stream import ON_A_STREAM, Stream


@pytest.mark.contract("N160")
def test_a_stranger_finds_nothing(mq: Client, stranger: Client, s: Stream) -> None:
    """N 160: a second key's calls on the first's streams → 404; no effect; lists don't leak."""
    s.produce("m", "n")
    s.commit(1)
    before = s.info()
    for operation in ON_A_STREAM:
        stranger.request(operation.method, operation.at(s.name), json=operation.json).expect(404)
    assert stranger.get("/streams").json() == []
    assert (s.info(), s.ids()) == (before, ["n"])


@pytest.mark.contract("N161")
def test_equal_names_stay_apart(mq: Client, stranger: Client, name: str) -> None:
    """N 161: same names in both accounts stay apart: messages, commits, settings, deletes, polls."""
    mine, theirs = Stream(mq, name).create(), Stream(stranger, name).create()
    poll = theirs.poll()
    mine.produce({"id": "m", "body": "mine"}, "n")
    assert not poll.is_answered(within=0.5)
    theirs.produce({"id": "m", "body": "theirs"})
    assert poll.answer(within=2).json() == [{"id": "m", "body": "theirs", "offset": 1}]
    mine.commit(2)
    mine.patch(ttl=60)
    theirs.send_commit(2).expect(400)
    found = theirs.info()
    assert (found["offset"], found["ttl"], found["message_count"]) == (0, 0, 1)
    mine.clear()
    mine.delete()
    assert theirs.consume()[0]["body"] == "theirs"

"""L. Deleting a stream's messages."""

import pytest

from .client import Client
from .stream import Stream


@pytest.mark.contract("L149")
def test_messages_below_an_offset_are_deleted(s: Stream) -> None:
    """L 149: DELETE ?offset=0 none; =o₃ removes o₁, o₂; beyond end all; committed unchanged."""
    s.produce(*"abcd")
    s.commit(1)
    s.clear(offset=0)
    s.clear(offset=1)
    assert s.count == 4
    s.clear(offset=3)
    assert (s.count, s.committed) == (2, 1)
    assert s.offsets() == [3, 4]
    s.clear(offset=3)
    assert s.count == 2
    s.clear(offset=10**18)
    assert (s.count, s.committed) == (0, 1)
    s.produce("a")
    assert s.offsets() == [5]


@pytest.mark.contract("L150")
def test_all_messages_are_deleted(s: Stream) -> None:
    """L 150: DELETE all → count 0, committed kept, new offsets higher; twice → 204."""
    s.produce(*"abc")
    s.commit(2)
    s.clear()
    s.clear()
    assert (s.count, s.committed) == (0, 2)
    s.produce("a", "b")
    assert [(found["id"], found["offset"]) for found in s.consume()] == [("a", 4), ("b", 5)]
    assert s.count == 2


@pytest.mark.contract("L150")
def test_deleted_messages_are_not_read_again(s: Stream) -> None:
    """L 150: a rewind does not bring them back; a body beside the call means nothing."""
    s.produce(*"abc")
    s.call("DELETE", "/messages", query={"offset": 3}, body=b"{not json").expect(204)
    s.commit(0)
    assert s.offsets() == [3]


@pytest.mark.contract("L151")
@pytest.mark.parametrize("offset", ["-1", "x", "1.5", "", "1_0", "٣", "9" * 30, str(2**63)], ids=ascii)
def test_a_bad_offset_deletes_nothing(s: Stream, offset: str) -> None:
    """L 151: offset −1, x, 1.5, "" → 400."""
    s.produce("m")
    s.call("DELETE", "/messages", query={"offset": offset}).expect(400)
    assert s.count == 1


@pytest.mark.contract("L152")
def test_a_missing_stream_has_nothing_to_delete(mq: Client, name: str) -> None:
    """L 152: as a read of a missing stream, its delete → 404, with a bad offset too."""
    missing = Stream(mq, name)
    for query in ({}, {"offset": 1}, {"offset": "x"}):
        missing.call("DELETE", "/messages", query=query).expect(404)

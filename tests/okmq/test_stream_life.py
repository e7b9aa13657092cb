"""O and Q. Expiry of a stream's messages, and what survives a restart."""

from contextlib import closing

import pytest

from tests.server import ServerFactory

from .client import Client
from .clock import eventually
from .conftest import NewStream
from .stream import Stream
from .test_ttl import SWEPT_WITHIN


@pytest.mark.slow
@pytest.mark.contract("O163")
def test_expired_messages_are_swept(new_stream: NewStream) -> None:
    """O 163: stream ttl 3 emptied, committed or not; ttl 0 and 3600 stay; ids free, offsets go on."""
    expiring, never, later = new_stream(ttl=3), new_stream(), new_stream(ttl=3600)
    for stream in (expiring, never, later):
        stream.produce("m", "n")
        stream.commit(1)
    # Settings are for new messages: what was produced without an end keeps none.
    never.patch(ttl=1)
    eventually(lambda: expiring.count == 0, SWEPT_WITHIN)
    assert (never.count, later.count, expiring.committed) == (2, 2, 1)
    expiring.produce({"id": "n", "body": "again"})
    assert expiring.consume() == [{"id": "n", "body": "again", "offset": 3}]


@pytest.mark.contract("O163")
def test_an_expired_message_is_not_handed_out(new_stream: NewStream) -> None:
    """O 163: what is over is not read, and its id is free, whether or not a sweep has come by."""
    stream = new_stream(ttl=1)
    stream.produce("m")
    stream.patch(ttl=0)
    stream.produce("n")
    eventually(lambda: stream.ids() == ["n"])
    stream.produce("m")
    assert stream.offsets() == [2, 3]


@pytest.mark.contract("O164")
def test_a_message_is_not_swept_early(new_stream: NewStream) -> None:
    """O 164: ttl 30 → still there after 1 s."""
    stream = new_stream(ttl=30)
    stream.produce("m")
    other = new_stream(ttl=1)
    other.produce("m")
    other.patch(ttl=0)
    other.produce("n")
    eventually(lambda: other.ids() == ["n"])
    assert stream.ids() == ["m"]


@pytest.mark.contract("Q169")
def test_a_stream_survives_a_restart(make_server: ServerFactory) -> None:
    """Q 169: messages and a committed offset: after a restart, and after a kill, they are the same."""
    server = make_server()
    with closing(Client(server.url, server.create_key()[1])) as own:
        stream = Stream(own, "survivor").create(ttl=3600)
        stream.produce("a", "b", "c")
        stream.commit(2)
        before = stream.info(), stream.consume()
        server.restart()
        assert (stream.info(), stream.consume()) == before
        stream.produce("d", "a")
        stream.commit(3)
        server.kill9()
        server.start()
        assert stream.consume() == [{"id": "d", "body": "d", "offset": 4}]
        assert stream.stored() == ["a", "b", "c", "d"]

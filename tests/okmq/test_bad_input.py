"""What the contract's list omits: oversize, nested, chunked requests, wrong methods, kept connections."""

import time
from collections.abc import Iterator
from http.client import HTTPConnection
from json import loads

import pytest

from .bad_values import array
from .client import Answer, Client, Headers, Queue, counts, read_answer, write_request
from .conftest import NewQueue
from .routes import OPERATIONS

MEGABYTE = 1_048_576
OVER_THE_CAP = 33 * MEGABYTE  # the server takes 32 MiB in one request by default
CHUNK = bytes(b"x" * 65_536)


def chunks(size: int) -> Iterator[bytes]:
    """A JSON array of one huge message, piece by piece."""
    start, end = b'[{"id": "m", "body": "', b'"}]'
    yield start
    left = size - len(start) - len(end)
    while left > 0:
        yield CHUNK[:left]
        left -= len(CHUNK)
    yield end


def send_in_chunks(connection: HTTPConnection, client: Client, path: str, framing: str) -> Answer:
    """Posts a request over the cap and reads the answer, which may come before everything was sent."""
    connection.putrequest("POST", path)
    connection.putheader("Authorization", client.key)
    length = framing == "length"
    connection.putheader(
        *(("Content-Length", str(OVER_THE_CAP)) if length else ("Transfer-Encoding", "chunked"))
    )
    try:
        connection.endheaders()
        for chunk in chunks(OVER_THE_CAP):
            connection.send(chunk if length else b"%x\r\n%s\r\n" % (len(chunk), chunk))
        if not length:
            connection.send(b"0\r\n\r\n")
    except OSError:
        pass  # The server stopped reading; its answer must be there all the same.
    return read_answer(connection, f"POST {path} of {OVER_THE_CAP} bytes")


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_request_over_the_cap_is_refused(mq: Client, q: Queue, framing: str) -> None:
    """§4.1: a request over the server's cap → 413 on enqueue, and the server stays healthy."""
    connection = mq.connect()
    send_in_chunks(connection, mq, q.path + "/messages", framing).expect(413)
    start = time.monotonic()
    q.enqueue("m")
    assert q.stats() == counts(pending=1)
    assert time.monotonic() - start < 5


def test_a_request_over_the_cap_is_refused_elsewhere_too(mq: Client, new_queue: NewQueue, topic: str) -> None:
    """§4.1: a request over the cap → 400 where the document lists no 413."""
    queue = new_queue(topics=[topic])
    for path in (f"/topics/{topic}/messages", queue.path + "/ack"):
        send_in_chunks(mq.connect(), mq, path, "length").expect(400)
    assert queue.stats() == counts()


def test_a_chunked_request_is_read(mq: Client, q: Queue) -> None:
    """A body sent chunk-wise without a length is a body like any other."""
    connection = mq.connect()
    headers = {"Authorization": mq.key, "Content-Type": "application/json"}
    body = iter([b'[{"id": ', b'"m", "body"', b': "b"}]'])
    connection.request("POST", q.path + "/messages", body=body, headers=headers, encode_chunked=True)
    read_answer(connection, "POST in chunks").expect(204)
    assert q.ids() == ["m"]


NESTED = {
    "arrays": "[" * 10_000 + "]" * 10_000,
    "objects": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "both": '[{"a":' * 5_000 + "1" + "}]" * 5_000,
}


@pytest.mark.parametrize("nested", NESTED.values(), ids=NESTED)
def test_a_body_nested_ten_thousand_deep_is_kept_or_refused(mq: Client, q: Queue, nested: str) -> None:
    """§2.3: nesting the parser cannot take → 400; what is taken (204) comes back, and reads keep working."""
    sent = q.call("POST", "/messages", body=array(f'{{"id": "m", "body": {nested}}}')).expect(204, 400)
    listed = q.call("GET", "/messages", query={"peek": "true"}).expect(200).content.decode()
    if sent.status == 204:
        assert nested in listed.replace(" ", "")
    else:
        assert loads(listed) == []
    q.enqueue("next")
    assert q.stats()["pending"] == 1 + (sent.status == 204)


@pytest.mark.parametrize("nested", NESTED.values(), ids=NESTED)
def test_nesting_in_other_places_is_refused(mq: Client, q: Queue, name: str, nested: str) -> None:
    """§2.3: a deep value in a wrong place → 400; in an unknown property it is ignored or refused."""
    q.enqueue("m")
    before = q.settings(), q.peek()
    q.call("PATCH", body=f'{{"lock_duration": {nested}}}'.encode()).expect(400)
    q.call("PATCH", body=f'{{"topics": {nested}}}'.encode()).expect(400)
    q.call("POST", "/messages", body=array(f'{{"id": {nested}, "body": "b"}}')).expect(400)
    q.call("POST", "/ack", body=array(f'{{"id": "m", "ack": {nested}}}')).expect(400)
    q.call("DELETE", "/messages", body=f'{{"ids": {nested}}}'.encode()).expect(400)
    q.call("POST", "/resetfailed", body=f'{{"ids": {nested}}}'.encode()).expect(400)
    mq.request("POST", "/queues", body=f'{{"name": {nested}}}'.encode()).expect(400)
    assert (q.settings(), q.peek()) == before
    q.call("POST", "/ack", body=array(f'{{"id": "ghost", "ack": true, "unknown": {nested}}}')).expect(
        204, 400
    )


def test_reasonable_nesting_is_kept(q: Queue) -> None:
    """§4.1: a hundred levels are ordinary JSON."""
    body: object = "deep"
    for level in range(50):
        body = {"a": [body, level]}
    q.enqueue({"id": "m", "body": body})
    assert q.receive()[0]["body"] == body


@pytest.mark.parametrize("path", [*sorted({operation.path for operation in OPERATIONS}), "/nope"])
@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "TRACE", "BREW"])
def test_no_method_gets_a_page(mq: Client, q: Queue, path: str, method: str) -> None:
    """§1, §2.4: another verb on a known route → 405, on an unknown one 404; all in JSON, nothing done."""
    q.enqueue("m")
    target = path.format(queue=q.name, id="m", topic="t")
    mq.request(method, target, json=[]).expect(404 if path == "/nope" else 405)
    assert q.ids() == ["m"]


def test_a_method_that_is_none_gets_no_page_either(mq: Client, q: Queue) -> None:
    """§2.4: methods are upper case; others are a bad request or an unknown method, in JSON too."""
    for method in ("get", "Post", "X"):
        connection = mq.connect()
        write_request(connection, method, q.path, None, {"Authorization": mq.key})
        read_answer(connection, method).expect(400, 405)


def test_head_answers_without_a_body(mq: Client, q: Queue) -> None:
    """HEAD is GET without its body, or 405 (the document does not list it); never a server error."""
    connection = mq.connect()
    for path in ("/queues", q.path, q.path + "/stats", q.path + "/messages?peek=true"):
        connection.request("HEAD", path, headers={"Authorization": mq.key})
        response = connection.getresponse()
        assert response.status in {200, 405}
        assert response.read() == b""
        assert response.headers.get("Content-Type", "application/json").startswith("application/json")


def over_a_megabyte() -> bytes:
    return array('{"id": "m", "body": "' + "x" * (2 * MEGABYTE) + '"}')


@pytest.mark.parametrize(
    ("why", "headers", "body", "status"),
    [
        ("a wrong key", {"Authorization": "wrong"}, over_a_megabyte(), 401),
        ("no key", {"Authorization": None}, b"[" * 100_000, 401),
        ("a large message", {}, over_a_megabyte(), 413),
        ("junk", {}, b"{" * 100_000, 400),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_connection_goes_on_after_a_refusal(
    mq: Client, q: Queue, why: str, headers: Headers, body: bytes, status: int
) -> None:
    """§9 trap 23: a 401, 413 or 400 leaves no unread body behind: the next request there works."""
    connection = mq.connect()
    connection.connect()
    same = connection.sock
    good: Headers = {"Authorization": mq.key}
    for _ in range(2):
        write_request(connection, "POST", q.path + "/messages", body, {**good, **headers})
        read_answer(connection, why).expect(status)
        write_request(connection, "GET", q.path + "/stats", None, good)
        assert read_answer(connection, f"after {why}").expect(200).json()["total"] == 0
        assert connection.sock is same, f"the server closed the connection after {why}"


def test_a_connection_goes_on_after_a_body_on_a_missing_queue(mq: Client, name: str) -> None:
    """§9 trap 23: 404 and 405 are decided before the body is looked at, which must be read nevertheless."""
    connection = mq.connect()
    connection.connect()
    same = connection.sock
    calls = (("POST", f"/queues/{name}/messages", 404), ("PUT", "/queues", 405), ("POST", "/x", 404))
    for method, path, status in calls:
        write_request(connection, method, path, over_a_megabyte(), {"Authorization": mq.key})
        read_answer(connection, f"{method} {path}").expect(status)
    assert connection.sock is same


def test_a_body_beside_a_get_means_nothing(mq: Client, q: Queue) -> None:
    """§1: GET takes no body; one that is sent is not read as anything."""
    q.enqueue("m")
    q.call("GET", "/stats", body=b"{not json").expect(200)
    q.call("GET", "/messages", query={"peek": "true"}, body=b"[]").expect(200)
    mq.request("GET", "/queues", body=b"\xff").expect(200)
    assert q.ids() == ["m"]

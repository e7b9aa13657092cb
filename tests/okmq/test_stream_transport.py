"""A. Transport and authentication of the stream routes."""

import pytest

from . import stream as routes
from .bad_values import HUGE_NUMBERS, JUNK, settings
from .client import Client, segment
from .conftest import NewStream
from .routes import Operation
from .stream import OPERATIONS, Stream
from .test_transport import STRANGE_SEGMENTS

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
each_with_body = pytest.mark.parametrize(
    "operation", routes.TAKES_ARRAY + routes.TAKES_OBJECT, ids=lambda operation: operation.label
)


@pytest.mark.contract("A1", "A2")
@each_operation
def test_an_operation_without_a_good_key_is_refused(mq: Client, operation: Operation) -> None:
    """A 1, A 2: no or a wrong Authorization → 401 E for every operation on streams."""
    for credentials in (None, "wrong", "Basic dXNlcjpwYXNz", ""):
        headers = {"Authorization": credentials}
        mq.request(operation.method, operation.at(), json=operation.json, headers=headers).expect(401)


@pytest.mark.contract("A3")
@each_with_body
def test_the_key_is_looked_at_before_the_body(mq: Client, operation: Operation) -> None:
    """A 3: a wrong key with `{not json` → 401, not 400."""
    wrong = {"Authorization": "wrong"}
    mq.request(operation.method, operation.at(), body=b"{not json", headers=wrong).expect(401)


@pytest.mark.contract("A5")
def test_one_trailing_slash_changes_nothing(mq: Client, new_stream: NewStream, name: str) -> None:
    """A 5: all routes with one trailing slash → same codes as without, no redirect."""
    expected = {operation.label: operation.success for operation in OPERATIONS}
    for slash in ("", "/"):
        assert dict(routes.statuses(mq, new_stream().name, name, slash)) == expected
        Stream(mq, name).delete()


@pytest.mark.contract("A6")
def test_unknown_routes_are_not_found(mq: Client, s: Stream) -> None:
    """A 6: /streams/x/ack and the like → 404 E."""
    below = ("/ack", "/nope", "/messages/m", "/messages/1", "/commit/1", "/stats", "/resetfailed", "//")
    for path in ["/streams//messages", "/streams//", *(s.path + rest for rest in below)]:
        mq.get(path).expect(404)
        mq.post(path, []).expect(404)


@pytest.mark.contract("A7")
def test_a_known_route_names_the_methods_it_allows(mq: Client, s: Stream) -> None:
    """A 7: another method on a known route → 405 E with Allow."""
    wrong = {
        "/streams": "PUT PATCH DELETE",
        s.path: "POST PUT",
        s.path + "/messages": "PUT PATCH",
        s.path + "/commit": "GET PUT PATCH DELETE",
    }
    for path, methods in wrong.items():
        for method in methods.split():
            for slash in ("", "/"):
                answer = mq.request(method, path + slash, body=b"[]").expect(405)
                assert method not in answer.headers["Allow"].replace(" ", "").split(",")


@pytest.mark.contract("A8", "A9")
def test_accept_format_and_content_type_mean_nothing(mq: Client, s: Stream) -> None:
    """A 8, A 9: answers are JSON, bodies are JSON, whatever the headers and ?format= say."""
    body = b'[{"id": "m", "body": "\xc3\xa9"}]'
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/octet-stream"):
        s.call("POST", "/messages", body=body, headers={"Content-Type": content_type}).expect(204)
    headers = {"Accept": "text/html"}
    found = s.call("GET", "/messages", query="format=xml", headers=headers).expect(200).json()
    assert found == [{"id": "m", "body": "é", "offset": 1}]
    assert mq.request("GET", "/streams", query="format=api", headers=headers).expect(200).json() == [s.info()]


@pytest.mark.contract("A10")
@each_with_body
def test_junk_changes_nothing(mq: Client, s: Stream, operation: Operation) -> None:
    """A 10: 8 and more junk bodies and an empty one to all routes that take one → 400 E, nothing changed."""
    s.produce("m")
    before = mq.get("/streams").json()
    path = operation.at(segment(s.name))
    found = {why: mq.request(operation.method, path, body=junk).status for why, junk in JUNK.items()}
    assert found == dict.fromkeys(JUNK, 400)
    mq.request(operation.method, path).expect(400)
    assert mq.get("/streams").json() == before


@pytest.mark.contract("A11")
@each_with_body
def test_a_body_of_the_wrong_type_changes_nothing(mq: Client, s: Stream, operation: Operation) -> None:
    """A 11: string, number, true, null, object for array, array for object → 400 E."""
    s.produce("m")
    before = mq.get("/streams").json()
    wrong: list[object] = ["x", "", "[]", 5, 0, 1.5, True, False, None]
    wrong += [{}, {"id": "x", "body": "b"}] if operation in routes.TAKES_ARRAY else [[], [{}], [[]], [1]]
    path = operation.at(segment(s.name))
    found = {str(json): mq.request(operation.method, path, json=json).status for json in wrong}
    assert found == dict.fromkeys(map(str, wrong), 400)
    assert mq.get("/streams").json() == before


@pytest.mark.contract("A12")
@pytest.mark.parametrize("strange", STRANGE_SEGMENTS, ids=lambda value: value[:20])
def test_strange_names_in_a_path_find_nothing(mq: Client, strange: str) -> None:
    """A 12: undecodable, NUL, dotted and over-long names as stream → 400/404."""
    for operation in routes.ON_A_STREAM:
        mq.request(operation.method, operation.at(strange), json=operation.json).expect(400, 404)


@pytest.mark.contract("A12")
def test_an_undecodable_name_is_not_its_own_percent_encoding(mq: Client) -> None:
    """A 12: a stream whose name is the letters `%FF` is not found under the byte FF."""
    stream = Stream(mq, "%FF").create()
    assert stream.path == "/streams/%25FF"
    stream.produce("m")
    mq.get("/streams/%FF").expect(404)
    mq.get("/streams/%FF/messages").expect(404)
    mq.request("DELETE", "/streams/%FF").expect(404)
    assert stream.ids() == ["m"]


@pytest.mark.contract("A13")
@pytest.mark.parametrize("number", HUGE_NUMBERS.values(), ids=HUGE_NUMBERS)
def test_huge_numbers_are_refused(mq: Client, s: Stream, name: str, number: str) -> None:
    """A 13: 5,000 digits, 1e400, 1e30, 2^63 as settings, offsets, commit, limit → 400."""
    s.produce("m")
    before = s.info()
    for sign in ("", "-"):
        s.call("POST", "/commit", body=f'{{"offset": {sign}{number}}}'.encode()).expect(400)
        s.call("PATCH", body=settings(f'"ttl": {sign}{number}')).expect(400)
        mq.request("POST", "/streams", body=settings(f'"ttl": {sign}{number}', name=name)).expect(400)
        s.call("GET", "/messages", query={"limit": sign + number}).expect(400)
        s.call("DELETE", "/messages", query={"offset": sign + number}).expect(400)
    assert s.info() == before
    Stream(mq, name).call("GET").expect(404)

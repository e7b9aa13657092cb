"""A. Transport and authentication of the queue and topic routes."""

import pytest

from . import routes
from .bad_values import DIGITS_5000, HUGE_NUMBERS, JUNK, array, item, settings
from .client import MISSING, Client, Queue, counts, segment
from .conftest import NewQueue
from .routes import OPERATIONS, Operation
from .stream import Stream

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
each_with_body = pytest.mark.parametrize(
    "operation", routes.TAKES_ARRAY + routes.TAKES_OBJECT, ids=lambda operation: operation.label
)

BAD_CREDENTIALS: list[str | bytes] = [
    "",
    "wrong",
    "Bearer",
    "Bearer ",
    "Bearer wrong",
    "bearer wrong",
    "Bearer a b c",
    "Basic dXNlcjpwYXNz",
    "Digest username=x",
    "okmq_",
    "okmq_wrong_wrong",
    "Bearer okmq_" + "A" * 40,
    "x" * 4000,
    "Bearer " + "x" * 4000,
    b"\xff\xfe\xfd",
    b"Bearer \xc3\xa9\x80",
]


def subscribed(new_queue: NewQueue, topic: str, *items: str) -> Queue:
    queue = new_queue(topics=[topic])
    queue.enqueue(*items)
    return queue


@pytest.mark.contract("A1")
@each_operation
def test_an_operation_without_a_key_is_refused(mq: Client, operation: Operation) -> None:
    """A 1: no Authorization → 401 E for every operation."""
    mq.request(operation.method, operation.at(), json=operation.json, headers={"Authorization": None}).expect(
        401
    )


@pytest.mark.contract("A2")
@pytest.mark.parametrize("credentials", BAD_CREDENTIALS, ids=lambda value: repr(value[:30]))
def test_a_wrong_key_is_refused(mq: Client, credentials: str | bytes) -> None:
    """A 2: wrong, foreign scheme, empty, over-long and undecodable credentials → 401 E."""
    mq.request("GET", "/queues", headers={"Authorization": credentials}).expect(401)


@pytest.mark.contract("A2")
def test_a_damaged_key_is_refused(mq: Client) -> None:
    """A 2: the key with its end cut off, lengthened, in the other case, or named twice → 401 E."""
    for damaged in (mq.key[:-1], mq.key + "x", mq.key.swapcase(), f"{mq.key} {mq.key}", mq.key + "\u00e9"):
        value = f"Bearer {damaged}".encode()
        mq.request("GET", "/queues", headers={"Authorization": value}).expect(401)


@pytest.mark.contract("A3")
@each_with_body
def test_the_key_is_looked_at_before_the_body(mq: Client, operation: Operation) -> None:
    """A 3: a wrong key with `{not json` → 401, not 400."""
    wrong = {"Authorization": "wrong"}
    mq.request(operation.method, operation.at(), body=b"{not json", headers=wrong).expect(401)


@pytest.mark.contract("A4")
@pytest.mark.parametrize("form", ["{}", "Bearer {}", "bearer {}", "BEARER {}", "bEaReR {}"])
def test_a_key_is_taken_bare_or_as_bearer_in_any_case(mq: Client, form: str) -> None:
    """A 4: `<key>`, `Bearer <key>`, `bearer <key>` → 200 (asked of /queues; /account is another section)."""
    mq.request("GET", "/queues", headers={"Authorization": form.format(mq.key)}).expect(200)


@pytest.mark.contract("A5")
def test_one_trailing_slash_changes_nothing(mq: Client, new_queue: NewQueue, topic: str, name: str) -> None:
    """A 5: all routes with one trailing slash → same codes as without, no redirect."""
    plain, slashed = new_queue(topics=[topic]), new_queue(topics=[topic])
    expected = {operation.label: operation.success for operation in OPERATIONS}
    assert dict(routes.statuses(mq, slashed.name, topic, name, slash="/")) == expected
    Queue(mq, name).delete()
    assert dict(routes.statuses(mq, plain.name, topic, name)) == expected
    Queue(mq, name).delete()


@pytest.mark.contract("A6")
def test_unknown_routes_are_not_found(mq: Client, q: Queue) -> None:
    """A 6: paths that no operation has → 404 E."""
    below = ("/nope", "//messages", "/stats/x", "/ack/m", "/resetfailed/x")
    paths = ["/nope", "/queue", "/queues//messages", "/queues//", "/topics", "/topics/", "/topics/x"]
    paths += ["/topics//messages", "/topics/x/messages/m", "/streams/x/ack", q.path + "//"]
    for path in paths + [q.path + rest for rest in below]:
        mq.get(path).expect(404)
        mq.post(path, []).expect(404)


@pytest.mark.contract("A7")
def test_a_known_route_names_the_methods_it_allows(mq: Client, q: Queue) -> None:
    """A 7: another method on a known route → 405 E with Allow."""
    wrong = {
        "/queues": "PUT PATCH DELETE",
        q.path: "POST PUT",
        q.path + "/messages": "PUT PATCH",
        q.path + "/messages/m": "POST PUT PATCH",
        q.path + "/stats": "POST PUT PATCH DELETE",
        q.path + "/ack": "GET PUT PATCH DELETE",
        q.path + "/resetfailed": "GET PUT PATCH DELETE",
        "/topics/x/messages": "GET PUT PATCH DELETE",
    }
    for path, methods in wrong.items():
        for method in methods.split():
            for slash in ("", "/"):
                answer = mq.request(method, path + slash, body=b"[]").expect(405)
                assert method not in answer.headers["Allow"].replace(" ", "").split(",")


@pytest.mark.contract("A8")
@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/png;q=1", "nonsense", ""])
def test_the_answer_is_json_whatever_is_asked_for(mq: Client, q: Queue, accept: str) -> None:
    """A 8: Accept and ?format= are ignored → 200 JSON array."""
    headers = {"Accept": accept}
    for query in (None, "format=xml", "format=api", "format=json", "format="):
        found = mq.request("GET", "/queues", query=query, headers=headers).expect(200).json()
        assert q.name in [queue["name"] for queue in found]
    mq.request("GET", "/nope", query="format=api", headers=headers).expect(404)


@pytest.mark.contract("A9")
def test_the_body_is_json_whatever_its_content_type_says(q: Queue) -> None:
    """A 9: enqueue with other content types → 204, body intact."""
    types = ["application/json; charset=utf-8", "application/json; charset=latin-1", "text/plain"]
    types += ["application/x-www-form-urlencoded", "application/octet-stream", "multipart/form-data", "", "x"]
    for number, content_type in enumerate(types):
        sent = array(item(str(number), body='"é=1&b=%20+🙂"'))
        q.call("POST", "/messages", body=sent, headers={"Content-Type": content_type}).expect(204)
    assert [found["body"] for found in q.peek()] == ["é=1&b=%20+🙂"] * len(types)


ODD_CONTENT_TYPES = [
    "application/json; charset*=bogus'en'%41",
    "application/json; x*=a; x*0=b",
    "application/json; x*1" + "1" * 5000 + "=a",
    "application/json; charset=rot13",
    'application/json; charset="',
    "application/x-www-form-urlencoded; x*=bogus''a",
    "; ; =",
    "\u00ff\u00fe; x*=\u00ff''\u00ff",
]


@pytest.mark.contract("A9")
@pytest.mark.parametrize("content_type", ODD_CONTENT_TYPES, ids=lambda value: value[:40])
def test_no_content_type_is_too_odd(mq: Client, name: str, content_type: str) -> None:
    """A 9, §2.3: one whose parameters nobody can read is ignored like any other, on every kind of call."""
    headers = {"Content-Type": content_type.encode("latin-1")}
    mq.request("POST", "/queues", json={"name": name}, headers=headers).expect(201)
    queue = Queue(mq, name)
    queue.call("PATCH", json={"ttl": 60}, headers=headers).expect(204)
    queue.call("POST", "/messages", json=[{"id": "m", "body": "é"}], headers=headers).expect(204)
    assert queue.call("GET", "/messages", headers=headers).json()[0]["body"] == "é"
    queue.call("DELETE", headers=headers).expect(204)


@pytest.mark.contract("A10")
@each_with_body
def test_a_body_that_is_not_json_changes_nothing(
    mq: Client, new_queue: NewQueue, topic: str, operation: Operation
) -> None:
    """A 10: junk bodies, and an empty one where a body is required → 400 E, nothing changed."""
    queue = subscribed(new_queue, topic, "m")
    before = queue.settings(), queue.peek()
    junk = dict(JUNK)
    if operation not in routes.BODY_IS_OPTIONAL:
        junk["empty"] = b""
    path = operation.at(segment(queue.name), "m", topic)
    found = {why: mq.request(operation.method, path, body=body).status for why, body in junk.items()}
    assert found == dict.fromkeys(junk, 400)
    assert (queue.settings(), queue.peek()) == before


@pytest.mark.contract("A10")
def test_junk_hidden_in_an_unknown_property_is_seen(
    mq: Client, new_queue: NewQueue, topic: str, name: str
) -> None:
    """A 10: NaN, 1e400 and broken UTF-8 are not JSON in a property nobody reads either → 400 E."""
    queue = subscribed(new_queue, topic, "m")
    before = queue.settings(), queue.peek()
    for value in (b"NaN", b"-Infinity", b"1e400", b"-1e400", b'"\xff"', b"01", b"+1", b".5", b"1."):
        members = b'"unknown": ' + value + b"}"
        new = b'[{"id": "x", "body": "b", ' + members + b"]"
        queue.call("POST", "/messages", body=new).expect(400)
        queue.call("POST", "/ack", body=b'[{"id": "m", "ack": true, ' + members + b"]").expect(400)
        queue.call("PATCH", body=b'{"lock_duration": 99, ' + members).expect(400)
        queue.call("DELETE", "/messages", body=b'{"ids": ["m"], ' + members).expect(400)
        queue.call("POST", "/resetfailed", body=b'{"ids": ["m"], ' + members).expect(400)
        mq.request("POST", f"/topics/{topic}/messages", body=new).expect(400)
        mq.request("POST", "/queues", body=b'{"name": "%s", ' % name.encode() + members).expect(400)
    assert (queue.settings(), queue.peek()) == before
    Queue(mq, name).call("GET").expect(404)


@pytest.mark.contract("A11")
@each_with_body
def test_a_body_of_the_wrong_type_changes_nothing(
    mq: Client, new_queue: NewQueue, topic: str, operation: Operation
) -> None:
    """A 11: string, number, true, null, object for array, array for object → 400 E."""
    queue = subscribed(new_queue, topic, "m")
    before = queue.settings(), queue.peek()
    wrong: list[object] = ["x", "", "[]", 5, 0, 1.5, True, False, None]
    wrong += (
        [{}, {"id": "x", "body": "b"}, {"0": {}}] if operation in routes.TAKES_ARRAY else [[], [{}], [[]]]
    )
    path = operation.at(segment(queue.name), "m", topic)
    found = {str(json): mq.request(operation.method, path, json=json).status for json in wrong}
    assert found == dict.fromkeys(map(str, wrong), 400)
    assert (queue.settings(), queue.peek()) == before


STRANGE_SEGMENTS = [
    "%00",
    "%FF",
    "a%00b",
    "%F0%9F",
    "%C3%28",
    "..%2f..",
    "%2e%2e",
    "%20",
    "x" * 300,
    "%ED%A0%80",
]


@pytest.mark.contract("A12")
@pytest.mark.parametrize("strange", STRANGE_SEGMENTS, ids=lambda value: value[:20])
def test_strange_names_in_a_path_find_nothing(mq: Client, q: Queue, strange: str) -> None:
    """A 12: undecodable, NUL, dotted and over-long names as queue, topic or id → 400/404, as stats tag → 200.

    Stats and ack have no 404 (§5.1); only where `%2f` breaks the path apart may the route itself be unknown.
    """
    for operation in routes.ON_A_QUEUE:
        statuses = {400, 404}
        if operation in (routes.STATS, routes.ACK):
            statuses = {operation.success, 404} if "%2f" in strange.lower() else {operation.success}
        mq.request(operation.method, operation.at(queue=strange), json=operation.json).expect(*statuses)
    mq.post(f"/topics/{strange}/messages", routes.BATCH).expect(400, 404)
    q.call("GET", f"/messages/{strange}").expect(400, 404)
    q.call("DELETE", f"/messages/{strange}").expect(400, 404)
    assert q.call("GET", "/stats", query=f"tag={strange}").expect(200).json()["total"] == 0


@pytest.mark.contract("A12")
@pytest.mark.parametrize("slash", ["%2F", "%2f"])
def test_an_encoded_slash_ends_no_part_of_a_path(mq: Client, q: Queue, s: Stream, slash: str) -> None:
    """A 12: ``/queues/a%2Fmessages`` is a queue that cannot be, not the messages of ``a``."""
    q.enqueue("m", "a/b")
    s.produce("m")
    for path in (q.path, s.path):
        for target in (path + slash + "messages", path.replace("s/", "s" + slash), path + slash):
            for method in ("GET", "DELETE", "POST", "PATCH"):
                mq.request(method, target, json=routes.BATCH).expect(404)
    for rest in ("stats", "ack", "resetfailed", "messages/m"):
        mq.get(f"{q.path}{slash}{rest}").expect(404)
    q.call("DELETE", f"/messages{slash}m").expect(404)
    assert (q.ids(), s.count) == (["m", "a/b"], 1)
    q.call("DELETE", f"/messages/a{slash}b").expect(204)
    mq.request("GET", f"http://x{q.path}{slash}stats").expect(404)
    mq.request("GET", f"http://x{q.path}/messages/m{slash}").expect(200)


@pytest.mark.contract("A12")
def test_an_undecodable_name_is_not_its_own_percent_encoding(mq: Client) -> None:
    """A 12: a queue whose name is the letters `%FF` is not found under the byte FF."""
    queue = Queue(mq, "%FF").create()
    try:
        queue.enqueue({"id": "%FE", "body": "b", "tag": "%FD"})
        assert queue.path == "/queues/%25FF"
        mq.get("/queues/%FF").expect(404)
        queue.call("GET", "/messages/%FE").expect(404)
        assert queue.call("GET", "/stats", query="tag=%FD").json()["total"] == 0
        assert queue.stats(tag="%FD") == counts(pending=1)
    finally:
        queue.delete()


NUMBER_SETTINGS = ["lock_duration", "max_delivery_attempts", "ttl"]


@pytest.mark.contract("A13")
@pytest.mark.parametrize("number", HUGE_NUMBERS.values(), ids=HUGE_NUMBERS)
def test_huge_numbers_are_refused(mq: Client, q: Queue, name: str, number: str) -> None:
    """A 13: 5,000 digits, 1e400, 1e30, 2^63 as settings, limit and offset → 400 (peek offset: or empty)."""
    q.enqueue("m")
    before = q.settings(), q.peek()
    members = [f'"{field}": {sign}{number}' for field in NUMBER_SETTINGS for sign in ("", "-")]
    members += [
        f'"retry_strategy": {{"type": "fixed", "{field}": {number}}}' for field in ("base_delay", "max_delay")
    ]
    if number in (DIGITS_5000, "1e400"):
        members.append(f'"retry_strategy": {{"type": "exponential", "multiplier": {number}}}')
    for member in members:
        q.call("PATCH", body=settings(member, auto_ack=True)).expect(400)
        mq.request("POST", "/queues", body=settings(member, name=name)).expect(400)
    for peek in ("true", "false"):
        q.call("GET", "/messages", query={"peek": peek, "limit": number}).expect(400)
        q.call("GET", "/messages", query={"peek": peek, "limit": "-" + number}).expect(400)
    beyond = q.call("GET", "/messages", query={"peek": "true", "offset": number}).expect(200, 400)
    assert beyond.status == 400 or beyond.json() == []
    Queue(mq, name).call("GET").expect(404)
    assert (q.settings(), q.peek()) == before


@pytest.mark.contract("A13")
def test_a_huge_number_as_a_message_body_is_kept_or_refused(q: Queue) -> None:
    """A 13: outside a double's range is 400 by §2.3, an integer up to the parser's limit fits by §4.1."""
    for number in (DIGITS_5000, "-" + DIGITS_5000):
        answer = q.call("POST", "/messages", body=array(f'{{"id": "m", "body": {number}}}')).expect(204, 400)
        listed = q.call("GET", "/messages", query={"peek": "true"}).expect(200).content
        assert (number.encode() in listed) == (answer.status == 204)
        q.call("DELETE", "/messages", json=MISSING).expect(204)

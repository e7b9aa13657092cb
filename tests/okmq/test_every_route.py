"""Isolation, route by route: whatever the URLconf serves, a stranger's key finds nothing of the owner's.

The routes are read from the URLconf, so that no future one can be forgotten: a route that needs something
this module does not know fails the test until it is taught here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

from .client import MISSING, Client, Queue
from .conftest import NewClient
from .stream import Stream

SECRET = "of-the-owner"  # stands in every name, id, tag and body the owner has
PARAMETERS = {
    "queue": [f"queue-{SECRET}"],
    "stream": [f"stream-{SECRET}"],
    "topic": [f"topic-{SECRET}"],
    "id": [f"{state}-{SECRET}" for state in ("pending", "acked", "failed", "leased")],
}
BODIES: list[Any] = [
    MISSING,
    {},
    {"ids": PARAMETERS["id"]},
    [{"id": id, "ack": True, "delete": True} for id in PARAMETERS["id"]],
    [{"id": id, "ack": False} for id in PARAMETERS["id"]],
    [{"id": "new", "body": "b"}],
    {"offset": 1},
    {"lock_duration": 99, "ttl": 99},
]
QUERIES = ["", "peek=true", "type=all&peek=true&limit=100", f"tag=tag-{SECRET}"]

FREE_OF_KEYS = {
    "", "dashboard", "live", "ready", "health", "healthcheck", "metrics", "openapi/<str:dialect>.json",
    "docs", "admin",
}  # fmt: skip
"""Routes that belong to no account and open nothing of one."""
OF_OTHER_DIALECTS = (
    "api/", "^api/", "queue/", "/queue/", "publish", "consume", "ack", "requeue", "webhook", "stream/",
    "healthz",
)  # fmt: skip
"""Their own tests walk them. In some of them queues come into being by use, so that a stranger finds one of
his own."""
ANSWERED_ALL_THE_SAME = {
    ("QueueViewSet", "stats"): 200,
    ("MessageViewSet", "ack"): 204,
    ("QueueViewSet", "list"): 200,
    ("StreamViewSet", "list"): 200,
    ("AccountViewSet", "retrieve"): 200,
}
"""Routes that name no object of the owner's, or have no 404 (contract §5.1)."""


class Route(NamedTuple):
    path: str
    parameters: tuple[str, ...]
    view: str
    method: str
    action: str


def patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from patterns(entry, path)
        else:
            yield path, entry


def is_of_the_console(path: str) -> bool:
    return any(f"/{path}".startswith(prefix) for prefix in settings.CONSOLE_PREFIXES)


def routes() -> list[Route]:
    """Every operation of the API."""
    found = []
    for path, pattern in patterns(get_resolver()):
        free = path.rstrip("/") in FREE_OF_KEYS
        if is_of_the_console(path) or f"{path}/".startswith(OF_OTHER_DIALECTS) or free:
            continue
        assert hasattr(pattern.callback, "actions"), f"{path}: whose is it?"
        converters = getattr(pattern.pattern, "converters", {})
        view: Any = pattern.callback
        for method, action in view.actions.items():
            if method == "head":
                continue  # added by DRF when the view is first called; refused by our views
            found.append(Route(path, tuple(converters), view.cls.__name__, method.upper(), action))
    return found


def paths_of(route: Route) -> Iterator[str]:
    """The route's path with each of the owner's names in it."""
    names = {name: PARAMETERS[name] for name in route.parameters}
    longest = max((len(values) for values in names.values()), default=1)
    for number in range(longest):
        path = route.path
        for name, values in names.items():
            start = path.rindex("<", 0, path.index(f"{name}>"))
            end = path.index(">", start) + 1
            path = path[:start] + quote(values[number % len(values)], safe="") + path[end:]
        yield f"/{path}"


@pytest.fixture
def owner(client_of: NewClient) -> Client:
    """Has one of everything."""
    owner = client_of()
    (topic,) = PARAMETERS["topic"]
    queue = Queue(owner, *PARAMETERS["queue"]).create(topics=[topic], ttl=0, lock_duration=3600)
    pending, acked, failed, leased = PARAMETERS["id"]
    for id in (acked, failed, leased, pending):
        queue.enqueue({"id": id, "body": f"body-{SECRET}", "tag": f"tag-{SECRET}"})
    queue.receive(limit=3)
    queue.ack(acked)
    queue.nack(failed)
    log = Stream(owner, *PARAMETERS["stream"]).create()
    log.produce(*({"id": id, "body": f"body-{SECRET}"} for id in PARAMETERS["id"]))
    log.commit(2)
    return owner


def everything(owner: Client) -> list[Any]:
    """All that the owner sees."""
    (queue,), (stream,) = PARAMETERS["queue"], PARAMETERS["stream"]
    paths = ["/account", "/queues", "/streams", f"/queues/{queue}/stats", f"/streams/{stream}/messages"]
    seen = [owner.get(path).expect(200).json() for path in paths]
    return [*seen, [Queue(owner, queue).get(id) for id in PARAMETERS["id"]]]


def test_every_route_is_walked() -> None:
    known = {(route.method, route.path) for route in routes()}
    assert len(known) >= 46  # 24 operations, all but two of them with and without a slash
    assert ("GET", "queues/<str:queue>/messages") in known
    assert {name for route in routes() for name in route.parameters} <= set(PARAMETERS)


def test_every_action_asks_for_a_scope() -> None:
    for path, pattern in patterns(get_resolver()):
        view: Any = pattern.callback
        if not is_of_the_console(path) and hasattr(view, "actions"):
            assert set(view.actions.values()) <= set(view.cls.action_scopes), path


@pytest.mark.contract("N160")
def test_a_stranger_finds_nothing_on_any_route(owner: Client, stranger: Client) -> None:
    """N 160: a second key on every route, with every name of the first's → nothing of its, and no effect."""
    before = everything(owner)
    for route in routes():
        for path in paths_of(route):
            for body in BODIES:
                for query in QUERIES if body is MISSING else [""]:
                    check_finds_nothing(stranger, route, path, query, body)
        assert everything(owner) == before, route


def check_finds_nothing(stranger: Client, route: Route, path: str, query: str, body: Any) -> None:
    answer = stranger.request(route.method, path, query=query, json=body)
    assert SECRET not in answer.content.decode(), answer
    expected = ANSWERED_ALL_THE_SAME.get((route.view, route.action))
    if route.parameters and expected is None:
        answer.expect(404)
    elif expected is not None:
        answer.expect(expected, 400)  # 400: a body that an ack does not take
    else:
        answer.expect(400)  # a create without a name
    if answer.status == 200 and route.action == "stats":
        assert set(answer.json().values()) == {0}
    if answer.status == 200 and route.action == "list":
        assert answer.json() == []


@pytest.mark.contract("N160")
def test_a_key_is_asked_for_on_every_route(owner: Client) -> None:
    """N 160: no route opens anything without a key."""
    for route in routes():
        for path in paths_of(route):
            headers = {"Authorization": None}
            answer = owner.request(route.method, path, json=BODIES[-1], headers=headers).expect(401)
            assert SECRET not in json.dumps(answer.json())

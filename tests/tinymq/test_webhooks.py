# ruff: noqa: F401, F811  (fixtures of another folder)
"""Webhooks (tinymq.md section 4.8), sent by the push engine."""

from __future__ import annotations

import hashlib
import hmac
import socket
import threading
from typing import Any

import pytest

from queues.models import Destination
from queues.push import destinations, egress
from queues.push.types import Status
from tests.broker.at_once import eventually
from tests.push.conftest import Running, drained, new_pusher, new_receiver, pusher, receiver
from tests.push.receiver import Receiver
from tests.push.test_egress import MALFORMED, PRIVATE_HOSTS

from .client import Client, Topic, text


def register(topic: Topic, url: str, **more: Any) -> Any:
    return topic.client.post(topic.path("webhook"), {"url": url, **more})


@pytest.mark.contract("30")
def test_a_message_is_sent_as_it_is_and_can_be_consumed(
    t: Topic, receiver: Receiver, pusher: Running
) -> None:
    answer = register(t, receiver.url).expect(201)
    assert answer.content == b'{"status": "webhook_registered"}'
    t.publish('{"a":1}')
    (request,) = receiver.wait(1)
    assert (request.method, request.body) == ("POST", b'{"a":1}')
    assert request.headers["content-type"] == "application/json"
    assert "x-tinymq-signature" not in request.headers
    assert text(t.take()) == '{"a":1}'


@pytest.mark.parametrize("payload", [b"\x00\xff\x80", b"a\0b", b'"x"', "é".encode()])
def test_bytes_are_sent_byte_for_byte(
    t: Topic,
    receiver: Receiver,
    pusher: Running,
    payload: bytes,
) -> None:
    register(t, receiver.url).expect(201)
    t.send(payload, {"Content-Type": "application/json"}).expect(202)
    assert receiver.wait(1)[0].body == payload


@pytest.mark.contract("30")
def test_what_fails_is_noted_and_tried_again_later_on(t: Topic, receiver: Receiver, pusher: Running) -> None:
    """The original tries once; a receiver made for it is not called again at once."""
    receiver.answering = lambda request: 500
    register(t, receiver.url).expect(201)
    t.publish("x")
    receiver.wait(1)
    (made,) = destinations.list_all(t.client.account.pk, t.name)

    def log() -> list[Any]:
        return destinations.deliveries(t.client.account.pk, t.name, made.public_id)

    eventually(log)
    (attempt,) = log()
    assert (attempt.status, attempt.http_status) == (Status.FAILED, 500)
    assert made.config["retry_policy"]["initial_backoff_ms"] == 30_000
    assert made.config["timeout_ms"] == 10_000
    assert len(receiver.requests) == 1
    receiver.answering = lambda request: 200
    t.age(60)
    receiver.wait(2)


@pytest.mark.contract("31")
def test_every_url_is_called_and_a_slow_one_holds_up_nobody(
    t: Topic,
    new_receiver: Any,
    pusher: Running,
) -> None:
    slow, quick = new_receiver(), new_receiver()
    release = threading.Event()
    slow.answering = lambda request: 200 if release.wait(20) else 500
    for one in (slow, quick):
        register(t, one.url).expect(201)
    t.publish("x")
    quick.wait(1)
    slow.wait(1)
    t.publish("y")
    quick.wait(2)
    release.set()
    slow.wait(2)


@pytest.mark.contract("32")
def test_a_secret_signs_what_is_sent(t: Topic, receiver: Receiver, pusher: Running) -> None:
    register(t, receiver.url, secret="hush").expect(201)
    t.publish('{"a":1}')
    (request,) = receiver.wait(1)
    expected = hmac.new(b"hush", b'{"a":1}', hashlib.sha256).hexdigest()
    assert request.headers["x-tinymq-signature"] == f"sha256={expected}"


@pytest.mark.contract("32")
@pytest.mark.parametrize(
    "url",
    ["example.com", "not a url", "/path", "//example.com/", "http://", "http:///x", "http://a b/", "x:y"],
)
def test_what_is_no_url_is_told(t: Topic, url: str) -> None:
    assert register(t, url).expect(400).content == b"url: is not a URL\n"
    assert t.client.stats() == {}


@pytest.mark.contract("32")
@pytest.mark.parametrize("body", [b"{}", b'{"url":""}', b"{", b'{"url":5}', b"[]", b"", b'{"url":null}'])
def test_what_is_no_registration_is_told(t: Topic, body: bytes) -> None:
    t.client.call("POST", t.path("webhook"), body).expect(400)
    assert t.client.stats() == {}


@pytest.mark.contract("32")
@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/", "http://localhost/x", "http://10.0.0.1", "http://[::1]/", "http://169.254.169.254/",
     "ftp://example.com/", "file:///etc/passwd", "http://u@example.com/"],
)  # fmt: skip
def test_urls_that_lead_inside_or_nowhere_are_refused(t: Topic, url: str) -> None:
    refused = register(t, url).expect(403)
    assert refused.content.startswith(b"Security rejection: url ")


@pytest.mark.contract("32")
@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.1"],
        ["127.0.0.1", "::1"],
        ["::ffff:169.254.169.254"],
        ["64:ff9b::a9fe:a9fe"],
        ["fd00:ec2::254"],
        [],
    ],
)
def test_a_name_that_leads_inside_or_nowhere_is_refused(
    t: Topic, known_names: dict[str, list[str]], addresses: list[str]
) -> None:
    known_names["inside.example.com"] = addresses
    refused = register(t, "https://inside.example.com/x").expect(403)
    assert refused.content.startswith(b"Security rejection: url ")
    assert t.client.stats() == {}


def test_a_name_that_cannot_be_found_is_refused(t: Topic, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(host: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(egress, "resolve", unknown)
    assert b"cannot be found" in register(t, "https://nowhere.example.com/").expect(403).content


def test_a_resolver_that_does_not_answer_is_not_waited_for(t: Topic, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(egress, "LOOK_UP_SECONDS", 0.1)
    monkeypatch.setattr(egress, "resolve", lambda host: [str(release.wait(20))])
    register(t, "https://slow.example.com/").expect(403)
    release.set()


def test_no_form_of_a_private_address_is_registered(t: Topic) -> None:
    for url in [*(f"http://{host}/" for host in PRIVATE_HOSTS), *filter(None, MALFORMED)]:
        register(t, url).expect(400, 403)


def test_a_url_is_registered_once_and_listed(mq: Client, t: Topic) -> None:
    urls = ["https://example.com/1", "https://example.com/2"]
    for url in (*urls, urls[0]):
        register(t, url).expect(201)
    assert mq.call("GET", "/api/queues/webhooks", queue=t.name).json() == urls
    assert mq.call("GET", "/api/queues/webhooks", queue="nope").json() == []
    assert mq.call("GET", "/api/stats").json()["total_webhooks"] == 2
    mq.call("DELETE", "/api/queues/delete", queue=t.name).expect(200)
    assert mq.call("GET", "/api/stats").json()["total_webhooks"] == 0


def test_registering_needs_a_topic_that_can_be(mq: Client) -> None:
    for path in ("/webhook", "/webhook/"):
        mq.call("POST", path, b'{"url":"https://example.com"}').expect(400)
    for bad in ("a%20b", "a*", "x" * 256):
        mq.post(f"/webhook/{bad}", {"url": "https://example.com"}).expect(400)
    assert not Destination.objects.filter(account=mq.account).exists()


def test_a_broadcast_is_sent_too_and_then_nothing_is_left_of_it(
    t: Topic,
    receiver: Receiver,
    pusher: Running,
) -> None:
    register(t, receiver.url).expect(201)
    t.publish("x", broadcast="true")
    assert receiver.wait(1)[0].body == b"x"
    assert t.is_empty()
    assert t.stat()["MessageCount"] == 0
    eventually(lambda: t.stored() == 0)


def test_a_requeued_message_is_not_sent_again(t: Topic, receiver: Receiver, pusher: Running) -> None:
    register(t, receiver.url).expect(201)
    t.publish("1")
    receiver.wait(1)
    eventually(drained(t.handle))
    t.client.requeue(t.take()).expect(202)
    t.publish("2")
    assert [request.body for request in receiver.wait(2)] == [b"1", b"2"]


def test_what_was_not_sent_yet_when_it_is_requeued_is_sent_once(
    t: Topic, receiver: Receiver, new_pusher: Any
) -> None:
    register(t, receiver.url).expect(201)
    t.publish("1")
    t.client.requeue(t.take()).expect(202)
    t.client.requeue(t.take(), retry_count=2).expect(202)
    t.publish("2")
    new_pusher()
    receiver.wait(2)
    assert sorted(request.body for request in receiver.requests) == [b"1", b"2"]
    assert t.sub(".dlq").take()["retry_count"] == 3
    eventually(lambda: t.stored() == 1)


def test_a_message_that_is_acknowledged_before_it_is_sent_is_sent_yet(
    t: Topic,
    receiver: Receiver,
    new_pusher: Any,
) -> None:
    register(t, receiver.url).expect(201)
    t.publish("1")
    message = t.take()
    t.ack(message["id"]).expect(200)
    t.ack(message["id"]).expect(404)
    new_pusher()
    receiver.wait(1)
    eventually(lambda: t.stored() == 0)

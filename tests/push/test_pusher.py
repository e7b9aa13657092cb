"""Messages on their way to destinations."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
import standardwebhooks
from django.conf import settings as django_settings
from django.db import connection

from queues.api.agentuity import ids
from queues.broker import clock, housekeeping, push_lanes
from queues.broker.errors import Unavailable
from queues.broker.lanes import in_transaction
from queues.broker.types import Encoding, State
from queues.fields import to_datetime
from queues.models import Delivery, DeliveryLog, Destination, Message
from queues.push import claims, destinations, settlements
from queues.push import pusher as pusher_module
from queues.push.log import prune
from queues.push.types import REDACTED, Attempt, DestinationInfo, Form, Kind, Status
from tests.broker.at_once import eventually
from tests.broker.handle import Handle, message
from tests.broker.rows import age, assert_rows_fit, query

from .conftest import NewDestination, Running, drained
from .receiver import Answer, Receiver, Request

NewReceiver = Callable[[], Receiver]
FAST = {"retry_policy": {"initial_backoff_ms": 1, "max_backoff_ms": 1}}


def log(made: DestinationInfo, **chosen: Any) -> list[Attempt]:
    row = Destination.objects.select_related("queue").get(pk=made.id)
    return destinations.deliveries(row.account_id, row.queue.name, made.public_id, **chosen)


def make_due(queue: Handle) -> None:
    """Let retries fall due."""
    statement = "UPDATE queues_delivery SET due_at = 0 WHERE queue_id = %s AND lane > 0 AND state = 0"
    with connection.cursor() as cursor:
        cursor.execute(statement, [queue.id])


def test_a_message_is_pushed_and_stays_for_receivers(
    q: Handle, receiver: Receiver, new_destination: NewDestination, pusher: Running
) -> None:
    made = new_destination(
        q, receiver.url, config={"headers": {"X-Mine": "yes", "Authorization": "Bearer s"}}
    )
    q.publish("m1", body='{"a": 1.50}', metadata='{"p":"high"}')
    request = receiver.wait(1)[0]
    assert (request.method, request.path) == ("POST", "/hook")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-mine"] == "yes"
    assert request.headers["authorization"] == "Bearer s"
    assert request.headers["x-agentuity-queue"] == q.name
    assert request.headers["x-agentuity-message-id"] == request.message_id == ids.message_id("m1")
    assert request.headers["x-agentuity-delivery-attempt"] == "1"
    assert "webhook-signature" not in request.headers
    assert b'"payload":{"a": 1.50}' in request.body, "byte for byte as it was published"
    sent = json.loads(request.body)
    assert sent["id"] == request.message_id and sent["queue_id"] == ids.queue_id(q.id)
    assert sent["offset"] == 0 and sent["metadata"] == {"p": "high"} and sent["delivery_attempts"] == 1
    eventually(drained(q))
    entry = log(made)[0]
    assert (entry.status, entry.http_status, entry.attempt, entry.message_id) == (
        Status.SUCCESS,
        200,
        1,
        "m1",
    )
    assert entry.response_body == "ok"
    assert entry.request_headers["Authorization"] == REDACTED
    assert entry.request_headers["X-Mine"] == "yes"
    assert q.take() == ["m1"], "a delivery to a destination is no ack"
    shown = destinations.get(q.account_id, q.name, made.public_id)
    assert (shown.success_count, shown.failure_count) == (1, 0)
    assert shown.last_success_at is not None


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"body": '{"a":1}'}, b'{"a":1}'),
        ({"body": "plain", "encoding": Encoding.TEXT}, b"plain"),
        ({"body": base64.b64encode(b"\xff\0").decode(), "encoding": Encoding.BASE64}, b"\xff\0"),
    ],
)
def test_the_payload_alone_is_sent_as_its_bytes(
    q: Handle,
    receiver: Receiver,
    new_destination: NewDestination,
    pusher: Running,
    given: dict[str, Any],
    sent: bytes,
) -> None:
    new_destination(q, receiver.url, form=Form.PAYLOAD, kind=Kind.WEBHOOK)
    q.send(message("m", **given))
    request = receiver.wait(1)[0]
    assert request.body == sent
    assert request.headers["content-type"] == "application/json"
    assert not [name for name in request.headers if name.startswith("x-agentuity")]


def test_requests_are_signed(
    q: Handle, receiver: Receiver, new_destination: NewDestination, pusher: Running
) -> None:
    made = new_destination(q, receiver.url, config={"signing": {"enabled": True}})
    assert made.new_secret is not None
    q.publish("m1")
    first = receiver.wait(1)[0]
    standardwebhooks.Webhook(made.new_secret).verify(first.body, first.headers)
    stamped = f"{first.headers['x-agentuity-timestamp']}.".encode() + first.body
    expected = hmac.new(made.new_secret.encode(), stamped, hashlib.sha256).hexdigest()
    assert first.headers["x-agentuity-signature"] == f"sha256={expected}"
    rotated = destinations.rotate_secret(q.account_id, q.name, made.public_id)
    assert rotated.new_secret is not None
    q.publish("m2")
    second = receiver.wait(2)[1]
    for secret in (made.new_secret, rotated.new_secret):
        standardwebhooks.Webhook(secret).verify(second.body, second.headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(secret).verify(second.body + b" ", second.headers)
    Destination.objects.filter(pk=made.id).update(old_secret_until=a_moment_ago())
    q.publish("m3")
    third = receiver.wait(3)[2]
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(made.new_secret).verify(third.body, third.headers)


def a_moment_ago() -> Any:
    return to_datetime(clock.now() - 1)


def test_a_raw_payload_is_signed_as_tinymq_has_it(
    q: Handle, receiver: Receiver, new_destination: NewDestination, pusher: Running
) -> None:
    new_destination(
        q, receiver.url, form=Form.PAYLOAD, config={"signing": {"enabled": True, "secret_key": "hush"}}
    )
    q.publish("m1", body='{"a":1}')
    request = receiver.wait(1)[0]
    expected = hmac.new(b"hush", b'{"a":1}', hashlib.sha256).hexdigest()
    assert request.headers["x-tinymq-signature"] == f"sha256={expected}"


def test_a_failed_delivery_is_repeated_and_then_given_up_in_its_lane_alone(
    q: Handle, receiver: Receiver, new_destination: NewDestination, pusher: Running
) -> None:
    receiver.answering = lambda request: 500
    made = new_destination(q, receiver.url, config={"retry_policy": {"max_attempts": 2, "max_backoff_ms": 1}})
    q.publish("m1")
    receiver.wait(2)
    eventually(drained(q))
    assert receiver.ids == ["m1", "m1"]
    assert [r.headers["x-agentuity-delivery-attempt"] for r in receiver.requests] == ["1", "2"]
    entries = log(made, status=Status.FAILED)
    assert [(entry.attempt, entry.http_status, entry.error) for entry in entries] == [
        (2, 500, "answered 500"),
        (1, 500, "answered 500"),
    ]
    assert log(made, status=Status.SUCCESS) == []
    assert q.state("m1") is State.PENDING
    shown = destinations.get(q.account_id, q.name, made.public_id)
    assert (shown.failure_count, shown.failures_in_row, shown.last_failure_error) == (2, 2, "answered 500")


def test_redirects_are_failures(
    q: Handle, new_receiver: NewReceiver, new_destination: NewDestination, pusher: Running
) -> None:
    elsewhere, receiver = new_receiver(), new_receiver()
    receiver.answering = lambda request: Answer(302, {"Location": elsewhere.url})
    made = new_destination(q, receiver.url, config={"retry_policy": {"max_attempts": 1}})
    q.publish("m1")
    eventually(lambda: log(made))
    assert "redirects" in log(made)[0].error
    assert elsewhere.requests == []


def test_every_destination_gets_its_own_copy_and_disabled_ones_none(
    q: Handle, new_receiver: NewReceiver, new_destination: NewDestination, pusher: Running
) -> None:
    receivers = [new_receiver() for _ in range(3)]
    for one in receivers[:2]:
        new_destination(q, one.url)
    new_destination(q, receivers[2].url, enabled=False)
    q.publish("m1", "m2")
    for one in receivers[:2]:
        one.wait(2)
        assert sorted(one.ids) == ["m1", "m2"]
    eventually(drained(q))
    assert receivers[2].requests == []
    assert_rows_fit(q)


def test_a_destination_that_hangs_holds_up_no_other(
    q: Handle, new_receiver: NewReceiver, new_destination: NewDestination, pusher: Running
) -> None:
    hanging, fine, let_go = new_receiver(), new_receiver(), threading.Event()
    hanging.answering = lambda request: 200 if let_go.wait(30) else 500
    new_destination(q, hanging.url, config={"concurrency": 3})
    new_destination(q, fine.url)
    q.publish(*(f"m{n}" for n in range(40)))
    fine.wait(40)
    assert hanging.most_in_flight == 3
    let_go.set()
    hanging.wait(40)
    eventually(drained(q))
    assert hanging.most_in_flight == 3
    assert len(set(hanging.ids)) == len(hanging.ids) == 40


def test_order_is_kept_within_a_partition_key_also_over_retries(
    q: Handle, receiver: Receiver, new_destination: NewDestination, pusher: Running
) -> None:
    tried: set[str] = set()

    def fail_first(request: Request) -> int:
        again = request.public_id in tried
        tried.add(request.public_id)
        return 200 if again else 500

    receiver.answering = fail_first
    new_destination(q, receiver.url, config=FAST)
    for n in range(5):
        q.publish(f"a{n}", partition_key="a")
        q.publish(f"b{n}", partition_key="b")
    receiver.wait(20)
    eventually(drained(q))
    for key in "ab":
        expected = [f"{key}{n}" for n in range(5) for _ in range(2)]
        assert [i for i in receiver.ids if i.startswith(key)] == expected
    assert_rows_fit(q)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_heeded(
    q: Handle, receiver: Receiver, new_destination: NewDestination, pusher: Running, status: int
) -> None:
    receiver.answering = lambda request: Answer(status, {"Retry-After": "1800"})
    made = new_destination(q, receiver.url, config=FAST)
    q.publish("m1")
    eventually(lambda: log(made))
    row = Delivery.objects.get(queue_id=q.id, lane__gt=0)
    wait = (row.due_at - Destination.objects.get(pk=made.id).last_failure_at).total_seconds()  # type: ignore[operator]
    assert 1790 < wait < 1810
    assert (row.attempts, row.state) == (1, 0)


def test_gone_disables_the_destination(
    q: Handle, receiver: Receiver, new_destination: NewDestination, pusher: Running
) -> None:
    receiver.answering = lambda request: 410
    made = new_destination(q, receiver.url, config={"concurrency": 1})
    q.publish("m1", "m2", "m3")
    eventually(lambda: not destinations.get(q.account_id, q.name, made.public_id).enabled)
    shown = destinations.get(q.account_id, q.name, made.public_id)
    assert "410" in shown.disabled_reason
    eventually(lambda: not pusher.pusher.detail())
    sweep_lanes()
    assert drained(q)()
    assert destinations.set_enabled(q.account_id, q.name, made.public_id, True).disabled_reason == ""


def sweep_lanes() -> None:
    while in_transaction(lambda tx: push_lanes.remove_closed(tx, 2)):
        pass


def test_a_destination_that_fails_twenty_times_is_parked_and_resumes_by_itself(
    q: Handle, receiver: Receiver, new_destination: NewDestination, pusher: Running
) -> None:
    receiver.answering = lambda request: 500
    made = new_destination(q, receiver.url, config={"concurrency": 2, **FAST})
    q.publish(*(f"m{n}" for n in range(30)))
    eventually(lambda: destinations.get(q.account_id, q.name, made.public_id).parked_at)
    eventually(lambda: not pusher.pusher.detail())
    parked = destinations.get(q.account_id, q.name, made.public_id)
    assert parked.failures_in_row >= settlements.PARKED_AFTER
    assert parked.probe_at is not None and parked.probe_at > clock.now()
    tried = len(receiver.requests)
    receiver.answering = lambda request: 200
    make_due(q)
    q.publish("news")
    assert len(receiver.requests) == tried, "nothing is sent before the next probe"
    Destination.objects.filter(pk=made.id).update(probe_at=a_moment_ago())
    make_due(q)
    q.publish("more")
    receiver.wait(tried + 1)
    eventually(lambda: destinations.get(q.account_id, q.name, made.public_id).parked_at is None)
    make_due(q)
    q.publish("last")
    eventually(drained(q))
    assert {"news", "more", "last"} <= set(receiver.ids)


def test_a_success_that_was_under_way_when_a_destination_was_parked_resumes_it(
    q: Handle, receiver: Receiver, new_destination: NewDestination, pusher: Running
) -> None:
    recovered = threading.Event()
    receiver.answering = lambda request: (
        200 if (request.public_id == "m0" and recovered.wait(30)) or recovered.is_set() else 500
    )
    made = new_destination(q, receiver.url, config={"concurrency": 2, **FAST})
    q.publish(*(f"m{n}" for n in range(30)))
    eventually(lambda: destinations.get(q.account_id, q.name, made.public_id).parked_at)
    recovered.set()
    eventually(lambda: destinations.get(q.account_id, q.name, made.public_id).parked_at is None)
    make_due(q)
    q.publish("last")
    eventually(drained(q))


def test_answers_are_read_up_to_a_limit_and_never_unpacked(
    q: Handle, receiver: Receiver, new_destination: NewDestination, pusher: Running
) -> None:
    endless = Answer(200, {"X-Nul": "a"}, b"x\0y" * 100_000)
    packed = Answer(200, {"Content-Encoding": "gzip"}, b"\x1f\x8b" + b"\0" * 1000)
    receiver.answering = lambda request: endless if request.public_id == "big" else packed
    made = new_destination(q, receiver.url)
    q.publish("big")
    q.publish("packed")
    eventually(lambda: len(log(made)) == 2)
    by_id = {entry.message_id: entry for entry in log(made)}
    assert by_id["big"].status is by_id["packed"].status is Status.SUCCESS
    assert len(by_id["big"].response_body) <= 2048 and by_id["big"].response_body.startswith("x\ufffdy")
    assert by_id["packed"].response_body == ""


def test_no_answer_in_time_is_a_failure(
    q: Handle, receiver: Receiver, new_destination: NewDestination, pusher: Running
) -> None:
    let_go = threading.Event()
    receiver.answering = lambda request: 200 if let_go.wait(30) else 500
    made = new_destination(q, receiver.url, config={"timeout_ms": 1000, "retry_policy": {"max_attempts": 1}})
    q.publish("m1")
    eventually(lambda: log(made))
    let_go.set()
    entry = log(made)[0]
    assert (entry.status, entry.http_status, entry.error) == (Status.FAILED, None, "no answer within 1000 ms")


def test_nobody_there_is_a_failure(
    q: Handle, receiver: Receiver, new_destination: NewDestination, pusher: Running
) -> None:
    receiver.close()
    made = new_destination(q, receiver.url, config={"retry_policy": {"max_attempts": 1}})
    q.publish("m1")
    eventually(lambda: log(made))
    assert "Connect" in log(made)[0].error


def test_a_destination_that_leads_inside_by_now_is_not_called(
    q: Handle, receiver: Receiver, new_destination: NewDestination, new_pusher: Callable[[], Running]
) -> None:
    made = new_destination(q, receiver.url, config={"retry_policy": {"max_attempts": 1}})
    django_settings.OKMQ_EGRESS_ALLOW = []
    new_pusher()
    q.publish("m1")
    eventually(lambda: log(made))
    assert "not a public address" in log(made)[0].error
    assert receiver.requests == []


def test_proxies_and_cookies_are_ignored(
    q: Handle,
    receiver: Receiver,
    new_destination: NewDestination,
    new_pusher: Callable[[], Running],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    receiver.answering = lambda request: Answer(200, {"Set-Cookie": "a=b; Path=/"})
    new_destination(q, receiver.url)
    new_pusher()
    q.publish("m1")
    receiver.wait(1)
    eventually(drained(q))
    q.publish("m2")
    assert "cookie" not in receiver.wait(2)[1].headers


def test_a_paused_queue_pushes_nothing_until_it_is_resumed(
    q: Handle, receiver: Receiver, new_destination: NewDestination, pusher: Running
) -> None:
    new_destination(q, receiver.url)
    q.pause()
    q.publish("m1")
    other = new_destination(q, receiver.url + "2")
    assert other.enabled
    assert Delivery.objects.filter(queue_id=q.id, lane=1).exists()
    q.resume()
    receiver.wait(1)
    assert receiver.ids == ["m1"]


def test_a_message_for_later_is_pushed_when_it_is_due(
    q: Handle, receiver: Receiver, new_destination: NewDestination, pusher: Running
) -> None:
    new_destination(q, receiver.url)
    q.publish("later", deliver_at=clock.now() + clock.micros(0.3))
    q.publish("now")
    receiver.wait(2)
    assert receiver.ids == ["now", "later"]


def test_what_expired_is_not_pushed(
    new_queue: Any, receiver: Receiver, new_destination: NewDestination, new_pusher: Callable[[], Running]
) -> None:
    queue = new_queue(ttl_seconds=1000)
    new_destination(queue, receiver.url)
    queue.publish("old")
    age(queue, 1001)
    queue.publish("new")
    new_pusher()
    receiver.wait(1)
    eventually(drained(queue))
    assert receiver.ids == ["new"]
    assert_rows_fit(queue)


def test_two_workers_share_the_load_and_send_nothing_twice(
    q: Handle, receiver: Receiver, new_destination: NewDestination, new_pusher: Callable[[], Running]
) -> None:
    new_destination(q, receiver.url, config={"concurrency": 4})
    both = [new_pusher(), new_pusher()]
    shares: set[int] = set()
    let_go = threading.Event()

    def watch(request: Request) -> int:
        let_go.wait(30)
        return 200

    receiver.answering = watch
    q.publish(*(f"m{n}" for n in range(60)))
    eventually(lambda: all(one.pusher.detail() for one in both))
    shares |= {index for index, one in enumerate(both) if one.pusher.detail()}
    let_go.set()
    eventually(drained(q))
    assert shares == {0, 1}
    assert sorted(receiver.ids) == sorted(f"m{n}" for n in range(60))


def test_a_worker_that_stops_finishes_what_is_sent_and_gives_the_rest_back(
    q: Handle, receiver: Receiver, new_destination: NewDestination, new_pusher: Callable[[], Running]
) -> None:
    let_go = threading.Event()
    receiver.answering = lambda request: 200 if let_go.wait(30) else 500
    made = new_destination(q, receiver.url, config={"concurrency": 1})
    worker = new_pusher()
    q.publish("m0", "m1", "m2")
    receiver.wait(1)
    eventually(lambda: worker.pusher.detail() == {"in_flight": 2})
    running = worker.pusher._push
    assert running is not None
    worker.stop.set()
    eventually(lambda: running._stopping)
    let_go.set()
    worker.done.result(30)
    assert receiver.ids == ["m0"]
    assert [entry.message_id for entry in log(made)] == ["m0"]
    left = Delivery.objects.filter(queue_id=q.id, lane__gt=0).order_by("offset")
    assert [(row.offset, row.state, row.attempts) for row in left] == [(1, 1, 0), (2, 1, 0)]
    new_pusher()
    receiver.wait(3)
    assert receiver.ids == ["m0", "m1", "m2"]


def test_a_request_that_outlasts_the_stop_is_given_back_at_once(
    q: Handle,
    receiver: Receiver,
    new_destination: NewDestination,
    new_pusher: Callable[[], Running],
    settings: Any,
) -> None:
    settings.OKMQ_STOP_SECONDS = 0
    let_go = threading.Event()
    receiver.answering = lambda request: 200 if let_go.wait(30) else 500
    new_destination(q, receiver.url)
    worker = new_pusher()
    q.publish("m0")
    receiver.wait(1)
    worker.end()
    let_go.set()
    new_pusher()
    receiver.wait(2)
    assert receiver.ids == ["m0", "m0"]
    assert receiver.requests[1].headers["x-agentuity-delivery-attempt"] == "2"


def test_queues_can_be_destinations(
    q: Handle, new_queue: Any, new_destination: NewDestination, pusher: Running
) -> None:
    other = new_queue()
    back = {"queue_id": q.name}
    made = destinations.create(
        q.account_id, q.name, name="n", kind=Kind.QUEUE, config={"queue_id": other.name}
    )
    destinations.create(q.account_id, other.name, name="n", kind=Kind.QUEUE, config=back)
    q.publish("m1", body='{"a":1}')
    eventually(lambda: other.ids() == ["m1"])
    eventually(drained(q))
    eventually(drained(other))
    assert q.ids() == ["m1"], "what comes full circle is there already"
    assert log(made)[0].status is Status.SUCCESS


@pytest.mark.parametrize(
    ("kind", "config"), [(Kind.SANDBOX, {"sandbox_id": "x"}), (Kind.EMAIL, {"email_address": "a@b.example"})]
)
def test_other_kinds_fail_and_say_so(q: Handle, pusher: Running, kind: Kind, config: dict[str, str]) -> None:
    made = destinations.create(q.account_id, q.name, name="n", kind=kind, config=config)
    q.publish(*(f"m{n}" for n in range(25)))
    eventually(drained(q))
    assert "not supported by this server" in log(made)[0].error
    assert destinations.get(q.account_id, q.name, made.public_id).parked_at is None


def test_a_test_is_sent_at_once_and_logged(
    q: Handle, receiver: Receiver, new_destination: NewDestination
) -> None:
    made = new_destination(q, receiver.url, enabled=False, config={"signing": {"enabled": True}})
    sent = destinations.send_test(q.account_id, q.name, made.public_id)
    assert (sent.status, sent.http_status, sent.offset) == (Status.SUCCESS, 200, -1)
    assert receiver.ids == [sent.message_id] and sent.message_id.startswith("test_")
    assert made.new_secret is not None
    request = receiver.requests[0]
    standardwebhooks.Webhook(made.new_secret).verify(request.body, request.headers)
    assert log(made) == [sent]
    receiver.close()
    assert destinations.send_test(q.account_id, q.name, made.public_id).status is Status.FAILED
    assert destinations.get(q.account_id, q.name, made.public_id).failure_count == 0


def test_a_database_that_is_away_or_refuses_holds_pushing_up_and_does_not_end_it(
    q: Handle,
    receiver: Receiver,
    new_destination: NewDestination,
    new_pusher: Callable[[], Running],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pusher_module, "RETRY_SECONDS", 0.01)
    failures: list[Exception] = [Unavailable("away"), ValueError("refused")]
    failed: list[str] = []

    def failing(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        left = list(failures[:1] if name == "settle" else failures)

        def run(*arguments: Any) -> Any:
            if left:
                failed.append(name)
                raise left.pop(0)
            return call(*arguments)

        return run

    monkeypatch.setattr(claims, "look", failing("look", claims.look))
    monkeypatch.setattr(pusher_module, "settle", failing("settle", settlements.settle))
    new_destination(q, receiver.url)
    q.publish("m1")
    new_pusher()
    receiver.wait(1)
    eventually(drained(q))
    assert failed == ["look", "look", "settle"]
    assert receiver.ids == ["m1"]


def test_a_message_sent_again_has_the_same_id(
    q: Handle, receiver: Receiver, new_destination: NewDestination, pusher: Running
) -> None:
    made = new_destination(q, receiver.url)
    q.publish("m1")
    eventually(drained(q))
    eventually(lambda: log(made))
    destinations.resend(q.account_id, q.name, made.public_id, log_id=log(made)[0].id)
    receiver.wait(2)
    assert receiver.ids == ["m1", "m1"]
    eventually(lambda: len(log(made)) == 2)


def test_the_log_is_pruned(
    q: Handle, receiver: Receiver, new_destination: NewDestination, settings: Any
) -> None:
    made = new_destination(q, receiver.url)
    destinations.send_test(q.account_id, q.name, made.public_id)
    destinations.send_test(q.account_id, q.name, made.public_id)
    kept, old = log(made)
    before = to_datetime(clock.now() - clock.micros(settings.OKMQ_PUSH_LOG_DAYS * 86_400 + 1))
    DeliveryLog.objects.filter(pk=old.id).update(at=before)
    assert prune in housekeeping.SWEEPS
    in_transaction(lambda tx: prune(tx, 1000))
    assert log(made) == [kept]
    assert not Message.objects.filter(queue_id=q.id).exists()
    assert query("SELECT count(*) FROM queues_deliverylog WHERE destination_id = %s", made.id) == [(1,)]

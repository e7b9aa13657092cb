"""Destinations as dialects and the console make and change them."""

from __future__ import annotations

import uuid

import pytest

from accounts.models import Account
from queues.broker import clock
from queues.broker.errors import MessageNotFound, QueueNotFound
from queues.broker.lanes import in_transaction
from queues.models import DeliveryLog, Destination, Queue
from queues.push import destinations, secrets
from queues.push.errors import (
    DeliveryNotFound,
    DestinationDisabled,
    DestinationExists,
    DestinationNotFound,
    InvalidDestination,
    TargetRefused,
)
from queues.push.types import REDACTED, DestinationInfo, Form, Kind, Status
from tests.broker.handle import Handle

from .conftest import NewDestination

URL = "https://example.com/hook"
DEFAULTS = {
    "url": URL,
    "method": "POST",
    "headers": {},
    "timeout_ms": 30_000,
    "retry_policy": {
        "max_attempts": 5,
        "initial_backoff_ms": 1000,
        "max_backoff_ms": 60_000,
        "backoff_multiplier": 2.0,
    },
    "signing": {"enabled": False},
}


def lanes(queue: Handle) -> str:
    return Queue.objects.get(pk=queue.id).push_lanes


def test_a_destination_has_defaults(q: Handle, new_destination: NewDestination) -> None:
    made = new_destination(q, URL, name="hook", description="words")
    assert made.config == DEFAULTS
    assert made.enabled
    assert made.form is Form.MESSAGE
    assert made.public_id.startswith("qdest_") and made.public_id[6:].isalnum()
    assert (made.name, made.description, made.queue, made.queue_id) == ("hook", "words", q.name, q.id)
    assert made.success_count == made.failure_count == 0
    assert destinations.get(q.account_id, q.name, made.public_id) == made
    assert destinations.list_all(q.account_id, q.name) == [made]
    assert lanes(q) == "1"


def test_target_and_kind_are_there_once_in_a_queue(
    q: Handle, new_queue: object, new_destination: NewDestination
) -> None:
    new_destination(q, URL)
    with pytest.raises(DestinationExists) as refused:
        new_destination(q, URL, name="another")
    assert refused.value.target == URL
    new_destination(q, URL, kind=Kind.WEBHOOK)
    new_destination(new_queue(), URL)  # type: ignore[operator]
    assert lanes(q) == "1 2"


def test_nobody_sees_destinations_of_others(
    q: Handle, stranger: Account, new_destination: NewDestination
) -> None:
    made = new_destination(q, URL)
    for call in (destinations.get, destinations.delete, destinations.deliveries, destinations.resend):
        with pytest.raises(QueueNotFound):
            call(stranger.pk, q.name, made.public_id)
        with pytest.raises(DestinationNotFound):
            call(q.account_id, q.name, "qdest_none")


def test_of_another_queue_it_is_unknown(
    q: Handle, new_queue: object, new_destination: NewDestination
) -> None:
    made = new_destination(new_queue(), URL)  # type: ignore[operator]
    with pytest.raises(DestinationNotFound):
        destinations.update(q.account_id, q.name, made.public_id, name="x")


@pytest.mark.once
@pytest.mark.parametrize(
    ("field", "config"),
    [
        ("config.url", {"url": ""}),
        ("config.url", {"url": None}),
        ("config.url", {"url": 1}),
        ("config.url", {"url": "ftp://example.com/"}),
        ("config.method", {"method": "GET"}),
        ("config.timeout_ms", {"timeout_ms": 10}),
        ("config.timeout_ms", {"timeout_ms": 300_001}),
        ("config.timeout_ms", {"timeout_ms": 1000.5}),
        ("config.timeout_ms", {"timeout_ms": True}),
        ("config.timeout_ms", {"timeout_ms": "1000"}),
        ("config.retry_policy", {"retry_policy": 3}),
        ("config.retry_policy.max_attempts", {"retry_policy": {"max_attempts": 0}}),
        ("config.retry_policy.initial_backoff_ms", {"retry_policy": {"initial_backoff_ms": -1}}),
        ("config.retry_policy.max_backoff_ms", {"retry_policy": {"max_backoff_ms": float("inf")}}),
        ("config.retry_policy.backoff_multiplier", {"retry_policy": {"backoff_multiplier": 0.5}}),
        ("config.signing", {"signing": "yes"}),
        ("config.signing.enabled", {"signing": {"enabled": "yes"}}),
        ("config.signing.secret_key", {"signing": {"secret_key": ""}}),
        ("config.signing.secret_key", {"signing": {"secret_key": "whsec_?"}}),
        ("config.signing.secret_key", {"signing": {"secret_key": "a\nb"}}),
        ("config.concurrency", {"concurrency": 0}),
        ("config.headers", {"headers": []}),
        ("config.headers", {"headers": {"a b": "x"}}),
        ("config.headers", {"headers": {"X-A\r\nHost": "x"}}),
        ("config.headers", {"headers": {"X-A": "1", "x-a": "2"}}),
        ("config.headers", {"headers": {f"X-{n}": "v" for n in range(51)}}),
        ("config.headers", {"headers": {"X-A": "v" * 9000}}),
        ("config.headers.X-A", {"headers": {"X-A": "a\r\nHost: b"}}),
        ("config.headers.X-A", {"headers": {"X-A": "\0"}}),
        ("config.headers.X-A", {"headers": {"X-A": 1}}),
        ("config.headers.X-A", {"headers": {"X-A": "漢"}}),
        ("config.headers.Host", {"headers": {"Host": "x"}}),
        ("config.headers.content-length", {"headers": {"content-length": "1"}}),
        ("config.headers.Transfer-Encoding", {"headers": {"Transfer-Encoding": "chunked"}}),
        ("config.headers.Connection", {"headers": {"Connection": "close"}}),
        ("config.headers.Webhook-Id", {"headers": {"Webhook-Id": "1"}}),
        ("config.headers.x-agentuity-signature", {"headers": {"x-agentuity-signature": "1"}}),
        ("config.headers.X-TinyMQ-Signature", {"headers": {"X-TinyMQ-Signature": "1"}}),
    ],
)
def test_what_will_not_do_is_told_by_field_and_stores_nothing(
    q: Handle, new_destination: NewDestination, field: str, config: dict[str, object]
) -> None:
    with pytest.raises(InvalidDestination) as refused:
        new_destination(q, config=config)
    assert refused.value.field == field
    assert not isinstance(refused.value, TargetRefused)
    assert destinations.list_all(q.account_id, q.name) == []
    assert lanes(q) == ""


def test_what_leads_inside_is_refused(q: Handle, new_destination: NewDestination) -> None:
    with pytest.raises(TargetRefused) as refused:
        new_destination(q, "http://169.254.169.254/latest")
    assert refused.value.field == "config.url"


def test_a_change_is_merged(q: Handle, new_destination: NewDestination) -> None:
    before = new_destination(q, URL, config={"headers": {"X-A": "1"}, "retry_policy": {"max_attempts": 2}})
    after = destinations.update(
        q.account_id,
        q.name,
        before.public_id,
        config={"timeout_ms": 20_000, "retry_policy": {"initial_backoff_ms": 5}, "headers": {"X-B": "2"}},
    )
    assert after.config["url"] == URL
    assert after.config["timeout_ms"] == 20_000
    assert after.config["headers"] == {"X-A": "1", "X-B": "2"}
    assert after.config["retry_policy"] == {
        **DEFAULTS["retry_policy"],  # type: ignore[dict-item]
        "max_attempts": 2,
        "initial_backoff_ms": 5,
    }
    assert (after.name, after.enabled) == (before.name, True)
    assert after.updated_at >= before.updated_at
    cleared = destinations.update(
        q.account_id, q.name, before.public_id, config={"headers": {"X-A": None}, "retry_policy": None}
    )
    assert cleared.config["headers"] == {"X-B": "2"}
    assert cleared.config["retry_policy"] == DEFAULTS["retry_policy"]


def test_a_change_that_will_not_do_changes_nothing(q: Handle, new_destination: NewDestination) -> None:
    other, made = new_destination(q), new_destination(q, URL)
    with pytest.raises(InvalidDestination):
        destinations.update(q.account_id, q.name, made.public_id, name="new", config={"timeout_ms": 1})
    with pytest.raises(InvalidDestination):
        destinations.update(q.account_id, q.name, made.public_id, name="")
    with pytest.raises(DestinationExists):
        destinations.update(q.account_id, q.name, made.public_id, config={"url": other.target})
    assert destinations.get(q.account_id, q.name, made.public_id) == made


def test_description_can_be_cleared_and_left_alone(q: Handle, new_destination: NewDestination) -> None:
    made = new_destination(q, URL, description="words")
    assert destinations.update(q.account_id, q.name, made.public_id, name="x").description == "words"
    assert destinations.update(q.account_id, q.name, made.public_id, description=None).description is None


def test_disabled_its_lane_is_closed_and_enabled_it_gets_a_new_one(
    q: Handle, new_destination: NewDestination
) -> None:
    one, two = new_destination(q), new_destination(q)
    assert lanes(q) == "1 2"
    off = destinations.set_enabled(q.account_id, q.name, one.public_id, False)
    assert not off.enabled
    assert lanes(q) == "2"
    destinations.set_enabled(q.account_id, q.name, one.public_id, True)
    assert lanes(q) == "2 3"
    destinations.delete(q.account_id, q.name, two.public_id)
    assert lanes(q) == "3"
    with pytest.raises(DestinationNotFound):
        destinations.get(q.account_id, q.name, two.public_id)


def test_made_disabled_it_has_no_open_lane(q: Handle, new_destination: NewDestination) -> None:
    made = new_destination(q, enabled=False)
    assert lanes(q) == ""
    destinations.update(q.account_id, q.name, made.public_id, enabled=True)
    assert lanes(q) == "2"


def stored_secret(made: DestinationInfo) -> str:
    return secrets.decrypt(Destination.objects.get(pk=made.id).secret)


def test_a_secret_is_made_told_once_and_stored_encrypted(q: Handle, new_destination: NewDestination) -> None:
    made = new_destination(q, URL, config={"signing": {"enabled": True}})
    assert made.new_secret is not None and made.new_secret.startswith("whsec_")
    assert made.config["signing"] == {"enabled": True, "secret_key": REDACTED}
    again = destinations.get(q.account_id, q.name, made.public_id)
    assert again.new_secret is None
    assert made.new_secret not in Destination.objects.get(pk=made.id).secret
    assert stored_secret(made) == made.new_secret


def test_a_secret_given_is_kept_and_a_redacted_one_means_that_one(
    q: Handle, new_destination: NewDestination
) -> None:
    made = new_destination(q, URL, config={"signing": {"enabled": True, "secret_key": "mine"}})
    assert made.new_secret is None
    after = destinations.update(q.account_id, q.name, made.public_id, config=made.config)
    assert stored_secret(after) == "mine"
    assert after.old_secret_until is None


def test_a_rotated_secret_is_remembered_for_a_day(q: Handle, new_destination: NewDestination) -> None:
    made = new_destination(q, URL, config={"signing": {"enabled": True, "secret_key": "old"}})
    rotated = destinations.rotate_secret(q.account_id, q.name, made.public_id)
    row = Destination.objects.get(pk=made.id)
    assert rotated.new_secret == stored_secret(rotated) != "old"
    assert secrets.decrypt(row.old_secret) == "old"
    assert rotated.old_secret_until is not None
    hours = (rotated.old_secret_until - clock.now()) / clock.micros(3600)
    assert 23 < hours <= 24


@pytest.mark.once
def test_another_secret_key_reads_secrets_only_as_a_fallback(settings: object) -> None:
    token = secrets.encrypt("hush")
    old = settings.SECRET_KEY  # type: ignore[attr-defined]
    settings.SECRET_KEY = "a new one"  # type: ignore[attr-defined]
    with pytest.raises(secrets.Unreadable):
        secrets.decrypt(token)
    settings.SECRET_KEY_FALLBACKS = [old]  # type: ignore[attr-defined]
    assert secrets.decrypt(token) == "hush"


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        (Kind.QUEUE, {"queue_id": "other"}),
        (Kind.SANDBOX, {"sandbox_id": "box"}),
        (Kind.EMAIL, {"email_address": "a@example.com"}),
    ],
)
def test_other_kinds_are_stored_as_they_came(q: Handle, kind: Kind, config: dict[str, str]) -> None:
    made = destinations.create(q.account_id, q.name, name="n", kind=kind, config=config)
    assert made.config == config
    with pytest.raises(InvalidDestination):
        destinations.create(q.account_id, q.name, name="n", kind=kind, config={"url": URL})


def log_entry(made: DestinationInfo, offset: int, status: Status = Status.FAILED) -> DeliveryLog:
    now = Destination.objects.get(pk=made.id).created_at
    return DeliveryLog.objects.create(
        destination_id=made.id,
        queue_id=made.queue_id,
        offset=offset,
        message_id=f"m{offset}",
        attempt=1,
        status=status,
        at=now,
    )


def test_the_log_is_newest_first_filtered_and_paged(q: Handle, new_destination: NewDestination) -> None:
    made = new_destination(q)
    q.publish("m0", "m1", "m2")
    statuses = [Status.FAILED, Status.SUCCESS, Status.FAILED]
    for offset, status in enumerate(statuses):
        log_entry(made, offset, status)

    def offsets(**chosen: object) -> list[int]:
        found = destinations.deliveries(q.account_id, q.name, made.public_id, **chosen)  # type: ignore[arg-type]
        return [entry.offset for entry in found]

    assert offsets() == [2, 1, 0]
    assert offsets(limit=1, offset=1) == [1]
    assert offsets(status=Status.FAILED) == [2, 0]
    assert offsets(status=Status.SUCCESS) == [1]
    assert offsets(status=Status.PENDING) == []
    entry = destinations.deliveries(q.account_id, q.name, made.public_id)[0]
    assert (entry.message_id, entry.body) == ("m2", '"b"')
    assert destinations.delivery(q.account_id, q.name, made.public_id, entry.id) == entry
    with pytest.raises(DeliveryNotFound):
        destinations.delivery(q.account_id, q.name, made.public_id, 0)


def test_a_message_can_be_sent_again_while_it_is_stored(q: Handle, new_destination: NewDestination) -> None:
    made = new_destination(q)
    q.publish("m0", "m1", partition_key="k")
    in_transaction(lambda tx: None)
    entry = log_entry(made, 0)
    destinations.resend(q.account_id, q.name, made.public_id, log_id=entry.pk)
    destinations.resend(q.account_id, q.name, made.public_id, message_id="m1")
    q.delete_messages(ids=["m0"])
    with pytest.raises(MessageNotFound):
        destinations.resend(q.account_id, q.name, made.public_id, log_id=entry.pk)
    with pytest.raises(MessageNotFound):
        destinations.resend(q.account_id, q.name, made.public_id, message_id=uuid.uuid4().hex)
    with pytest.raises(DeliveryNotFound):
        destinations.resend(q.account_id, q.name, made.public_id, log_id=0)
    destinations.set_enabled(q.account_id, q.name, made.public_id, False)
    with pytest.raises(DestinationDisabled):
        destinations.resend(q.account_id, q.name, made.public_id, message_id="m1")

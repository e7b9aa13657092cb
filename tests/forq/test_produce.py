"""Producing, and what is consumed of it (forq.md sections 4.1 and 4.2)."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any

import pytest

from queues.broker import clock
from queues.broker.types import ExpiryAction
from tests.broker.at_once import at_once

from .client import Queue, code_of, now_ms

DAY = 86_400
INVALID = (400, "bad_request.body.invalid")
TOO_LARGE = (400, "bad_request.body.content.exceeds_limit")
UUID_7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.mark.contract("6", "7")
def test_what_is_produced_is_consumed(q: Queue) -> None:
    q.produce("hello").expect(204)
    message = q.take()
    assert list(message) == ["id", "content", "receipt"]
    assert UUID_7.fullmatch(message["id"])
    assert message["content"] == "hello"
    assert re.fullmatch(r"[0-9]+", message["receipt"])


@pytest.mark.contract("7")
def test_older_clients_get_no_receipt_if_the_operator_says_so(q: Queue, settings: Any) -> None:
    settings.OKMQ_FORQ_V0 = True
    q.produce("hello").expect(204)
    assert list(q.take()) == ["id", "content"]


def test_the_older_java_library_gets_no_receipt(q: Queue, settings: Any) -> None:
    """It takes no field it does not know."""
    okhttp = {"User-Agent": "okhttp/5.1.0"}
    for content in "ab":
        q.produce(content).expect(204)
    message = q.client.call("GET", q.path, headers=okhttp).expect(200).json()
    assert list(message) == ["id", "content"]
    q.ack(message).expect(204)
    assert len(q.ids()) == 1
    settings.OKMQ_FORQ_REQUIRE_RECEIPT = True
    message = q.client.call("GET", q.path, headers=okhttp).expect(200).json()
    q.ack(message).expect(204)


def test_the_first_message_makes_the_queue_and_its_dead_letter_queue(q: Queue, settings: Any) -> None:
    from queues import broker

    settings.OKMQ_FORQ_QUEUE_TTL_HOURS, settings.OKMQ_FORQ_DLQ_TTL_HOURS = 2, 3
    account_id = q.client.account.pk
    q.consume().expect(204)
    assert broker.list_queues(account_id) == []
    q.produce("x").expect(204)
    main, letters = broker.list_queues(account_id)
    assert (main.name, letters.name) == (q.name, f"{q.name}-dlq")
    for queue in (main, letters):
        made = queue.settings
        assert (made.lease_seconds, made.max_attempts) == (300, 5)
        assert (made.retry.type, made.retry.delays) == ("list", (1, 5, 15, 30))
        assert made.auto_delete and made.preserve_leased and made.ttl_from_delivery
    assert (main.settings.ttl_seconds, letters.settings.ttl_seconds) == (7200, 10_800)
    assert (main.settings.dead_letter_queue, letters.settings.dead_letter_queue) == (letters.name, None)
    assert (main.settings.on_expiry, letters.settings.on_expiry) == (
        ExpiryAction.DEAD_LETTER,
        ExpiryAction.DROP,
    )
    assert (main.settings.drop_dead, letters.settings.drop_dead) == (False, True)


def test_many_first_messages_at_once_make_one_queue(q: Queue) -> None:
    answers = at_once([partial(q.produce, str(number)) for number in range(8)])
    assert [answer.status for answer in answers] == [204] * 8
    assert sorted(q.taken()) == [str(number) for number in range(8)]


def test_lives_are_a_day_and_a_week_by_default() -> None:
    from okmq_site.env import TABLE

    defaults = {setting.name: setting.default for setting in TABLE}
    assert (defaults["OKMQ_FORQ_QUEUE_TTL_HOURS"], defaults["OKMQ_FORQ_DLQ_TTL_HOURS"]) == (24, 168)


def test_a_queue_that_is_there_is_used_as_it_is(q: Queue) -> None:
    from queues import broker
    from queues.broker.types import QueueSettings

    own = QueueSettings(lease_seconds=7)
    broker.create_queue(q.client.account.pk, q.name, settings=own)
    q.produce("x").expect(204)
    assert [queue.settings for queue in broker.list_queues(q.client.account.pk)] == [own]


@pytest.mark.contract("26")
def test_a_time_just_past_is_now_and_an_older_one_is_refused(q: Queue) -> None:
    q.produce("x", processAfter=now_ms() - 5000).expect(204)
    assert q.take()["content"] == "x"
    for time in (now_ms() - 60_000, 1, -1, -(2**63)):
        assert code_of(q.produce("x", processAfter=time)) == (400, "bad_request.body.processAfter.in_past")
    q.consume().expect(204)


@pytest.mark.contract("27")
def test_a_time_may_be_366_days_off(q: Queue) -> None:
    q.produce("later", processAfter=now_ms() + 366 * DAY * 1000 - 60_000).expect(204)
    for time in (now_ms() + 367 * DAY * 1000, 2**63 - 1):
        assert code_of(q.produce("x", processAfter=time)) == (400, "bad_request.body.processAfter.too_far")
    q.consume().expect(204)
    for no_time in (0, None):
        q.produce("now", processAfter=no_time).expect(204)
        assert q.take()["content"] == "now"


@pytest.mark.contract("28")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{not-json",
        b"[]",
        b'"s"',
        b"5",
        b"true",
        b"NaN",
        b'{"content":5}',
        b'{"content":true}',
        b'{"content":["x"]}',
        b'{"content":{"content":"x"}}',
        b'{"content":"x","processAfter":"1"}',
        b'{"content":"x","processAfter":1.5}',
        b'{"content":"x","processAfter":1.0}',
        b'{"content":"x","processAfter":1e3}',
        b'{"content":"x","processAfter":true}',
        b'{"content":"x","processAfter":9223372036854775808}',
        b'{"content":"x","processAfter":' + b"1" * 5000 + b"}",
        b'{"content":"x","PROCESSAFTER":-9223372036854775809}',
        b'{"content":"x","extra":NaN}',
        b'{"content":"x",}',
        b'{"content":"x"',
        b'{"content":"a\nb"}',
        b'{"content":"\\x41"}',
        b'\xef\xbb\xbf{"content":"x"}',
        b'{"content":' + b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_is_no_message_is_refused(q: Queue, body: bytes) -> None:
    assert code_of(q.post(body)) == INVALID
    q.consume().expect(204)


@pytest.mark.contract("29")
@pytest.mark.parametrize("body", [b"{}", b'{"content":null}', b'{"content":""}', b"null", b' null {"x":1}'])
def test_nothing_is_a_message_of_no_text(q: Queue, body: bytes) -> None:
    q.post(body).expect(204)
    assert q.take()["content"] == ""


@pytest.mark.contract("30")
@pytest.mark.parametrize(
    ("body", "content"),
    [
        (b'{"Content":"x","ProcessAfter":null,"extra":1}', "x"),
        (b'{"CONTENT":"x","processafter":0}', "x"),
        (b'{"content":"x","extra":{"content":"y","deep":[1.5,null,true]}}', "x"),
        (b'{"content":"x","Content":"y"}', "y"),
        (b'{"Content":"x","content":"y"}', "y"),
        (b'{"content":"x","content":"y"}', "y"),
        (b'{"content":"x","content":null}', "x"),
    ],
)
def test_names_may_be_written_in_any_case_and_the_last_counts(q: Queue, body: bytes, content: str) -> None:
    q.post(body).expect(204)
    assert q.taken() == [content]


@pytest.mark.contract("31")
@pytest.mark.parametrize(
    "body", [b'{"content":"x"} trailing', b' \r\n\t{"content":"x"}{"content":"y"}', b'{"content":"x"}\x00']
)
def test_what_follows_the_first_value_is_ignored(q: Queue, body: bytes) -> None:
    q.post(body).expect(204)
    assert q.taken() == ["x"]


@pytest.mark.contract("32")
def test_content_may_have_256_kib(q: Queue) -> None:
    for content in ("a" * 262_144, "é" * 131_072):
        q.produce(content).expect(204)
        assert q.take()["content"] == content
    for content in ("a" * 262_145, "é" * 131_072 + "a", "\0" + "a" * 262_144):
        assert code_of(q.produce(content)) == TOO_LARGE
    # Escaped it is longer, but that does not count.
    q.produce("\0" * 262_144).expect(204)
    q.consume().expect(200)
    q.consume().expect(204)


@pytest.mark.contract("33")
def test_a_body_may_have_2_mib(q: Queue) -> None:
    padding = b'"extra":"' + b"x" * (2_097_152 - 33) + b'"'
    fitting = b'{"content":"fits",' + padding + b"    }"
    assert len(fitting) == 2_097_152
    q.post(fitting).expect(204)
    for body in (fitting + b" ", json.dumps({"content": "a" * 3_145_728}).encode()):
        assert code_of(q.post(body)) == (413, "bad_request.body.content.exceeds_limit")
    assert q.taken() == ["fits"]


@pytest.mark.contract("34")
def test_any_text_comes_back_as_it_was(q: Queue) -> None:
    for content in (
        '<a href="x">&\u2028\u0000\U0001f600</a>',
        "\u0000",
        "\\u0000\\",
        "\x7f\x1b\n\r\t\"'",
        '{"a":1}',
        '"quoted"',
        "",
        " ",
    ):
        q.produce(content).expect(204)
        assert q.taken() == [content]


@pytest.mark.contract("34")
@pytest.mark.parametrize(
    ("body", "content"),
    [
        (b'{"content":"\\ud800"}', "\ufffd"),
        (b'{"content":"a\\udfffb"}', "a\ufffdb"),
        (b'{"content":"\\ud83d\\ude00\\ud83d"}', "\U0001f600\ufffd"),
        (b'{"content":"a\xffb"}', "a\ufffdb"),
    ],
)
def test_what_is_no_unicode_is_replaced(q: Queue, body: bytes, content: str) -> None:
    q.post(body).expect(204)
    assert q.taken() == [content]


@pytest.mark.contract("37")
def test_nothing_is_produced_to_a_dead_letter_queue(q: Queue) -> None:
    refused = (400, "bad_request.queue.produce_to_dlq")
    dlq = q.dlq()
    assert code_of(dlq.produce("x")) == refused
    assert code_of(dlq.post(b"{broken")) == INVALID
    assert code_of(dlq.produce("a" * 262_145)) == refused
    assert code_of(dlq.produce("x", processAfter=1)) == refused
    q.produce("x").expect(204)
    assert code_of(dlq.produce("x")) == refused
    dlq.consume().expect(204)


@pytest.mark.contract("44")
def test_messages_come_in_the_order_of_their_arrival(q: Queue) -> None:
    for content in "ABC":
        q.produce(content).expect(204)
    q.produce("D", processAfter=now_ms() + 2000).expect(204)
    q.produce("E").expect(204)
    q.age(3)
    assert q.taken() == ["A", "B", "C", "D", "E"]


@pytest.mark.contract("23")
def test_a_life_begins_when_the_message_may_be_processed(q: Queue) -> None:
    later = now_ms() + 3_600_000
    q.produce("later", processAfter=later).expect(204)
    q.produce("now").expect(204)
    views = [q.view(id) for id in q.ids()]
    lives = [view.expires_at - view.deliver_at for view in views if view.expires_at is not None]
    assert lives == [clock.micros(DAY)] * 2
    assert views[0].deliver_at == later * 1000

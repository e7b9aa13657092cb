"""Metrics without a server: who may see them, what is on the page, and that all of it is documented."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.parser import text_string_to_metric_families

from okmq_site import env
from okmq_site.metrics import forq, instruments, page, queue_figures, shared
from okmq_site.metrics.instruments import WAITS, Watch, observe_many
from queues.broker import census, clock
from queues.broker.census import Census, QueueFigures
from queues.broker.errors import Unavailable
from queues.broker.observe import Event, Trouble
from queues.broker.types import Encoding, Received
from tests.server import ROOT
from tests.site.test_settings import manage

SECRET = "0123456789abcdef0123456789abcdef"
TABLE_ROW = re.compile(
    r"^\| `((?:okmq|forq|tinymq)_\w+)` \| (gauge|counter|histogram) \|([^|]*)\|", re.MULTILINE
)


@pytest.fixture
def enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "OKMQ_METRICS_ENABLED", True)
    monkeypatch.setattr(settings, "OKMQ_METRICS_SECRET", SECRET)
    monkeypatch.setattr(settings, "OKMQ_WRONG_KEYS_PER_MINUTE", 0)


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[QueueFigures]:
    """What the database says: to be filled by the test."""
    found: list[QueueFigures] = []
    monkeypatch.setattr(queue_figures, "READER", queue_figures.Reader())
    monkeypatch.setattr(census, "take", lambda limit: Census(found[:limit], len(found)))
    return found


def queue(account: int, name: str, *states: int, total: int = 7) -> QueueFigures:
    pending, processing, scheduled, failed, acked = states or (1, 2, 3, 4, 5)
    totals: dict[str, Any] = dict.fromkeys([f"{name}_total" for name in queue_figures.TOTALS], total)
    return QueueFigures(
        account, name, pending, processing, scheduled, failed, acked, **totals, oldest_ready_seconds=1.5
    )


def samples() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """The page's samples by name and sorted labels; it must be valid, each series once."""
    found: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    names = set()
    for family in text_string_to_metric_families(page.render()[0].decode()):
        assert family.name not in names, f"{family.name} is there twice"
        names.add(family.name)
        for sample in family.samples:
            key = sample.name, tuple(sorted(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def value(name: str, **labels: str) -> float | None:
    return samples().get((name, tuple(sorted(labels.items()))))


# ---------------------------------------------------------------- who may see them


@pytest.mark.parametrize("path", ["/metrics", "/metrics/"])
def test_off_they_do_not_exist(client: Client, path: str) -> None:
    answer = client.get(path, headers={"X-API-Key": SECRET})
    assert answer.status_code == 404


@pytest.mark.usefixtures("enabled", "figures")
@pytest.mark.parametrize("path", ["/metrics", "/metrics/"])
@pytest.mark.parametrize(
    "headers",
    [{"X-API-Key": SECRET}, {"Authorization": f"Bearer {SECRET}"}, {"x-api-key": f"ApiKey {SECRET}"}],
)
def test_the_secret_opens_them(client: Client, path: str, headers: dict[str, str]) -> None:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b"forq_messages_stale_recovered_total " in answer.content


@pytest.mark.usefixtures("enabled", "figures")
def test_nothing_else_opens_them(client: Client, api_key: str) -> None:
    for text in (
        "",
        " ",
        "wrong",
        SECRET[:-1],
        SECRET + "x",
        api_key,
        f"Basic {SECRET}",
        "é",
        f"{SECRET} {SECRET}",
    ):
        for header in ("X-API-Key", "Authorization"):
            answer = client.get("/metrics", headers={header: text})
            assert answer.status_code == 401, (header, text)
            assert answer["WWW-Authenticate"] == "Bearer"
            assert answer.json()["code"] == "unauthorized"
            assert answer.json()["error"]
    assert client.get(f"/metrics?key={SECRET}").status_code == 401


@pytest.mark.usefixtures("enabled", "figures")
def test_wrong_secrets_are_slowed_down_and_the_right_one_is_not(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "OKMQ_WRONG_KEYS_PER_MINUTE", 2)
    address = "203.0.113.77"
    answers = [
        client.get("/metrics", headers={"X-API-Key": "wrong"}, REMOTE_ADDR=address).status_code
        for _ in range(4)
    ]
    assert answers == [401, 401, 429, 429]
    assert client.get("/metrics", headers={"X-API-Key": SECRET}, REMOTE_ADDR=address).status_code == 200


@pytest.mark.usefixtures("enabled")
def test_they_are_only_read(client: Client) -> None:
    answer = client.post("/metrics", headers={"X-API-Key": SECRET})
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("secret", ["", "x" * 31, "x" * 31 + " x", "é" * 40])
def test_no_server_starts_with_metrics_that_are_open(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKMQ_METRICS_SECRET", secret)
    env.read()
    monkeypatch.setenv("OKMQ_METRICS_ENABLED", "true")
    with pytest.raises(ImproperlyConfigured, match="OKMQ_METRICS_SECRET must be 32 or more"):
        env.read()


def test_the_refusal_names_the_setting_and_not_the_secret(tmp_path: Path) -> None:
    done = manage(
        "check", OKMQ_DATA_DIR=str(tmp_path), OKMQ_METRICS_ENABLED="true", OKMQ_METRICS_SECRET="hush-hush"
    )
    assert done.returncode == 1
    assert done.stderr.startswith("okmq: OKMQ_METRICS_SECRET")
    assert "hush" not in done.stderr


# ---------------------------------------------------------------- what is on the page


def test_queues_are_told_by_account_and_state(figures: list[QueueFigures]) -> None:
    figures += [queue(1, "q"), queue(2, 'a "b" \\ \n c')]
    found = samples()
    for state, count in zip(queue_figures.STATES, (1, 2, 3, 4, 5), strict=True):
        labels = (("account", "1"), ("queue", "q"), ("state", state))
        assert found["okmq_queue_messages", labels] == count
    odd = (("account", "2"), ("queue", 'a "b" \\ \n c'))
    assert found["okmq_queue_oldest_ready_seconds", odd] == 1.5
    assert found["okmq_messages_published_total", odd] == 7
    assert found["okmq_queues", ()] == 2


def test_there_is_a_most_of_queues(figures: list[QueueFigures], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "OKMQ_METRICS_QUEUES", 2)
    figures += [queue(1, f"q{number}") for number in range(5)]
    found = samples()
    assert found["okmq_queues", ()] == 5
    assert found["okmq_queues_unlisted", ()] == 3
    assert len([name for name, _ in found if name == "okmq_messages_dead_total"]) == 2


def test_forq_adds_up_queues_of_one_name_and_knows_its_dead_letter_queues(
    figures: list[QueueFigures],
) -> None:
    figures += [
        queue(1, "q"),
        queue(2, "q"),
        queue(1, "q-dlq", total=3),
        queue(1, "new", 0, 0, 0, 0, 0, total=0),
    ]
    found = samples()
    regular = (("queue_name", "q"), ("queue_type", "regular"))
    assert found["forq_queue_depth", regular] == 2 * (1 + 2 + 3 + 4)
    assert found["forq_messages_produced_total", regular] == 14
    assert found["forq_messages_consumed_total", (("queue_name", "q-dlq"), ("queue_type", "dlq"))] == 3
    assert found["forq_messages_cleanup_total", (("reason", "failed"),)] == 3
    assert not [
        name for name, labels in found if name.startswith("forq_") and ("queue_name", "new") in labels
    ]


def test_tinymq_adds_up_what_nobody_holds(figures: list[QueueFigures]) -> None:
    figures += [queue(1, "t"), queue(2, "t"), queue(1, "new", 0, 0, 0, 0, 0, total=0)]
    found = samples()
    assert found["tinymq_topics_total", ()] == 3
    assert found["tinymq_topic_messages", (("topic", "t"),)] == 2 * (1 + 3)
    assert found["tinymq_topic_messages", (("topic", "new"),)] == 0


def test_a_database_that_is_away_leaves_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(limit: int) -> Census:
        raise Unavailable("gone")

    monkeypatch.setattr(queue_figures, "READER", queue_figures.Reader())
    monkeypatch.setattr(census, "take", away)
    found = samples()
    assert found["okmq_database_up", ()] == 0
    assert ("okmq_receivers_parked", ()) in found
    assert ("okmq_queues", ()) not in found
    assert ("forq_messages_stale_recovered_total", ()) in found
    assert ("tinymq_topics_total", ()) not in found


def test_a_database_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_figures, "WAIT_SECONDS", 0.05)
    reader = queue_figures.Reader()
    with reader._lock:  # as a reading that never came back holds it
        assert reader.read() is None


def test_figures_are_used_again_for_ten_times_as_long_as_reading_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    readings = []

    def slow(limit: int) -> Census:
        readings.append(limit)
        time.sleep(0.05)
        return Census([], 0)

    monkeypatch.setattr(census, "take", slow)
    reader = queue_figures.Reader()
    first = reader.read()
    assert reader.read() is first
    reader._until = 0.0
    assert reader.read() is not first
    assert len(readings) == 2
    assert reader._until - time.monotonic() > 5 * reader.seconds


# ---------------------------------------------------------------- what processes count


def received(*waited: float, attempt: int = 1) -> list[Received]:
    now = clock.now()
    return [
        Received("", 0, "", Encoding.JSON, "", "", None, None, now - int(s * 1e6), 0, attempt, None, None)
        for s in waited
    ]


def test_many_observations_at_once_are_what_they_are_one_by_one() -> None:
    values = [0.0, 0.0025, 0.003, 0.003, 59.0, 1e9, WAITS[-1]]
    one = Histogram("one", "", registry=CollectorRegistry(), buckets=WAITS)
    many = Histogram("many", "", registry=CollectorRegistry(), buckets=WAITS)
    for number in values:
        one.observe(number)
    observe_many(many, WAITS, values)
    [alone], [together] = one.collect(), many.collect()
    assert [sample.value for sample in alone.samples] == [sample.value for sample in together.samples]


def test_only_a_first_hand_out_is_a_wait() -> None:
    before = instruments.REGISTRY.get_sample_value("okmq_receive_latency_seconds_count")
    assert before is not None
    watch = Watch()
    watch.handed_out(received(1.0), clock.now())
    watch.handed_out(received(1.0, 2.0, 3.0), clock.now())
    watch.handed_out(received(1.0, 2.0, attempt=2), clock.now())
    given_back = [msgspec.structs.replace(message, retries=1) for message in received(1.0, 2.0)]
    watch.handed_out(given_back, clock.now())
    assert instruments.REGISTRY.get_sample_value("okmq_receive_latency_seconds_count") == before + 4


def test_what_clients_invent_makes_no_series_without_end(
    monkeypatch: pytest.MonkeyPatch, figures: list[QueueFigures]
) -> None:
    monkeypatch.setattr(settings, "OKMQ_METRICS_QUEUES", 2)
    watch = Watch()
    for number in range(10):
        instruments.request(f"M{number}", "unmatched", 405, 0.1)
        watch.replayed(f"invented-{number}", 1)
    found = samples()
    assert not [labels for _, labels in found if ("method", "M5") in labels]
    invented = {dict(labels)["queue"] for name, labels in found if name == "okmq_messages_replayed_total"}
    assert {name for name in invented if name.startswith("invented")} == {"invented-0", "invented-1"}
    assert "other" in invented


# ---------------------------------------------------------------- documented


@pytest.fixture
def everything(figures: list[QueueFigures]) -> None:
    """Each metric has at least one sample, so that its labels show."""
    figures += [queue(1, "q"), queue(1, "q-dlq")]
    watch = Watch()
    watch.committed("writer", 1, 0.1)
    watch.failed(Trouble.CONFLICT)
    watch.handed_out(received(1.0), clock.now())
    watch.happened(dict.fromkeys(Event, 1))
    watch.replayed("q", 1)
    watch.deleted("q-dlq", 1)
    instruments.request("GET", "/queues", 200, 0.1)


@pytest.mark.usefixtures("everything")
def test_every_metric_is_documented_and_every_documented_one_exists() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    documented = {
        name: (kind, frozenset(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in TABLE_ROW.findall(text)
    }
    exported = {}
    for family in text_string_to_metric_families(page.render()[0].decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        exported[name] = family.type, frozenset(labels)
    assert exported == documented


def test_every_field_and_event_of_the_log_is_documented() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    folders = ("okmq_site", "queues")
    sources = [path.read_text() for folder in folders for path in (ROOT / folder).rglob("*.py")]
    events = {event for source in sources for event in re.findall(r'"event": "(\w+)"', source)}
    events |= {event for source in sources for event in re.findall(r'_log\("[^"]+", "(\w+)"\)', source)}
    assert len(events) >= 8
    assert [event for event in events if f"`{event}`" not in text] == []
    fields = re.findall(r'^        "(\w+)": ', (ROOT / "okmq_site" / "access.py").read_text(), re.MULTILINE)
    assert len(fields) >= 7
    assert [field for field in fields if f"`{field}`" not in text] == []


def test_forqs_names_are_forqs(figures: list[QueueFigures]) -> None:
    names = {metric.name for metric in forq.families([], Census(figures, 0))}
    counters = (
        "produced",
        "consumed",
        "acked",
        "nacked",
        "requeued",
        "moved_to_dlq",
        "stale_recovered",
        "cleanup",
    )
    assert names == {"forq_queue_depth", *(f"forq_messages_{name}" for name in counters)}


# ---------------------------------------------------------------- the folder of shared figures


def test_a_servers_folder_is_its_own_and_the_dead_ones_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "_folder", None)
    monkeypatch.setattr(shared, "_lock", None)
    monkeypatch.setattr(env, "hand_on", lambda name, value: None)
    left = tmp_path / "server-killed"
    left.mkdir()
    (left / "counter_1.db").write_text("x")
    first = shared.create(tmp_path)
    lock = shared._lock
    assert not left.exists()
    second = shared.create(tmp_path)
    assert first.exists(), "its server runs"
    assert first != second
    assert lock is not None
    os.close(lock)  # as the end of its process does
    third = shared.create(tmp_path)
    assert not first.exists()
    (third / "gauge_livesum_77.db").write_text("")
    (third / "counter_77.db").write_text("")
    shared.process_ended(77)
    assert [path.name for path in third.iterdir()] == ["counter_77.db"]
    shared.remove()
    assert not third.exists()

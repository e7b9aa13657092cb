"""Tasks, schedules, destinations, keys and messages in Chromium, as whoever is on call uses them."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.push.receiver import Receiver
from tests.server import Server

from .browser import Visitor
from .test_in_browser import faults, refreshed, refreshed_until

pytestmark = [pytest.mark.once, pytest.mark.slow]

Visit = Callable[..., Visitor]
Call = Callable[..., Any]


@pytest.fixture
def call(demo: Server, demo_key: str) -> Call:
    """What a client of the demo's account does meanwhile: ``call("POST", "/queues", {"name": "q"})``."""

    def make(method: str, path: str, body: Any = None, *, key: str = demo_key) -> Any:
        sent = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(demo.url + path, sent, {"Authorization": f"Bearer {key}"})
        request.method = method
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    return make


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def test_a_tasks_progress_moves_while_it_runs(visit: Visit, call: Call) -> None:
    call("PUT", "/api/v1/task-types/film.cut")
    new = {"type": "film.cut", "payload": {"film": 7}, "queue": "films", "max_retries": 0}
    task_id = call("POST", "/api/v1/tasks", new)["task_id"]
    wanted = {"types": ["film.cut"], "queues": ["films"], "worker_id": "cutter-1"}
    claimed = call("POST", "/api/v1/tasks/claim", wanted)["tasks"][0]
    held = {"lease_token": claimed["lease_token"]}
    who = visit("operator")
    who.page.clock.install()
    page = who.visit("/admin/tasks/")
    page.locator("select[name=queue]").select_option(label="films · demo@example.com")
    page.get_by_role("button", name="Look").click()
    row = page.locator("tbody tr", has_text=task_id[:8])
    expect(row).to_contain_text("active")
    call("POST", f"/api/v1/tasks/{task_id}/progress", {**held, "percentage": 20, "stage": "loading"})
    refreshed(page)
    expect(row).to_contain_text("20%")
    row.get_by_role("link").click()
    bar = page.get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuenow", "20")
    expect(page.get_by_text("with cutter-1")).to_be_visible()
    call("POST", f"/api/v1/tasks/{task_id}/progress", {**held, "percentage": 80, "stage": "cutting"})
    refreshed(page)
    expect(bar).to_have_attribute("aria-valuenow", "80")
    assert bar.locator("span").evaluate("bar => bar.getBoundingClientRect().width") > 0
    call("POST", f"/api/v1/tasks/{task_id}/fail", {**held, "error": "the film is torn", "retry": False})
    refreshed(page)
    expect(page.get_by_text("Last error: the film is torn")).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("It is pending now")).to_be_visible()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("It is cancelled")).to_be_visible()
    expect(page.locator(".console-badge", has_text="archived")).to_be_visible()


def test_a_schedule_is_run_by_hand(visit: Visit, call: Call) -> None:
    task = {"type": "demo", "payload": {"count": 2}, "queue": "demo-runs"}
    call("PUT", "/api/v1/schedules/hourly-demo", {"cron": "0 * * * *", "task": task})
    who = visit("operator")
    page = who.visit("/admin/queues/schedule/")
    page.get_by_role("link", name="hourly-demo").click()
    expect(page.locator(".console-list li")).to_have_count(5)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Make a task now").click()
    expect(page.get_by_text("was made.")).to_be_visible()
    # The server's own worker runs it, and the page follows without being loaded again.
    expect(page.locator(".console-badge", has_text="completed")).to_be_visible()
    assert page.get_by_role("progressbar").get_attribute("aria-valuenow") == "100"


def test_a_destination_is_looked_after(visit: Visit, call: Call, receiver: Receiver) -> None:
    call("POST", "/queues", {"name": "pushed"})
    config = {"url": receiver.url, "retry_policy": {"max_attempts": 1}}
    new = {"name": "till", "destination_type": "http", "config": config}
    made = call("POST", "/queue/destinations/create/pushed", new)["data"]["destination"]
    receiver.answering = lambda request: 503
    call("POST", "/queues/pushed/messages", [{"id": "receipt-1", "body": {"total": 7}}])
    who = visit("admin")
    who.page.clock.install()
    page = who.visit(f"/admin/destinations/{made['id']}/")
    results = page.locator("tbody .console-badge")
    health = page.locator(".console-badge")
    refreshed_until(page, health.filter(has_text="failing").count)  # the worker sends it in this moment
    expect(results).to_have_text(["503"])
    page.get_by_role("link", name=re.compile("ago|now")).first.click()
    expect(page.get_by_label("The answer's body")).to_have_text("ok")
    expect(page.get_by_label("The message's body")).to_contain_text('"total": 7')
    assert faults(page) == []
    receiver.answering = lambda request: 200
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("It is sent again now")).to_be_visible()
    refreshed_until(page, health.filter(has_text="healthy").count)
    expect(results).to_have_text(["200", "503"])
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_role("heading", name=re.compile("Attempt"))).to_be_visible()
    assert receiver.requests[-1].message_id.startswith(("test_", "qmsg_"))
    page.get_by_role("link", name="till", exact=True).click()
    page.on("dialog", lambda dialog: dialog.accept())
    for button, told in (("Disable", "gets nothing"), ("Enable", "gets what is published from now on")):
        page.get_by_role("button", name=button, exact=True).click()
        expect(page.get_by_text(told).first).to_be_visible()
    page.get_by_role("button", name="Sign requests").click()
    secret = page.get_by_label("The new secret").inner_text()
    page.goto(page.url.removesuffix("rotate/"))
    page.get_by_role("button", name="Rotate the secret").click()
    assert page.get_by_label("The new secret").inner_text() != secret
    expect(page.get_by_text("Signed with two secrets until")).to_be_visible()
    expect(page.get_by_text("in 1 d")).to_be_visible()
    page.get_by_role("button", name="Send a test").click()
    page.wait_for_url(re.compile(r"/\d+/$"))
    assert receiver.requests[-1].headers["webhook-signature"].count("v1,") == 2


def test_an_account_gets_a_key_which_is_shown_once_and_revoked(visit: Visit, call: Call) -> None:
    who = visit("admin")
    page = who.visit("/admin/accounts/account/add/")
    page.get_by_label("Email").fill("night@example.com")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="night@example.com").first.click()
    expect(page.get_by_text("0 of 10,000 (0%)")).to_be_visible()
    page = who.visit("/admin/accounts/apikey/add/")
    page.get_by_role("combobox", name="Account").click()
    page.get_by_role("searchbox").fill("night@")
    page.get_by_role("option", name="night@example.com").click()
    page.get_by_label("Name").fill("on call")
    page.get_by_label("manage").uncheck()
    page.get_by_role("button", name="Save", exact=True).click()
    key = page.locator("#new-key").inner_text()
    assert call("GET", "/account", key=key)["email"] == "night@example.com"
    page = who.visit("/admin/accounts/apikey/?q=night@")
    assert key not in page.content()
    expect(page.locator("tbody tr")).to_contain_text(["read, publish, consume"])
    page.get_by_role("link", name=re.compile("^okmq_")).click()
    assert faults(page) == []
    page.go_back()
    page.locator("input.action-select").check()
    page.locator("select[name=action]").select_option("revoke")
    page.get_by_role("button", name="Run").click()
    assert call("GET", "/account", key=key)["email"] == "night@example.com"
    assert faults(page) == []
    page.get_by_role("button", name="Revoke 1 key").click()
    expect(page.get_by_text("1 key revoked")).to_be_visible()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        call("GET", "/account", key=key)
    page = who.visit("/admin/audit/?text=night@")
    expect(page.locator("tbody tr")).to_contain_text(["account.create"])


def test_a_message_is_found_and_tells_its_life(visit: Visit, call: Call) -> None:
    call("POST", "/queues", {"name": "calls", "max_delivery_attempts": 2})
    bodies = [{"id": f"call-{n}", "body": {"caller": {"name": f"n{n}"}, "note": "x" * n}} for n in range(60)]
    call("POST", "/queues/calls/messages", bodies)
    call("GET", "/queues/calls/messages?limit=1")
    call("POST", "/queues/calls/ack", [{"id": "call-0", "ack": False}])
    who = visit("viewer")
    page = who.visit("/admin/messages/")
    page.locator("select[name=queue]").select_option(label="calls · demo@example.com")
    page.get_by_role("button", name="Look").click()
    expect(page.locator("tbody tr")).to_have_count(50)
    page.get_by_role("link", name="Older messages").click()
    expect(page.locator("tbody tr")).to_have_count(10)
    page.get_by_label("JSON path").fill("$.caller.name")
    page.get_by_label("has the value").fill("n7")
    page.get_by_role("button", name="Look").click()
    expect(page.locator("tbody th")).to_have_text([re.compile("call-7")])
    expect(page.get_by_text("searched 60 messages")).to_be_visible()
    page.get_by_role("link", name="Clear").click()
    page.get_by_label("Text in the body").fill("x" * 59)
    page.get_by_role("button", name="Look").click()
    expect(page.locator("tbody th")).to_have_text([re.compile("call-59")])
    page.get_by_label("Message id").fill("call-0")
    page.get_by_role("button", name="Look").click()
    steps = page.locator(".console-timeline li strong")
    expect(steps.nth(2)).to_be_visible()
    told = [step.split(",")[0] for step in steps.all_inner_texts()]
    assert told[:3] == ["Published", "Handed out", "Failed"]
    who.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.endswith("/queues/calls/messages/call-0") and copied.startswith("curl ")

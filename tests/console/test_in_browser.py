"""The console in Chromium: nothing fails, nothing comes from elsewhere, everybody can use it; and what is
done in it by hand is done in the engine."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.broker.at_once import eventually
from tests.server import Server

from . import browser
from .browser import Visitor
from .screenshots import pages

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.once, pytest.mark.slow]

Visit = Callable[..., Visitor]
SERIOUS = ("serious", "critical")
LOOKS = ((browser.DESKTOP, False), (browser.PHONE, True))
"""How every page is looked at: size, and whether dark."""
OF_LOOKS = [
    "color-contrast",
    "link-in-text-block",
    "scrollable-region-focusable",
    "meta-viewport",
]
"""axe's rules that may find something else when a page looks different; the others are asked once."""
AXE = """([out, only]) => axe.run(
    {exclude: out},
    {resultTypes: ['violations'], ...(only ? {runOnly: only} : {})},
).then(found => found.violations)"""
FRAME = "#nav-sidebar"
"""The same on every page: looked at once."""


@pytest.fixture(scope="module")
def paths(_chromium: Any, demo: Server) -> dict[str, str]:
    """Of all pages, by name."""
    with browser.visitor(_chromium, demo) as who:
        return pages(who)


class Api:
    """What a client of the demo's account does while somebody looks at the console."""

    def __init__(self, server: Server, key: str) -> None:
        self.server, self.key = server, key

    def __call__(self, path: str, body: Any = None) -> Any:
        sent = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.server.url}/queues{path}", sent)
        request.add_header("Authorization", f"Bearer {self.key}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def waiting(self, queue: str) -> set[str]:
        """Ids of what a receiver gets."""
        return {one["id"] for one in self(f"/{queue}/messages?limit=100")}

    def stats(self, queue: str) -> dict[str, int]:
        found: dict[str, int] = self(f"/{queue}/stats")
        return found


@pytest.fixture
def api(demo: Server, demo_key: str) -> Api:
    return Api(demo, demo_key)


def test_pages_have_no_serious_accessibility_fault_and_fit_the_screen(
    visit: Visit, paths: dict[str, str]
) -> None:
    who, axe = visit(), browser.axe()
    found: list[tuple[Any, ...]] = []
    without: list[str] = []
    for name, path in paths.items():
        page = who.visit(path)
        page.evaluate(axe)
        for size, dark in LOOKS:
            only = OF_LOOKS if dark else None
            found += [(name, dark, *fault) for fault in look(page, size, dark, without=without, only=only)]
        page.set_viewport_size(browser.DESKTOP)
        without = [FRAME]
    assert found == []


def faults(page: Page) -> list[tuple[str, list[str]]]:
    """What is wrong with a page that only a test comes to, by what it presses."""
    page.evaluate(browser.axe())
    found = [fault for size, dark in LOOKS for fault in look(page, size, dark, without=[FRAME])]
    page.set_viewport_size(browser.DESKTOP)
    return found


def look(
    page: Page, size: Any, dark: bool, *, without: list[str], only: list[str] | None = None
) -> list[tuple[str, list[str]]]:
    page.set_viewport_size(size)
    page.emulate_media(color_scheme="dark" if dark else "light")
    # The theme does this as a page is loaded.
    page.evaluate("dark => document.documentElement.classList.toggle('dark', dark)", dark)
    found: list[dict[str, Any]] = page.evaluate(AXE, [without, only])
    wrong = [
        (fault["id"], [node["html"][:200] for node in fault["nodes"][:3]])
        for fault in found
        if fault["impact"] in SERIOUS
    ]
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*wrong, ("wider than the screen", [str(wider)])] if wider > 0 else wrong


def refreshed(page: Page, seconds: int = 5) -> None:
    """Let the page's clock go on, and wait for the figures it asks for then."""
    with page.expect_response(re.compile("/figures/")):
        page.clock.fast_forward(seconds * 1000)


def refreshed_until(page: Page, condition: Callable[[], object]) -> None:
    """Refreshed again and again: what the page waits for happens in another process."""

    def come() -> object:
        if condition():
            return True
        refreshed(page)
        return condition()

    eventually(come)


def test_a_dark_page_is_made_so_by_the_theme(visit: Visit) -> None:
    page = visit(dark=True).visit("/admin/")
    assert page.evaluate("document.documentElement.classList.contains('dark')")


def test_the_dashboard_changes_while_messages_flow(visit: Visit, api: Api) -> None:
    api("", {"name": "flowing", "lock_duration": 600})
    who = visit("viewer")
    who.page.clock.install()
    page = who.visit("/admin/")
    ready = page.locator(".console-tile", has_text="to be handed out").locator(".console-tile-value")
    row = page.locator("tbody tr", has=page.get_by_role("link", name="flowing", exact=True))
    cells, before = row.locator("td.num"), int(ready.inner_text())
    expect(cells).to_have_text(["0", "–", "0", "0", "0"])
    api("/flowing/messages", [{"id": f"m{n}", "body": n} for n in range(50)])
    refreshed(page)
    expect(cells).to_have_text(["0", re.compile(r"\d+ m?s"), "50", "0", "0"])
    assert int(ready.inner_text()) > before
    taken = api("/flowing/messages?limit=20")
    api("/flowing/ack", [{"id": one["id"], "ack": True} for one in taken[:5]])
    refreshed(page)
    expect(cells).to_have_text(["0", re.compile(r"\d+ m?s"), "30", "15", "0"])


def test_the_dashboard_says_when_it_cannot_be_refreshed(visit: Visit) -> None:
    who = visit()
    who.page.clock.install()
    page = who.visit("/admin/")
    stale = page.locator("[data-stale]")
    refreshed(page)
    expect(stale).to_be_hidden()
    page.route("**/admin/figures/*", lambda route: route.abort())
    page.clock.fast_forward(20_000)
    expect(stale).to_contain_text("no longer true")
    page.unroute("**/admin/figures/*")
    refreshed(page)
    expect(stale).to_be_hidden()
    who.troubles.clear()  # the aborted requests


def test_figures_that_stand_still_while_one_of_them_is_used_say_so(visit: Visit) -> None:
    who = visit()
    who.page.clock.install()
    page = who.visit("/admin/")
    stale = page.locator("[data-stale]")
    link = page.locator("[data-refresh] tbody a").first
    link.focus()
    refreshed(page, 20)
    expect(stale).to_contain_text(re.compile(r"from \d\d:\d\d:\d\d UTC .* has the focus"))
    expect(link).to_be_focused()
    link.blur()
    refreshed(page)
    expect(stale).to_be_hidden()


def test_a_message_is_published_and_found_again_by_hand(visit: Visit, paths: dict[str, str]) -> None:
    who = visit("operator")
    page = who.visit(paths["queue"])
    page.fill("textarea[name=body]", '{"tested": "in a browser"}')
    page.click("text=Publish >> nth=-1")
    page.wait_for_selector("text=Published message")
    assert '"tested": "in a browser"' in page.locator("pre[aria-label=Body]").inner_text()
    page = who.visit(paths["messages"] + "&path=tested&value=in+a+browser")
    assert page.locator("tbody tr").count() == 1


def letters_of(who: Visitor, queue: str) -> Page:
    """From the dashboard to the queue's dead letters, as one gets there."""
    page = who.visit("/admin/")
    page.locator("#nav-sidebar a[href='/admin/dead-letters/']").click()
    page.get_by_role("link", name=queue, exact=True).first.click()
    expect(page.get_by_role("heading", name=f"Dead letters of {queue}")).to_be_visible()
    return page


def on_record(page: Page, action: str, queue: str) -> str:
    """What the audit log says of the newest such act."""
    page.locator("#nav-sidebar a[href='/admin/audit/']").click()
    row = page.locator("tbody tr", has_text=f"queue {queue}").filter(has_text=action).first
    return " ".join(row.inner_text().split())


def test_selected_letters_are_replayed(visit: Visit, api: Api) -> None:
    queue = "parcels-to-replay"
    page = letters_of(visit("operator", anew=True), queue)
    for name in ("parcel-39", "parcel-37"):
        page.get_by_label(f"Select {name}").check()
    page.get_by_role("button", name="Replay…").click()
    expect(page.locator(".console-lead")).to_have_text(f"2 messages of {queue} will be delivered again.")
    expect(page.locator("tbody th")).to_have_text(["parcel-37", "parcel-39"])
    assert api.stats(queue)["failed"] == 40
    page.get_by_role("button", name="Replay 2 messages").click()
    expect(page.get_by_text("2 dead letters replayed.")).to_be_visible()
    assert "user operator dead_letters.replay queue parcels-to-replay" in on_record(
        page, "dead_letters.replay", queue
    )
    assert api.waiting(queue) == {"parcel-37", "parcel-39"}


def test_all_that_match_a_filter_are_replayed_at_a_rate_that_survives_a_reload(
    visit: Visit, api: Api
) -> None:
    queue = "parcels-to-replay"
    page = letters_of(visit("operator"), queue)
    page.get_by_label("Reason").fill("no such street")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("tbody tr")).to_have_count(10)
    page.get_by_role("button", name="Replay…").click()
    expect(page.locator(".console-lead")).to_contain_text("10 messages")
    expect(page.get_by_text("reason: no such street.")).to_be_visible()
    page.get_by_label("At most this many a second").fill("4")
    page.get_by_role("button", name="Replay 10 messages").click()
    expect(page.get_by_text(re.compile("of 10 .*at most 4.* a second"))).to_be_visible()
    address = page.url
    page.reload()
    assert page.url == address
    expect(page.get_by_role("button", name="Stop it")).to_be_visible()
    expect(page.get_by_text("10 of 10 (100%) done")).to_be_visible()
    expect(page.get_by_role("button", name="Stop it")).to_have_count(0)
    assert " 10 " in on_record(page, "dead_letters.replay", queue)
    assert api.waiting(queue) == {f"parcel-{n}" for n in range(0, 40, 4)}


def test_all_that_match_a_filter_are_purged(visit: Visit, api: Api) -> None:
    queue = "parcels-to-purge"
    page = letters_of(visit("operator"), queue)
    page.get_by_label("Reason").fill("nobody at home")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("button", name="Purge…").click()
    expect(page.locator(".console-lead")).to_have_text(f"30 messages of {queue} will be deleted for good.")
    assert faults(page) == []
    assert api.stats(queue)["failed"] == 40
    page.get_by_role("button", name="Purge 30 messages").click()
    expect(page.get_by_text("30 dead letters purged.")).to_be_visible()
    assert "user operator dead_letters.purge queue parcels-to-purge" in on_record(
        page, "dead_letters.purge", queue
    )
    assert api.stats(queue) == {
        "pending": 0, "processing": 0, "scheduled": 0, "failed": 10, "acked": 0, "total": 10,
    }  # fmt: skip


def test_a_letter_is_corrected_and_replayed(visit: Visit, api: Api) -> None:
    queue = "parcels-to-edit"
    page = letters_of(visit("operator"), queue)
    page.get_by_role("link", name="parcel-39", exact=True).click()
    page.get_by_role("link", name="Edit and replay").click()
    page.get_by_label("Body").fill('{"street": ')
    page.get_by_role("button", name="Publish the corrected message").click()
    expect(page.get_by_role("alert")).to_contain_text("That is not JSON")
    page.get_by_label("Body").fill('{"street": "Oak 7"}')
    page.get_by_role("button", name="Publish the corrected message").click()
    expect(page.get_by_text("Published as")).to_be_visible()
    (made,) = api(f"/{queue}/messages?limit=100")
    assert made["body"] == {"street": "Oak 7"}
    assert api.stats(queue)["failed"] == 40
    page.get_by_role("link", name="its corrected copy").click()
    expect(page.get_by_text("with another body; the original is still in")).to_be_visible()
    assert "dead_letters.edit" in on_record(page, "dead_letters.edit", queue)


def test_settings_are_changed_and_what_will_not_do_is_told(visit: Visit, api: Api) -> None:
    who = visit("admin")
    page = who.visit("/admin/queues/?q=parcels-to-edit")
    page.get_by_role("link", name="parcels-to-edit", exact=True).click()
    page.get_by_role("link", name="Change", exact=True).click()
    page.get_by_label("Attempts").fill("-3")
    page.get_by_role("button", name="Save the settings").click()
    expect(page.locator(".console-field.wrong")).to_contain_text("It must be from 0")
    page.get_by_label("Attempts").fill("4")
    page.get_by_role("button", name="Save the settings").click()
    expect(page.get_by_text("For messages published from now on: 4 attempts")).to_be_visible()
    assert api("/parcels-to-edit")["max_delivery_attempts"] == 4
    who.troubles.clear()  # the refused form is a 400

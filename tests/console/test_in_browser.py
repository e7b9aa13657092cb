"""The console in Chromium: nothing fails, nothing comes from elsewhere, everybody can use it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from . import browser
from .browser import Visitor
from .screenshots import pages

pytestmark = [pytest.mark.once, pytest.mark.slow]

Visit = Callable[..., Visitor]
OURS = ("dashboard", "queue", "messages", "message", "letters", "letter-list", "task", "accounts", "key")
"""Pages that are looked at a second time; they have all there is of forms, tables and colours."""
SERIOUS = ("serious", "critical")
WIDTHS = {"desktop": browser.DESKTOP, "phone": browser.PHONE}


@pytest.mark.parametrize(
    ("width", "dark"), [("desktop", False), ("phone", True)], ids=["desktop, light", "phone, dark"]
)
def test_pages_have_no_serious_accessibility_fault_and_fit_the_screen(
    visit: Visit, width: str, dark: bool
) -> None:
    who, axe = visit(size=WIDTHS[width], dark=dark), browser.axe()
    faults = []
    for name, path in pages(who).items():
        if dark and name not in OURS:
            continue
        page = who.visit(path)
        page.evaluate(axe)
        found: list[dict[str, Any]] = page.evaluate("axe.run().then(result => result.violations)")
        faults += [
            (name, fault["id"], [node["html"][:200] for node in fault["nodes"][:3]])
            for fault in found
            if fault["impact"] in SERIOUS
        ]
        overflow = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if overflow > 0:
            faults.append((name, "wider than the screen", [str(overflow)]))
    assert faults == []


def test_the_dashboard_refreshes_itself_and_says_when_it_cannot(visit: Visit) -> None:
    who = visit()
    page = who.visit("/admin/")
    figures = page.locator("[data-refresh]")
    with page.expect_response(lambda answer: "/admin/figures/" in answer.url):
        pass
    assert "Queues by trouble" in figures.inner_text()
    page.route("**/admin/figures/*", lambda route: route.abort())
    page.locator("[data-stale]").wait_for(state="visible")
    assert "no longer true" in page.locator("[data-stale]").inner_text()
    page.unroute("**/admin/figures/*")
    page.locator("[data-stale]").wait_for(state="hidden")
    who.troubles.clear()  # the aborted requests


def test_a_message_is_published_and_found_again_by_hand(visit: Visit) -> None:
    who = visit()
    page = who.visit(pages(who)["queue"])
    page.fill("textarea[name=body]", '{"tested": "in a browser"}')
    page.click("text=Publish >> nth=-1")
    page.wait_for_selector("text=Published message")
    assert '"tested": "in a browser"' in page.locator("pre[aria-label=Body]").inner_text()
    page = who.visit(pages(who)["messages"] + "&path=tested&value=in+a+browser")
    assert page.locator("tbody tr").count() == 1

"""``make screenshots``: the console's main pages, light and dark, with the demo's data."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import django

from tests.console import browser
from tests.server import ROOT, ServerFactory

REPLAY = """
from accounts.models import Account
from queues.broker import audit, letters
account = Account.objects.get(email="demo@example.com").pk
with audit.acting("user anna"):
    letters.replay(account, "emails", letters.Wanted(reason="550 mailbox not found"), per_second=0.1)
"""
"""A replay that is under way while the pictures are taken."""

FOLDER = ROOT / "docs" / "screenshots"


PICTURES = (
    "dashboard", "queues", "queue", "messages", "message", "letters", "letter-list", "job", "tasks", "task",
    "stream", "accounts", "audit",
)  # fmt: skip
ON_THE_PHONE = ("dashboard", "message")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    # Servers copy a database that is prepared here.
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    with tempfile.TemporaryDirectory() as scratch:
        factory = ServerFactory(Path(scratch))
        try:
            server = factory.start()
            browser.seed(server, REPLAY)
            with browser.chromium() as chromium:
                for dark in (False, True):
                    with browser.visitor(chromium, server, dark=dark) as who:
                        take(who, folder, PICTURES, "dark" if dark else "light")
                    with browser.visitor(chromium, server, size=browser.PHONE, dark=dark) as who:
                        take(who, folder, ON_THE_PHONE, "dark-phone" if dark else "light-phone")
        finally:
            factory.close()


def take(who: browser.Visitor, folder: Path, names: Sequence[str], suffix: str) -> None:
    found = pages(who)
    for name in names:
        page = who.visit(found[name])
        page.wait_for_timeout(300)  # the theme's own movements
        page.screenshot(path=folder / f"{name}-{suffix}.png")
    if who.troubles:
        sys.exit("\n".join(who.troubles))


def pages(who: browser.Visitor) -> dict[str, str]:
    """Name and path of what is shown; ids are found by following links."""
    page = who.visit("/admin/queues/")
    links = {link.inner_text(): link.get_attribute("href") or "" for link in page.locator("tbody th a").all()}
    emails = links["emails"].rstrip("/").rpartition("/")[2]
    page = who.visit("/admin/tasks/")
    task = page.locator("tbody tr", has_text="active").locator("th a").first.get_attribute("href") or ""
    destination = who.visit("/admin/destinations/").locator("tbody th a").first.get_attribute("href") or ""
    return {
        "dashboard": "/admin/",
        "queues": "/admin/queues/",
        "queue": links["emails"],
        "messages": f"/admin/messages/?queue={emails}",
        "message": f"/admin/queues/{emails}/messages/0/",
        "accounts": "/admin/accounts/account/",
        "account": "/admin/accounts/account/2/change/",
        "keys": "/admin/accounts/apikey/",
        "key": "/admin/accounts/apikey/add/",
        "streams": "/admin/streams/stream/",
        "stream": "/admin/streams/stream/1/change/",
        "letters": "/admin/dead-letters/",
        "settings": f"/admin/queues/{emails}/settings/",
        "job": "/admin/dead-letters/jobs/1/",
        "letter-list": f"/admin/dead-letters/{emails}/",
        "edit": f"/admin/queues/{emails}/messages/0/edit/",
        "tasks": "/admin/tasks/",
        "task": task,
        "schedules": "/admin/queues/schedule/",
        "schedule": "/admin/queues/schedule/1/change/",
        "destinations": "/admin/destinations/",
        "destination": destination,
        "audit": "/admin/audit/",
        "users": "/admin/auth/user/",
        "user": "/admin/auth/user/add/",
        "password": "/admin/password_change/",
    }


if __name__ == "__main__":
    main()

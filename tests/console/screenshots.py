"""``make screenshots``: the console's main pages, light and dark, with the demo's data."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import django

from tests.console import browser
from tests.server import ROOT, ServerFactory

FOLDER = ROOT / "docs" / "screenshots"


PICTURES = (
    "dashboard", "queues", "queue", "messages", "message", "letter-list", "tasks", "task", "stream",
    "accounts", "audit",
)  # fmt: skip
ON_THE_PHONE = ("dashboard", "message")
USER, PASSWORD = "night-shift", "a password for pictures"


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
            browser.run(server, "manage.py", "seed_demo")
            browser.create_user(server, USER, PASSWORD, "superuser")
            with browser.chromium() as chromium:
                with browser.visitor(chromium, server, USER, PASSWORD) as who:
                    await_samples(who)
                for dark in (False, True):
                    with browser.visitor(chromium, server, USER, PASSWORD, dark=dark) as who:
                        take(who, folder, PICTURES, "dark" if dark else "light")
                    phone = browser.visitor(chromium, server, USER, PASSWORD, size=browser.PHONE, dark=dark)
                    with phone as who:
                        take(who, folder, ON_THE_PHONE, "dark-phone" if dark else "light-phone")
        finally:
            factory.close()


def await_samples(who: browser.Visitor) -> None:
    """The charts show something once the worker has sampled, which it does every minute."""
    deadline = time.monotonic() + 2 * 60
    while "Backlog, at last: ready 0 " in who.visit("/admin/").content() and time.monotonic() < deadline:
        who.page.wait_for_timeout(2000)


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
        "letter-list": f"/admin/dead-letters/{emails}/",
        "edit": f"/admin/queues/{emails}/messages/0/edit/",
        "tasks": "/admin/tasks/",
        "task": task,
        "destinations": "/admin/destinations/",
        "audit": "/admin/audit/",
        "users": "/admin/auth/user/",
    }


if __name__ == "__main__":
    main()

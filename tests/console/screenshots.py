"""``make screenshots``: the console's main pages, light and dark, with the demo's data."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.console import browser
from tests.server import ROOT, ServerFactory

FOLDER = ROOT / "docs" / "screenshots"


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    only = sys.argv[2:]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        factory = ServerFactory(Path(scratch))
        try:
            server = factory.start(empty=True)
            browser.run(server, "manage.py", "seed_demo")
            browser.create_user(server, "night-shift", "a password for pictures", "superuser")
            with browser.chromium() as chromium:
                for dark in (False, True):
                    for width, size in (("", browser.DESKTOP), ("-phone", browser.PHONE)):
                        with browser.visitor(
                            chromium, server, "night-shift", "a password for pictures", size=size, dark=dark
                        ) as who:
                            for name, path in pages(who).items():
                                if only and name not in only:
                                    continue
                                who.visit(path)
                                who.page.wait_for_timeout(300)
                                who.page.screenshot(
                                    path=folder / f"{name}-{'dark' if dark else 'light'}{width}.png",
                                    full_page=bool(width),
                                )
                            print(*who.troubles, sep="\n")
        finally:
            factory.close()


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

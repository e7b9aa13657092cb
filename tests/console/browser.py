"""A real browser on a real server: Chromium, driven through playwright."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
SECONDS = 30


def executable() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


def create_user(server: Server, name: str, password: str, role: str) -> None:
    """A console user in the server's database. ``role``: a group's name, or "superuser"."""
    lines = (
        "from django.contrib.auth.models import Group, User",
        f"user = User.objects.create_user({name!r}, password={password!r}, is_staff=True, "
        f"is_superuser={role == 'superuser'})",
        f"user.groups.set(Group.objects.filter(name={role!r}))",
    )
    run(server, "manage.py", "shell", "--verbosity", "0", "-c", "\n".join(lines))


def run(server: Server, *arguments: str) -> str:
    process = server.run_python(*arguments)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    return output


@dataclass
class Visitor:
    """Somebody who is logged in, and whatever went wrong on the pages he saw."""

    server: Server
    context: BrowserContext
    page: Page
    troubles: list[str] = field(default_factory=list)

    def visit(self, path: str) -> Page:
        answer = self.page.goto(self.server.url + path, wait_until="load")
        if answer is None or answer.status >= 400:
            self.troubles.append(f"{path}: {answer and answer.status}")
        return self.page


@contextlib.contextmanager
def visitor(
    browser: Browser, server: Server, name: str, password: str, *, size: dict[str, int] | None = None, dark: bool = False
) -> Iterator[Visitor]:
    context = browser.new_context(
        viewport=size or DESKTOP, color_scheme="dark" if dark else "light", reduced_motion="reduce"  # type: ignore[arg-type]
    )
    context.set_default_timeout(SECONDS * 1000)
    page = context.new_page()
    found = Visitor(server, context, page)
    page.on("console", lambda message: message.type == "error" and found.troubles.append(f"{page.url}: {message.text}"))
    page.on("pageerror", lambda error: found.troubles.append(f"{page.url}: {error}"))
    page.on("requestfailed", lambda request: found.troubles.append(f"{request.url}: {request.failure}"))
    page.on("response", lambda answer: answer.status >= 400 and found.troubles.append(f"{answer.url}: {answer.status}"))
    page.on("request", lambda request: _from_elsewhere(server, request.url) and found.troubles.append(f"foreign: {request.url}"))
    page.goto(f"{server.url}/admin/login/?next=/admin/")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_url(f"{server.url}/admin/")
    yield found
    context.close()


def _from_elsewhere(server: Server, url: str) -> bool:
    return not url.startswith((server.url + "/", "data:", "blob:", "about:"))

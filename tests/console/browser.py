"""A real browser on a real server: Chromium, driven through playwright."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from clients import generate
from tests.server import ROOT, Server

if TYPE_CHECKING:
    from playwright.sync_api import (
        Browser,
        BrowserContext,
        ConsoleMessage,
        Page,
        Request,
        Response,
        ViewportSize,
    )

NAMES = ("chromium", "chromium-browser", "google-chrome")
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
SECONDS = 30
AXE = tuple(ROOT / "tests" / "console" / "axe" / name for name in ("package.json", "package-lock.json"))


def executable() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def require() -> None:
    """Skips where there is no Chromium, but not in CI."""
    if executable() is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Chromium is missing: apt-get install chromium")
        pytest.skip("Chromium is not installed")


def axe() -> str:
    """axe-core, as JavaScript. Skips where there is no npm, but not in CI."""
    try:
        modules = generate.node_modules(AXE)
    except generate.ToolMissing as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))
    return (modules / "axe-core" / "axe.min.js").read_text()


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
        f"user = User.objects.create_user({name!r}, password={password!r}, is_staff=True)",
        f"User.objects.filter(pk=user.pk).update(is_superuser={role == 'superuser'})",
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

    def watch(self) -> None:
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self._note(f"{self.page.url}: {error}"))
        self.page.on("requestfailed", lambda request: self._note(f"{request.url}: {request.failure}"))
        self.page.on("response", self._on_response)
        self.page.on("request", self._on_request)

    def _note(self, trouble: str) -> None:
        self.troubles.append(trouble)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._note(f"{self.page.url}: {message.text}")

    def _on_response(self, answer: Response) -> None:
        if answer.status >= 400:
            self._note(f"{answer.url}: {answer.status}")

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.server.url}/", "data:", "blob:", "about:")):
            self._note(f"from elsewhere: {request.url}")

    def visit(self, path: str) -> Page:
        answer = self.page.goto(self.server.url + path, wait_until="load")
        if answer is None or answer.status >= 400:
            self.troubles.append(f"{path}: {answer and answer.status}")
        return self.page


@contextlib.contextmanager
def visitor(
    browser: Browser,
    server: Server,
    name: str,
    password: str,
    *,
    size: ViewportSize | None = None,
    dark: bool = False,
) -> Iterator[Visitor]:
    context = browser.new_context(
        viewport=size or DESKTOP,
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
    )
    context.set_default_timeout(SECONDS * 1000)
    page = context.new_page()
    found = Visitor(server, context, page)
    found.watch()
    page.goto(f"{server.url}/admin/login/?next=/admin/")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_url(f"{server.url}/admin/")
    yield found
    context.close()

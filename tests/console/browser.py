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
        StorageState,
        ViewportSize,
    )

NAMES = ("chromium", "chromium-browser", "google-chrome")
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
SECONDS = 30
ROLES = ("viewer", "operator", "admin", "superuser")
PASSWORD = "a password for tests"
LEFT = "net::ERR_ABORTED"
"""Of what was still loading when its page was left."""
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
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=SECONDS * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


def seed(server: Server, *lines: str) -> None:
    """The demo's data, console users named as their roles, and what the ``lines`` of Python do. All in one
    process beside the server: each costs seconds."""
    script = (
        "from django.contrib.auth.models import Group, User",
        "from django.core.management import call_command",
        "call_command('seed_demo', verbosity=0)",
        f"for role in {ROLES}:",
        f"    user = User.objects.create_user(role, password={PASSWORD!r}, is_staff=True)",
        "    user.is_superuser = role == 'superuser'",
        "    user.groups.set(Group.objects.filter(name=role))",
        "    user.save()",
        "",
        *lines,
    )
    process = server.run_python("manage.py", "shell", "--verbosity", "0", "-c", "\n".join(script))
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output


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
        self.page.on("requestfailed", self._on_failure)
        self.page.on("response", self._on_response)
        self.page.on("request", self._on_request)

    def _note(self, trouble: str) -> None:
        self.troubles.append(trouble)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._note(f"{self.page.url}: {message.text}")

    def _on_failure(self, request: Request) -> None:
        if request.failure != LEFT:
            self._note(f"{request.url}: {request.failure}")

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

    def log_in(self, name: str) -> None:
        """By the form."""
        self.page.goto(f"{self.server.url}/admin/login/?next=/admin/")
        self.page.fill("input[name=username]", name)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.click("button[type=submit]")
        self.page.wait_for_url(f"{self.server.url}/admin/")


@contextlib.contextmanager
def visitor(
    browser: Browser,
    server: Server,
    role: str = "superuser",
    *,
    size: ViewportSize | None = None,
    dark: bool = False,
    state: StorageState | None = None,
) -> Iterator[Visitor]:
    """``state``: cookies of whoever has logged in before, so that he need not again."""
    context = browser.new_context(
        viewport=size or DESKTOP,
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        storage_state=state,
    )
    context.set_default_timeout(SECONDS * 1000)
    found = Visitor(server, context, context.new_page())
    found.watch()
    if state is None:
        found.log_in(role)
    yield found
    context.close()

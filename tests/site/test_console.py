from __future__ import annotations

import re

from tests.server import Server
from tests.site import wire


def test_the_login_page_and_its_style_come_without_any_collecting(server: Server) -> None:
    page = wire.get(server, "/admin/login/")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    style = re.search(rb'href="(/static/[^"]+\.css)"', page.body)
    assert style is not None
    answer = wire.get(server, style[1].decode())
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/css")


def test_admin_without_the_slash_leads_there(server: Server) -> None:
    answer = wire.get(server, "/admin")
    assert answer.status == 302
    assert answer.headers["location"] == "/admin/"


def test_the_console_is_guarded(server: Server) -> None:
    answer = wire.get(server, "/admin/accounts/account/")
    assert answer.status == 302
    assert answer.headers["location"].startswith("/admin/login/")
    assert answer.headers["x-frame-options"] == "DENY"


def test_console_errors_are_pages(server: Server) -> None:
    assert wire.get(server, "/static/nothing.css").headers["content-type"].startswith("text/html")

"""Whoever looks at the console, by Django's test client."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

SPACE = re.compile(r"\s+")
TAG = re.compile(r"<[^>]+>")


@dataclass(frozen=True)
class Person:
    client: Client
    user: User

    def get(self, path: str, status: int = 200) -> str:
        """The page at ``path`` below ``/admin/``."""
        answer = self.client.get(f"/admin/{path}")
        assert answer.status_code == status, (path, answer.status_code)
        return str(answer.content.decode())

    def read(self, path: str) -> str:
        """The text of that page, as a person reads it."""
        page = self.get(path)
        return SPACE.sub(" ", html.unescape(TAG.sub(" ", page)))

    def read_after(self, path: str) -> str:
        """The text of the page that ``path`` leads to."""
        answer = self.client.get(f"/admin/{path}", follow=True)
        return SPACE.sub(" ", html.unescape(TAG.sub(" ", answer.content.decode())))

    def press(self, path: str, status: int = 200, **fields: Any) -> str:
        """Post a form, and the text of the page that it leads to."""
        answer = self.client.post(f"/admin/{path}", fields, follow=True)
        assert answer.status_code == status, (path, answer.status_code)
        return SPACE.sub(" ", html.unescape(TAG.sub(" ", answer.content.decode())))

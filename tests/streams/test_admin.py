"""The operator's page for streams."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from .handle import Handle


@pytest.fixture
def operator(django_db_setup: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(uuid4().hex, password="x"))
    return client


def test_streams_are_shown_and_not_changed(operator: Client, s: Handle) -> None:
    s.produce("m", body='"four"')
    page = operator.get("/admin/streams/stream/", {"q": s.name})
    assert page.status_code == 200
    assert s.name in page.content.decode()
    assert operator.get(f"/admin/streams/stream/{s.id}/change/").status_code == 200
    assert operator.get("/admin/streams/stream/add/").status_code == 403
    assert operator.post(f"/admin/streams/stream/{s.id}/delete/", {"post": "yes"}).status_code == 403


def test_a_deleted_stream_is_not_shown(operator: Client, s: Handle) -> None:
    s.delete()
    assert s.name not in operator.get("/admin/streams/stream/").content.decode()


def test_what_is_gone_is_not_waited_for(operator: Client, s: Handle) -> None:
    s.produce("a", "b", "c")
    s.clear(before=2)
    page = operator.get(f"/admin/streams/stream/{s.id}/change/").content.decode()
    assert "2 messages behind" in page

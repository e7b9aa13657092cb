"""Whose login attempts are counted together."""

from __future__ import annotations

import ipaddress

from django.http import HttpRequest

from accounts.wrong_keys import client_address


def address(request: HttpRequest) -> str | None:
    """The client's address, or None where a proxy told something that is none."""
    try:
        return str(ipaddress.ip_address(client_address(request.META)))
    except ValueError:
        return None

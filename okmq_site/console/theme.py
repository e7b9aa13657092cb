"""How the console looks, and its navigation: the settings of django-unfold."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy

from accounts import roles


def _item(title: str, icon: str, route: str) -> dict[str, Any]:
    link = reverse_lazy(f"admin:{route}")
    return {"title": title, "icon": icon, "link": link, "active": lambda request: _is_at(request, str(link))}


def _is_at(request: HttpRequest, link: str) -> bool:
    """The theme's own rule takes schedules, which are below ``/admin/queues/``, for queues as well."""
    if link == "/admin/":
        return request.path == link
    return request.path.startswith(link) and not (
        link == "/admin/queues/" and request.path.startswith("/admin/queues/schedule/")
    )


def administers(request: HttpRequest) -> bool:
    return roles.may(request, roles.ADMINISTER)


def _for_administrators(item: dict[str, Any]) -> dict[str, Any]:
    return item | {"permission": administers}


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "OKMQ",
    "SITE_HEADER": "OKMQ",
    "SITE_SUBHEADER": "Message queues",
    "SITE_SYMBOL": "stacks",
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("console/icon.svg")}
    ],
    "STYLES": [lambda request: static("console/console.css")],
    "SCRIPTS": [lambda request: static("console/console.js")],
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "oklch(97.7% .013 236.62)",
            "100": "oklch(95.1% .026 236.824)",
            "200": "oklch(90.1% .058 230.902)",
            "300": "oklch(82.8% .111 230.318)",
            "400": "oklch(76.5% .140 232.661)",
            "500": "oklch(68.5% .150 237.323)",
            "600": "oklch(52.0% .130 241.966)",
            "700": "oklch(47.0% .122 242.749)",
            "800": "oklch(41.5% .102 240.79)",
            "900": "oklch(36.1% .083 240.876)",
            "950": "oklch(27.3% .061 243.157)",
        },
        "font": {
            # The theme's own subtle greys are too pale to be read by everybody.
            "subtle-light": "var(--color-base-600)",
            "subtle-dark": "var(--color-base-400)",
        },
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "items": [
                    _item("Dashboard", "monitoring", "index"),
                    _item("Queues", "inbox", "console_queues"),
                    _item("Messages", "mail", "console_messages"),
                    _item("Dead letters", "skull", "console_letters"),
                    _item("Destinations", "send", "console_destinations"),
                    _item("Tasks", "task_alt", "console_tasks"),
                    _item("Schedules", "schedule", "queues_schedule_changelist"),
                    _item("Streams", "water", "streams_stream_changelist"),
                ],
            },
            {
                "title": "Access",
                "separator": True,
                "items": [
                    _item("Accounts", "domain", "accounts_account_changelist"),
                    _item("API keys", "key", "accounts_apikey_changelist"),
                    _item("Audit log", "history", "console_audit"),
                    _for_administrators(_item("Console users", "group", "auth_user_changelist")),
                ],
            },
        ],
    },
}

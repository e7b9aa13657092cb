"""Who may do what in the console. Each role may do what the one before it may, and more.

viewer     sees everything but secrets
operator   replays, purges, pauses, publishes tests, resends
admin      makes accounts and keys, changes settings, lets people in

The permissions stand on ``Account``; the groups are made by a migration and may be given to any Django user.
"""

from __future__ import annotations

from django.http import HttpRequest

VIEW = "accounts.console_view"
OPERATE = "accounts.console_operate"
ADMINISTER = "accounts.console_administer"

ROLES = {
    "viewer": (VIEW,),
    "operator": (VIEW, OPERATE),
    "admin": (VIEW, OPERATE, ADMINISTER),
}


def may(request: HttpRequest, permission: str) -> bool:
    """Whether who is logged in has ``permission``, one of the three above. Superusers have all."""
    return request.user.has_perm(permission)

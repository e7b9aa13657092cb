"""What all pages of the console share: who may open them, how they are drawn, how an action is answered."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from accounts import roles
from queues.broker.errors import BrokerError, Unavailable

View = Callable[..., HttpResponse]
LARGEST = 2**62

POLITE = "The database could not be reached or was busy. Look whether it was done before you do it again."


def page(permission: str = roles.VIEW) -> Callable[[View], View]:
    """A page that is looked at, by those with ``permission``."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, **arguments: Any) -> HttpResponse:
            require(request, permission)
            _bound(arguments)
            try:
                return view(request, **arguments)
            except Unavailable:
                return draw(request, "console/unavailable.html", "The database is away", status=503)
            except BrokerError as error:  # what the address names is not there (any more)
                raise Http404(refusal(error)) from error

        return guarded

    return decorate


def action(permission: str, stands_on: str = "index", *names: str) -> Callable[[View], View]:
    """A button: POST only. What the engine refuses is told on the page the button stands on: the route
    ``stands_on``, with those arguments of the button that ``names`` names."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, **arguments: Any) -> HttpResponse:
            stands = reverse(f"admin:{stands_on}", kwargs={name: arguments[name] for name in names})
            if request.method != "POST":
                return _not_pressed(request, stands)
            require(request, permission)
            _bound(arguments)
            try:
                return view(request, **arguments)
            except BrokerError as error:
                messages.error(request, refusal(error))
                return back(request, stands)

        return guarded

    return decorate


def _bound(arguments: dict[str, Any]) -> None:
    """No number in an address may be one that a database cannot hold. Raises Http404."""
    if any(isinstance(value, int) and value > LARGEST for value in arguments.values()):
        raise Http404("There is nothing of that number.")


def _not_pressed(request: HttpRequest, stands: str) -> HttpResponse:
    """Whoever had to log in when he pressed a button comes here from the login: it was not pressed."""
    told = "Nothing was done: this is where a button leads. Go back and press it again."
    answer = draw(request, "console/refused.html", "Nothing was done", status=405, text=told, to=stands)
    answer.headers["Allow"] = "POST"
    return answer


def refusal(error: BrokerError) -> str:
    """What the engine refused, for a person: ``Message not found: 17``."""
    if isinstance(error, Unavailable):
        return POLITE
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).capitalize()
    return f"{words}: {error}"


def require(request: HttpRequest, permission: str) -> None:
    """Raises PermissionDenied."""
    if not roles.may(request, permission):
        raise PermissionDenied


def draw(
    request: HttpRequest, template: str, title: str, *, status: int = 200, **context: Any
) -> HttpResponse:
    """A whole page in the console's frame."""
    return render(request, template, framed(request, title) | context, status=status)


def framed(request: HttpRequest, title: str) -> dict[str, Any]:
    """What the frame of a page needs to know, and which buttons to show."""
    return {
        **admin.site.each_context(request),
        "title": title,
        "may_operate": roles.may(request, roles.OPERATE),
        "may_administer": roles.may(request, roles.ADMINISTER),
    }


def back(request: HttpRequest, otherwise: str) -> HttpResponse:
    """To where the form stood, if it says so itself (only a path of this console will do), or else to the
    path ``otherwise``."""
    path = request.POST.get("back", "")
    inside = path.startswith("/admin/") and "//" not in path and "\\" not in path
    return HttpResponseRedirect(path if inside else otherwise)

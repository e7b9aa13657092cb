"""A queue's settings, changed by hand: what the engine refuses is told at the field."""

from __future__ import annotations

import hashlib
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts import roles
from okmq_site.console.pages import action, draw, page
from queues import broker
from queues.admin.sentences import settings_sentence
from queues.broker import overview
from queues.broker.errors import InvalidSettings
from queues.broker.overview import QueueEntry
from queues.broker.settings_rules import MOST_DELAYS
from queues.broker.types import ExpiryAction, QueueInfo, QueueSettings, RetryStrategy, WhenFull

RETRY_WORDS = {
    "exponential": "exponential: the first pause, times the factor each time",
    "linear": "linear: the first pause, twice, three times it",
    "fixed": "fixed: the first pause each time",
    "none": "none: at once",
    "list": "list: the pauses named",
    "quartic": "quartic: rising with the fourth power, and at random",
}
EXPIRY_WORDS = {ExpiryAction.DROP: "delete it", ExpiryAction.DEAD_LETTER: "make it a dead letter"}
FULL_WORDS = {WhenFull.REJECT: "refuse new messages", WhenFull.DROP_OLDEST: "drop the oldest"}


class Changed(Exception):
    """Somebody else changed the settings since the form was drawn."""


def _seconds(label: str, empty: str = "", **options: Any) -> forms.FloatField:
    return forms.FloatField(label=f"{label}, in seconds", help_text=empty, required=not empty, **options)


def _flag(label: str) -> forms.BooleanField:
    return forms.BooleanField(label=label, required=False)


class SettingsForm(forms.Form):
    """Named as ``QueueSettings`` names them; those of the retry strategy with ``retry_`` before."""

    lease_seconds = _seconds("Lease")
    max_attempts = forms.IntegerField(label="Attempts")
    attempt_seconds = _seconds("Longest delivery", "however often its lease is extended; empty: no limit")
    auto_ack = _flag("Acknowledged as soon as it is handed out")
    delay_lost = _flag("A lease that runs out is followed by the pause of a failed delivery")

    retry_type = forms.ChoiceField(label="Pause after a failed delivery", choices=list(RETRY_WORDS.items()))
    retry_base_delay = _seconds("First pause")
    retry_max_delay = _seconds("Longest pause", "empty: no limit")
    retry_multiplier = forms.FloatField(label="Factor")
    retry_delays = forms.CharField(
        label="Pauses named, in seconds", required=False, help_text="such as 1, 5, 30; the last one repeats"
    )

    ttl_seconds = _seconds("Time to live", "empty: for ever")
    on_expiry = forms.ChoiceField(label="When it expires", choices=list(EXPIRY_WORDS.items()))
    ttl_from_delivery = _flag("Its life begins at its delivery time, if that is later")
    preserve_pending = _flag("Spare what was not handled yet")
    preserve_leased = _flag("Spare what somebody holds")
    preserve_failed = _flag("Spare the dead")

    auto_delete = _flag("Delete what is acknowledged")
    retention_seconds = _seconds("Keep what is acknowledged", "empty: until it expires")
    dead_letter_queue = forms.CharField(
        label="Dead-letter queue",
        required=False,
        max_length=256,
        help_text="empty: the dead stay here",
        widget=forms.TextInput({"list": "queue-names"}),
    )
    drop_dead = _flag("Delete the dead")
    dead_retention_seconds = _seconds("Keep the dead", "empty: until they expire")

    max_in_flight = forms.IntegerField(
        label="Messages one consumer may hold", required=False, help_text="empty: any number"
    )
    max_backlog = forms.IntegerField(
        label="Messages that may wait", required=False, help_text="empty: any number"
    )
    when_full = forms.ChoiceField(label="When so many wait", choices=list(FULL_WORDS.items()))

    GROUPS = {
        "Delivery": (
            "lease_seconds", "max_attempts", "attempt_seconds", "auto_ack", "delay_lost",
        ),
        "Retries": (
            "retry_type", "retry_base_delay", "retry_max_delay", "retry_multiplier", "retry_delays",
        ),
        "Expiry": (
            "ttl_seconds", "on_expiry", "ttl_from_delivery", "preserve_pending", "preserve_leased",
            "preserve_failed",
        ),
        "The end of a message": (
            "auto_delete", "retention_seconds", "dead_letter_queue", "drop_dead", "dead_retention_seconds",
        ),
        "Limits": ("max_in_flight", "max_backlog", "when_full"),
    }  # fmt: skip

    def groups(self) -> list[tuple[str, list[forms.BoundField], list[forms.BoundField]]]:
        """Title, fields, and boxes to be ticked."""
        found = []
        for title, names in self.GROUPS.items():
            flags = [self[name] for name in names if isinstance(self.fields[name], forms.BooleanField)]
            found.append((title, [self[name] for name in names if self[name] not in flags], flags))
        return found

    def clean_retry_delays(self) -> tuple[float, ...]:
        text: str = self.cleaned_data["retry_delays"]
        parts = [part.strip() for part in text.split(",") if part.strip()]
        try:
            return tuple(float(part) for part in parts[: MOST_DELAYS + 1])
        except ValueError:
            raise forms.ValidationError("These are numbers of seconds with commas between.") from None

    def settings(self, old: QueueSettings) -> QueueSettings:
        """``old`` with what was filled in."""
        given = dict(self.cleaned_data)
        retry = RetryStrategy(
            **{name: given.pop(f"retry_{name}") for name in RetryStrategy.__dataclass_fields__}
        )
        given["dead_letter_queue"] = given["dead_letter_queue"].strip() or None
        return old.but(retry=retry, **given)

    def tell(self, problems: dict[str, str]) -> None:
        """What the engine refused, at its fields."""
        for name, text in problems.items():
            self.add_error(name.replace("retry.", "retry_"), f"It {text}.")


@page(roles.ADMINISTER)
def settings_page(request: HttpRequest, queue_id: int) -> HttpResponse:
    queue = overview.find_queue(queue_id)
    info = broker.get_queue(queue.account_id, queue.name)
    return _draw(request, queue, SettingsForm(initial=filled_in(info.settings)))


@action(roles.ADMINISTER, "console_settings", "queue_id")
def change(request: HttpRequest, queue_id: int) -> HttpResponse:
    queue = overview.find_queue(queue_id)
    form = SettingsForm(request.POST)
    if form.is_valid():
        try:
            info = _update(queue, form, request.POST.get("seen", ""))
        except InvalidSettings as error:
            form.tell(error.problems)
        except Changed:
            messages.error(request, "Somebody else changed these settings meanwhile: look again.")
            return HttpResponseRedirect(reverse("admin:console_settings", args=[queue_id]))
        else:
            told = settings_sentence(info.settings)
            messages.success(request, f"For messages published from now on: {told}")
            return HttpResponseRedirect(reverse("admin:console_queue", args=[queue_id]))
    return _draw(request, queue, form)


def _update(queue: QueueEntry, form: SettingsForm, seen: str) -> QueueInfo:
    """Raises InvalidSettings, Changed."""
    wanted = form.cleaned_data["dead_letter_queue"].strip()
    names = _names(queue)

    def changed(old: QueueSettings) -> QueueSettings:
        if _digest(old) != seen:
            raise Changed
        if wanted and wanted != old.dead_letter_queue and wanted not in names:
            raise InvalidSettings({"dead_letter_queue": "must be a queue of this account"})
        return form.settings(old)

    return broker.update_queue(queue.account_id, queue.name, settings=changed)


def _draw(request: HttpRequest, queue: QueueEntry, form: SettingsForm) -> HttpResponse:
    return draw(
        request,
        "console/queue_settings.html",
        f"Settings of {queue.name}",
        status=400 if form.errors else 200,
        queue=queue,
        form=form,
        seen=form.data.get("seen") if form.is_bound else form.initial["seen"],
        names=[name for name in _names(queue) if name != queue.name],
    )


def _names(queue: QueueEntry) -> list[str]:
    return [one.name for one in broker.list_queues(queue.account_id)]


def filled_in(settings: QueueSettings) -> dict[str, Any]:
    """What the form holds, by field; ``seen`` tells later whether the settings are still these."""
    values = {name: getattr(settings, name) for name in QueueSettings.__dataclass_fields__}
    retry = {f"retry_{name}": getattr(settings.retry, name) for name in RetryStrategy.__dataclass_fields__}
    retry["retry_delays"] = ", ".join(f"{delay:g}" for delay in settings.retry.delays)
    shown = {name: _shown(value) for name, value in (values | retry).items()}
    return shown | {"seen": _digest(settings)}


def _shown(value: Any) -> Any:
    """Without a fraction where there is none."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _digest(settings: QueueSettings) -> str:
    return hashlib.sha256(repr(settings).encode()).hexdigest()[:16]

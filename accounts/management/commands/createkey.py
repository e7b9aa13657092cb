from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import SCOPES
from accounts.services import create_key, get_or_create_account

MAX_DAYS = 36_500


def _days(text: str) -> timedelta:
    try:
        days = float(text)
    except ValueError:
        days = 0
    if not 0 < days <= MAX_DAYS:
        raise ArgumentTypeError(f"expected a number of days, more than 0 and at most {MAX_DAYS}")
    return timedelta(days=days)


class Command(BaseCommand):
    help = "Make an API key for an account, making the account if needed, and print the key."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="", help="What the key is for; shown in the console.")
        parser.add_argument(
            "--scope",
            action="append",
            choices=SCOPES,
            help="What the key may do; may be given several times (default: everything).",
        )
        parser.add_argument(
            "--days", type=_days, help="How long the key is valid, such as 90 or 0.5 (default: for ever)."
        )

    def handle(self, *args: Any, email: str, name: str, **options: Any) -> None:
        lifetime: timedelta | None = options["days"]
        expires_at = None if lifetime is None else timezone.now() + lifetime
        try:
            account = get_or_create_account(email)
            key = create_key(account, name[:100], scopes=options["scope"] or SCOPES, expires_at=expires_at)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from None
        self.stdout.write(key)

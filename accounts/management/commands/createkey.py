from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts.services import create_key, get_or_create_account


class Command(BaseCommand):
    help = "Make an API key for an account, making the account if needed, and print the key."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="", help="What the key is for; shown in the console.")

    def handle(self, *args: Any, email: str, name: str, **options: Any) -> None:
        try:
            account = get_or_create_account(email)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from None
        self.stdout.write(create_key(account, name[:100]))

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import ApiKey
from accounts.services import CACHE_SECONDS, revoke_key


class Command(BaseCommand):
    help = "Revoke an API key. Running servers refuse it within five seconds."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "key", help="The whole key, or its public part: the twelve characters after `okmq_`."
        )

    def handle(self, *args: Any, key: str, **options: Any) -> None:
        try:
            revoked = revoke_key(key)
        except ApiKey.DoesNotExist:
            raise CommandError("There is no such key.") from None
        seconds = f"{CACHE_SECONDS:.0f} s"
        self.stdout.write(f"{revoked} of {revoked.account} is revoked: servers refuse it within {seconds}.")

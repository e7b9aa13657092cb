"""``manage.py serve``: the whole server in one command."""

from __future__ import annotations

import socket
from argparse import ArgumentParser
from importlib import import_module
from types import ModuleType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from okmq_site import bootstrap, process

SERVERS = ("gunicorn", "granian")

FIRST_START = """\
First start: an account, an API key and a console user were made. They are shown this once.

    account    {email}
    API key    {key}
    console    {url}/admin/    user {admin}    password {password}

Try it:

    export OKMQ_KEY={key}
    curl -H "Authorization: Bearer $OKMQ_KEY" -d '{{"name": "first"}}' {url}/queues
"""

LATER_START = """\
The first account was made on {made:%Y-%m-%d %H:%M} UTC; its key and the console password were printed then.
Another key: manage.py createkey EMAIL    Another password: manage.py changepassword {admin}
"""

NO_CONSOLE_USER = """\
Nobody can log in to the console yet: manage.py createsuperuser makes a user.
Another key: manage.py createkey EMAIL
"""


class Command(BaseCommand):
    help = "Prepare the database and serve every API, the console and the worker, in the foreground."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=settings.HOST, help="default: %(default)s (HOST)")
        parser.add_argument("--port", type=int, default=settings.PORT, help="default: %(default)s (PORT)")
        parser.add_argument(
            "--server",
            choices=SERVERS,
            default=settings.OKMQ_SERVER,
            help="default: %(default)s (OKMQ_SERVER)",
        )
        parser.add_argument("--threads", type=int, help="requests at once in a process (OKMQ_THREADS)")
        parser.add_argument("--processes", type=int, help="web processes (OKMQ_PROCESSES)")
        parser.add_argument(
            "--no-worker", action="store_true", help="leave the worker to `manage.py runworker`"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        threads = options["threads"] or settings.OKMQ_THREADS
        processes = options["processes"] or settings.OKMQ_PROCESSES
        if threads <= settings.OKMQ_RESERVED_THREADS:
            raise CommandError(
                f"--threads must be more than {settings.OKMQ_RESERVED_THREADS} (OKMQ_RESERVED_THREADS)"
            )
        if processes < 1:
            raise CommandError("--processes must be at least 1")
        server = _server(options["server"])
        settings.OKMQ_THREADS = threads
        settings.OKMQ_PROCESSES = processes
        settings.OKMQ_MAX_PARKED = threads - settings.OKMQ_RESERVED_THREADS
        process.runs_worker = not options["no_worker"]
        if processes > 1 and not settings.ON_POSTGRESQL:
            self.stderr.write(
                "Several processes on SQLite wake each other slowly and gain nothing; 1 is better."
            )
        _check_address(options["host"], options["port"])
        self._prepare(_url(options["host"], options["port"]))
        try:
            server.run(options["host"], options["port"], processes, threads)
        except RuntimeError as error:
            raise CommandError(str(error)) from error

    def _prepare(self, url: str) -> None:
        try:
            made = bootstrap.prepare()
            first = bootstrap.first_account_made_at()
            somebody = bootstrap.has_console_user()
        except DatabaseError as error:
            raise CommandError(f"The database cannot be prepared: {error}") from error
        finally:
            bootstrap.leave_database()
        if made:
            told = vars(made) | {"password": made.password or "as it was"}
            self.stdout.write(FIRST_START.format(url=url, **told))
        elif first and somebody:
            self.stdout.write(LATER_START.format(made=first, admin=bootstrap.ADMIN))
        else:
            self.stdout.write(NO_CONSOLE_USER)
        self.stdout.flush()


def _server(name: str) -> ModuleType:
    """The module that runs it."""
    try:
        return import_module(f"okmq_site.{name}_server")
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise CommandError(f"{name} is not installed: `make {name}` installs it") from error


def _check_address(host: str, port: int) -> None:
    """Complain of an address that cannot be had before anything is made, printed or forked."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, proto) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise CommandError(f"Cannot listen on {_bracketed(host)}:{port}: {error.strerror}") from error


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _url(host: str, port: int) -> str:
    """Where a person on this machine reaches the server."""
    return f"http://{'127.0.0.1' if host in ('0.0.0.0', '::', '') else _bracketed(host)}:{port}"  # noqa: S104

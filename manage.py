#!/usr/bin/env python
"""OKMQ's command line: ``serve``, ``runworker``, ``createkey EMAIL`` and Django's own commands."""

import os
import sys

NO_DJANGO = "okmq: this Python has no Django. Use .venv/bin/python manage.py; `make run` makes .venv."
NO_TABLES = "`manage.py serve` makes the tables when it starts, and so does `manage.py migrate`."


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "okmq_site.settings")
    try:
        from django.conf import settings
    except ModuleNotFoundError:
        sys.exit(NO_DJANGO)
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import DatabaseError

    try:
        # Read the settings first, so that a bad one is told in one line and not in a traceback.
        settings.INSTALLED_APPS  # noqa: B018
    except ImproperlyConfigured as error:
        sys.exit(f"okmq: {error}")
    try:
        execute_from_command_line(sys.argv)
    except DatabaseError as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"okmq: the database cannot be used: {str(error).strip()}\n{NO_TABLES}")


if __name__ == "__main__":
    main()

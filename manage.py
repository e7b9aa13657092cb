#!/usr/bin/env python
"""OKMQ's command line: ``serve``, ``runworker``, ``createkey EMAIL`` and Django's own commands."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "okmq_site.settings")
    from django.conf import settings
    from django.core.management import execute_from_command_line

    try:
        # Read the settings first, so that a bad one is told in one line and not in a traceback.
        settings.INSTALLED_APPS  # noqa: B018
    except ImproperlyConfigured as error:
        sys.exit(f"okmq: {error}")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()

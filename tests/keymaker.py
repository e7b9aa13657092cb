"""Makes keys in the databases of servers under test.

A process of its own, since it needs the servers' settings; one for all servers, since a start takes a second.
A JSON object a line in, another a line out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STOP_SECONDS = 40.0


class KeyMaker:
    """The tests' end of it. Threads may share one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def make(self, environment: dict[str, str], wanted: dict[str, Any]) -> dict[str, Any]:
        """A key in the database of the server with this environment. ``wanted`` has ``email``, and may have
        ``scopes`` of the key and ``quotas`` of the account; the answer has ``id``, ``email`` and ``key``."""
        where = {name: environment.get(name) for name in ("DATABASE_URL", "OKMQ_DATA_DIR")}
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process = _start(environment)
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps({**wanted, **where}) + "\n")
            self._process.stdin.flush()
            return dict(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate(timeout=STOP_SECONDS)


def _start(environment: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.keymaker"]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def main() -> None:
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "okmq_site.settings"
    django.setup()
    connected = None
    for line in sys.stdin:
        wanted = json.loads(line)
        where = (wanted["DATABASE_URL"], wanted["OKMQ_DATA_DIR"])
        if where != connected:
            _connect_to(*where)
            connected = where
        print(json.dumps(_make(wanted)), flush=True)


def _connect_to(url: str | None, data_dir: str) -> None:
    from django.db import connections

    from okmq_site import bootstrap, databases

    bootstrap.leave_database()
    settings = databases.settings_for(url, data_dir=Path(data_dir), pool=1, prepare=False)
    connections.settings = connections.configure_settings({"default": settings})
    del connections["default"]


def _make(wanted: dict[str, Any]) -> dict[str, Any]:
    from accounts.models import SCOPES, Account
    from accounts.services import create_key, get_or_create_account

    account = get_or_create_account(wanted["email"])
    if wanted.get("quotas"):
        Account.objects.filter(pk=account.pk).update(**wanted["quotas"])
    key = create_key(account, "test", scopes=wanted.get("scopes") or SCOPES)
    return {"id": account.pk, "email": account.email, "key": key}


if __name__ == "__main__":
    main()

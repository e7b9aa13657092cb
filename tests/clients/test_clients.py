"""The committed clients are what the document generates, and what their READMEs show works."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients import generate
from queues.api.okmq.openapi import DOCUMENT
from queues.api.openapi.generate import document_json
from tests.server import Server

pytestmark = [pytest.mark.once, pytest.mark.slow]

CLIENTS = generate.HERE
PYTHON, TYPESCRIPT = CLIENTS / "python", CLIENTS / "typescript"


@pytest.fixture(scope="module")
def node_modules() -> Path:
    """Skips where there is no Node.js, but not in CI."""
    try:
        return generate.node_modules()
    except generate.ToolMissing as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))


@pytest.fixture
def document(tmp_path: Path) -> Path:
    file = tmp_path / "okmq.json"
    file.write_bytes(document_json(DOCUMENT))
    return file


@pytest.fixture
def key(server: Server) -> str:
    return server.create_key()[1]


def files(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in found}


def test_the_python_client_is_what_the_document_generates(document: Path, tmp_path: Path) -> None:
    fresh = tmp_path / generate.PACKAGE
    generate.python_client(document, fresh)
    assert files(fresh) == files(CLIENTS / generate.PACKAGE), "run `make clients`"


@pytest.mark.usefixtures("node_modules")
def test_the_typescript_client_is_what_the_document_generates(document: Path, tmp_path: Path) -> None:
    fresh = tmp_path / generate.SCHEMA
    generate.typescript_schema(document, fresh)
    committed = CLIENTS / generate.SCHEMA
    assert fresh.read_text(encoding="utf-8") == committed.read_text(encoding="utf-8"), "run `make clients`"


def examples(readme: Path, language: str, server: Server, key: str) -> Iterator[str]:
    """The README's programs, for this server."""
    text = readme.read_text(encoding="utf-8")
    for code in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL):
        yield code.replace("http://127.0.0.1:8080", server.url).replace("okmq_...", key)


def output_of(*command: str | Path, cwd: Path, **environment: str) -> list[str]:
    """The lines a program prints."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def left_in(server: Server, key: str, path: str) -> dict[str, int]:
    import httpx

    answer = httpx.get(server.url + path, headers={"Authorization": key})
    assert answer.status_code == 200
    return dict(answer.json())


def test_the_python_readme_publishes_receives_acknowledges_and_streams(server: Server, key: str) -> None:
    queues, streams = (
        output_of(sys.executable, "-c", code, cwd=PYTHON)
        for code in examples(PYTHON / "README.md", "python", server, key)
    )
    assert queues == ["order-1 {'total': 17.5} 1", "404 queue not found"]
    assert [ast.literal_eval(line) for line in streams] == [[(1, 0), (2, 1)], 2]
    assert left_in(server, key, "/queues/hello/stats")["acked"] == 1


def test_the_typescript_readme_publishes_receives_acknowledges_and_streams(
    node_modules: Path, server: Server, key: str, tmp_path: Path
) -> None:
    """Compiled with the client: the types fit what the example does, too."""
    shutil.copytree(TYPESCRIPT, tmp_path / "client", ignore=shutil.ignore_patterns("node_modules", "dist"))
    client = tmp_path / "client"
    (client / "node_modules").symlink_to(node_modules)
    names = []
    for at, code in enumerate(examples(TYPESCRIPT / "README.md", "ts", server, key)):
        names.append(f"example{at}")
        (client / "src" / f"example{at}.ts").write_text(code, encoding="utf-8")
    output_of("node", node_modules / "typescript" / "bin" / "tsc", "--project", ".", cwd=client)
    queues, streams = (output_of("node", f"dist/{name}.js", cwd=client) for name in names)
    assert queues == ["order-1 { total: 17.5 } 1", "404 queue not found"]
    assert [json.loads(line) for line in streams] == [[[1, 0], [2, 1]], 2]
    assert left_in(server, key, "/queues/hello/stats")["acked"] == 1

"""Generates both clients from the OKMQ document: ``make clients``, or ``python -m clients.generate``.

Nothing but the locked versions of the generators and the document decides what comes out.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PACKAGE = Path("python", "okmq_client")
SCHEMA = Path("typescript", "src", "schema.ts")
CONFIG = HERE / "python" / "generator.yaml"
MANIFESTS = [HERE / "typescript" / name for name in ("package.json", "package-lock.json")]


class ToolMissing(Exception):
    """A program that is no Python package is not installed."""


def generate(document: bytes, target: Path) -> None:
    """Write the generated parts of both clients below ``target``. Raises ``ToolMissing`` without Node.js."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "okmq.json")
        source.write_bytes(document)
        python_client(source, target / PACKAGE)
        typescript_schema(source, target / SCHEMA)


def python_client(document: Path, package: Path) -> None:
    # Its configuration calls ruff by name.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(document)]
    command += ["--config", str(CONFIG), "--meta", "none", "--fail-on-warning"]
    command += ["--output-path", str(package), "--overwrite"]
    shutil.rmtree(package, ignore_errors=True)
    package.parent.mkdir(parents=True, exist_ok=True)
    _run(command, {**os.environ, "PATH": path})
    (package / "py.typed").touch()


def typescript_schema(document: Path, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    program = node_modules() / ".bin" / "openapi-typescript"
    # A default is what the server puts in: it does not make a property required.
    _run([str(program), str(document), "--output", str(file), "--default-non-nullable", "false"])


def node_modules(manifests: Sequence[Path] = MANIFESTS) -> Path:
    """The folder with the locked npm packages; they are installed once for each lock file. ``manifests``:
    package.json and package-lock.json. Raises ToolMissing."""
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in manifests)).hexdigest()[:16]
    installed = ROOT / ".venv" / f"npm-{digest}"
    if not installed.exists():
        npm = shutil.which("npm")
        if npm is None or shutil.which("node") is None:
            raise ToolMissing("node and npm, version 20 or newer, are needed")
        _install(npm, installed, manifests)
    return installed / "node_modules"


def _install(npm: str, installed: Path, manifests: Sequence[Path]) -> None:
    """It gets its final name when it is whole."""
    installed.parent.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=installed.parent))
    try:
        for file in manifests:
            shutil.copy(file, folder)
        _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder)])
        folder.rename(installed)
    except OSError:
        if not installed.exists():  # or another run was faster
            raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        # The settings want a data folder; nothing is kept in it.
        os.environ["OKMQ_DATA_DIR"] = folder
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "okmq_site.settings")
        import django

        django.setup()
        from queues.api.okmq.openapi import DOCUMENT
        from queues.api.openapi.generate import document_json

        generate(document_json(DOCUMENT), HERE)


if __name__ == "__main__":
    try:
        main()
    except (ToolMissing, RuntimeError) as error:
        sys.exit(f"okmq: {error}")

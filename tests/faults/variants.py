"""Servers that break one promise: the project's sources with one line changed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.server import ROOT

SOURCES = ("accounts", "okmq_site", "queues", "streams", "templates", "manage.py", "pyproject.toml", "tests")


@dataclass(frozen=True)
class Variant:
    """In ``file``, ``line`` (which stands there once) reads ``instead``. ``breaks``: the invariant."""

    breaks: str
    file: str
    line: str
    instead: str


def copy_with(variant: Variant, folder: Path) -> Path:
    """A copy of the sources with that one change; where it is."""
    root = folder / "sources"
    root.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        else:
            shutil.copy(source, root / name)
    file = root / variant.file
    text = file.read_text()
    assert text.count(variant.line) == 1, f"{variant.file} has {text.count(variant.line)} times {variant.line!r}"
    file.write_text(text.replace(variant.line, variant.instead))
    return root

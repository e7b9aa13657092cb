"""A disk of a few megabytes, to be filled up."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BLOCK = b"\0" * 4096


class Disk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Take all that is left of it."""
        file = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        while _has_room(file):
            pass
        os.close(file)

    def free(self) -> None:
        self._ballast.unlink()


def _has_room(file: int) -> bool:
    try:
        return os.write(file, BLOCK) > 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False


@contextmanager
def small_disk(megabytes: int) -> Iterator[Disk]:
    """Mounted in memory. Skips the test where that is not allowed."""
    mount = shutil.which("mount")
    with tempfile.TemporaryDirectory(prefix="okmq-disk-") as folder:
        Path(folder).chmod(0o755)
        command = [mount or "mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", folder]
        if os.geteuid() != 0 or mount is None or subprocess.run(command, check=False).returncode != 0:
            pytest.skip("a small disk needs root, to mount a tmpfs")
        try:
            yield Disk(Path(folder))
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)

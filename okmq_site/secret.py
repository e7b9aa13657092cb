"""The secret key of an installation that was given none: made once, kept in the data folder."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

FILE_NAME = "secret_key"


def kept_in(data_dir: Path) -> str:
    """The key in ``data_dir``; the first call writes it (mode 0600) and creates the folder.

    Raises ``ImproperlyConfigured`` when the folder cannot be used.
    """
    path = data_dir / FILE_NAME
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _create(path)
        key = path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"OKMQ_DATA_DIR cannot be used: {error}") from error
    if not key:
        raise ImproperlyConfigured(f"{path} is empty: restore it, or delete it to make a new key")
    return key


def _create(path: Path) -> None:
    """Write a new key under another name, then link it into place.

    Two processes may start at once on a new folder: the link fails for the second, which then reads
    the first one's key, and nobody ever sees a half-written file.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(64) + "\n")
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()

"""gunicorn, as ``manage.py serve`` runs it."""

from __future__ import annotations

import runpy
import signal
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

CONFIG = Path(__file__).parent / "gunicorn.conf.py"


def run(host: str, port: int, processes: int, threads: int) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises RuntimeError when its configuration cannot be."""
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    Server(bind=bind, workers=processes, threads=threads).run()


class Server(BaseApplication):
    """gunicorn, configured by ``gunicorn.conf.py`` and then by the command line."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in {**runpy.run_path(str(CONFIG)), **self.options}.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        from okmq_site.wsgi import application

        return application

    def run(self) -> None:
        Master(self).run()


class Master(Arbiter):
    """gunicorn's master, for which Ctrl-C means what SIGTERM means: finish, then stop."""

    def handle_int(self) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.handle_term()

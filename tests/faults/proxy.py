"""A way to the server that can be cut at the worst moment: once it has answered, before its client knows.

What a server has begun to answer is committed. So here nobody has to guess when to cut.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

PIECE = 1 << 16


class Proxy:
    """``cuts``: asked once for each answer; True drops the answer and the connection. Close it."""

    def __init__(self, url: str, cuts: Callable[[], bool] = lambda: False) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname or "", parts.port or 80)
        self.cuts = cuts
        self.cut = 0
        """Answers dropped so far."""
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(self._server) as server:
            asked = False
            while True:
                for end in select.select([client, server], [], [])[0]:
                    piece = end.recv(PIECE)
                    if not piece:
                        return
                    if end is client:
                        asked = True
                        server.sendall(piece)
                        continue
                    if asked and self._is_to_cut():
                        return
                    asked = False
                    client.sendall(piece)

    def _is_to_cut(self) -> bool:
        with self._lock:
            cuts = self.cuts()
            self.cut += cuts
            return cuts

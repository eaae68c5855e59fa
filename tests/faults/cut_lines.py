"""A proxy between workers and a PostgreSQL server that cuts lines at commits: the one moment that leaves all unsure."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

_COMMIT = b"COMMIT\x00"


class Proxy:
    """Forwards to `port`, but cuts the line of every `every`th commit (None: of those that are `doomed`).

    Before the server hears of the commit, or before its answer.
    """

    def __init__(self, port: int, moment: Literal["before", "after"], every: int | None) -> None:
        self.cuts = 0
        self._port = port
        self._moment = moment
        self._every = every
        self.doomed = 0  # how many of the next commits are to be cut
        self._commits = 0
        self._count = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no further connections."""
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                with suppress(OSError):
                    server = socket.create_connection(("127.0.0.1", self._port))
                    doomed = threading.Event()
                    for pump in (self._to_server, self._to_client):
                        threading.Thread(target=pump, args=(client, server, doomed), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket, doomed: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                if _COMMIT in data and self._is_due():
                    if self._moment == "before":
                        break
                    doomed.set()
                server.sendall(data)
        if not doomed.is_set():
            _cut(client, server)

    def _to_client(self, client: socket.socket, server: socket.socket, doomed: threading.Event) -> None:
        with suppress(OSError):
            while (data := server.recv(65536)) and not doomed.is_set():
                client.sendall(data)
        _cut(client, server)

    def _is_due(self) -> bool:
        with self._count:
            self._commits += 1
            due = self.doomed > 0 if self._every is None else self._commits % self._every == 0
            self.doomed -= self.doomed > 0
            self.cuts += due
        return due


def _cut(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@contextmanager
def cutting(port: int, moment: Literal["before", "after"], every: int | None = None) -> Iterator[Proxy]:
    """A proxy for as long as the block lasts."""
    proxy = Proxy(port, moment, every)
    try:
        yield proxy
    finally:
        proxy.close()

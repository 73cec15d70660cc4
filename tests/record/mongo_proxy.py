"""A wire to MongoDB that can be cut at the worst moment: when the write has arrived and nobody has heard of it."""

import socket
from contextlib import suppress
from threading import Lock, Thread
from urllib.parse import urlsplit


class Proxy:
    """Passes bytes on until told otherwise.

    After `lose(what)` it cuts, once, the connection over which the next message that contains `what` went to the
    server, as soon as the server has answered it: the write is done, and the answer is lost. While `down`, it refuses.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname, parts.port or 27017)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        netloc = parts.netloc.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{port}")
        # Of a replica set the driver would go round us to the members by their own names.
        query = f"{parts.query}&directConnection=true".lstrip("&")
        self.url = parts._replace(netloc=netloc, query=query).geturl()
        self.lost = 0
        self._wanted: bytes | None = None
        self._down = False
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        Thread(target=self._accept, daemon=True).start()

    def lose(self, what: bytes) -> None:
        self._wanted = what

    def cut(self, down: bool = True) -> None:
        """Cut every connection, and let none be made as long as it is down."""
        self._down = down
        with self._lock:
            for side in self._open:
                _close(side)
            self._open.clear()

    def close(self) -> None:
        _close(self._listener)
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._down:
                _close(client)
                continue
            server = socket.create_connection(self._server)
            with self._lock:
                self._open |= {client, server}
            doomed: list[bool] = []
            Thread(target=self._pass, args=(client, server, doomed, True), daemon=True).start()
            Thread(target=self._pass, args=(server, client, doomed, False), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, doomed: list[bool], asks: bool) -> None:
        try:
            while data := source.recv(65_536):
                if asks and self._wanted is not None and self._wanted in data:
                    self._wanted = None
                    doomed.append(True)
                elif not asks and doomed:
                    self.lost += 1
                    break
                target.sendall(data)
        except OSError:
            pass
        _close(source)
        _close(target)


def _close(side: socket.socket) -> None:
    with suppress(OSError):
        side.shutdown(socket.SHUT_RDWR)
    side.close()

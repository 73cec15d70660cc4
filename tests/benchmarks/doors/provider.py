"""A provider that takes every message at once, in Twilio's words: for load that an emulator would hold up."""

import asyncio
from itertools import count


class Provider:
    """An HTTP server of the least kind. `taken` counts messages; `enough(n)` waits for them."""

    def __init__(self) -> None:
        self.taken = 0
        self._ids = count()
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Its port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def enough(self, wanted: int, within: float) -> None:
        """Wait until so many were taken."""
        async with asyncio.timeout(within):
            while self.taken < wanted:
                await asyncio.sleep(0.01)

    def stop(self) -> None:
        """No more."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
                await reader.readexactly(length)
                self.taken += 1
                body = b'{"sid": "SM%032x", "status": "queued", "error_code": null}' % next(self._ids)
                writer.write(
                    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                    % (len(body), body)
                )
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            writer.close()

"""A tiny web application that takes whatever is posted to it: stands in for PHMS's doors in tests of the peers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import web

from tests.emulators.threads import served, wait_for


@dataclass(frozen=True)
class Received:
    """One request that came in."""

    method: str
    url: str  # as the sender wrote it: what a signature is computed over
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """What came in, oldest first; `answers` are the next statuses, 200 when they are used up."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[Received] = []
        self.answers: list[int] = []
        self.body = ""

    def wait(self, count: int = 1, within: float = 10.0) -> list[Received]:
        """All that came, as soon as there are `count`."""
        return wait_for(lambda: self.received if len(self.received) >= count else None, within, f"{count} requests")

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._take)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Received(request.method, f"{self.url}{request.raw_path}", request.path, headers, body))
        return web.Response(status=self.answers.pop(0) if self.answers else 200, text=self.body)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver on a free port and a thread of its own."""
    taking = Receiver()
    with served(taking.application) as taking.url:
        yield taking

"""A proxy of ours in front of a peer: passes through, or refuses, hangs, cuts the connection or dawdles when told to.

    with faulty_proxy("http://127.0.0.1:4012") as proxy:
        proxy.answer(500, {"message": "down"}, path="Messages.json")   # the next such request; then it passes again
        client.send(...)  # to proxy.url
        assert proxy.seen[-1].answered == "500"

Faults are used up in the order given; the first that fits a request is its. Requests are kept whether faulted or not.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from tests.emulators.threads import served

HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "host", "accept-encoding"}
BODY_LIMIT = 64 * 2**20


@dataclass
class Request:
    """What a client asked, and what became of it: a status, or "hung", "dropped", "done and dropped"."""

    method: str
    path: str
    query: dict[str, str]
    pairs: list[tuple[str, str]]  # of the form, doubled names included
    answered: str = ""
    answer: Any = None  # the upstream's JSON, where it was asked and answered in JSON

    @property
    def form(self) -> dict[str, str]:
        return dict(self.pairs)


@dataclass
class Fault:
    """Something to do to the next `times` requests that fit."""

    kind: str
    times: int
    method: str | None
    path: str
    form: Mapping[str, str]
    status: int = 0
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def fits(self, asked: Request) -> bool:
        return (
            self.times > 0
            and self.method in (None, asked.method)
            and self.path in asked.path
            and all(asked.form.get(name) == value for name, value in self.form.items())
        )


class FaultyProxy:
    """Where to send requests (`url`), what was sent (`seen`), and what to do to the next of them."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream.rstrip("/")
        self.url = ""
        self.seen: list[Request] = []
        self._faults: list[Fault] = []
        self._lock = Lock()
        self._session: ClientSession | None = None
        self._released: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    # Each takes which requests it is for: method (None is any), path (a part of it), form (fields that must be equal).
    def answer(self, status: int, body: Any = None, headers: Mapping[str, str] | None = None, **which: Any) -> None:
        """Answer in the peer's place: it never hears of the request."""
        self._add("answer", status=status, body=body, headers=headers or {}, **which)

    def hang(self, **which: Any) -> None:
        """Accept and never answer, until `release` or the client gives up. The peer never hears of it."""
        self._add("hang", **which)

    def drop_before(self, **which: Any) -> None:
        """Cut the connection at once: an unknown outcome, not done."""
        self._add("drop_before", **which)

    def drop_after(self, **which: Any) -> None:
        """Let the peer do it, then cut the connection: an unknown outcome, done."""
        self._add("drop_after", **which)

    def slow(self, seconds: float, **which: Any) -> None:
        """Pass on at once, answer late."""
        self._add("slow", seconds=seconds, **which)

    def clear(self) -> None:
        """No faults from here on; what hangs is let go."""
        with self._lock:
            self._faults.clear()
        self.release()

    def release(self) -> None:
        """Cut every connection that hangs now."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._let_go)

    def _let_go(self) -> None:
        assert self._released is not None
        self._released.set()
        self._released = asyncio.Event()

    def _add(self, kind: str, times: int = 1, method: str | None = "POST", path: str = "", **rest: Any) -> None:
        with self._lock:
            self._faults.append(Fault(kind, times, method, path, rest.pop("form", None) or {}, **rest))

    def _fault(self, asked: Request) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.fits(asked):
                    fault.times -= 1
                    return fault
        return None

    @property
    def session(self) -> ClientSession:
        assert self._session is not None, "only while it serves"
        return self._session

    def application(self) -> web.Application:
        app = web.Application(client_max_size=BODY_LIMIT)
        app.router.add_route("*", "/{tail:.*}", self._pass)
        app.cleanup_ctx.append(self._live)
        return app

    async def _live(self, _: web.Application) -> Any:
        self._loop, self._released = asyncio.get_running_loop(), asyncio.Event()
        async with ClientSession(auto_decompress=True, timeout=ClientTimeout(total=60)) as self._session:
            yield
            self._let_go()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        asked = Request(request.method, request.path, dict(request.query), _pairs(request, raw))
        fault = self._fault(asked)
        self.seen.append(asked)
        if fault is None:
            return await self._forward(request, raw, asked)
        if fault.kind in ("answer", "hang", "drop_before"):
            return await self._instead(request, fault, asked)
        answer = await self._forward(request, raw, asked)
        if fault.kind == "drop_after":
            asked.answered = "done and dropped"
            return _cut(request)
        await asyncio.sleep(fault.seconds)
        return answer

    async def _instead(self, request: web.Request, fault: Fault, asked: Request) -> web.StreamResponse:
        if fault.kind == "answer":
            asked.answered = str(fault.status)
            return web.json_response(fault.body, status=fault.status, headers=fault.headers)
        asked.answered = "hung" if fault.kind == "hang" else "dropped"
        if fault.kind == "hang":
            assert self._released is not None
            await self._released.wait()
        return _cut(request)

    async def _forward(self, request: web.Request, raw: bytes, asked: Request) -> web.Response:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
        try:
            async with self.session.request(
                request.method, f"{self.upstream}{request.raw_path}", data=raw, headers=headers, allow_redirects=False
            ) as answer:
                body = await answer.read()
                if answer.content_type in ("application/json", "application/problem+json"):
                    asked.answer = json.loads(body or b"null")
                asked.answered = str(answer.status)
                kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP}
                return web.Response(status=answer.status, body=body, headers=kept)
        except (ClientError, TimeoutError) as problem:
            return web.json_response({"message": f"upstream: {type(problem).__name__}"}, status=502)


def _pairs(request: web.Request, raw: bytes) -> list[tuple[str, str]]:
    if request.content_type != "application/x-www-form-urlencoded":
        return []
    return parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True)


def _cut(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)  # never arrives


@contextmanager
def faulty_proxy(upstream: str) -> Iterator[FaultyProxy]:
    """A proxy in front of `upstream`, on a free port and a thread of its own."""
    proxy = FaultyProxy(upstream)
    with served(proxy.application) as proxy.url:
        yield proxy

"""The web doors: verify, keep, answer. Nothing is thought here, and nothing that goes wrong is a 500."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import ClientPayloadError, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Middleware

from bot.serve.inbox import Inbox
from bot.serve.link_page import LinkPage
from bot.serve.metrics import Metrics
from bot.serve.pictures import Pictures
from bot.serve.readiness import Readiness
from bot.serve.simulator_door import SimulatorDoor
from bot.serve.telegram_door import TelegramDoor
from bot.serve.twilio_door import TwilioDoor
from bot.serve.wearable_door import WearableDoor
from data.errors import BadInput, Conflict, Forged, NotFound, Unavailable

log = logging.getLogger("phms.web")

# OWASP API4:2023, unrestricted resource consumption: no provider sends more, and none takes so long to send it.
MOST_BYTES, MOST_SECONDS = 2**20, 10.0
# What only this machine may do: neither through a proxy that stands here nor through a page in a browser here.
_HERE = ("127.0.0.1", "::1")
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via", "Origin")
_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What stands behind the routes. A provider that is not set up is None: its door answers 404."""

    inbox: Inbox
    readiness: Readiness
    metrics: Metrics
    links: LinkPage
    pictures: Pictures
    telegram: TelegramDoor | None = None
    twilio: TwilioDoor | None = None
    wearables: WearableDoor | None = None
    simulator: SimulatorDoor | None = None


def application(doors: Doors, *, outside: bool = True) -> web.Application:
    """The routes; without `outside` only those for whoever watches over the process."""
    app = web.Application(client_max_size=MOST_BYTES, middlewares=[_answering(doors.metrics)])
    routes: list[tuple[str, str, Handler]] = [
        (hdrs.METH_GET, "/healthz", _health),
        (hdrs.METH_GET, "/readyz", _ready(doors)),
        (hdrs.METH_GET, "/metrics", _metrics(doors)),
    ]
    if outside:
        routes += _outside(doors)
    for method, path, handler in routes:
        app.router.add_route(method, path, handler)
    return app


def _outside(doors: Doors) -> list[tuple[str, str, Handler]]:
    """What providers and patients call. A provider that is not set up has no route."""
    routes: list[tuple[str, str, Handler]] = [
        (hdrs.METH_GET, "/link/{token}", doors.links.show),
        (hdrs.METH_POST, "/link/{token}", doors.links.confirm),
        (hdrs.METH_GET, "/picture/{token}", doors.pictures.serve),
    ]
    if doors.telegram is not None:
        routes.append((hdrs.METH_POST, "/telegram/webhook", _telegram(doors.telegram)))
    if doors.twilio is not None:
        routes += [
            (hdrs.METH_POST, "/twilio/sms", _twilio(doors.twilio, doors.twilio.message)),
            (hdrs.METH_POST, "/twilio/whatsapp", _twilio(doors.twilio, doors.twilio.message)),
            (hdrs.METH_POST, "/twilio/status", _twilio(doors.twilio, doors.twilio.status)),
        ]
    if doors.wearables is not None:
        routes.append((hdrs.METH_POST, "/wearables/{vendor}", _wearable(doors.wearables)))
    if doors.simulator is not None:
        routes.append((hdrs.METH_POST, "/simulator/messages", _simulator(doors.simulator)))
    return routes


def _answering(metrics: Metrics) -> Middleware:
    """Every error as an answer that tells the provider what to do and a stranger nothing."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        began, door = time.perf_counter(), _door(request)
        try:
            return await handler(request)
        except Forged:
            metrics.refused(door, "forged")
            return web.Response(status=403)
        except NotFound:
            metrics.refused(door, "not found")
            return web.Response(status=404)
        except BadInput:
            metrics.refused(door, "bad input")
            return web.Response(status=400)
        except (Unavailable, Conflict):
            metrics.refused(door, "unavailable")
            return _later()
        except web.HTTPException as problem:
            metrics.refused(door, f"http {problem.status}")
            return web.Response(
                status=problem.status, headers={k: v for k, v in problem.headers.items() if k == "Allow"}
            )
        except (ConnectionError, asyncio.IncompleteReadError):
            raise
        except Exception as problem:
            # Only its kind: its text may be the patient's words. The provider sends it again.
            metrics.unanswered.inc()
            log.error("a request at %s went wrong: %s", door, type(problem).__name__)
            return _later()
        finally:
            metrics.answered(door, time.perf_counter() - began)

    return answer


def _later() -> web.Response:
    return web.Response(status=503, headers={"Retry-After": "5"})


def _door(request: web.Request) -> str:
    """The route without what is in it, so that neither tokens nor made-up paths become labels."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


async def _body(request: web.Request, kind: str) -> bytes:
    """The whole body. Raises 413 for too much, 415 for another kind, 408 when it does not come."""
    if request.content_type != kind:
        raise web.HTTPUnsupportedMediaType
    try:
        return await asyncio.wait_for(request.read(), MOST_SECONDS)
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (ClientPayloadError, web.RequestPayloadError, HttpProcessingError):
        raise BadInput("a body that does not end, or is not what it is said to be") from None


async def _health(request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def _ready(doors: Doors) -> Handler:
    async def ready(request: web.Request) -> web.Response:
        reasons = doors.readiness.reasons()
        return web.json_response({"ready": not reasons, "reasons": reasons}, status=503 if reasons else 200)

    return ready


def _metrics(doors: Doors) -> Handler:
    async def metrics(request: web.Request) -> web.Response:
        doors.metrics.ready.set(0 if doors.readiness.reasons() else 1)
        return web.Response(body=doors.metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4"})

    return metrics


def _telegram(door: TelegramDoor) -> Handler:
    async def update(request: web.Request) -> web.Response:
        secrets = request.headers.getall("X-Telegram-Bot-Api-Secret-Token", [])
        door.check(secrets[0] if len(secrets) == 1 else None)
        await door.take(await _body(request, _JSON))
        return web.Response()

    return update


def _twilio(door: TwilioDoor, handle: Callable[[str, bytes, str], Awaitable[web.Response]]) -> Handler:
    async def callback(request: web.Request) -> web.Response:
        signature = request.headers.getall("X-Twilio-Signature", [])
        if len(signature) != 1:
            raise Forged("no signature, or several")
        return await handle(request.path_qs, await _body(request, _FORM), signature[0])

    return callback


def _wearable(door: WearableDoor) -> Handler:
    async def notification(request: web.Request) -> web.Response:
        await door.take(request.match_info["vendor"], request.headers, await _body(request, _JSON))
        return web.Response(status=200)

    return notification


def _simulator(door: SimulatorDoor) -> Handler:
    async def message(request: web.Request) -> web.Response:
        forwarded = any(name in request.headers for name in _FORWARDED)
        if request.remote not in _HERE or request.url.host not in (*_HERE, "localhost") or forwarded:
            raise Forged("the simulator is for this machine only")
        return web.json_response(await door.take(await _body(request, _JSON)))

    return message

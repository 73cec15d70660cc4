"""The way to Twilio's REST API: one pooled aiohttp session, and errors that say whether a request can have arrived."""

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from twilio.http import AsyncHttpClient
from twilio.http.response import Response

# Twilio's own client waits for ever: https://www.twilio.com/docs/libraries/reference/twilio-python (timeout: None).
# A connection that takes longer than `CONNECT` is given up while it is still certain that nothing was written.
TIMEOUT, CONNECT = 10.0, 7.0
_LIMITS = aiohttp.ClientTimeout(total=TIMEOUT, connect=CONNECT, sock_connect=CONNECT)
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Http:
    """A session and the running loop that it belongs to."""

    session: aiohttp.ClientSession
    loop: asyncio.AbstractEventLoop


async def open_http() -> Http:
    """A session of its own: no cookies, nothing read from the environment. Close it with `http.session.close()`."""
    session = aiohttp.ClientSession(timeout=_LIMITS, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
    return Http(session, asyncio.get_running_loop())


class NotSent(Exception):  # noqa: N818 - it says what is known
    """The request was surely not read: no connection, or turned away by 429. `wait` in seconds, where told."""

    def __init__(self, word: str, wait: float | None = None) -> None:
        super().__init__(word)
        self.word, self.wait = word, wait


class Unclear(Exception):  # noqa: N818
    """The request may have been carried out or not."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class Refused(Exception):  # noqa: N818
    """Twilio's answer is no; `code` is its number for why, 0 for none."""

    def __init__(self, status: int, code: int) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code = status, code


class TwilioHttp(AsyncHttpClient):  # type: ignore[misc]  # the library has no types
    """The HTTP client that Twilio's library is given: every address gets the scheme and host of `base_url`.

    An answer other than 2xx, and none, are the errors above. Nothing is logged: addresses carry phone numbers.
    """

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self.is_async, self.timeout = True, TIMEOUT
        self._session = session
        self._base = base_url.rstrip("/")

    async def request(
        self,
        method: str,
        url: str,
        params: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """One request, made once, following no redirect."""
        named = {**(headers or {}), **({"Authorization": aiohttp.encode_basic_auth(*auth)} if auth else {})}
        try:
            async with self._session.request(
                method,
                self._base + urlsplit(url).path,
                params=params,
                data=data,
                headers=named,
                timeout=_LIMITS,
                allow_redirects=False,
            ) as answer:
                body = await answer.content.read(_LARGEST)
                return _read(answer.status, body.decode("utf-8", "replace"), dict(answer.headers))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL):
            raise NotSent("no-connection") from None
        except TimeoutError:
            raise Unclear("timeout") from None
        except RuntimeError:
            # The session is closed already: nothing can have gone.
            raise NotSent("stopping") from None
        except (aiohttp.ClientError, OSError, ValueError):
            # The texts of these quote addresses.
            raise Unclear("connection-lost") from None


def _read(status: int, text: str, headers: dict[str, str]) -> Response:
    if status == 429:
        raise NotSent("busy", _seconds({k.lower(): v for k, v in headers.items()}.get("retry-after", "")))
    if status >= 500 or status == 408:
        raise Unclear(f"http-{status}")
    if not 200 <= status < 300:
        raise Refused(status, _code(text))
    return Response(status, text, headers)


def _seconds(text: str) -> float | None:
    """Retry-After as whole seconds; a date there is not worth a second clock."""
    return float(text) if re.fullmatch(r"\d{1,6}", text.strip(), re.ASCII) else None


def _code(text: str) -> int:
    try:
        code = json.loads(text)["code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0
    return code if type(code) is int else 0

"""Telegram's HTTP for python-telegram-bot over aiohttp: a tenth of the time, and what was sent for certain is told."""

import json
import logging
from typing import Any
from urllib.parse import urlencode

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    FormData,
    InvalidURL,
)
from telegram import Bot
from telegram.error import NetworkError, TelegramError
from telegram.request import BaseRequest, RequestData
from yarl import URL

HOST = "https://api.telegram.org"
# Every request has ten seconds in all; a connection comes about in half of it, so that its failure is told apart.
PATIENCE, CONNECTING = 10.0, 5.0
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# PTB tells addresses with the token in them below a warning.
_TELLTALES = ("telegram", "httpx", "httpcore")


class Refused(TelegramError):  # noqa: N818 - named for what happened, as all our errors
    """Telegram answered, and not with success. `message` is its description: for tables, never for logs."""

    def __init__(self, status: int, description: str, retry_after: int | None = None) -> None:
        super().__init__(description)
        self.status, self.retry_after = status, retry_after


class NotSent(NetworkError):  # noqa: N818
    """No connection came about: the request is known not to have gone."""


class Lost(NetworkError):  # noqa: N818
    """The request may have gone and no answer that can be read came: the outcome is unknown."""


class AiohttpRequest(BaseRequest):
    """One way to Telegram on a session that somebody else opens and closes. No error of it tells an address."""

    def __init__(self, http: ClientSession, patience: float) -> None:
        self._http, self._patience = http, patience

    @property
    def read_timeout(self) -> float:
        """See `BaseRequest.read_timeout`."""
        return self._patience

    async def initialize(self) -> None:
        """The session is open."""

    async def shutdown(self) -> None:
        """Whoever opened the session closes it."""

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """See `BaseRequest.do_request`; raises `Refused`, `NotSent` or `Lost`."""
        patience = read_timeout if isinstance(read_timeout, (int, float)) else self._patience
        timeout = ClientTimeout(total=patience, connect=CONNECTING, sock_connect=CONNECTING)
        data, headers = _body(request_data)
        try:
            async with self._http.request(
                method, URL(url, encoded=True), data=data, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                status, payload = response.status, await response.read()
        # Their own texts may hold the address and with it the token.
        except (ClientConnectorError, ConnectionTimeoutError, InvalidURL) as problem:
            raise NotSent(f"no connection ({type(problem).__name__})") from None
        except (ClientError, TimeoutError, OSError) as problem:
            raise Lost(f"no answer ({type(problem).__name__})") from None
        except RuntimeError:
            raise NotSent("the session is closed") from None
        if not 200 <= status <= 299:
            raise _refusal(status, payload)
        return status, payload

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """See `BaseRequest.parse_json_payload`; what cannot be read is logged nowhere."""
        try:
            answer = json.loads(payload.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            raise Lost("an answer that is not JSON") from None
        if not isinstance(answer, dict) or "result" not in answer:
            raise Lost("an answer without a result")
        return answer


class TelegramBot(Bot):
    """PTB's bot on our connections; `ask` gives Telegram's plain answer, which costs a third of typed objects."""

    def __init__(self, token: str, http: ClientSession, base_url: str = "", patience: float = PATIENCE) -> None:
        """`base_url`: scheme and host in place of Telegram's own; `patience`: seconds that a request may take."""
        for name in _TELLTALES:
            logger = logging.getLogger(name)
            logger.setLevel(max(logger.level, logging.WARNING))
        host, request = (base_url or HOST).rstrip("/"), AiohttpRequest(http, patience)
        super().__init__(
            token,
            base_url=lambda secret: f"{host}/bot{secret}",
            base_file_url=lambda secret: f"{host}/file/bot{secret}",
            request=request,
            get_updates_request=request,
        )

    def __repr__(self) -> str:
        """PTB's own tells the token."""
        return f"TelegramBot({self.bot_id})"

    @property
    def bot_id(self) -> int:
        """The bot's own id, with which its token begins."""
        return int(self.token.split(":")[0])

    @property
    def patience(self) -> float:
        """Seconds that a request may take."""
        return float(self.request.read_timeout or PATIENCE)

    async def ask(self, method: str, *, longer: float = 0.0, **parameters: Any) -> Any:
        """Call a method of the Bot API with PTB's objects or plain values; raises `Refused`, `NotSent` or `Lost`.

        `longer`: seconds that Telegram is asked to take on top of what a request may.
        """
        return await self._post(method, parameters, read_timeout=self.patience + longer)


def _body(request_data: RequestData | None) -> tuple[bytes | FormData | None, dict[str, str]]:
    if request_data is None:
        return None, {}
    fields = request_data.json_parameters
    if not request_data.contains_files:
        return urlencode(fields).encode(), _FORM
    form = FormData()
    for name, value in fields.items():
        form.add_field(name, value)
    for name, (filename, content, mime) in request_data.multipart_data.items():
        form.add_field(name, content, filename=filename, content_type=mime)
    return form, {}


def _refusal(status: int, payload: bytes) -> Refused:
    try:
        answer = json.loads(payload)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        return Refused(status, "")
    parameters = answer.get("parameters")
    wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
    wait = wait if type(wait) is int and 0 <= wait < 10**9 else None
    return Refused(status, str(answer.get("description", "")), wait)

"""The real clients, pointed at an emulator: twilio.rest.Client has no base URL of its own."""

from typing import Any

from telegram import Bot
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from tests.emulators.twilio_emulator import Account

TWILIO = "https://api.twilio.com"


class ToEmulator(TwilioHttpClient):  # type: ignore[misc]  # twilio has no types
    """Sends what is for Twilio to another place, with a deadline."""

    def __init__(self, base_url: str, timeout: float = 10.0) -> None:
        super().__init__(pool_connections=False, timeout=timeout)
        self.base_url = base_url

    def request(self, method: str, url: str, *rest: Any, **more: Any) -> Response:
        assert url.startswith(TWILIO), url
        return super().request(method, self.base_url + url.removeprefix(TWILIO), *rest, **more)


def twilio_client(base_url: str, account: Account, timeout: float = 10.0) -> Client:
    return Client(account.sid, account.token, http_client=ToEmulator(base_url, timeout))


def telegram_bot(base_url: str, token: str) -> Bot:
    """Use it as `async with`."""
    return Bot(token, base_url=f"{base_url}/bot", base_file_url=f"{base_url}/file/bot")

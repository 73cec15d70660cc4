"""The doors of the providers by themselves: what is bad holds up nobody, and no emergency is hidden in a form."""

import asyncio
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from bot.serve.metrics import Metrics
from bot.serve.telegram_door import TelegramDoor
from bot.serve.tokens import Tokens
from bot.serve.twilio_door import Account, TwilioDoor
from data.model.inbound import Inbound
from tests.integrations.telegram_updates import BOT_ID, body, message, update

SID, TOKEN, PUBLIC = "AC" + "7" * 32, "a-token-of-the-tests", "https://clinic.example"
FORM = {
    "AccountSid": SID,
    "ApiVersion": "2010-04-01",
    "Body": "hello",
    "From": "+16667770000",
    "MessageSid": "SM" + "0123456789abcdef" * 2,
    "NumMedia": "0",
    "To": "+15005550111",
}


class Kept:
    """An inbox that takes everything."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def take(self, inbound: Inbound) -> bool:
        self.texts.append(inbound.text)
        return True


class Nothing:
    """A channel that shows nothing."""

    def typing(self, chat: str) -> None:
        pass


async def nobody_waits(address: str) -> bool:
    return False


def test_an_update_that_cannot_be_read_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept()
    bodies = [
        body(update(1, message=message("words 1"))),
        b'{"update_id":"secret words"}',
        body(update(3, poll={})),
        body(update(2, message=message("words 2"))),
    ]

    async def poll() -> None:
        door = TelegramDoor(kept, Metrics(), Nothing(), BOT_ID, "s", nobody_waits)
        await door.take_all(bodies)

    asyncio.run(poll())
    assert kept.texts == ["words 1", "words 2"]
    assert "secret" not in caplog.text and "update_id" in caplog.text


@pytest.mark.parametrize(
    ("more", "text"),
    [
        # A parameter that nobody knows, and that could as well be the end of a text.
        ({"Body": "my chest hurts", "Carrier": "tele"}, "my chest hurts"),
        ({"Body": "I cannot ", "Breathe": ""}, "I cannot Breathe"),
        ({"Body": "pulse 71", "Carrier": "tele"}, "pulse 71Carriertele"),
    ],
)
def test_an_emergency_stays_one_whatever_stands_behind_it(more: dict[str, str], text: str) -> None:
    kept, form = Kept(), FORM | more
    signature = RequestValidator(TOKEN).compute_signature(f"{PUBLIC}/twilio/sms", form)
    account = Account(name="twilio", sid=SID, token=TOKEN)
    door = TwilioDoor(kept, Metrics(), (account,), PUBLIC, Tokens(b"k" * 32))
    answer = asyncio.run(door.message("/twilio/sms", urlencode(form).encode(), signature))
    assert answer.status == 200
    assert kept.texts == [text]

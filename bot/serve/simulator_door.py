"""The practice door, where no provider is set up: a message as JSON from this machine, for testers and scripts."""

from uuid import uuid4

import msgspec

from bot.serve.inbox import Inbox
from data.errors import BadInput
from data.model.inbound import Inbound
from data.model.people import ChannelKind

_EXAMPLE = '{"channel": "sms", "from": "+15550001", "text": "bp 128/82"}'


class _Message(msgspec.Struct, forbid_unknown_fields=True, rename={"address": "from"}):
    address: str
    text: str
    channel: ChannelKind = ChannelKind.SMS
    id: str = ""


_decoder = msgspec.json.Decoder(_Message)


class SimulatorDoor:
    """Takes in what testers send; what the house says is printed by the console channels."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def take(self, body: bytes) -> dict[str, object]:
        """Keep one message; says whether its id was new. Raises `BadInput` for anything else."""
        try:
            message = _decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise BadInput(f"write {_EXAMPLE}") from None
        message_id = message.id or uuid4().hex
        inbound = Inbound(
            channel=message.channel, address=message.address, text=message.text, provider_message_id=message_id
        )
        return {"id": message_id, "new": await self._inbox.take(inbound)}

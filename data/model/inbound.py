"""What a door reads out of a provider's bytes: a message of somebody, or a provider's word on one of ours."""

from dataclasses import dataclass
from datetime import datetime

from data.model.communication import SendState
from data.model.conversation import MessageKind
from data.model.people import ChannelKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """One message. `provider_message_id` is unique for ever within its channel, such as "<bot>:<update id>".

    `ref` names the message within its chat: an EDIT has that of the message it changes; of one in a GROUP it is the
    private address of whoever wrote it, "" where that is not known. `received_at` is set where it
    came in earlier than it is kept.
    """

    channel: ChannelKind
    address: str
    text: str
    provider_message_id: str
    kind: MessageKind = MessageKind.TEXT
    ref: str = ""
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a provider says of a message it was given. `error` is our own word for why (see `Outcome`).

    `said` is the provider's own word, `provider_id` its id of the message: both together come once.
    """

    provider: str
    provider_id: str
    state: SendState
    said: str
    error: str = ""

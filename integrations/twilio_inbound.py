"""Twilio's signed forms in our words: what somebody wrote by SMS, MMS or WhatsApp, and what became of a message."""

import re
from collections.abc import Mapping

from data.errors import BadInput
from data.model.communication import SendState
from data.model.conversation import MessageKind
from data.model.inbound import Inbound, Report
from data.model.people import ChannelKind
from integrations.twilio_faults import word_of
from integrations.twilio_signature import OF_WHATSAPP, is_new

# What is answered to a message: nothing, for our answer goes by the REST API when it is thought over.
# https://www.twilio.com/docs/messaging/twiml
SILENCE = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
SILENCE_TYPE = "text/xml"

_SID = re.compile(r"(?:SM|MM)[0-9a-f]{32}")
_WHATSAPP = "whatsapp:"
# What else Twilio may put between `Body` and `From`; none of it is how a sentence ends.
_OTHERS = frozenset(
    "ChannelInstallSid ChannelPrefix ChannelToAddress ErrorCode EventType ExternalUserId Forwarded".split()
).union(("FrequentlyForwarded",))
# A WhatsApp user with a username shows no number but an id: two letters of a country, then letters and digits.
# https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids/
_USER_ID = re.compile(r"[A-Z]{2}(?:\.ENT)?\.[A-Za-z0-9]{1,128}", re.ASCII)
# E.164: https://www.twilio.com/docs/glossary/what-e164
_NUMBER = re.compile(r"\+[1-9]\d{4,14}", re.ASCII)
_OURS = re.compile(r"(?:whatsapp:)?(?:\+[1-9]\d{4,14}|\d{3,8})", re.ASCII)
# Short codes and names ("CLINIC") write to phones, but are nobody's phone. Other channels have their own prefix.
_NOT_A_PHONE = re.compile(r"\d{3,8}|[a-z]{2,20}:.{1,200}|[\w .&'\-]{1,40}", re.DOTALL)

# https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
_STATES = {
    "accepted": SendState.ACCEPTED,
    "scheduled": SendState.ACCEPTED,
    "queued": SendState.ACCEPTED,
    "sending": SendState.ACCEPTED,
    "sent": SendState.SENT,
    "delivered": SendState.DELIVERED,
    "partially_delivered": SendState.DELIVERED,
    "read": SendState.READ,
    "undelivered": SendState.UNDELIVERED,
    "failed": SendState.FAILED,
    "canceled": SendState.FAILED,
}


def read_message(form: Mapping[str, str]) -> Inbound | None:
    """What somebody wrote; None for what no phone has sent (a short code, a channel that is not ours).

    The text stays as it was written, STOP and HELP too (see `opt_out`). Raises `BadInput` for what Twilio never sends.
    """
    sid, sender, text = _sid(form), _needed(form, "From"), _words(form)
    if not _OURS.fullmatch(_needed(form, "To")) and _NUMBER.fullmatch(sender.removeprefix(_WHATSAPP)):
        raise BadInput("To is no number")
    media = form.get("NumMedia", "0") or "0"
    if not (media.isascii() and media.isdigit() and len(media) <= 3):
        raise BadInput("NumMedia is no number")
    channel = ChannelKind.WHATSAPP if sender.startswith(_WHATSAPP) else ChannelKind.SMS
    address = sender.removeprefix(_WHATSAPP) if channel is ChannelKind.WHATSAPP else sender
    if not (_NUMBER.fullmatch(address) or (channel is ChannelKind.WHATSAPP and _USER_ID.fullmatch(address))):
        if channel is ChannelKind.SMS and _NOT_A_PHONE.fullmatch(address):
            return None
        raise BadInput("From is no address")
    return Inbound(
        channel=channel,
        address=address,
        text=(form.get("ButtonPayload") if channel is ChannelKind.WHATSAPP else "") or text,
        provider_message_id=sid,
        kind=_kind(form, int(media), text),
    )


def _words(form: Mapping[str, str]) -> str:
    """The text, with whatever stands right behind it that Twilio is not known to send.

    The signature fits too when the end of a text was cut off into a parameter of its own (see `twilio_signature`):
    "I cannot Breathe" as `Body` "I cannot " and `Breathe` "". Put back, the words are what was signed. What has
    the form of a new parameter of Twilio's is left out: put behind every text, it would make another of each.
    """
    text, whatsapp = _needed(form, "Body", blank=True), form.get("From", "").startswith(_WHATSAPP)
    known = OF_WHATSAPP | _OTHERS if whatsapp else _OTHERS
    behind = sorted(name for name in form if "Body" < name < "From" and name not in known and not is_new(name))
    return text + "".join(name + form[name] for name in behind)


def opt_out(form: Mapping[str, str]) -> str:
    """What Twilio took a message for and has answered itself: "stop", "start", "help" or "".

    Set only with Advanced Opt-Out, whose words may be the clinic's own:
    https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out
    """
    said = form.get("OptOutType", "").lower()
    return said if said in ("stop", "start", "help") else ""


def read_status(form: Mapping[str, str], provider: str) -> Report | None:
    """What became of one of our messages; None for a status that tells nothing of that. Raises `BadInput`.

    `provider` is our name for the account the form is signed by.
    """
    said = _needed(form, "MessageStatus").lower()
    state = _STATES.get(said)
    sid = _sid(form)
    if state is None:
        return None
    error = word_of(form.get("ErrorCode", "")) if state.bad else ""
    return Report(
        provider=provider,
        provider_id=sid,
        state=state,
        said=said,
        error=error or (said if said == "canceled" else ""),
    )


def state_of(status: str) -> SendState | None:
    """A message's status in our words, None for one that is not of a message of ours."""
    return _STATES.get(status)


def _sid(form: Mapping[str, str]) -> str:
    sid = form.get("MessageSid") or form.get("SmsSid") or ""
    if not _SID.fullmatch(sid):
        raise BadInput("MessageSid is no message id")
    return sid


def _needed(form: Mapping[str, str], name: str, *, blank: bool = False) -> str:
    value = form.get(name)
    if value is None or not (value or blank):
        raise BadInput(f"{name} is missing")
    return value


def _kind(form: Mapping[str, str], media: int, text: str) -> MessageKind:
    """By the first thing that came with the text. What has words is a picture or a file, whose words are read."""
    if not media:
        return MessageKind.FILE if not text and form.get("Latitude") else MessageKind.TEXT
    kind = form.get("MediaContentType0", "").lower()
    if kind.startswith("audio/") and not text:
        return MessageKind.VOICE
    if kind == "image/webp" and not text and form.get("From", "").startswith(_WHATSAPP):
        return MessageKind.STICKER
    return MessageKind.PICTURE if kind.startswith("image/") or not kind else MessageKind.FILE

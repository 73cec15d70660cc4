"""Twilio's signature on a webhook, and what it leaves open: where one parameter ends and the next begins."""

import hmac
import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import unquote, urlparse

from multidict import MultiDict
from twilio.request_validator import HMAC_SHA1, HMAC_SHA256, RequestValidator, add_port, remove_port

from data.errors import BadInput, Forged

# Twilio signs the address and then every name and value, sorted, with nothing between them
# (https://www.twilio.com/docs/usage/webhooks/webhooks-security). So the same signature fits the same letters cut into
# other parameters: `Body` may swallow what follows it, and a text "STOPFrom+1555..." may be split into a `From`.
# Against that: every name once, nothing that looks like a sender within another parameter, and no new parameter
# that a text could have been cut into.

# Twilio adds parameters without notice, so a name that is not known is no fault, only one that is no name.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{0,99}")
# A sender or a message id, as the signed letters have them.
_SENDER = re.compile(r"From(?:whatsapp:)?\+?\d{3}")
_MESSAGE_ID = re.compile(r"MessageSid(?:SM|MM)[0-9a-fA-F]{32}")
# What a text that has swallowed its neighbours would have in it, and nobody writes.
_SWALLOWED = re.compile(rf"{_MESSAGE_ID.pattern}|ChannelMetadata\{{|ApiVersion\d{{4}}-")
# What Twilio is known to put between `Body` and `From` that has spaces in it; others have none, but a cut text has.
# https://www.twilio.com/docs/messaging/guides/webhook-request
OF_WHATSAPP = frozenset({"ButtonPayload", "ButtonText", "ChannelMetadata", "ChannelStatusMessage", "ErrorMessage"})
# And before `Body`, where a piece of one's own text could be hidden.
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# How Twilio names what it adds, such as `ExternalUserId`, and how nobody writes.
_NEW = re.compile(r"[A-Z][a-z]+(?:[A-Z][a-z0-9]+)+")
_MOST_PARAMETERS = 200

_LENGTHS = {HMAC_SHA1: 28, HMAC_SHA256: 44}


def verify(
    url: str, body: bytes, signature: str | None, auth_token: str, account_sid: str, *, algorithm: str = HMAC_SHA1
) -> Mapping[str, str]:
    """The parameters of a form that Twilio has signed for this account, blank ones too, each with its one value.

    `url` is the public one with path and query, as Twilio knows it, never what a request says of its host. The
    algorithm is ours to choose, never the request's: Twilio signs with SHA-1 unless a webhook rule says otherwise.
    Raises `Forged` for what is not shown to be Twilio's, `BadInput` for a form that could be read in two ways.
    """
    if not auth_token or not account_sid or not signature or len(signature) != _LENGTHS.get(algorithm):
        raise Forged("no signature of the right form")
    form = _form(body)
    try:
        genuine = _is_signed(url, form, signature, auth_token, algorithm)
    except Exception:
        raise Forged("the signature could not be checked") from None
    if not genuine or form.get("AccountSid") != account_sid:
        raise Forged("not signed for this account")
    parameters = dict(form)
    if len(parameters) != len(form):
        raise BadInput("a parameter came twice")
    _refuse_other_cuts(parameters)
    return parameters


def is_new(name: str) -> bool:
    """Whether a name that is not known can be that of a parameter which Twilio has added meanwhile.

    >>> is_new("ExternalUserId"), is_new("Breathe"), is_new("ButtonText")
    (True, False, False)
    """
    return name not in OF_WHATSAPP and _NEW.fullmatch(name) is not None


def _form(body: bytes) -> MultiDict[str]:
    """The names and values of a form in strict UTF-8, in order, doubled ones too."""
    form: MultiDict[str] = MultiDict()
    try:
        fields = body.decode("ascii").split("&")
        if len(fields) > _MOST_PARAMETERS:
            raise BadInput("too many parameters")
        for field in fields:
            name, equals, value = field.replace("+", " ").partition("=")
            if not equals or not _NAME.fullmatch(name):
                raise BadInput("not a name and a value")
            form.add(name, unquote(value, errors="strict") if "%" in value else value)
    except UnicodeDecodeError:
        # Its text quotes the body.
        raise BadInput("not a form in UTF-8") from None
    return form


def _is_signed(url: str, form: MultiDict[str], signature: str, auth_token: str, algorithm: str) -> bool:
    """With the port or without it: Twilio does not always write it the same way."""
    validator, given = _validator(auth_token), signature.encode()
    for address in _addresses(url):
        computed = validator.compute_signature(address, form, algorithm)
        if hmac.compare_digest(computed.encode(), given):
            return True
    return False


@lru_cache(maxsize=8)
def _validator(auth_token: str) -> RequestValidator:
    return RequestValidator(auth_token)


@lru_cache(maxsize=256)
def _addresses(url: str) -> tuple[str, ...]:
    parsed = urlparse(url)
    return tuple(dict.fromkeys((url, remove_port(parsed), add_port(parsed))))


def _refuse_other_cuts(parameters: Mapping[str, str]) -> None:
    """Refuse a form that shows signs of having been cut into parameters at other places than Twilio's."""
    for name, value in parameters.items():
        if name == "Body":
            if _SWALLOWED.search(value):
                raise BadInput("a text with the provider's own data")
            continue
        letters = name + value
        if _SENDER.search(letters, name == "From") or _MESSAGE_ID.search(
            value if name.endswith("MessageSid") else letters
        ):
            raise BadInput("a sender or a message id within another parameter")
        if name < "Body":
            hides = not _VERSION.fullmatch(value) if name == "ApiVersion" else "ApiVersion" in letters
            if hides or "Body".startswith(name):
                raise BadInput("a parameter that may hide a part of a text")
        elif name < "From" and not (name in OF_WHATSAPP or is_new(name)) and any(map(str.isspace, value)):
            raise BadInput("a parameter that may be part of a text")
    sid = parameters.get("MessageSid")
    if any(parameters.get(copy, sid) != sid for copy in ("SmsSid", "SmsMessageSid")):
        raise BadInput("two ids of one message")
    # WhatsApp's own id of the sender has the same last digits; in some countries it lacks one before them.
    if not parameters.get("From", "").endswith(parameters.get("WaId", "")[-7:]):
        raise BadInput("two senders of one message")

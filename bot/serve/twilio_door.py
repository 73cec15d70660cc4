"""Twilio's door: signatures of our own accounts only; messages and receipts are kept before they are answered."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qs

from aiohttp import web

from bot.serve.inbox import Inbox
from bot.serve.metrics import Metrics
from bot.serve.tokens import Tokens
from data.errors import Forged
from data.model.communication import SendState
from data.model.conversation import MessageKind
from data.model.inbound import Inbound
from integrations.twilio_inbound import SILENCE, SILENCE_TYPE, opt_out, read_message, read_status
from integrations.twilio_signature import verify
from nlu.safety import screen

# Where Twilio tells of our messages, and what tells us of which.
_CARRIED_OUT = {"stop": MessageKind.STOPPED, "start": MessageKind.STARTED, "help": MessageKind.HELPED}
STATUS_PATH, WHICH = "/twilio/status", "m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account whose signature counts: `name` is what its channel is called."""

    name: str
    sid: str
    token: str


class TwilioDoor:
    """For every account and every kind of message. `public` is the address that Twilio signs, never a request's own."""

    def __init__(
        self, inbox: Inbox, metrics: Metrics, accounts: tuple[Account, ...], public: str, which: Tokens
    ) -> None:
        self._inbox, self._metrics, self._accounts = inbox, metrics, accounts
        self._public, self._which = public, which

    async def message(self, path_qs: str, body: bytes, signature: str) -> web.Response:
        """Somebody wrote by SMS or WhatsApp. Answered with nothing: our answer goes when it is thought over."""
        form, _ = self._verified(path_qs, body, signature)
        inbound = read_message(form)
        if inbound is not None:
            inbound = _heeding(_not_hidden(inbound, form["Body"]), opt_out(form))
            self._metrics.received(f"twilio {inbound.channel}", new=await self._inbox.take(inbound))
        return _silence()

    async def status(self, path_qs: str, body: bytes, signature: str) -> web.Response:
        """What became of one of our messages; of one that is not ours nothing is to be learnt."""
        form, account = self._verified(path_qs, body, signature)
        # As the channel is called: a number and a WhatsApp sender of one account fail by themselves.
        suffix = "-whatsapp" if form.get("To", "").startswith("whatsapp:") else ""
        report = read_status(form, account.name + suffix)
        sealed = parse_qs(path_qs.partition("?")[2]).get(WHICH, [""])[0]
        communication_id = self._which.open(sealed) if sealed else None
        self._metrics.receipt(report.state.value if report else "other")
        # That it was taken is known from the answer to our own request.
        if report is not None and communication_id and report.state is not SendState.ACCEPTED:
            await self._inbox.report(communication_id, report)
        return _silence()

    def _verified(self, path_qs: str, body: bytes, signature: str) -> tuple[Mapping[str, str], Account]:
        """The form, and whose signature it has. Raises `Forged` and `BadInput`."""
        if not self._public:
            raise Forged("without PHMS_PUBLIC_URL no signature can be checked")
        for account in self._accounts:
            try:
                return verify(self._public + path_qs, body, signature, account.token, account.sid), account
            except Forged:
                continue
        raise Forged("signed by none of our accounts")


def _not_hidden(inbound: Inbound, body: str) -> Inbound:
    """Whatever was put back behind a text, an emergency in the text itself stays one."""
    hidden = inbound.text != body and screen(body) and not screen(inbound.text)
    return replace(inbound, text=body) if hidden else inbound


def _heeding(inbound: Inbound, told: str) -> Inbound:
    """With Advanced Opt-Out a clinic has STOP words of its own, which Twilio has carried out and answered already."""
    return replace(inbound, kind=_CARRIED_OUT[told]) if told in _CARRIED_OUT else inbound


def _silence() -> web.Response:
    return web.Response(text=SILENCE, content_type=SILENCE_TYPE)

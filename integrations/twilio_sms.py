"""SMS, MMS and WhatsApp through one Twilio account: a message is handed over once, and its outcome said exactly."""

import asyncio
import concurrent.futures
import json
import logging
import math
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, TypeVar

from twilio.base import values
from twilio.rest import Client

from data.model.communication import Communication, SendState
from data.model.people import ChannelKind, ContactPoint
from data.ports import Outcome
from data.text_parts import LIMITS, units
from integrations.sms_text import plain
from integrations.twilio_faults import fault
from integrations.twilio_http import TIMEOUT, Http, NotSent, Refused, TwilioHttp, Unclear
from integrations.twilio_inbound import state_of

log = logging.getLogger("phms.twilio")

API = "https://api.twilio.com"

# https://www.twilio.com/docs/messaging/api/message-resource (ValidityPeriod), in seconds
_SHORTEST, _LONGEST = 1, 36_000
# Pictures go to phones in the United States and Canada only, elsewhere a link does; these of +1 are elsewhere.
# https://help.twilio.com/articles/223179808, https://nationalnanpa.com (area codes outside both)
_WITH_PICTURES = re.compile(
    r"\+1(?!242|246|264|268|284|340|345|441|473|649|658|664|670|671|684|721|758|767|784|809|829|849|868|869|876)\d{10}"
)
_SID = re.compile(r"(?:SM|MM)[0-9a-f]{32}")
# How long a message may take to appear in Twilio's list, how far its clock may be from ours, and how much is listed.
_APPEARS, _SKEW, _PAGE = timedelta(seconds=20), timedelta(seconds=5), 200

T = TypeVar("T")
Told = Callable[[Communication], str]


@dataclass(frozen=True, slots=True)
class Account:
    """One Twilio account and what it sends from: a messaging service, or a number where there is none.

    `sender` of a WhatsApp channel is the number alone, without "whatsapp:". `base_url` takes the place of the scheme
    and host of Twilio's own.
    """

    sid: str
    token: str
    sender: str = ""
    service: str = ""
    base_url: str = API


class TwilioChannel:
    """A `Channel` that also `Finds`. Called from worker threads, never from the thread of `http.loop`.

    `callback_of` gives the public address to which Twilio reports on a message, `picture_of` that of its picture; ""
    for none. Both are fetched from us by Twilio, so they must be unguessable and tell nothing.
    """

    def __init__(
        self, name: str, kind: ChannelKind, account: Account, http: Http, callback_of: Told, picture_of: Told
    ) -> None:
        self.name = name
        self.kind = kind
        self._account = account
        self._http = http
        self._callback_of = callback_of
        self._picture_of = picture_of

    @cached_property
    def _client(self) -> Client:
        http = TwilioHttp(self._http.session, self._account.base_url or API)
        # With an empty environment of its own the library would read the process's: TWILIO_EDGE and TWILIO_REGION.
        return Client(self._account.sid, self._account.token, http_client=http, environment={"TWILIO_EDGE": ""})

    def send(self, to: ContactPoint, communication: Communication, now: datetime) -> Outcome:
        """Hand one message to Twilio. Never raises; see `Outcome` for what each answer means."""
        try:
            wanted = self._wanted(to.value.strip(), communication, now)
        except Exception as problem:
            log.error("%s could not write down what to send (%s)", self.name, type(problem).__name__)
            return self._outcome(SendState.QUEUED, "not-made")
        try:
            return self._accepted(self._run(self._client.messages.create_async(**wanted)))
        except NotSent as problem:
            later = None if problem.wait is None else now + timedelta(seconds=problem.wait)
            return self._outcome(SendState.QUEUED, problem.word, retry_at=later)
        except Refused as problem:
            word = _word(problem)
            # Our own account is at fault: the message has surely not gone, and may when that is mended.
            waits = fault(problem.code).again or word == "account"
            return self._outcome(SendState.QUEUED if waits else SendState.FAILED, word)
        except Unclear as problem:
            return self._outcome(SendState.UNKNOWN, problem.word)
        except Exception as problem:
            # An answer that the library cannot read: it was an answer, so the message may have gone.
            log.error("%s could not read the answer (%s)", self.name, type(problem).__name__)
            return self._outcome(SendState.UNKNOWN, "unreadable")

    def find(self, to: ContactPoint, communication: Communication, since: datetime) -> Outcome | None:
        """Ask Twilio's list of messages to that number for one with these words that was made at `since` or later.

        Not asked for by date: a message that still waits there has none, and must not be taken for absent.
        """
        params = {"To": self._address(to.value.strip()), "PageSize": _PAGE}
        uri = f"{API}/2010-04-01/Accounts/{self._account.sid}/Messages.json"
        try:
            answer = self._run(self._client.request_async("GET", uri, params=params))
            rows = json.loads(answer.text)["messages"]
            bodies = {self._text(communication.text), self._body(to.value.strip(), communication)[0]}
            return self._found(rows, bodies, since, _date(answer.headers or {}))
        except Exception as problem:
            log.warning("%s could not look up a message (%s)", self.name, type(problem).__name__)
            return None

    def _found(
        self, rows: list[dict[str, Any]], bodies: set[str], since: datetime, at: datetime | None
    ) -> Outcome | None:
        made = [(row, _moment(row.get("date_created"))) for row in rows]
        for row, created in made:
            ours = str(row.get("direction", "")).startswith("outbound") and self._text(row.get("body") or "") in bodies
            if ours and created is not None and created >= since - _SKEW and _SID.fullmatch(row.get("sid", "")):
                return self._accepted_row(row["sid"], str(row.get("status")), row.get("error_code"))
        # Absent only if the list reaches back far enough and Twilio has had the time to show it.
        complete = len(rows) < _PAGE or any(created is not None and created < since - _SKEW for _, created in made)
        if complete and at is not None and at >= since + _APPEARS:
            return self._outcome(SendState.QUEUED, "not-there")
        return None

    def _wanted(self, to: str, communication: Communication, now: datetime) -> dict[str, Any]:
        body, media = self._body(to, communication)
        account = self._account
        wanted: dict[str, Any] = {
            "to": self._address(to),
            "body": body,
            "media_url": [media] if media else values.unset,
            "status_callback": self._callback_of(communication) or values.unset,
            "shorten_urls": False,
        }
        if communication.expires_at is not None:
            wanted["validity_period"] = _seconds(communication.expires_at - now)
        if account.service:
            wanted["messaging_service_sid"] = account.service
        if account.sender and (not account.service or self.kind is ChannelKind.WHATSAPP):
            wanted["from_"] = self._address(account.sender)
        if self.kind is ChannelKind.SMS:
            # Twilio would write 1/2 for the sign of a half, and so 11/2 tablets for one and a half.
            wanted["smart_encoded"] = False
        return wanted

    def _address(self, number: str) -> str:
        return f"whatsapp:{number}" if self.kind is ChannelKind.WHATSAPP else number

    def _body(self, to: str, communication: Communication) -> tuple[str, str]:
        """The words, and the address of a picture; where pictures do not go, its link stands behind the words."""
        body = self._text(communication.text)
        picture = self._picture_of(communication) if communication.picture else ""
        if not picture or self.kind is ChannelKind.WHATSAPP or _WITH_PICTURES.fullmatch(to):
            return body, picture
        linked = f"{body}\n{picture}"
        return (linked if units(linked) <= LIMITS[self.kind] else body), ""

    def _text(self, text: str) -> str:
        """As it is sent: cheap signs for an SMS, unless those make it too long for one message."""
        if self.kind is not ChannelKind.SMS:
            return text
        cheaper = plain(text)
        return cheaper if units(cheaper) <= max(units(text), LIMITS[self.kind]) else text

    def _accepted(self, made: Any) -> Outcome:
        sid = made.sid
        if not isinstance(sid, str) or not _SID.fullmatch(sid):
            return self._outcome(SendState.UNKNOWN, "unreadable")
        return self._accepted_row(sid, str(made.status), made.error_code)

    def _accepted_row(self, sid: str, status: str, code: object) -> Outcome:
        """Twilio has it; it may know already that it will not arrive."""
        state = state_of(status)
        if state is not None and state.bad:
            word = fault(code).word if isinstance(code, int) else status
            return self._outcome(SendState.FAILED, word, provider_id=sid)
        return self._outcome(SendState.ACCEPTED, provider_id=sid)

    def _outcome(
        self, state: SendState, error: str = "", *, provider_id: str = "", retry_at: datetime | None = None
    ) -> Outcome:
        return Outcome(state, provider=self.name, provider_id=provider_id, error=error, retry_at=retry_at)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait in this thread for what the loop does."""
        try:
            waiting = asyncio.run_coroutine_threadsafe(work, self._http.loop)
        except RuntimeError:
            work.close()
            raise NotSent("stopping") from None
        try:
            return waiting.result(TIMEOUT + 2)
        except (concurrent.futures.TimeoutError, concurrent.futures.CancelledError):
            waiting.cancel()
            raise Unclear("timeout") from None


def _word(problem: Refused) -> str:
    """Our word; where Twilio gave no code, what the status says: 401 and 403 are about our account."""
    if not problem.code and problem.status in (401, 403):
        return "account"
    return fault(problem.code).word


def _seconds(left: timedelta) -> int:
    return min(max(math.floor(left.total_seconds()), _SHORTEST), _LONGEST)


def _moment(text: object) -> datetime | None:
    """A time as RFC 2822 has it."""
    try:
        moment = parsedate_to_datetime(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _date(headers: dict[str, str]) -> datetime | None:
    """What time it is at Twilio, by the answer's own header."""
    return next((_moment(value) for name, value in headers.items() if name.lower() == "date"), None)

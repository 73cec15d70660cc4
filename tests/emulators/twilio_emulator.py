"""Twilio's REST API and signed webhooks: `emulate` (npm) behind a proxy of ours that can fail.

Its own work: accounts, numbers, messaging services, POST/GET Messages, signed inbound and status webhooks in any order.
It has no MMS or OptOutType on inbound messages, no ErrorCode on callbacks, no refusals (21610, 429, 500): for those
`post`, `status(..., error_code=)` and `faults` stand in. It answers POST Messages only after it has posted the "queued"
callback, so that callback may arrive before its message's sid is known: real Twilio may do that as well.
"""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import httpx
from twilio.request_validator import HMAC_SHA1, HMAC_SHA256, RequestValidator

from tests.emulators.faulty_proxy import FaultyProxy, Request, faulty_proxy
from tests.emulators.install import node, node_folder
from tests.emulators.running import Running, answers_http, running
from tests.emulators.threads import wait_for

API = "/2010-04-01/Accounts"
MESSAGES = re.compile(rf"{API}/(AC\w+)/Messages\.json$")
REFUSALS = {  # Twilio's error codes and its words for them, as its REST API answers
    20429: "Too Many Requests",
    21211: "Invalid 'To' Phone Number",
    21408: "Permission to send an SMS has not been enabled for the region indicated by the 'To' number",
    21610: "Attempt to send to unsubscribed recipient",
    21614: "'To' number is not a valid mobile number",
    63016: "Failed to send freeform message because you are outside the allowed window",
}


@dataclass(frozen=True)
class Account:
    """An account of the emulated Twilio. PHMS knows it as one provider."""

    sid: str
    token: str
    number: str
    whatsapp: str  # with its "whatsapp:"
    service: str  # a messaging service that sends from `number`


FIRST = Account("AC" + "1" * 32, "first-test-token", "+15005550111", "whatsapp:+15005550112", "MG" + "1" * 32)
SECOND = Account("AC" + "0" * 32, "twilio_test_auth_token", "+15551234567", "whatsapp:+15005550113", "MG" + "0" * 32)
ACCOUNTS = (FIRST, SECOND)  # the second is the account that emulate always has


@dataclass(frozen=True)
class Answer:
    """What a webhook answered."""

    status: int
    body: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Sent:
    """A message that the emulated Twilio accepted from us."""

    sid: str
    account: Account
    to: str
    sender: str | None
    body: str
    media: list[str]
    status: str
    form: dict[str, str]  # all that we asked: StatusCallback, ValidityPeriod, MessagingServiceSid...


@dataclass
class Twilio:
    """A running emulator: what patients and carriers do, and what they got."""

    base_url: str
    process: Running
    faults: FaultyProxy
    http: httpx.Client
    numbers: dict[str, str] = field(default_factory=dict)  # number -> its sid

    @property
    def requests(self) -> list[Request]:
        """Every call that reached the proxy, refused ones too."""
        return self.faults.seen

    def send_inbound_to(self, sms_url: str, whatsapp_url: str | None = None, account: Account = FIRST) -> None:
        """Where messages to the account's numbers are posted."""
        for number, url in ((account.number, sms_url), (account.whatsapp, whatsapp_url or sms_url)):
            path = f"{API}/{account.sid}/IncomingPhoneNumbers/{self.numbers[number]}.json"
            self._ask(account, path, {"SmsUrl": url})

    def text(self, sender: str, body: str, account: Account = FIRST) -> str:
        """A patient writes an SMS; returns once our webhook has answered. The message's sid."""
        return self._inbound(sender, account.number, body, account)

    def whatsapp(self, sender: str, body: str, account: Account = FIRST) -> str:
        """The same by WhatsApp; `sender` is the plain number."""
        return self._inbound(f"whatsapp:{sender}", account.whatsapp, body, account)

    def status(self, sid: str, status: str, error_code: str | None = None) -> Answer | None:
        """Report what became of a message, in any order. Only with an error code (signed by us) is the answer known."""
        message = self._accepted()[sid]
        account = _account(message)
        if error_code is None:
            self._ask(account, "/_twilio/simulate/message-status", {"MessageSid": sid, "Status": status})
            return None
        url = message.form.get("StatusCallback")
        assert url, "the message was sent without a StatusCallback"
        return self.post(url, self.status_params(sid, status, error_code), account)

    def status_params(self, sid: str, status: str, error_code: str | None = None) -> dict[str, str]:
        """The form of a status callback, for `post`: the same one again, a late one, one with other parameters."""
        message = self._accepted()[sid]
        fields = {"AccountSid": _account(message).sid, "MessageSid": sid, "SmsSid": sid, "ApiVersion": "2010-04-01"}
        fields |= {"MessageStatus": status, "SmsStatus": status, "To": message.answer["to"]}
        fields |= {"From": message.answer["from"] or ""}
        return fields | ({"ErrorCode": error_code} if error_code else {})

    def inbound_params(
        self, sender: str, body: str, account: Account = FIRST, media: Sequence[str] = (), **more: str
    ) -> dict[str, str]:
        """The form of an inbound message as Twilio posts it, for `post`: MMS (`media`: URLs), OptOutType and so on."""
        sid = ("MM" if media else "SM") + uuid4().hex
        to = account.whatsapp if sender.startswith("whatsapp:") else account.number
        fields = {"ToCountry": "US", "ToState": "", "ToCity": "", "FromCountry": "US", "FromState": "", "FromCity": ""}
        fields |= {"MessageSid": sid, "SmsSid": sid, "SmsMessageSid": sid}
        fields |= {"AccountSid": account.sid, "ApiVersion": "2010-04-01"}
        fields |= {"From": sender, "To": to, "Body": body, "SmsStatus": "received", "NumSegments": "1"}
        fields["NumMedia"] = str(len(media))
        for index, url in enumerate(media):
            fields |= {f"MediaUrl{index}": url, f"MediaContentType{index}": "image/jpeg"}
        return fields | more

    def post(
        self,
        url: str,
        params: dict[str, str],
        account: Account = FIRST,
        *,
        signed_url: str | None = None,
        token: str | None = None,
        sha256: bool = False,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Post a form to a webhook, signed by twilio's own validator: over another URL, by another token if told."""
        kind = HMAC_SHA256 if sha256 else HMAC_SHA1
        signature = RequestValidator(token or account.token).compute_signature(signed_url or url, params, kind)
        named = {"X-Twilio-Signature": signature, "User-Agent": "TwilioProxy/1.1"}
        if sha256:
            named["X-Twilio-Webhooks-Signature-Settings"] = f"key=webhooks_sharedkey_1,algorithm={HMAC_SHA256}"
        answer = self.http.post(url, data=params, headers=named | (headers or {}))
        return Answer(answer.status_code, answer.text, dict(answer.headers))

    def refuse(
        self,
        code: int,
        *,
        times: int = 1,
        to: str | None = None,
        account: Account | None = None,
        status: int | None = None,
        message: str | None = None,
    ) -> None:
        """Answer the next sends with one of Twilio's errors, 20429 as HTTP 429 and the rest as 400."""
        status = status or (429 if code == 20429 else 400)
        body = {"code": code, "message": message or REFUSALS.get(code, "Refused"), "status": status}
        body["more_info"] = f"https://www.twilio.com/docs/errors/{code}"
        self.faults.answer(status, body, times=times, path=sends_of(account), form={"To": to} if to else {})

    def sent(self, to: str | None = None, account: Account | None = None) -> list[Sent]:
        """What was accepted, oldest first, with its status of now."""
        now = {message["sid"]: message for owner in ACCOUNTS for message in self._listed(owner)}
        return [
            _sent(sid, call, now.get(sid, call.answer))
            for sid, call in self._accepted().items()
            if to in (None, call.form.get("To")) and account in (None, _account(call))
        ]

    def wait_sent(self, count: int = 1, to: str | None = None, within: float = 10.0) -> list[Sent]:
        """What was accepted, as soon as there are `count`."""

        def enough() -> bool | None:
            calls = [call for call in self._accepted().values() if to in (None, call.form.get("To"))]
            return True if len(calls) >= count else None

        wait_for(enough, within, f"{count} message(s) at Twilio")
        return self.sent(to)

    def _accepted(self) -> dict[str, Request]:
        calls = [call for call in list(self.faults.seen) if call.method == "POST" and MESSAGES.match(call.path)]
        return {call.answer["sid"]: call for call in calls if call.answer and "sid" in call.answer}

    def _inbound(self, sender: str, to: str, body: str, account: Account) -> str:
        answer = self._ask(account, "/_twilio/simulate/inbound-message", {"From": sender, "To": to, "Body": body})
        return str(answer["sid"])

    def _listed(self, account: Account) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        path: str | None = f"{API}/{account.sid}/Messages.json?PageSize=1000"
        while path:
            page = self._ask(account, path)
            found += page["messages"]
            path = page["next_page_uri"]
        return found

    def _ask(self, account: Account, path: str, form: dict[str, str] | None = None) -> Any:
        method = "POST" if form is not None else "GET"
        answer = self.http.request(method, f"{self.process.url}{path}", data=form, auth=(account.sid, account.token))
        assert answer.is_success, f"emulate answered {answer.status_code}: {answer.text}"
        return answer.json()


def sends_of(account: Account | None) -> str:
    """The part of a path that sends of an account have: what `faults` take as `path`."""
    return f"/{account.sid}/Messages.json" if account else "/Messages.json"


@contextmanager
def twilio() -> Iterator[Twilio]:
    """emulate 0.12 with two accounts, behind a proxy that can fail."""
    modules = node_folder() / "node_modules"
    with TemporaryDirectory(prefix="phms-twilio-") as folder:
        seed = Path(folder) / "seed.yaml"
        seed.write_text(json.dumps({"twilio": _seed(FIRST)}), "utf-8")  # JSON is YAML
        command: list[str | Path] = [
            node(),
            modules / "emulate/dist/index.js",
            "start",
            "-s",
            "twilio",
            "--seed",
            seed,
            "-p",
        ]
        with (
            running("twilio", lambda port: [*command, str(port)], answered=answers_http()) as process,
            faulty_proxy(process.url) as proxy,
            httpx.Client(timeout=30, trust_env=False) as http,
        ):
            peer = Twilio(proxy.url, process, proxy, http)
            peer._ask(SECOND, f"{API}/{SECOND.sid}/IncomingPhoneNumbers.json", {"PhoneNumber": SECOND.whatsapp})
            for account in ACCOUNTS:
                page = peer._ask(account, f"{API}/{account.sid}/IncomingPhoneNumbers.json")
                peer.numbers |= {one["phone_number"]: one["sid"] for one in page["incoming_phone_numbers"]}
            yield peer


def _seed(account: Account) -> dict[str, Any]:
    return {
        "account": {"sid": account.sid, "auth_token": account.token, "friendly_name": "First"},
        "phone_numbers": [{"phone_number": account.number}, {"phone_number": account.whatsapp}],
        "messaging_services": [{"sid": account.service, "friendly_name": "First", "phone_numbers": [account.number]}],
    }


def _account(call: Request) -> Account:
    found = MESSAGES.match(call.path)
    assert found
    return next(account for account in ACCOUNTS if account.sid == found[1])


def _sent(sid: str, call: Request, now: dict[str, Any]) -> Sent:
    media = [value for name, value in call.pairs if name == "MediaUrl"]
    return Sent(sid, _account(call), now["to"], now["from"], now["body"] or "", media, now["status"], call.form)

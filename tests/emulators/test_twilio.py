"""The emulated Twilio: signed inbound messages, sends by the real client, receipts in any order, refusals and cuts."""

from urllib.parse import parse_qsl

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import HMAC_SHA256, RequestValidator, get_signature_algorithm

from tests.emulators.clients import twilio_client
from tests.emulators.receiver import Received, Receiver
from tests.emulators.twilio_emulator import ACCOUNTS, FIRST, SECOND, Account, Twilio

PATIENT = "+15005550199"


def form_of(request: Received) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode(), keep_blank_values=True))


def signed_by(request: Received, account: Account) -> bool:
    kind = get_signature_algorithm(request.headers.get("x-twilio-webhooks-signature-settings"))
    signature = request.headers["x-twilio-signature"]
    return RequestValidator(account.token).validate(request.url, form_of(request), signature, kind)


@pytest.mark.parametrize("account", ACCOUNTS, ids=["first", "second"])
def test_an_inbound_text_is_signed_by_the_account_it_was_sent_to(
    twilio_peer: Twilio, door: Receiver, account: Account
) -> None:
    twilio_peer.send_inbound_to(f"{door.url}/twilio/sms", f"{door.url}/twilio/whatsapp", account)
    sid = twilio_peer.text(PATIENT, "120/80 & fühle mich gut 🙂", account)
    other = twilio_peer.whatsapp(PATIENT, "hello", account)
    sms, whatsapp = door.received
    assert (sms.path, whatsapp.path) == ("/twilio/sms", "/twilio/whatsapp")
    assert signed_by(sms, account)
    assert signed_by(whatsapp, account)
    assert not signed_by(sms, SECOND if account is FIRST else FIRST)
    assert form_of(sms) | {"MessageSid": sid, "From": PATIENT, "To": account.number} == form_of(sms)
    assert form_of(sms)["Body"] == "120/80 & fühle mich gut 🙂"
    assert form_of(whatsapp) | {"MessageSid": other, "From": f"whatsapp:{PATIENT}"} == form_of(whatsapp)
    assert form_of(whatsapp)["MessagingServiceSid"] == "", "a blank parameter, which is signed as well"


def test_what_emulate_has_no_words_for_is_signed_too(twilio_peer: Twilio, door: Receiver) -> None:
    mms = twilio_peer.inbound_params(PATIENT, "", media=["http://127.0.0.1:9/a.jpg"], OptOutType="STOP")
    for sha256 in (False, True):
        assert twilio_peer.post(f"{door.url}/sms", mms, sha256=sha256).status == 200
    twilio_peer.post(f"{door.url}/sms", mms, token="someone else's")  # noqa: S106 - a wrong one
    plain, newer, wrong = door.received
    assert [signed_by(one, FIRST) for one in door.received] == [True, True, False]
    assert form_of(plain)["NumMedia"] == "1"
    assert HMAC_SHA256 in newer.headers["x-twilio-webhooks-signature-settings"]
    assert form_of(wrong) == form_of(plain)


def test_the_real_client_sends_and_receipts_come_in_any_order(twilio_peer: Twilio, door: Receiver) -> None:
    client = twilio_client(twilio_peer.base_url, FIRST)
    told = f"{door.url}/twilio/status"
    made = client.messages.create(
        to=PATIENT, messaging_service_sid=FIRST.service, body="Hello", status_callback=told, validity_period=3600
    )
    assert form_of(door.received[0]) | {"MessageSid": made.sid, "MessageStatus": "queued"} == form_of(door.received[0])
    for status in ("delivered", "sent", "failed"):
        twilio_peer.status(made.sid, status)
    answer = twilio_peer.status(made.sid, "undelivered", error_code="30003")
    assert answer is not None
    assert answer.status == 200
    assert [form_of(one)["MessageStatus"] for one in door.received] == [
        "queued",
        "delivered",
        "sent",
        "failed",
        "undelivered",
    ]
    assert form_of(door.received[-1])["ErrorCode"] == "30003"
    assert all(signed_by(one, FIRST) for one in door.received)
    sent = twilio_peer.wait_sent(1, to=PATIENT)
    assert [(one.sid, one.body, one.form["ValidityPeriod"]) for one in sent] == [(made.sid, "Hello", "3600")]
    assert [one.sid for one in client.messages.list(to=PATIENT)] == [made.sid]


def test_refusals_cuts_and_silence_come_when_told_and_pass_by(twilio_peer: Twilio) -> None:
    client = twilio_client(twilio_peer.base_url, SECOND, timeout=0.5)

    def send(body: str) -> object:
        return client.messages.create(to=PATIENT, from_=SECOND.number, body=body).sid

    twilio_peer.refuse(21610, to=PATIENT, account=SECOND)
    twilio_peer.refuse(20429)
    for status, code in ((400, 21610), (429, 20429)):
        with pytest.raises(TwilioRestException) as refused:
            send("refused")
        assert (refused.value.status, refused.value.code) == (status, code)
    twilio_peer.faults.drop_before(path="/Messages.json")
    twilio_peer.faults.drop_after(path="/Messages.json")
    twilio_peer.faults.hang(path="/Messages.json")
    twilio_peer.faults.slow(0.1, path="/Messages.json")
    for body, problem in (
        ("lost", requests.ConnectionError),
        ("done", requests.ConnectionError),
        ("hung", requests.Timeout),
    ):
        with pytest.raises(problem):
            send(body)
    send("late")
    assert [one.body for one in twilio_peer.sent()] == ["done", "late"]
    assert [one.answered for one in twilio_peer.requests] == [
        "400",
        "429",
        "dropped",
        "done and dropped",
        "hung",
        "201",
    ]

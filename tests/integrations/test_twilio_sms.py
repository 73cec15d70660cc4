"""The channel to Twilio against `emulate` on loopback, with faults on the way: what is known of each send."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from data.clock import SystemClock
from data.model.communication import Category, Communication, SendState
from data.model.people import ChannelKind, ContactPoint
from data.ports import Channel, Finds, Outcome
from integrations import twilio_http
from integrations.sms_text import is_gsm7, segments
from integrations.twilio_http import Http, open_http
from integrations.twilio_sms import Account, TwilioChannel
from tests.emulators.fixtures import or_skip
from tests.emulators.prism import Contract, prism
from tests.emulators.segments import segments as counted
from tests.emulators.twilio_emulator import FIRST, Twilio, twilio

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
PATIENT = ContactPoint(system=ChannelKind.SMS, value="+15005550199")
ESTONIAN = ContactPoint(system=ChannelKind.SMS, value="+3725551234")
PICTURE = "https://clinic.example/picture/x7"
CALLBACK = "https://clinic.example/twilio/status?m=x7"
COMMUNICATION = Communication(
    id="p1/m1/0",
    subject="p1",
    recipient="p1",
    category=Category.REPLY,
    channel=ChannelKind.SMS,
    text_key="noted",
    text="Thank you, noted.",
    language="en",
    created_at=NOW,
)


@pytest.fixture(scope="module")
def peer() -> Iterator[Twilio]:
    yield from or_skip(twilio)


@pytest.fixture(autouse=True)
def calm(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "peer" in request.fixturenames:
        request.getfixturevalue("peer").faults.clear()


@pytest.fixture(scope="module")
def http() -> Iterator[Http]:
    """A session on a loop that runs in a thread of its own, as in `phms serve`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    opened = asyncio.run_coroutine_threadsafe(open_http(), loop).result(5)
    yield opened
    asyncio.run_coroutine_threadsafe(opened.session.close(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same limits, but short."""
    quick = twilio_http._LIMITS.__class__(total=0.8, connect=0.5, sock_connect=0.5)
    monkeypatch.setattr(twilio_http, "_LIMITS", quick)


def channel(
    base_url: str,
    http: Http,
    *,
    kind: ChannelKind = ChannelKind.SMS,
    picture: str = "",
    callback: str = CALLBACK,
    **account: str,
) -> TwilioChannel:
    sender = FIRST.whatsapp.removeprefix("whatsapp:") if kind is ChannelKind.WHATSAPP else FIRST.number
    of = Account(**({"sid": FIRST.sid, "token": FIRST.token, "sender": sender, "base_url": base_url} | account))
    return TwilioChannel("twilio", kind, of, http, lambda _: callback, lambda _: picture)


@pytest.fixture
def sms(peer: Twilio, http: Http) -> TwilioChannel:
    return channel(peer.base_url, http)


def test_it_is_a_channel_that_finds(http: Http) -> None:
    made: Channel = channel("http://127.0.0.1:1", http)
    finds: Finds = channel("http://127.0.0.1:1", http)
    assert (made.name, made.kind, callable(finds.find)) == ("twilio", ChannelKind.SMS, True)


def test_a_message_is_accepted_with_its_id_and_all_that_was_asked(peer: Twilio, sms: TwilioChannel) -> None:
    until = NOW + timedelta(minutes=30, milliseconds=700)
    outcome = sms.send(PATIENT, replace(COMMUNICATION, text="“Fine” – thanks…", expires_at=until), NOW)
    sent = peer.sent()[-1]
    assert outcome == Outcome(SendState.ACCEPTED, provider="twilio", provider_id=sent.sid)
    assert sent.form == {
        "To": PATIENT.value,
        "From": FIRST.number,
        "Body": '"Fine" - thanks...',
        "StatusCallback": CALLBACK,
        "ValidityPeriod": "1800",
        "SmartEncoded": "false",
        "ShortenUrls": "false",
    }
    assert peer.requests[-1].path == f"/2010-04-01/Accounts/{FIRST.sid}/Messages.json"


@pytest.mark.parametrize(
    ("left", "asked"),
    [(timedelta(hours=30), "36000"), (timedelta(seconds=0.2), "1"), (timedelta(seconds=-5), "1"), (None, None)],
)
def test_how_long_it_is_worth_sending(peer: Twilio, sms: TwilioChannel, left: timedelta | None, asked: str) -> None:
    sms.send(PATIENT, replace(COMMUNICATION, expires_at=left and NOW + left), NOW)
    assert peer.requests[-1].form.get("ValidityPeriod") == asked


def test_a_messaging_service_chooses_the_sender(peer: Twilio, http: Http) -> None:
    sms = channel(peer.base_url, http, service=FIRST.service, callback="")
    assert sms.send(PATIENT, COMMUNICATION, NOW).state is SendState.ACCEPTED
    form = peer.requests[-1].form
    assert form["MessagingServiceSid"] == FIRST.service
    assert not {"From", "StatusCallback", "ValidityPeriod", "MediaUrl"} & set(form)


def test_whatsapp_is_the_same_with_a_prefix(peer: Twilio, http: Http) -> None:
    whatsapp = channel(peer.base_url, http, kind=ChannelKind.WHATSAPP, picture=PICTURE)
    to = ContactPoint(system=ChannelKind.WHATSAPP, value="+3725551234")
    words = replace(COMMUNICATION, channel=ChannelKind.WHATSAPP, text="“Tere”", picture="trend oxygen-saturation 7d")
    outcome = whatsapp.send(to, words, NOW)
    form = peer.requests[-1].form
    assert outcome.state is SendState.ACCEPTED
    assert outcome.provider_id.startswith("MM")
    assert (form["To"], form["From"]) == ("whatsapp:+3725551234", FIRST.whatsapp)
    assert (form["Body"], form["MediaUrl"]) == ("“Tere”", PICTURE)
    assert "SmartEncoded" not in form


@pytest.mark.parametrize(
    ("to", "media"),
    [("+15005550199", True), ("+3725551234", False), ("+18765550123", False), ("+18095550123", False)],
)
def test_a_picture_or_its_link(peer: Twilio, http: Http, to: str, media: bool) -> None:
    sms = channel(peer.base_url, http, picture=PICTURE)
    sms.send(replace(PATIENT, value=to), replace(COMMUNICATION, picture="trend pulse 7d"), NOW)
    form = peer.requests[-1].form
    assert form.get("MediaUrl") == (PICTURE if media else None)
    assert form["Body"] == ("Thank you, noted." if media else f"Thank you, noted.\n{PICTURE}")


def test_a_link_that_does_not_fit_is_left_out(peer: Twilio, http: Http) -> None:
    sms = channel(peer.base_url, http, picture=PICTURE)
    sms.send(ESTONIAN, replace(COMMUNICATION, text="a" * 1590, picture="trend pulse 7d"), NOW)
    assert peer.requests[-1].form["Body"] == "a" * 1590


def test_no_picture_is_made_for_words_alone(peer: Twilio, http: Http) -> None:
    channel(peer.base_url, http, picture=PICTURE).send(ESTONIAN, COMMUNICATION, NOW)
    assert peer.requests[-1].form["Body"] == "Thank you, noted."


@pytest.mark.parametrize(
    ("code", "state", "word"),
    [
        (21610, SendState.FAILED, "stopped"),
        (21211, SendState.FAILED, "invalid"),
        (21408, SendState.FAILED, "region"),
        (63016, SendState.FAILED, "template"),
        (21611, SendState.QUEUED, "busy"),
        (59999, SendState.FAILED, "refused"),
    ],
)
def test_a_refusal_in_our_own_word(peer: Twilio, sms: TwilioChannel, code: int, state: SendState, word: str) -> None:
    peer.refuse(code, message="Attempt to send «Thank you, noted.»")
    outcome = sms.send(PATIENT, COMMUNICATION, NOW)
    assert outcome == Outcome(state, provider="twilio", error=word)


def test_a_wrong_password_is_nobodys_number(peer: Twilio, http: Http) -> None:
    outcome = channel(peer.base_url, http, token="old").send(PATIENT, COMMUNICATION, NOW)  # noqa: S106
    assert (outcome.state, outcome.error) == (SendState.QUEUED, "account")
    peer.faults.answer(403, "Forbidden by a proxy")
    assert channel(peer.base_url, http).send(PATIENT, COMMUNICATION, NOW).error == "account"


@pytest.mark.parametrize(("header", "wait"), [("7", 7), (None, None), ("soon", None), ("-1", None)])
def test_too_much_at_once_was_never_processed(
    peer: Twilio, sms: TwilioChannel, header: str | None, wait: int | None
) -> None:
    before = len(peer.sent())
    peer.faults.answer(429, {"code": 20429}, headers={"Retry-After": header} if header else {})
    outcome = sms.send(PATIENT, COMMUNICATION, NOW)
    later = None if wait is None else NOW + timedelta(seconds=wait)
    assert outcome == Outcome(SendState.QUEUED, provider="twilio", error="busy", retry_at=later)
    assert len(peer.sent()) == before


Break = Callable[[Twilio], None]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (lambda peer: peer.faults.answer(500, {"code": 20500}), "http-500"),
        (lambda peer: peer.faults.answer(503, "down"), "http-503"),
        (lambda peer: peer.faults.answer(408, ""), "http-408"),
        (lambda peer: peer.faults.answer(201, "no JSON"), "unreadable"),
        (lambda peer: peer.faults.answer(201, []), "unreadable"),
        (lambda peer: peer.faults.answer(201, {}), "unreadable"),
        (lambda peer: peer.faults.answer(201, {"sid": "SMx", "status": "queued"}), "unreadable"),
        (lambda peer: peer.faults.drop_after(), "connection-lost"),
        (lambda peer: peer.faults.drop_before(), "connection-lost"),
    ],
)
def test_an_unknown_outcome_is_said_to_be_unknown(peer: Twilio, sms: TwilioChannel, fault: Break, error: str) -> None:
    fault(peer)
    outcome = sms.send(PATIENT, COMMUNICATION, NOW)
    assert outcome == Outcome(SendState.UNKNOWN, provider="twilio", error=error)


@pytest.mark.usefixtures("soon")
def test_no_answer_in_time_is_unknown(peer: Twilio, sms: TwilioChannel) -> None:
    peer.faults.hang()
    assert sms.send(PATIENT, COMMUNICATION, NOW) == Outcome(SendState.UNKNOWN, provider="twilio", error="timeout")


def test_a_redirect_is_not_followed(peer: Twilio, sms: TwilioChannel) -> None:
    before = len(peer.requests)
    peer.faults.answer(307, "", headers={"Location": f"{peer.base_url}/2010-04-01/elsewhere"})
    assert sms.send(PATIENT, COMMUNICATION, NOW).state is SendState.FAILED
    assert len(peer.requests) == before + 1


def test_a_message_that_failed_at_once(peer: Twilio, sms: TwilioChannel) -> None:
    sid = "SM" + "a" * 32
    peer.faults.answer(201, {"sid": sid, "status": "failed", "error_code": 30006})
    assert sms.send(PATIENT, COMMUNICATION, NOW) == Outcome(
        SendState.FAILED, provider="twilio", provider_id=sid, error="invalid"
    )


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_no_connection_is_known_not_to_have_gone(http: Http) -> None:
    for base_url in (f"http://127.0.0.1:{free_port()}", "http://no-such-host.invalid", "nonsense"):
        outcome = channel(base_url, http).send(PATIENT, COMMUNICATION, NOW)
        assert outcome == Outcome(SendState.QUEUED, provider="twilio", error="no-connection"), base_url


@pytest.mark.usefixtures("soon")
def test_no_tls_is_known_not_to_have_gone(peer: Twilio, http: Http) -> None:
    """A server that speaks no TLS, and one that never says anything."""
    plain = peer.base_url.replace("http:", "https:")
    assert channel(plain, http).send(PATIENT, COMMUNICATION, NOW).state is SendState.QUEUED
    with socket.create_server(("127.0.0.1", 0)) as silent:
        outcome = channel(f"https://127.0.0.1:{silent.getsockname()[1]}", http).send(PATIENT, COMMUNICATION, NOW)
    assert outcome == Outcome(SendState.QUEUED, provider="twilio", error="no-connection")


def test_a_certificate_that_nobody_vouches_for(http: Http) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"\x15\x03\x03\x00\x02\x02\x28")  # the alert "handshake failure"

        thread = threading.Thread(target=refuse)
        thread.start()
        outcome = channel(f"https://127.0.0.1:{listening.getsockname()[1]}", http).send(PATIENT, COMMUNICATION, NOW)
        thread.join(5)
    assert outcome.state is SendState.QUEUED


def test_a_loop_that_has_stopped_sends_nothing() -> None:
    loop = asyncio.new_event_loop()
    opened = loop.run_until_complete(open_http())
    loop.run_until_complete(opened.session.close())
    loop.close()
    outcome = channel("http://127.0.0.1:1", opened).send(PATIENT, COMMUNICATION, NOW)
    assert outcome == Outcome(SendState.QUEUED, provider="twilio", error="stopping")


def test_what_cannot_be_made_is_not_sent(peer: Twilio, http: Http) -> None:
    def broken(_: Communication) -> str:
        raise KeyError("no")

    of = Account(FIRST.sid, FIRST.token, sender=FIRST.number, base_url=peer.base_url)
    before = len(peer.requests)
    outcome = TwilioChannel("twilio", ChannelKind.SMS, of, http, broken, broken).send(PATIENT, COMMUNICATION, NOW)
    assert (outcome.state, len(peer.requests)) == (SendState.QUEUED, before)


def test_the_librarys_edge_and_region_change_nothing(peer: Twilio, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_EDGE", "sydney")
    monkeypatch.setenv("TWILIO_REGION", "au1")
    made = channel(f"{peer.base_url}/", http)
    assert made.send(PATIENT, COMMUNICATION, NOW).state is SendState.ACCEPTED
    assert not made._client.edge
    assert not made._client.region


@pytest.fixture
def lately() -> datetime:
    """The real time, for the emulator stamps messages with its own clock."""
    return SystemClock().now()


def test_a_message_whose_answer_was_lost_is_found(peer: Twilio, sms: TwilioChannel, lately: datetime) -> None:
    words = replace(COMMUNICATION, text="“Your code is 427”")
    peer.faults.drop_after()
    assert sms.send(PATIENT, words, NOW).state is SendState.UNKNOWN
    found = sms.find(PATIENT, words, lately)
    assert found == Outcome(SendState.ACCEPTED, provider="twilio", provider_id=peer.sent()[-1].sid)
    assert sms.find(ESTONIAN, words, lately) is None
    # The same words long after are another message.
    assert sms.find(PATIENT, words, lately + timedelta(minutes=5)) is None


def test_a_message_that_never_came_is_known_not_to_be_there(peer: Twilio, sms: TwilioChannel, lately: datetime) -> None:
    words = replace(COMMUNICATION, text="never heard of")
    peer.faults.drop_before()
    assert sms.send(PATIENT, words, NOW).state is SendState.UNKNOWN
    # It may take a while to be listed, so at once nobody can tell.
    assert sms.find(PATIENT, words, lately) is None
    found = sms.find(PATIENT, words, lately - timedelta(seconds=60))
    assert found == Outcome(SendState.QUEUED, provider="twilio", error="not-there")


def test_a_lost_message_that_failed_later(peer: Twilio, sms: TwilioChannel, lately: datetime) -> None:
    words = replace(COMMUNICATION, text="fails later")
    sid = sms.send(PATIENT, replace(words), NOW).provider_id
    peer.status(sid, "undelivered")
    found = sms.find(PATIENT, words, lately)
    assert found == Outcome(SendState.FAILED, provider="twilio", provider_id=sid, error="undelivered")


@pytest.mark.parametrize("status", [500, 429, 401, 200])
def test_when_the_list_does_not_answer_nobody_can_tell(peer: Twilio, sms: TwilioChannel, status: int) -> None:
    peer.faults.answer(status, "?", method="GET")
    assert sms.find(PATIENT, COMMUNICATION, NOW) is None


@pytest.fixture
def contract(peer: Twilio) -> Iterator[Contract]:
    yield from or_skip(lambda: prism(peer.base_url))


def test_every_request_keeps_to_twilios_own_contract(peer: Twilio, http: Http, contract: Contract) -> None:
    """Prism takes a list of one for a text: of MediaUrl it says so, and nothing else."""
    of_all = replace(
        COMMUNICATION, picture="trend pulse 7d", expires_at=NOW + timedelta(hours=1), text="Tere õhtust 👋🏽"
    )
    whatsapp = ContactPoint(system=ChannelKind.WHATSAPP, value="+3725551234")
    for to, made in (
        (PATIENT, channel(contract.base_url, http)),
        (PATIENT, channel(contract.base_url, http, picture=PICTURE, service=FIRST.service)),
        (ESTONIAN, channel(contract.base_url, http, picture=PICTURE)),
        (whatsapp, channel(contract.base_url, http, kind=ChannelKind.WHATSAPP, picture=PICTURE)),
    ):
        for words in (COMMUNICATION, of_all):
            judged = made.send(to, words, NOW).state
            assert judged is SendState.ACCEPTED or "MediaUrl" in contract.front.seen[-1].form
        assert made.find(to, COMMUNICATION, datetime(2026, 1, 1, tzinfo=UTC)) is not None
    assert contract.violations() == ["body.MediaUrl: Request body property MediaUrl must be array"] * 2


def test_the_calculator_of_others_agrees() -> None:
    texts = ["", "a" * 160, "a" * 161, "€" * 81, "a" * 152 + "€" + "a" * 153, "õ" * 71, "😀" * 36, "Tere õhtust"]
    texts += ["õ" * 66 + "😀" + "õ" * 66, "[x]" * 70, "é" * 200, "ç" * 71, "\n" * 161, "a" * 307, "õ" * 135, "{" * 77]
    for text, other in zip(texts, counted(texts), strict=True):
        assert (segments(text) or 1, is_gsm7(text)) == (max(other.segments, 1), other.encoding == "GSM-7"), text[:5]

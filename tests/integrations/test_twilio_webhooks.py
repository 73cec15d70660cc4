"""What `emulate` signs and posts, read by ours: messages and receipts over real HTTP on loopback."""

from collections.abc import Iterator

import pytest

from data.errors import Forged
from data.model.communication import SendState
from data.model.people import ChannelKind
from integrations.twilio_inbound import read_message, read_status
from integrations.twilio_signature import verify
from tests.emulators.fixtures import or_skip
from tests.emulators.receiver import Received, Receiver, receiver
from tests.emulators.twilio_emulator import FIRST, SECOND, Twilio, twilio

PATIENT = "+3725551234"


@pytest.fixture(scope="module")
def peer() -> Iterator[Twilio]:
    yield from or_skip(twilio)


@pytest.fixture
def door(peer: Twilio) -> Iterator[Receiver]:
    with receiver() as taking:
        peer.send_inbound_to(f"{taking.url}/twilio/sms", f"{taking.url}/twilio/whatsapp")
        yield taking


def verified(one: Received, sid: str = FIRST.sid, token: str = FIRST.token) -> dict[str, str]:
    return dict(verify(one.url, one.body, one.headers.get("x-twilio-signature"), token, sid))


@pytest.mark.parametrize("text", ["chest pain", "", "Tere õhtust 👋🏽 & =+%", f"STOPFrom{PATIENT}", "a" * 1600])
def test_a_message_that_emulate_signed(peer: Twilio, door: Receiver, text: str) -> None:
    sid = peer.text(PATIENT, text)
    read = read_message(verified(door.wait()[-1]))
    assert read is not None
    assert (read.provider_message_id, read.address, read.text) == (sid, PATIENT, text)
    with pytest.raises(Forged):
        verified(door.received[-1], SECOND.sid, SECOND.token)


def test_whatsapp_and_mms(peer: Twilio, door: Receiver) -> None:
    peer.whatsapp(PATIENT, "Tere")
    read = read_message(verified(door.wait()[-1]))
    assert read is not None
    assert (read.channel, read.address) == (ChannelKind.WHATSAPP, PATIENT)
    url = f"{door.url}/twilio/sms"
    peer.post(url, peer.inbound_params(PATIENT, "my foot", media=["https://api.twilio.com/m/1"]))
    picture = read_message(verified(door.wait(2)[-1]))
    assert picture is not None
    assert (picture.kind.value, picture.text) == ("picture", "my foot")


def test_receipts_in_any_order(peer: Twilio, door: Receiver) -> None:
    callback = f"{door.url}/twilio/status?m=p1%2Fm1%2F0"
    asked = {"To": PATIENT, "From": FIRST.number, "Body": "Hello From+1 me", "StatusCallback": callback}
    made = peer.http.post(
        f"{peer.base_url}/2010-04-01/Accounts/{FIRST.sid}/Messages.json", data=asked, auth=(FIRST.sid, FIRST.token)
    )
    sid = made.json()["sid"]
    for said in ("delivered", "sent"):
        peer.status(sid, said)
    peer.status(sid, "undelivered", "30003")
    reports = [read_status(verified(one), "twilio") for one in door.wait(4)]
    assert [(one.provider_id, one.state, one.error) for one in reports if one] == [
        (sid, SendState.ACCEPTED, ""),
        (sid, SendState.DELIVERED, ""),
        (sid, SendState.SENT, ""),
        (sid, SendState.UNDELIVERED, "unreachable"),
    ]

"""Twilio's contract as a judge: what the real client sends passes, what breaks the contract is refused and told."""

from collections.abc import Iterator

import httpx
import pytest

from tests.emulators.clients import twilio_client
from tests.emulators.fixtures import or_skip
from tests.emulators.prism import Contract, prism
from tests.emulators.twilio_emulator import API, FIRST, Twilio

PATIENT = "+15005550199"


@pytest.fixture
def contract(twilio_peer: Twilio) -> Iterator[Contract]:
    yield from or_skip(lambda: prism(twilio_peer.base_url))


def test_the_judge_lets_right_requests_pass_and_stops_wrong_ones(twilio_peer: Twilio, contract: Contract) -> None:
    client = twilio_client(contract.base_url, FIRST)
    made = client.messages.create(to=PATIENT, messaging_service_sid=FIRST.service, body="Hello", validity_period=3600)
    assert client.messages(str(made.sid)).fetch().body == "Hello"
    assert [one.sid for one in client.messages.list(to=PATIENT)] == [made.sid]
    assert contract.violations() == []

    wrong = {"To": PATIENT, "From": FIRST.number, "Body": "x", "ValidityPeriod": "soon"}
    url = f"{contract.base_url}{API}/{FIRST.sid}/Messages.json"
    assert httpx.post(url, data=wrong, auth=(FIRST.sid, FIRST.token), trust_env=False).status_code == 422
    assert contract.violations() == ["body.ValidityPeriod: Request body property ValidityPeriod must be integer"]
    assert len(twilio_peer.sent()) == 1

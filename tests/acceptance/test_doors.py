"""Issue "Doors", done when: a patient's cry on Telegram reaches a clinician's phone, and the answer the patient."""

import re
import time
from pathlib import Path

from tests.acceptance.door_clinic import ANNA, BEN_PHONE, CARL, LEE_PHONE, MIA, NIA_PHONE, PEOPLE, both_doors
from tests.emulators.telegram_polling import TelegramPolling
from tests.emulators.twilio_emulator import Twilio
from tests.serving.served import eventually


def code_in(body: str) -> str:
    """The code of a page."""
    found = re.search(r"\b(\d{3}) OK", body)
    assert found, body
    return found[1]


def test_chest_pain_on_telegram_reaches_a_phone_within_three_seconds_and_the_answer_comes_back(
    tmp_path: Path,
    telegram_peer: TelegramPolling,
    twilio_peer: Twilio,
) -> None:
    with both_doors(tmp_path, telegram_peer, twilio_peer) as machine:
        machine.start()
        eventually(lambda: telegram_peer.webhook()["url"].endswith("/telegram/webhook"))
        began = time.monotonic()
        telegram_peer.says(ANNA, "chest pain")
        (page,) = twilio_peer.wait_sent(1, to=NIA_PHONE, within=5)
        assert time.monotonic() - began < 3.0
        assert "P1" in page.body and "A-17" in page.body and "Anna" not in page.body and "chest" not in page.body
        assert "112" in telegram_peer.wait_sent(1, chat_id=ANNA)[0].text
        twilio_peer.text(NIA_PHONE, f"{code_in(page.body)} ok")
        twilio_peer.wait_sent(2, to=NIA_PHONE)
        told = telegram_peer.wait_sent(2, chat_id=ANNA)
        assert "Nia" in told[1].text
        assert not twilio_peer.sent(to=LEE_PHONE)


def test_an_undelivered_receipt_moves_to_the_next_channel_at_once(
    tmp_path: Path,
    telegram_peer: TelegramPolling,
    twilio_peer: Twilio,
) -> None:
    people = PEOPLE.replace(f"sms {NIA_PHONE}  step 1", f"sms {NIA_PHONE}  telegram 2001  step 1")
    with both_doors(tmp_path, telegram_peer, twilio_peer, people) as machine:
        machine.start()
        telegram_peer.says(CARL, "I have crushing chest pain")
        (page,) = twilio_peer.wait_sent(1, to=NIA_PHONE)
        began = time.monotonic()
        twilio_peer.status(page.sid, "undelivered", "30003")
        (again,) = telegram_peer.wait_sent(1, chat_id=2001)
        assert time.monotonic() - began < 2.0
        assert "P1" in again.text and "C-19" in again.text


def test_where_there_is_no_other_channel_the_second_provider_carries(
    tmp_path: Path,
    telegram_peer: TelegramPolling,
    twilio_peer: Twilio,
) -> None:
    with both_doors(tmp_path, telegram_peer, twilio_peer, second=True) as machine:
        machine.start()
        twilio_peer.text(BEN_PHONE, "chest pain and sweating")
        (page,) = twilio_peer.wait_sent(1, to=NIA_PHONE)
        twilio_peer.status(page.sid, "undelivered", "30007")
        first, second = twilio_peer.wait_sent(2, to=NIA_PHONE)
        assert first.account != second.account
        assert code_in(first.body) == code_in(second.body)


def test_the_command_of_a_care_manager_comes_in_by_telegram(
    tmp_path: Path,
    telegram_peer: TelegramPolling,
    twilio_peer: Twilio,
) -> None:
    with both_doors(tmp_path, telegram_peer, twilio_peer, webhook=False) as machine:
        del machine.env["PHMS_PUBLIC_URL"]
        machine.start()
        assert "Telegram: polling" in machine.said()
        telegram_peer.says(MIA, "/patients")
        assert "A-17 Anna" in telegram_peer.wait_sent(1, chat_id=MIA)[0].text

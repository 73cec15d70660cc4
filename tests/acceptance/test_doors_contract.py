"""Issue "Doors", real parts: Telegram's webhook by a third party, and every request to Twilio by its OpenAPI file."""

from pathlib import Path

from tests.acceptance.door_clinic import ANNA, BEN_PHONE, NIA_PHONE, PEOPLE, SECRET, both_doors
from tests.acceptance.test_doors import code_in
from tests.emulators.prism import prism
from tests.emulators.telegram_polling import TelegramPolling
from tests.emulators.telemelya import Telemelya
from tests.emulators.twilio_emulator import FIRST, Twilio
from tests.serving.served import eventually, free_port, served


def test_what_is_sent_to_twilio_keeps_its_contract(
    tmp_path: Path, telegram_peer: TelegramPolling, twilio_peer: Twilio
) -> None:
    with prism(twilio_peer.base_url) as contract:
        more = {
            "PHMS_TWILIO_BASE_URL": contract.base_url,
            "PHMS_TWILIO_WHATSAPP_FROM": FIRST.whatsapp,
        }
        people = PEOPLE.replace(f"sms {BEN_PHONE}", f"sms {BEN_PHONE}  whatsapp {BEN_PHONE}")
        with both_doors(tmp_path, telegram_peer, twilio_peer, people, more=more) as machine:
            machine.start()
            twilio_peer.text(BEN_PHONE, "bp 128/82")
            (noted,) = twilio_peer.wait_sent(1, to=BEN_PHONE)
            assert "128/82" in noted.body
            twilio_peer.whatsapp(BEN_PHONE, "crushing chest pain")
            (safety,) = twilio_peer.wait_sent(1, to=f"whatsapp:{BEN_PHONE}")
            assert "112" in safety.body and safety.sender == FIRST.whatsapp
            (page,) = twilio_peer.wait_sent(1, to=NIA_PHONE)
            twilio_peer.text(NIA_PHONE, f"{code_in(page.body)} ok")
            twilio_peer.wait_sent(2, to=NIA_PHONE)
        assert contract.violations() == []


def test_telegram_calls_our_webhook(tmp_path: Path, telemelya_peer: Telemelya) -> None:
    port = free_port()
    settings = {
        "PHMS_TELEGRAM_TOKEN": telemelya_peer.token,
        "PHMS_TELEGRAM_BASE_URL": telemelya_peer.base_url,
        "PHMS_TELEGRAM_WEBHOOK_SECRET": SECRET,
        "PHMS_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    with served(tmp_path, settings, PEOPLE, port=port) as machine:
        machine.start()
        eventually(lambda: telemelya_peer.front.hooks, what="the bot has set no webhook")
        assert telemelya_peer.says(ANNA, "hello").status == 200
        telemelya_peer.wait_sent(1, chat_id=ANNA)
        telemelya_peer.says(ANNA, "pulse 71 and a bit dizzy")
        eventually(lambda: any("71" in call.text for call in telemelya_peer.sent(chat_id=ANNA)))

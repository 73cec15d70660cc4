"""A small clinic with both doors: patients and clinicians on Telegram and on phones, at emulators on loopback."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.emulators.telegram_polling import TOKEN, TelegramPolling
from tests.emulators.twilio_emulator import FIRST, SECOND, Twilio
from tests.serving.served import Served, free_port, served

ANNA, BEN_PHONE, CARL, NIA_PHONE, NIA_CHAT, LEE_PHONE, MIA = (
    *(1001, "+15550001001", 1003),
    *("+15550002001", 2001, "+15550002002", 2003),
)
PEOPLE = f"""People:
  Anna    patient       telegram {ANNA}  id A-17
  Ben     patient       sms {BEN_PHONE}  id B-18
  Carl    patient       telegram {CARL}  id C-19
  Nia     nurse         sms {NIA_PHONE}  step 1
  Dr Lee  doctor        sms {LEE_PHONE}  step 2
  Mia     care manager  telegram {MIA}
"""
SECRET = "a-secret-of-thirty-two-characters-or-more"  # noqa: S105


def telegram_settings(peer: TelegramPolling) -> dict[str, str]:
    """Telegram alone: polled, for there is no public address."""
    return {"PHMS_TELEGRAM_TOKEN": TOKEN, "PHMS_TELEGRAM_BASE_URL": peer.base_url}


def twilio_settings(peer: Twilio, port: int, *, second: bool = False) -> dict[str, str]:
    """Twilio, with webhooks to the port; a second account behind it if asked for."""
    settings = {
        "PHMS_TWILIO_ACCOUNT_SID": FIRST.sid,
        "PHMS_TWILIO_AUTH_TOKEN": FIRST.token,
        "PHMS_TWILIO_FROM": FIRST.number,
        "PHMS_TWILIO_BASE_URL": peer.base_url,
        "PHMS_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    if second:
        settings |= {
            "PHMS_TWILIO_2_ACCOUNT_SID": SECOND.sid,
            "PHMS_TWILIO_2_AUTH_TOKEN": SECOND.token,
            "PHMS_TWILIO_2_FROM": SECOND.number,
            "PHMS_TWILIO_2_BASE_URL": peer.base_url,
        }
    return settings


@contextmanager
def both_doors(
    folder: Path,
    telegram: TelegramPolling,
    twilio: Twilio,
    people: str = PEOPLE,
    *,
    webhook: bool = True,
    second: bool = False,
    more: Mapping[str, str] | None = None,
) -> Iterator[Served]:
    """A machine that is set up for both; not started yet. With `webhook` False Telegram is polled."""
    port = free_port()
    settings = telegram_settings(telegram) | twilio_settings(twilio, port, second=second) | dict(more or {})
    if webhook:
        settings["PHMS_TELEGRAM_WEBHOOK_SECRET"] = SECRET
    twilio.send_inbound_to(f"http://127.0.0.1:{port}/twilio/sms", f"http://127.0.0.1:{port}/twilio/whatsapp")
    with served(folder, settings, people, port=port) as machine:
        yield machine

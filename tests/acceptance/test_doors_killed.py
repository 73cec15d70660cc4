"""Issue "Doors", done when: 200 messages over both doors, ten SIGKILLs: none lost, none doubled in effect."""

import random
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

import httpx

from data.clock import SystemClock
from data.model.communication import SendState
from data.model.people import Role
from data.ports import Record
from tests.acceptance.door_clinic import both_doors
from tests.emulators.telegram_polling import TelegramPolling
from tests.emulators.twilio_emulator import Twilio
from tests.serving.served import Served, eventually

MESSAGES, KILLS, WRITERS = 200, 10, 10


def roster() -> str:
    """Ten patients on Telegram, ten on phones, and a nurse."""
    chats = [f"  Tel{n}  patient  telegram {3000 + n}  id T-{n}" for n in range(WRITERS)]
    phones = [f"  Pho{n}  patient  sms +1555100{n:04d}  id P-{n}" for n in range(WRITERS)]
    return "People:\n" + "\n".join([*chats, *phones, "  Nia  nurse  sms +15550002001  step 1"]) + "\n"


def pulse(n: int) -> int:
    """The n-th message tells a pulse of its own, so that what arrived can be counted; no value worries anybody."""
    return 60 + n // (2 * WRITERS)


def test_two_hundred_messages_and_ten_kills(
    tmp_path: Path,
    telegram_peer: TelegramPolling,
    twilio_peer: Twilio,
) -> None:
    with both_doors(tmp_path, telegram_peer, twilio_peer, roster()) as machine:
        machine.start()
        killing = threading.Thread(target=_kill_again_and_again, args=(machine,))
        killing.start()
        try:
            for n in range(MESSAGES):
                writer = n // 2 % WRITERS
                if n % 2:
                    _until_taken(machine, twilio_peer, f"+1555100{writer:04d}", f"pulse {pulse(n)}", twice=n % 5 == 0)
                else:
                    telegram_peer.says(3000 + writer, f"pulse {pulse(n)}")
        finally:
            # Before anything else may end the test: it would start the machine once more.
            killing.join()
        eventually(lambda: not telegram_peer.pending(), what="Telegram still holds updates")
        with machine.record() as record:
            eventually(lambda: _noted(record).total() >= MESSAGES, what="messages are missing")
            assert _noted(record) == Counter((_code(n), pulse(n)) for n in range(MESSAGES))
            eventually(lambda: _waiting(record) == 0, what="answers were not sent")
            assert _in_order(record)
        _everybody_was_answered(telegram_peer, twilio_peer)
        machine.stop()
        assert "whole" in machine.phms("audit", "verify")


def _code(n: int) -> str:
    return f"{'P' if n % 2 else 'T'}-{n // 2 % WRITERS}"


def _kill_again_and_again(machine: Served) -> None:
    chance = random.Random(5)  # noqa: S311
    for _ in range(KILLS):
        threading.Event().wait(chance.uniform(0.1, 1.2))
        machine.kill()
        machine.start(ready=False)


def _until_taken(machine: Served, twilio: Twilio, sender: str, text: str, *, twice: bool) -> None:
    """As Twilio does with a fallback address: the same message again until it is taken; sometimes once more."""
    params = twilio.inbound_params(sender, text)

    def taken() -> bool:
        try:
            return twilio.post(f"{machine.url}/twilio/sms", params).status == 200
        except (OSError, httpx.HTTPError):
            return False

    for _ in range(1 + twice):
        eventually(taken)


def _noted(record: Record) -> Counter[tuple[str, int]]:
    """Every pulse in the record, with whose it is."""
    now = SystemClock().now()
    since, until = now - timedelta(days=1), now + timedelta(days=1)
    return Counter(
        (person.code, int(o.value))
        for person in record.people()
        if person.role is Role.PATIENT
        for o in record.observations(person.id, "heart-rate", since, until)
    )


def _waiting(record: Record) -> int:
    rows = (c for person in record.people() for c in record.chart(person.id).communications)
    return sum(row.state is SendState.QUEUED for row in rows)


def _in_order(record: Record) -> bool:
    """Each person's pulses rise with their messages, so the order of what was noted is the order of what was said."""
    for person in record.people():
        noted = [o.value for entry in record.journal(person.id) for o in entry.changes.observations]
        if noted != sorted(noted):
            return False
    return True


def _everybody_was_answered(telegram: TelegramPolling, twilio: Twilio) -> None:
    """Every message has its answer. A sender that was killed midway may answer twice where nobody can be asked."""
    answers = Counter(call.text for call in telegram.sent(method="sendMessage"))
    texts = Counter(sent.body for sent in twilio.sent())
    for n in range(MESSAGES):
        told = texts if n % 2 else answers
        assert sum(count for text, count in told.items() if str(pulse(n)) in text) >= WRITERS
    assert answers.total() <= MESSAGES // 2 + KILLS
    assert texts.total() <= MESSAGES // 2 + KILLS

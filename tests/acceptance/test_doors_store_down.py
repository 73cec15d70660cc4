"""The record is away: messages are taken all the same, sealed on disk, and kept in order when it is back."""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.door_clinic import ANNA, BEN_PHONE, SECRET, both_doors
from tests.serving.served import Served, eventually

CANARY = "zyzzyva"
HEADERS = {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": SECRET}
_numbers = iter(range(70_000_000, 80_000_000))


@pytest.fixture(scope="module")
def machine(tmp_path_factory, telegram_here, twilio_here) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("down")
    with both_doors(folder, telegram_here, twilio_here, more={"PHMS_LOG_LEVEL": "DEBUG"}) as served:
        served.start()
        yield served
        assert CANARY not in served.said() and str(ANNA) not in served.said() and BEN_PHONE not in served.said()


@contextmanager
def away(machine: Served) -> Iterator[None]:
    """Another process holds the record, as a backup or a stuck disk would: nothing can be written."""
    there = sqlite3.connect(machine.home / "record.sqlite", isolation_level=None, timeout=20)
    there.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        there.rollback()
        there.close()


def says(machine: Served, text: str, *, number: int = 0, chat: int = ANNA) -> int:
    number = number or next(_numbers)
    person = {"id": chat, "is_bot": False, "first_name": "A"}
    message = {"message_id": number, "date": 1, "chat": {"id": chat, "type": "private"}, "from": person, "text": text}
    body = json.dumps({"update_id": number, "message": message}).encode()
    return machine.ask("POST", "/telegram/webhook", body, HEADERS)[0]


def spooled(machine: Served) -> list[Path]:
    return sorted((machine.home / "spool").glob("*.sealed"))


def reasons(machine: Served) -> list[str]:
    return list(json.loads(machine.get("/readyz")[1])["reasons"])


def test_nothing_is_lost_while_the_record_is_away_and_order_is_kept(machine, telegram_here, twilio_here) -> None:
    sms = machine.url + "/twilio/sms"
    before = len(telegram_here.sent(ANNA, "sendMessage")), len(twilio_here.sent(BEN_PHONE))
    first, last = next(_numbers), next(_numbers)
    form = twilio_here.inbound_params(BEN_PHONE, f"pulse 81 {CANARY}")
    with away(machine):
        began = time.monotonic()
        assert says(machine, f"pulse 71 {CANARY}", number=first) == 200
        assert time.monotonic() - began < 6, "Twilio and Telegram wait for longer"
        for pulse in range(72, 76):
            # The record gives a try up after ten seconds; what comes after that must not wait for the next one.
            asked = time.monotonic()
            assert says(machine, f"pulse {pulse} {CANARY}") == 200
            assert time.monotonic() - asked < 6
            eventually(lambda at=asked: time.monotonic() > at + 2.6)
        for _ in range(2):
            assert twilio_here.post(sms, form).status == 200
        assert says(machine, "half \ud83d", number=last) == 200
        assert says(machine, f"other words {CANARY}", number=first) == 200
        eventually(lambda: machine.get("/readyz")[0] == 503, within=10)
        eventually(lambda: {"store-down", "spool-waiting"} <= set(reasons(machine)), within=10)
        assert machine.get("/healthz") == (200, b"ok\n")
        assert len(spooled(machine)) == 7
        for file in spooled(machine):
            told = file.name.encode() + file.read_bytes()
            assert not any(word in told for word in (CANARY.encode(), b"pulse", str(ANNA).encode(), b"5550001001"))
        assert machine.count("phms_spooled_total") >= 7
    eventually(lambda: not spooled(machine))
    eventually(lambda: machine.get("/readyz")[0] == 200)
    told = telegram_here.wait_sent(before[0] + 6, chat_id=ANNA, within=20)[before[0] :]
    assert [text for text in (call.text for call in told) for n in range(71, 76) if str(n) in text] == [
        call.text for call in told[:5]
    ]
    assert all(str(71 + n) in call.text for n, call in enumerate(told[:5]))
    assert "81" in twilio_here.wait_sent(before[1] + 1, to=BEN_PHONE)[-1].body
    # What came out of the spool is known for ever.
    assert says(machine, "again", number=first) == 200
    assert twilio_here.post(sms, form).status == 200
    assert says(machine, "pulse 90") == 200
    assert "90" in telegram_here.wait_sent(before[0] + 7, chat_id=ANNA)[-1].text
    assert len(telegram_here.sent(ANNA, "sendMessage")) == before[0] + 7
    assert len(twilio_here.sent(BEN_PHONE)) == before[1] + 1


def test_where_neither_takes_it_nobody_is_told_that_it_was_kept(machine, telegram_here, twilio_here) -> None:
    folder, gone = machine.home / "spool", machine.home / "spool-gone"
    number, form = next(_numbers), twilio_here.inbound_params(BEN_PHONE, "pulse 82")
    before = len(telegram_here.sent(ANNA, "sendMessage"))
    with away(machine):
        folder.rename(gone)
        try:
            assert says(machine, "pulse 83", number=number) == 503
            answer = twilio_here.post(machine.url + "/twilio/sms", form)
            assert answer.status == 503 and "retry-after" in answer.headers
        finally:
            gone.rename(folder)
    eventually(lambda: says(machine, "pulse 83", number=number) == 200)
    telegram_here.wait_sent(before + 1, chat_id=ANNA)
    assert twilio_here.post(machine.url + "/twilio/sms", form).status == 200


def test_a_kill_with_a_full_spool_and_a_file_that_does_not_open(machine, telegram_here) -> None:
    eventually(lambda: not spooled(machine) and machine.get("/readyz")[0] == 200)
    before = len(telegram_here.sent(ANNA, "sendMessage"))
    with away(machine):
        for pulse in range(91, 97):
            assert says(machine, f"pulse {pulse} {CANARY}") == 200
        assert len(spooled(machine)) == 6
        machine.kill()
    broken = spooled(machine)[2]
    broken.write_bytes(broken.read_bytes()[:-1] + b"x")
    machine.start(ready=False)
    eventually(lambda: not spooled(machine))
    eventually(lambda: b"spool-broken" in machine.get("/readyz")[1])
    told = telegram_here.wait_sent(before + 5, chat_id=ANNA, within=30)[before:]
    assert [next(n for n in range(91, 97) if str(n) in call.text) for call in told] == [91, 92, 94, 95, 96]
    assert broken.with_suffix(".broken").exists() and "does not open" in machine.said()

"""Two lanes, order, outages of a provider and unknown outcomes, with everything real but the providers."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.house import House
from bot.wire import standard_kit, standard_parser
from data.clock import SimulatedClock, SystemClock
from data.model.communication import Category, Communication, SendState
from data.model.people import ChannelKind
from tests.acceptance.door_clinic import ANNA, BEN_PHONE, MIA, NIA_PHONE, PEOPLE, both_doors
from tests.emulators.twilio_emulator import FIRST, SECOND
from tests.serving.served import Served, eventually

PATIENTS = [f"+1555100{n:04d}" for n in range(40)]


def texts(machine: Served, peer, sender: str, text: str) -> None:
    assert peer.post(f"{machine.url}/twilio/sms", peer.inbound_params(sender, text)).status == 200


def rows(machine: Served, wanted: Callable[[Communication], bool]) -> list[Communication]:
    with machine.record() as record:
        return [c for person in record.people() for c in record.chart(person.id).communications if wanted(c)]


def test_a_page_and_its_safety_text_never_wait_behind_slow_bulk(tmp_path: Path, telegram_peer, twilio_peer) -> None:
    people = PEOPLE + "".join(f"  Pat{n}  patient  sms {phone}  id P-{n}\n" for n, phone in enumerate(PATIENTS))
    with both_doors(tmp_path, telegram_peer, twilio_peer, people) as machine:
        machine.start()
        for phone in PATIENTS:
            twilio_peer.faults.slow(2.0, times=100, path="Messages.json", form={"To": phone})
        for n in range(200):
            texts(machine, twilio_peer, PATIENTS[n % 40], f"pulse {60 + n // 40}")
        began = time.monotonic()
        telegram_peer.says(ANNA, "chest pain")
        assert "P1" in twilio_peer.wait_sent(1, to=NIA_PHONE, within=5)[0].body
        assert "112" in telegram_peer.wait_sent(1, chat_id=ANNA, within=5)[0].text
        assert time.monotonic() - began < 3
        # Also one of those whose answers are slow: the safety text passes what waits for the same phone.
        texts(machine, twilio_peer, PATIENTS[39], "I have crushing chest pain")
        eventually(lambda: any("112" in sent.body for sent in twilio_peer.sent(PATIENTS[39])), within=3)
        assert len(twilio_peer.sent(PATIENTS[39])) < 6
        twilio_peer.faults.clear()
        for n, phone in enumerate(PATIENTS):
            told = [sent.body for sent in twilio_peer.wait_sent(5 + (n == 39), to=phone, within=40)]
            pulses = [next(v for v in range(60, 65) if str(v) in body) for body in told if "112" not in body]
            assert pulses[:5] == [60, 61, 62, 63, 64], "each person's answers come in the order of their questions"


def test_a_provider_that_fails_is_left_alone(tmp_path: Path, telegram_peer, twilio_peer) -> None:
    people = PEOPLE + "".join(f"  Pat{n}  patient  sms {phone}  id P-{n}\n" for n, phone in enumerate(PATIENTS))
    with both_doors(tmp_path, telegram_peer, twilio_peer, people, second=True) as machine:
        machine.start()
        twilio_peer.faults.answer(503, {}, times=1000, path=f"/{FIRST.sid}/Messages.json")

        def asked() -> int:
            return sum(call.method == "POST" and FIRST.sid in call.path for call in twilio_peer.requests)

        for n in range(6):
            texts(machine, twilio_peer, PATIENTS[n], "chest pain")
            assert "112" in twilio_peer.wait_sent(1, to=PATIENTS[n], within=3)[0].body
            twilio_peer.wait_sent(n + 1, to=NIA_PHONE, within=3)
        eventually(lambda: b"provider-down:twilio" in machine.get("/readyz")[1])
        before = asked()
        assert 5 <= before <= 8
        for n in range(6, 10):
            texts(machine, twilio_peer, PATIENTS[n], "chest pain")
            twilio_peer.wait_sent(1, to=PATIENTS[n], within=3)
            twilio_peer.wait_sent(n + 1, to=NIA_PHONE, within=3)
        assert asked() == before, "it is left alone"
        assert {sent.account for sent in twilio_peer.sent()} == {SECOND}


def test_an_unknown_outcome_by_kind_of_message(tmp_path: Path, telegram_peer, twilio_peer) -> None:
    with both_doors(tmp_path, telegram_peer, twilio_peer, second=True) as machine:
        machine.start()
        # An answer: looked up, and not sent again.
        twilio_peer.faults.drop_after(path="Messages.json", form={"To": BEN_PHONE})
        texts(machine, twilio_peer, BEN_PHONE, "pulse 71")
        twilio_peer.wait_sent(1, to=BEN_PHONE)
        # A page: by the other provider at once, rather twice than late.
        twilio_peer.faults.drop_after(path="Messages.json", form={"To": NIA_PHONE})
        began = time.monotonic()
        telegram_peer.says(ANNA, "chest pain")
        first, second = twilio_peer.wait_sent(2, to=NIA_PHONE, within=5)
        assert time.monotonic() - began < 3
        assert {first.account, second.account} == {FIRST, SECOND}

        def settled() -> bool:
            found = rows(machine, lambda c: c.recipient == "B-18")
            return bool(found) and all(c.state.rank >= SendState.ACCEPTED.rank for c in found)

        eventually(settled, within=30)
        assert len(twilio_peer.sent(BEN_PHONE)) == 1


def clinic_zone(hour: int) -> str:
    """A zone where it is about `hour` o'clock now."""
    ahead = (hour - SystemClock().now().hour) % 24
    ahead = ahead - 24 if ahead > 14 else ahead
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


def reminded(machine: Served, zone: str) -> None:
    """A reminder that was due a minute ago, set yesterday by the care manager; nothing of it has been done yet."""
    machine.env["PHMS_ZONE"] = zone
    machine.phms("people", "load", "-", "--yes", said=PEOPLE)
    now = SystemClock().now()
    at = (now - timedelta(minutes=1)).astimezone(ZoneInfo(zone)).strftime("%H:%M")
    with machine.record() as record:
        house = House(record, SimulatedClock(now - timedelta(hours=20)), (), standard_kit(), standard_parser())
        house.hear(ChannelKind.TELEGRAM, str(MIA), f'/nudge B-18 "Take warfarin" daily {at}', "set")
        assert house.work_message()
        assert any(at in row.text for row in record.chart("B-18").communications), "the care manager is answered"


def nothing_to_do(machine: Served) -> bool:
    now = SystemClock().now()
    with machine.record() as record:
        at = record.next_at(now)
    return at is None or at > now + timedelta(minutes=10)


def nudges(machine: Served) -> list[Communication]:
    return rows(machine, lambda c: c.category is Category.NUDGE)


def test_a_reminder_whose_outcome_is_unknown_is_never_sent_again(tmp_path: Path, telegram_peer, twilio_peer) -> None:
    with both_doors(tmp_path, telegram_peer, twilio_peer, "", second=True) as machine:
        reminded(machine, clinic_zone(12))
        twilio_peer.faults.drop_after(path="Messages.json", form={"To": BEN_PHONE}, times=5)
        machine.start(ready=False)
        (sent,) = twilio_peer.wait_sent(1, to=BEN_PHONE, within=15)
        assert 1 <= int(sent.form["ValidityPeriod"]) <= 36_000
        eventually(lambda: [row.state for row in nudges(machine)] == [SendState.UNKNOWN], within=20)
        texts(machine, twilio_peer, BEN_PHONE, "pulse 70")
        twilio_peer.wait_sent(2, to=BEN_PHONE, within=15)
        assert sum(s.body == sent.body for s in twilio_peer.sent(BEN_PHONE)) == 1


def test_quiet_hours_and_a_withdrawal_count_when_it_is_sent(tmp_path: Path, telegram_peer, twilio_peer) -> None:
    (tmp_path / "quiet").mkdir()
    (tmp_path / "stopped").mkdir()
    with both_doors(tmp_path / "quiet", telegram_peer, twilio_peer, "") as machine:
        reminded(machine, clinic_zone(3))
        machine.start(ready=False)
        eventually(lambda: nudges(machine), within=15)
        eventually(lambda: nudges(machine)[0].not_before is not None and nudges(machine)[0].attempts == 0, within=15)
        (row,) = nudges(machine)
        assert row.state is SendState.QUEUED and row.not_before > SystemClock().now() + timedelta(hours=1)
        assert not twilio_peer.sent(BEN_PHONE)
        machine.stop()
    with both_doors(tmp_path / "stopped", telegram_peer, twilio_peer, "") as machine:
        reminded(machine, clinic_zone(12))
        with machine.record() as record:
            house = House(record, SystemClock(), (), standard_kit(), standard_parser())
            house.hear(ChannelKind.SMS, BEN_PHONE, "STOP", "SM" + "f" * 32)
        machine.start(ready=False)
        eventually(lambda: nothing_to_do(machine), within=15)
        assert all(row.state is SendState.DROPPED for row in nudges(machine))
        assert not any("warfarin" in sent.body for sent in twilio_peer.sent(BEN_PHONE))

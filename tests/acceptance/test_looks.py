"""The audit is written before the answer: what cannot be written down is not shown, and no emergency waits."""

from dataclasses import replace
from datetime import timedelta

import pytest

from data.errors import Unavailable
from data.record.memory import MemoryRecord
from tests.acceptance.access_clinic import ANNA, CLINIC, LEE, NIA, REASON, SMS, TELEGRAM, by_telegram, looks_of, writes
from tests.acceptance.crashing import START, World, compare
from tests.bot.clinic import heard, house


class NoAudit(MemoryRecord):
    """A record whose audit cannot be written for the time being."""

    down = True

    def note_access(self, access):
        if self.down:
            raise Unavailable("the audit cannot be written")
        super().note_access(access)


def without_audit(members=CLINIC):
    built = house(members=())
    built.record = NoAudit()
    for person in members:
        built.enrol(person, event_id=f"enrol:{person.id}")
    return built


@pytest.mark.parametrize(
    ("who", "text"),
    [
        ("nia", "/chart A-17"),
        ("nia", "/nudges A-17"),
        ("nia", "/patients"),
        ("dr-lee", "/chart A-17"),
        ("dr-lee", f"/breakglass A-17 {REASON}"),
        ("A-17", "who saw my data"),
    ],
)
def test_what_cannot_be_written_down_is_not_answered_until_it_can(who, text):
    built = without_audit()
    before = sum(1 for _ in built.record.journal())
    with pytest.raises(Unavailable):
        writes(built, who, text)
    assert heard(built, who) == []
    assert sum(1 for _ in built.record.journal()) == before
    built.record.down = False
    built.clock.move_to(built.now() + timedelta(minutes=1))
    built.settle()
    assert len(heard(built, who)) == 1
    assert len(looks_of(built, who) + (looks_of(built, "A-17") if who != "A-17" else [])) == 1


def test_an_emergency_and_taking_it_never_wait_for_the_audit():
    built = without_audit((by_telegram(ANNA), by_telegram(NIA)))
    assert "Call 112" in writes(built, "A-17", "who saw my data? my chest hurts")
    code = built.record.codes_of("nia", START)[0].code
    assert "is yours" in writes(built, "nia", f"{code} ok")
    assert "closed" in writes(built, "nia", f"{code} done ambulance sent")


def test_the_audit_stands_before_the_answer_is_committed():
    built = house(members=CLINIC)
    order = []
    record = built.record
    note, commit = record.note_access, record.commit
    record.note_access = lambda access: (order.append("audit"), note(access))[1]
    record.commit = lambda chart, event, kind, *rest: (order.append(kind), commit(chart, event, kind, *rest))[1]
    for who, text in (("nia", "/chart A-17"), ("mia", "/nudges Anna"), ("dr-lee", "/chart A-17"), ("nia", "/patients")):
        order.clear()
        writes(built, who, text)
        assert order[:2] == ["audit", "message"]


def test_details_of_a_page_and_the_list_are_looks_too():
    built = house(members=CLINIC)
    writes(built, "A-17", "my chest hurts")
    code = built.record.codes_of("nia", START)[0].code
    assert "with nobody yet" in writes(built, "nia", f"{code} ?")
    assert code in writes(built, "nia", "list")
    writes(built, "nia", f"{code} ok")
    assert looks_of(built, "A-17") == [("nia", "read-page", True, "on call")] * 2


def test_the_same_message_again_is_one_look():
    built = house(members=CLINIC)
    for _ in range(3):
        built.hear(TELEGRAM, "@nia", "/chart A-17", "T1")
        built.settle()
    assert len(looks_of(built, "A-17")) == 1


@pytest.mark.parametrize(
    ("number", "text", "subject", "action"),
    [
        ("+15550002", "/chart A-17", "A-17", "read-chart"),
        ("+15550003", "/chart A-17", "dr-lee", "read-chart"),
        ("+15550003", f"/breakglass A-17 {REASON}", "A-17", "break-glass"),
        ("+15550001", "who saw my data", "A-17", "read-access-log"),
    ],
)
def test_a_crash_at_any_write_leaves_no_answer_without_its_line(number, text, subject, action, tmp_path):
    """Killed at every single write and brought up again: one answer, its line before it, and one grant at most."""

    def lived(crash_at):
        world = World("memory", tmp_path)
        world.house.enrol(replace(LEE, panel=("B-22",)), event_id="panel")
        bomb = world.arm(crash_at)
        world.do(lambda w: w.house.hear(SMS, number, text, "M1"))
        world.live(timedelta(minutes=2))
        return world, bomb

    calm, bomb = lived(0)
    assert bomb.writes.index("access") < bomb.writes.index("journal")
    for point in range(1, len(bomb.writes) + 1):
        world, _ = lived(point)
        assert compare(world.sent(), calm.sent()) == []
        lines = [a.action for a in world.record.accesses(subject)]
        assert action in lines
        # Dead between the two writes, it was looked at twice; once answered, it is not looked at again.
        assert len(lines) <= (2 if point <= bomb.writes.index("journal") + 1 else 1)
        assert len(world.house.person("dr-lee").grants) == len(calm.house.person("dr-lee").grants)

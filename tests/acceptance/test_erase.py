"""Erasure: nothing of the person is left that can be opened, others notice nothing, killed anywhere it ends the same.

What it cannot reach is listed here (`REMAINS`): what colleagues wrote and were told stands in their own streams, under
their own keys.
"""

import shutil
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.erasure import CERTIFICATE, CLINIC, Request, certificate_of, erase, held, obstacle, pseudonym
from bot.house import House
from bot.operator import operator
from data.clock import SimulatedClock
from data.errors import BadInput, NotFound, Unavailable
from data.model.communication import SendState
from data.model.people import ChannelKind, Consent, ContactPoint, ContactState, Grant, Purpose, Role
from data.record.chain import Chained
from data.record.memory import MemoryRecord
from data.record.sqlite import SqliteRecord
from data.record.tables import load_tables
from data.record.verify import verify
from tests.acceptance.crashing import KIT, PARSER, START, people
from tests.acceptance.planted import Planted
from tests.acceptance.scanning import canaries_in
from tests.acceptance.test_crash_points import oxygen
from tests.bot.clinic import heard, house, says
from tests.record import mongo_server
from tests.record.keys import FixedKeys
from tests.record.stores import KINDS, Crash, CrashAt, Store

ANNA, NIA, LEE, MIA = people()
SMS, TELEGRAM = ChannelKind.SMS, ChannelKind.TELEGRAM
CLERK = operator()
# Where words of and about an erased person stay: in streams that are not theirs.
REMAINS = {
    "id of a patient",  # what a colleague's own journal says of grants and panels; in memory an erased chart's id
    "code of a patient",  # lists that colleagues were sent, and what they wrote
    "first name of a patient",  # the same, on Telegram
    "name of a patient",
    "text of a nudge",  # a care manager's command, as written
    "outcome a colleague wrote",  # a reply, as written
    "words of a colleague",
    "reason of an emergency access",  # the command, and the grant in the colleague's journal
}


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    """The night, lived once in each kind of store, with what that store wrote: records of one house, keys and all."""
    known = {}

    def lived(kind):
        if kind not in known:
            store = Store(kind, tmp_path_factory.mktemp(kind))
            night = Planted(store.open(), count=2).live()
            data = night.record.dump() if kind == "memory" else None
            night.record.close()
            stored = mongo_server.contents(store.url) if kind == "mongo" else data
            known[kind] = night, (store.folder if kind == "sqlite" else stored)
            store.close()
        return known[kind]

    return lived


class Place:
    """A copy of the night's record."""

    def __init__(self, kind, folder, lived, probe=lambda name: None):
        folder.mkdir(parents=True, exist_ok=True)
        self.store = Store(kind, folder)
        if kind == "memory":
            self.record = MemoryRecord.load(lived, probe)
            self.store.opened.append(self.record)
            return
        if kind == "sqlite":
            shutil.copytree(lived, folder, dirs_exist_ok=True)
        else:
            for name, rows in lived.items():
                base, _, table = name.partition(".")
                there = mongo_server.raw_keys if base.endswith("_keys") else mongo_server.raw
                if rows:
                    there(self.store.url)[table].insert_many(rows)
        self.record = self.store.open(probe)

    def restart(self):
        self.record = self.store.reopen(self.record)
        self.record.recover()
        return self.record


def request(person, clock, **more):
    return Request(subject=person.id, who=CLERK, now=clock.now(), via="command line", **more)


def certificates(record):
    return [line for line in record.accesses(CLINIC) if line.action == CERTIFICATE]


def part_of(record, person):
    """What the record holds of one patient."""
    tables = load_tables(record.dump())
    return {
        "chart": tables.charts.get(person.id),
        "journal": [(row.event_id, row.body) for row in tables.journal.get(person.id, ())],
        "vitals": tables.vitals.get(person.id),
        "outbox": sorted(row.body for key, row in tables.outbox.items() if key[0] == person.id),
        "dues": sorted(row.body for key, row in tables.dues.items() if key[0] == person.id),
        "person": tables.people.get(person.id),
        "messages": [row.body for row in tables.inbox.values() if row.order == person.id],
        "codes": sorted(
            (who, code, row.escalation_id)
            for who, given in tables.codes.items()
            for code, row in given.items()
            if row.subject == person.id
        ),
        "accesses": tables.accesses.get(person.id),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_person_is_left_and_others_notice_nothing(nights, kind, tmp_path):
    lived, data = nights(kind)
    person, *others = lived.patients
    place = Place(kind, tmp_path, data)
    record = place.record
    before = [part_of(record, one) for one in others]
    mine = {canary: lived.strings.get(canary, "a reading") for canary in lived.whose[person.id]}
    mine[person.id] = "id of a patient"
    assert len(canaries_in({"dump": record.dump()}, mine)) > 30
    certificate, erased = erase(record, request(person, lived.clock, reason="asked for by letter"))
    assert erased
    left = {mine[line.partition(": ")[2]] for line in canaries_in({"dump": record.dump()}, mine)}
    assert left <= REMAINS
    # Nobody has the person in a list, a right or an emergency access any more.
    assert not any(
        person.id in (*(p.panel or ()), *p.represents, *(g.patient for g in p.grants)) for p in record.people()
    )
    for one, known in zip(others, before, strict=True):
        assert part_of(record, one) == known
    assert certificates(record)[-1] == certificate
    text = " ".join(line.reason for line in record.accesses(CLINIC))
    assert canaries_in({"certificates": text.encode()}, mine) == []
    if isinstance(record, Chained):
        assert verify(record).sound
    place.store.close()


@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_any_write_and_run_again_it_ends_the_same(nights, kind, tmp_path):
    lived, data = nights(kind)
    person = lived.patients[0]
    asked = request(person, lived.clock, reason="asked for by letter")
    calm = CrashAt(None)
    place = Place(kind, tmp_path / "calm", data, calm)
    erase(place.record, asked)
    expected = end_of(place, person)
    writes = list(calm.names)
    assert {"access", "journal"} <= set(writes)
    points = range(len(writes))
    for nth in points:
        place = Place(kind, tmp_path / f"{nth}", data, CrashAt(nth))
        with pytest.raises(Crash):
            erase(place.record, asked)
        place.restart()
        # Once it is done, what was asked for first stands, even when it is not said again.
        again = replace(asked, reason="" if place.record.chart(person.id).erased else asked.reason)
        certificate, _ = erase(place.record, again)
        assert certificate.reason.endswith("erased, keys destroyed; asked for by letter"), writes[nth]
        assert end_of(place, person) == expected, f"write {nth} ({writes[nth]})"


def end_of(place, person):
    """What everything comes to, but for how often it was attempted."""
    record = place.restart()
    assert erase(record, Request(subject=person.id, who=CLERK, now=START))[1] is False
    assert record.chart(person.id).erased
    told = sorted((line.reason, line.actor, line.role, line.via) for line in certificates(record))
    # One for the patient, one for the stranger that their number was before.
    assert Counter(reason.partition(": ")[0] for reason, *_ in told).most_common(1)[0][1] == 1
    assert len(told) == 2
    parts = {one.id: part_of(record, one) for one in record.people() if one.role not in STAFF}
    staff = {one.id: (one, [entry.kind for entry in record.journal(one.id)]) for one in record.staff()}
    place.store.close()
    return told, parts, staff


STAFF = (Role.CLINICIAN, Role.CARE_MANAGER, Role.ADMINISTRATOR)


# What speaks against it.


@pytest.fixture
def clinic():
    """Anna wrote from her number before anybody knew her; now she is a patient, and nothing of hers is open."""
    built = house(members=())
    says(built, "hello")
    for person in people():
        built.enrol(person, event_id=f"enrol:{person.id}")
    says(built, "bp 120/80")
    return built


def ask(built, subject="A-17", **more):
    return erase(built.record, Request(subject=subject, who=CLERK, now=built.now(), via="command line", **more))


def refused(built, match, subject="A-17", **more):
    """Nothing at all changes, and nothing is certified."""
    before = built.record.digest()
    with pytest.raises(BadInput, match=match):
        ask(built, subject, **more)
    assert built.record.digest() == before
    assert certificates(built.record) == []


def test_not_while_an_escalation_is_open_unless_forced(clinic):
    says(clinic, "my chest hurts")
    refused(clinic, "an escalation of this person is open.*see to it first, or go on all the same with --force")
    code = clinic.record.codes_of("nia", START)[0].code
    says(clinic, f"{code} ok", "+15550002")
    refused(clinic, "an escalation of this person is open")
    says(clinic, f"{code} done ambulance sent", "+15550002")
    assert obstacle(clinic.record, ANNA) is None
    assert ask(clinic)[1]


def test_forced_the_pages_stop_and_their_codes_are_nobodys(clinic):
    says(clinic, "my chest hurts")
    code = clinic.record.codes_of("nia", START)[0].code
    assert ask(clinic, force=True)[1]
    clinic.clock.move_to(clinic.now() + timedelta(hours=3))
    before = len(heard(clinic, "nia")) + len(heard(clinic, "dr-lee"))
    clinic.settle()
    assert len(heard(clinic, "nia")) + len(heard(clinic, "dr-lee")) == before
    says(clinic, f"{code} ok", "+15550002")
    assert f"Code {code} is closed, or not one of yours" in heard(clinic, "nia")[-1]


def test_not_while_a_message_is_unanswered(clinic):
    clinic.hear(SMS, "+15550001", "my chest hurts", "late")
    refused(clinic, "a message of this person is not answered yet")
    clinic.settle()
    refused(clinic, "an escalation of this person is open")


def test_nor_one_that_came_before_anybody_knew_whose_it_is():
    built = house(members=())
    built.hear(SMS, "+15550001", "my chest hurts", "early")
    built.enrol(ANNA, event_id="enrol")
    refused(built, "a message of this person is not answered yet")


def test_what_was_answered_on_another_chart_is_answered(clinic):
    """On a phone that a nurse and her patient share, "list" is the nurse's."""
    clinic.enrol(replace(NIA, contacts=ANNA.contacts), event_id="shared")
    says(clinic, "list")
    assert ask(clinic)[1]


def test_what_comes_in_between_stops_it(clinic):
    """Another process takes a message in after we looked and before we wrote."""

    class Racing(MemoryRecord):
        racing = False

        def note_access(self, access):
            super().note_access(access)
            if self.racing and access.action == "erase":
                self.racing = False
                House(self, clinic.clock, clinic.carriers, KIT, PARSER).hear(SMS, "+15550001", "my chest hurts", "race")
                House(self, clinic.clock, clinic.carriers, KIT, PARSER).settle()

    record = Racing.load(clinic.record.dump())
    record.racing = True
    clinic.record = record
    with pytest.raises(BadInput, match="has just come in"):
        ask(clinic)
    assert not record.chart("A-17").erased
    assert certificates(record)[1:] == []
    assert [e.state.value for e in record.chart("A-17").escalations] == ["open"]


def test_not_somebody_who_works_here(clinic):
    refused(clinic, "nia works here", "nia")


def test_not_somebody_unknown_and_not_by_somebody_who_may_not(clinic):
    with pytest.raises(NotFound, match="there is nobody 'x-1'"):
        ask(clinic, "x-1")
    for who in (NIA, ANNA, MIA):
        with pytest.raises(NotFound, match="there is nobody 'A-17'"):
            erase(clinic.record, Request(subject="A-17", who=who, now=START, via="test"))
        assert [(a.action, a.permitted) for a in clinic.record.accesses(who.id)][-1] == ("erase", False)
    assert not clinic.record.chart("A-17").erased


@pytest.mark.parametrize(
    "reason", ["Anna asked for it", "asked for by a-17", "letter from +15550001", "ANNA!", "Ánná asked", "1-555-0001"]
)
def test_the_reason_stays_so_it_must_not_name_the_person(clinic, reason):
    refused(clinic, "leave out the person's name", reason=reason)
    assert ask(clinic, reason="asked for in an annal")[0].reason.endswith("; asked for in an annal")


def test_what_is_certified(clinic):
    says(clinic, "who saw my data")
    assert held(clinic.record, "A-17").entries == clinic.record.chart("A-17").revision
    told = str(held(clinic.record, "A-17"))
    certificate, erased = ask(clinic)
    assert erased
    assert certificate.reason == f"{pseudonym(clinic.record, 'A-17')}: {told} erased, keys destroyed"
    assert (certificate.actor, certificate.role, certificate.via) == (CLERK.id, "administrator", "command line")
    assert certificate_of(clinic.record, "A-17") == certificate
    assert certificate_of(clinic.record, "B-22") is None
    # The look before it stands there too, with what there was.
    looks = [line for line in clinic.record.accesses(CLINIC) if line.action == "erase"]
    assert looks[-1].reason == f"{pseudonym(clinic.record, 'A-17')}: {told}"
    again, erased = ask(clinic, reason="once more")
    assert (again, erased) == (certificate, False)


# What follows.


def test_what_comes_late_is_left_alone(clinic):
    clinic.stream("A-17", (), batch_id="before")
    (sent,) = [a.communication for a in clinic.carriers[0].accepted if "120/80" in a.communication.text]
    ask(clinic)
    digest = clinic.record.digest()
    clinic.receipt(sent.id, SendState.DELIVERED, provider="A", provider_id="A-1", event_id="late")

    class World:
        def __init__(self, house):
            self.house, self.clock = house, house.clock

    oxygen(World(clinic))
    clinic.clock.move_to(clinic.now() + timedelta(days=2))
    assert clinic.settle() == 0
    assert clinic.next_at() is None
    assert clinic.record.digest() == digest
    assert clinic.record.holders(SMS, "+15550001") == ()


def test_the_same_id_is_never_enrolled_again(clinic):
    ask(clinic)
    for event_id in ("enrol:A-17", "again"):
        with pytest.raises(BadInput, match="belonged to somebody who was erased; choose another"):
            clinic.enrol(ANNA, event_id=event_id)
    assert clinic.record.person_at(SMS, "+15550001") is None
    anew = replace(ANNA, id="A-18", code="A-18")
    clinic.enrol(anew, event_id="enrol:A-18")
    says(clinic, "bp 121/81")
    found = clinic.record.person_at(SMS, "+15550001")
    assert found is not None
    unheard = tuple(replace(c, heard_at=None) for c in found.contacts)
    assert replace(found, contacts=unheard) == anew
    assert sorted(o.value for o in clinic.record.chart("A-18").observations) == [81.0, 121.0]


def test_whoever_writes_from_the_number_is_a_stranger_and_an_emergency_is_answered(clinic):
    """Again and again: a stranger may ask to be erased as well, and is somebody new when they write once more."""
    seen = set()
    ask(clinic)
    for _ in range(3):
        says(clinic, "my chest hurts")
        stranger = clinic.record.person_at(SMS, "+15550001")
        assert stranger.role is Role.STRANGER
        assert "112" in heard(clinic, stranger.id)[-1]
        seen.add(stranger.id)
        assert ask(clinic, stranger.id, force=True)[1]
    assert len(seen) == 3
    assert all(clinic.record.chart(one).erased for one in seen)


def test_a_number_that_another_patient_has_too_keeps_what_is_not_of_one_alone(clinic):
    ben = replace(ANNA, id="B-22", code="B-22", name="Ben")
    clinic.enrol(ben, event_id="enrol:B-22")
    stranger = next(p.id for p in clinic.record.holders(SMS, "+15550001") if p.role is Role.STRANGER)
    ask(clinic)
    assert not clinic.record.chart(stranger).erased
    says(clinic, "bp 130/80")
    assert clinic.record.chart("B-22").latest("systolic-blood-pressure").value == 130
    ask(clinic, "B-22")
    assert clinic.record.chart(stranger).erased
    assert clinic.record.holders(SMS, "+15550001") == ()


def test_nobody_keeps_a_right_to_the_erased(clinic):
    grant = Grant(patient="A-17", reason="collapsed", given_at=START, until=START + timedelta(hours=1))
    other = replace(grant, patient="B-22")
    agreed = Consent(purpose=Purpose.SHARING, given=True, recorded_at=START, recipient="son")
    son = replace(ANNA, id="son", code="X-1", name="Sam", role=Role.PROXY, contacts=(), represents=("A-17", "B-22"))
    ben = replace(ANNA, id="B-22", code="B-22", name="Ben", contacts=(), consents=(*ANNA.consents, agreed))
    for person in (replace(LEE, panel=("A-17", "B-22"), grants=(grant, other)), son, ben):
        clinic.enrol(person, event_id=f"now:{person.id}")
    ask(clinic)
    lee = clinic.person("dr-lee")
    assert (lee.panel, lee.grants, clinic.person("son").represents) == (("B-22",), (other,), ("B-22",))
    ask(clinic, "son")
    assert clinic.person("B-22").consents == ANNA.consents


def test_a_message_of_somebody_erased_at_the_very_moment_is_kept_and_answered(clinic):
    """The door knew whose number it is; before it kept the message, another process erased them."""

    class Racing(MemoryRecord):
        at = ""

        def keep(self, message):
            self._race("keep")
            return super().keep(message)

        def chart(self, subject, *, observations=True):
            if subject == "A-17":
                self._race("chart")
            return super().chart(subject, observations=observations)

        def _race(self, at):
            if at == self.at:
                self.at = ""
                ask(clinic, force=True)

    for at in ("keep", "chart"):
        record = Racing.load(clinic.record.dump())
        built = House(record, SimulatedClock(clinic.now()), clinic.carriers, KIT, PARSER)
        clinic.record, kept = record, clinic.record
        record.at = at if at == "keep" else ""
        built.hear(SMS, "+15550001", "my chest hurts", f"race-{at}")
        record.at = at if at == "chart" else ""
        built.settle()
        assert record.chart("A-17").erased
        stranger = record.person_at(SMS, "+15550001")
        assert "112" in heard(clinic, stranger.id)[-1], at
        clinic.record = kept


def test_a_stop_is_forgotten_with_the_person_but_the_carrier_keeps_it(clinic):
    """Said so that nobody is surprised: no list of numbers survives an erasure; the carrier's own STOP does."""
    says(clinic, "STOP")
    assert clinic.person("A-17").contacts[0].state is ContactState.STOPPED
    ask(clinic)
    clinic.enrol(replace(ANNA, id="A-18"), event_id="anew")
    assert clinic.person("A-18").contacts == (ContactPoint(system=SMS, value="+15550001"),)


def test_without_a_certificate_it_is_not_done(clinic):
    """Somebody else's write came between the erasure and its certificate: it says so, and the same again is right."""

    class Leaky(MemoryRecord):
        leaks = True

        def messages(self, subject):
            if self.leaks and subject == "A-17" and self.chart(subject).erased:
                yield "left over"
            yield from super().messages(subject)

    clinic.record = Leaky.load(clinic.record.dump())
    with pytest.raises(Unavailable, match="the same again"):
        ask(clinic)
    clinic.record.leaks = False
    certificate, erased = ask(clinic)
    assert not erased
    assert certificates(clinic.record)[-1] == certificate


# What a backup would bring back.


def test_an_old_record_file_and_old_keys_together_revive_and_neither_alone(nights, tmp_path):
    lived, data = nights("sqlite")
    person = lived.patients[0]
    place = Place("sqlite", tmp_path / "house", data)
    place.record.close()
    shutil.copytree(tmp_path / "house", tmp_path / "backup")
    record = SqliteRecord(tmp_path / "house" / "record.db", FixedKeys())
    erase(record, request(person, lived.clock))
    record.close()
    mine = [canary for canary in lived.whose[person.id] if lived.strings.get(canary) not in REMAINS]

    def found(name, record_from, keys_from):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(tmp_path / record_from / "record.db", folder)
        shutil.copy(tmp_path / keys_from / "record.db.keys", folder)
        opened = SqliteRecord(folder / "record.db", FixedKeys())
        try:
            return len(canaries_in({"dump": opened.dump()}, mine))
        except NotFound:
            return 0
        finally:
            opened.close()

    assert found("both-old", "backup", "backup") > 20
    assert found("old-keys", "house", "backup") == 0
    assert found("old-record", "backup", "house") == 0
    place.store.opened.clear()


def test_the_houses_own_answers_keep_no_name_of_a_patient_in_other_peoples_streams(clinic):
    says(clinic, "/patients", "@mia", TELEGRAM)
    assert "A-17 Anna" in heard(clinic, "mia")[-1]
    ask(clinic)
    assert b"Anna" not in clinic.record.dump()

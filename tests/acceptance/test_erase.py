"""Erasure: nothing of the person is left in what can be opened, others notice nothing, killed anywhere it ends the same.

What it cannot reach is listed here (`REMAINS`) and nowhere else: what colleagues wrote and were told stands in their own
streams, under their own keys.
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
from data.record.mongo import MongoRecord
from data.record.sqlite import SqliteRecord
from data.record.tables import load_tables
from data.record.verify import verify
from tests.acceptance.crashing import KIT, PARSER, START, people
from tests.acceptance.planted import Planted
from tests.acceptance.scanning import canaries_in
from tests.acceptance.test_crash_points import oxygen
from tests.bot.clinic import heard, house, says
from tests.record.keys import FixedKeys
from tests.record.stores import KINDS, Crash, CrashAt, Store

ANNA, NIA, LEE, MIA = people()
SMS, TELEGRAM = ChannelKind.SMS, ChannelKind.TELEGRAM
CLERK = operator()
# Where words of and about an erased person stay: in streams that are not theirs.
REMAINS = {
    "id of a patient",  # grants, panels, and what a colleague's own journal says of them; an erased chart's id in memory
    "code of a patient",  # lists that colleagues were sent, and what they wrote
    "first name of a patient",  # the same, on Telegram
    "name of a patient",
    "text of a nudge",  # a care manager's command, as written
    "outcome a colleague wrote",  # a reply, as written
    "words of a colleague",
    "reason of an emergency access",  # the command, and the grant in the colleague's journal
}


@pytest.fixture(scope="module")
def night():
    """The night, lived once, over a record in memory; `dump` is loaded wherever it is needed."""
    lived = Planted(MemoryRecord()).live()
    return lived, lived.record.dump()


class Place:
    """The night's record in a store of some kind."""

    def __init__(self, kind, folder, data, probe=lambda name: None):
        folder.mkdir(parents=True, exist_ok=True)
        self.store, self.probe = Store(kind, folder), lambda name: None
        kinds = {
            "memory": lambda: MemoryRecord.load(data, self._probe),
            "sqlite": lambda: SqliteRecord.load(data, folder / "record.db", FixedKeys(), self._probe),
            "mongo": lambda: MongoRecord.load(data, self.store.url, FixedKeys(), self._probe),
        }
        self.record = kinds[kind]()
        self.store.opened.append(self.record)
        # Not while it is loaded.
        self.probe = probe

    def _probe(self, name):
        self.probe(name)

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
        "outbox": [row.body for key, row in tables.outbox.items() if key[0] == person.id],
        "dues": [row.body for key, row in tables.dues.items() if key[0] == person.id],
        "person": tables.people.get(person.id),
        "messages": [row.body for row in tables.inbox.values() if row.order == person.id],
        "codes": [(code, row) for given in tables.codes.values() for code, row in given.items() if row.subject == person.id],
        "accesses": tables.accesses.get(person.id),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_person_is_left_and_others_notice_nothing(night, kind, tmp_path):
    lived, data = night
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
    assert not any(person.id in (*(p.panel or ()), *p.represents, *(g.patient for g in p.grants)) for p in record.people())
    for one, known in zip(others, before, strict=True):
        assert part_of(record, one) == known
    assert certificates(record)[-1] == certificate
    text = " ".join(line.reason for line in record.accesses(CLINIC))
    assert canaries_in({"certificates": text.encode()}, mine) == []
    if isinstance(record, Chained):
        assert verify(record).sound
    place.store.close()


@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_any_write_and_run_again_it_ends_the_same(night, kind, tmp_path):
    lived, data = night
    person = lived.patients[0]
    asked = request(person, lived.clock, reason="asked for by letter")
    calm = CrashAt(None)
    place = Place(kind, tmp_path / "calm", data, calm)
    erase(place.record, asked)
    expected = end_of(place, person)
    writes = list(calm.names)
    assert {"access", "journal"} <= set(writes)
    points = range(len(writes))
    if kind == "mongo":
        # Loading takes a while: every kind of write, and the first and last of those that come in a row.
        points = [n for n in points if n in (0, len(writes) - 1) or len({writes[n - 1], writes[n], writes[n + 1]}) > 1]
    for nth in points:
        place = Place(kind, tmp_path / f"{nth}", data, CrashAt(nth))
        with pytest.raises(Crash):
            erase(place.record, asked)
        place.restart()
        # Later, and without a reason: what was asked for first stands.
        again = replace(asked, now=asked.now + timedelta(hours=1), reason="" if place.record.chart(person.id).erased else asked.reason)
        certificate, _ = erase(place.record, again)
        assert certificate.reason.endswith("erased, keys destroyed; asked for by letter"), writes[nth]
        assert end_of(place, person) == expected, f"write {nth} ({writes[nth]})"


def end_of(place, person):
    """What everything comes to; the times of a later attempt apart."""
    record = place.restart()
    assert erase(record, Request(subject=person.id, who=CLERK, now=START))[1] is False
    assert record.chart(person.id).erased
    told = [(line.reason, line.actor, line.role, line.via) for line in certificates(record)]
    # One for the patient, one for the stranger that their number was before.
    assert Counter(reason.partition(": ")[0] for reason, *_ in told).most_common(1)[0][1] == 1
    assert len(told) == 2
    rest = load_tables(record.dump())
    rest.accesses.pop(CLINIC)
    # When somebody was taken out of a list, and under which number, a restart may move.
    rest.journal = {key: rows for key, rows in rest.journal.items() if key not in STAFF_OF}
    names = {p.id for p in record.people()}
    parts = {one: part_of(record, replace(person, id=one)) for one in names}
    for one in parts.values():
        one["journal"] = [event.partition("@")[0] for event, _ in one["journal"]]
        one["chart"] = one["chart"] and one["chart"].revision
        one["person"] = one["person"] and one["person"].body
    place.store.close()
    return told, parts


STAFF_OF = ()

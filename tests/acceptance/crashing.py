"""A world that can be killed at any single write: the record survives, the house does not, the outside tries again."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.house import House
from bot.wire import standard_kit, standard_parser
from data.clock import SimulatedClock
from data.model.communication import Category
from data.model.people import ChannelKind, Consent, ContactPoint, Person, Purpose, Role
from data.model.plan import Activity
from data.ports import Record
from data.record.memory import MemoryRecord
from data.record.sqlite import SqliteRecord
from integrations.simulator_channel import Delivery, SimulatedProvider
from scheduler.recurrence import read_recurrence
from tests.record.keys import FixedKeys

START = datetime(2026, 3, 4, 8, 0, tzinfo=UTC)
KIT, PARSER = standard_kit(), standard_parser()


class Crash(BaseException):
    """The process dies here: nothing may catch it."""


class Bomb:
    """Goes off at the `at`-th write; 0 never does."""

    def __init__(self, at: int = 0) -> None:
        self.at, self.count, self.writes = at, 0, []

    def __call__(self, write: str) -> None:
        self.count += 1
        self.writes.append(write)
        if self.count == self.at:
            raise Crash(write)


class World:
    """One clinic over one store ("memory" or "sqlite"), with its providers outside."""

    def __init__(self, store: str, folder: Path) -> None:
        self.store, self.path = store, folder / "record.sqlite"
        self.clock = SimulatedClock(START)
        self.bomb = Bomb()
        self.providers = (
            SimulatedProvider("A", ChannelKind.SMS),
            SimulatedProvider("B", ChannelKind.SMS),
            SimulatedProvider("telegram", ChannelKind.TELEGRAM),
            SimulatedProvider("whatsapp", ChannelKind.WHATSAPP),
        )
        self.record = self._open()
        self._build()
        for person in people():
            self.house.enrol(person, plan(person), event_id=f"enrol:{person.id}")

    def arm(self, at: int) -> Bomb:
        """From now on the `at`-th write kills the process."""
        self.bomb = Bomb(at)
        return self.bomb

    def do(self, action: Callable[["World"], None]) -> bool:
        """Do something from outside; when the process dies meanwhile, bring it up again and do the same again."""
        try:
            action(self)
            return False
        except Crash:
            self.restart()
            action(self)
            return True

    def live(self, duration: timedelta) -> None:
        """Let time pass; a death on the way is followed by a new start, nobody outside repeats anything."""
        until = self.clock.now() + duration
        while True:
            try:
                self.work()
            except Crash:
                self.restart()
                continue
            if self.clock.now() >= until:
                return
            ahead = [self.house.next_at(), *(p.next_at() for p in self.providers)]
            self.clock.move_to(min([until, *(at for at in ahead if at is not None)]))

    def work(self) -> None:
        """Everything due now. A receipt that was not taken in is sent again, as providers do."""
        while True:
            done = self.house.settle()
            for provider in self.providers:
                for happening in provider.take_due(self.clock.now()):
                    done += 1
                    if not isinstance(happening, Delivery):
                        self.do(lambda world, r=happening: world.report(r))
            if not done:
                return

    def report(self, receipt: object) -> None:
        """Hand one provider receipt to the house."""
        self.house.receipt(
            receipt.communication_id,
            receipt.state,
            provider=receipt.provider,
            provider_id=receipt.provider_id,
            event_id=f"receipt:{receipt.provider_id}:{receipt.state}",
        )

    def restart(self) -> None:
        """A new process over what was written."""
        self.bomb = Bomb()
        if isinstance(self.record, MemoryRecord):
            self.record = MemoryRecord.load(self.record.dump(), probe=lambda write: self.bomb(write))
        else:
            self.record.close()
            self.record = self._open()
        self._build()

    def sent(self) -> Counter[tuple[str, str, str, str]]:
        """What the providers took: (category, recipient, channel, sentence)."""
        taken = (a.communication for p in self.providers for a in p.accepted)
        return Counter((c.category.value, _told(c.recipient), c.channel.value, c.text_key) for c in taken)

    def facts(self) -> dict[str, object]:
        """What is known and decided, without the times and counters that a restart may move."""
        found = {}
        for person in self.record.people():
            chart = self.record.chart(person.id)
            found[_told(person.id)] = (
                chart.person and _timeless(replace(chart.person, id=_told(person.id))),
                [(o.id, o.value) for o in chart.observations],
                [(s.id, s.symptom, s.assertion, s.words) for s in chart.symptoms],
                [(f.id, f.rule, f.level, f.state, f.owner, f.outcome, f.episode) for f in chart.flags],
                [(e.id, e.state, e.owner, e.outcome, e.step, e.round) for e in chart.escalations],
                sorted((a.id, a.text, a.active) for a in chart.activities),
                sorted((d.id, d.kind) for d in chart.dues),
                sorted((u.code, u.escalation_id) for u in self.record.codes_of(person.id, START - timedelta(days=1))),
            )
        return found

    def _open(self) -> Record:
        if self.store == "memory":
            return MemoryRecord(probe=lambda write: self.bomb(write))
        return SqliteRecord(self.path, FixedKeys(), probe=lambda write: self.bomb(write))

    def _build(self) -> None:
        self.house = House(self.record, self.clock, self.providers, KIT, PARSER)


def _timeless(person: Person) -> Person:
    """Without when they were last heard from; of a code, which every record makes its own, who gave it out and why."""
    contacts = tuple(replace(c, heard_at=None) for c in person.contacts)
    return replace(person, contacts=contacts, invites=tuple((i.cause, i.by) for i in person.invites))


def _told(person_id: str) -> str:
    """Every record has pseudonyms of its own for strangers; here there is never more than one."""
    return "stranger" if person_id.startswith("stranger-") else person_id


def people() -> tuple[Person, ...]:
    """A patient, two clinicians, a care manager."""
    consents = tuple(Consent(purpose=p, given=True, recorded_at=START, source="test") for p in Purpose)
    return (
        Person(id="A-17", code="A-17", name="Anna", role=Role.PATIENT, title="patient", zone="Europe/Tallinn",
               contacts=(ContactPoint(system=ChannelKind.SMS, value="+15550001"),), consents=consents),
        Person(id="nia", code="nia", name="Nia", role=Role.CLINICIAN, title="nurse", zone="Europe/Tallinn", step=1,
               contacts=(ContactPoint(system=ChannelKind.SMS, value="+15550002"),)),
        Person(id="dr-lee", code="dr-lee", name="Dr Lee", role=Role.CLINICIAN, title="doctor", zone="Europe/Tallinn",
               step=2, contacts=(ContactPoint(system=ChannelKind.SMS, value="+15550003"),)),
        Person(id="mia", code="mia", name="Mia", role=Role.CARE_MANAGER, title="care manager", zone="Europe/Tallinn",
               contacts=(ContactPoint(system=ChannelKind.TELEGRAM, value="@mia"),)),
    )  # fmt: skip


def plan(person: Person) -> tuple[Activity, ...]:
    """Anna is reminded at 10:10, ten minutes after the start."""
    if person.role is not Role.PATIENT:
        return ()
    return (Activity(id="A-17/nudge/bp", text="Check your blood pressure", recurrence=read_recurrence("daily 10:10")),)


# A message whose sender died may go once more where a double is harmless, and never where it could double a dose.
MAY_DOUBLE = {Category.SAFETY, Category.PAGE, Category.OPERATIONS, Category.REPLY}
AT_MOST_ONCE = {Category.NUDGE, Category.NOTICE}


def compare(sent: Counter, expected: Counter) -> list[str]:
    """What was lost or doubled against a run without a crash."""
    problems = []
    for message in sorted(set(sent) | set(expected)):
        category = Category(message[0])
        least = 0 if category in AT_MOST_ONCE else expected[message]
        most = expected[message] + (1 if category in MAY_DOUBLE and expected[message] else 0)
        if not least <= sent[message] <= most:
            problems.append(f"{message}: {sent[message]} times, without a crash {expected[message]}")
    if sum(max(0, sent[m] - expected[m]) for m in sent) > 1:
        problems.append("more than one message doubled by one crash")
    return problems

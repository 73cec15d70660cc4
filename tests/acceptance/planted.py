"""A clinic's night with a canary in every place where a person can write or be named, over any record."""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random

from bot.house import House
from data.clock import SimulatedClock
from data.model.audit import Access
from data.model.chart import Changes
from data.model.observation import Observation
from data.model.people import ChannelKind, Consent, ContactPoint, Limit, Person, Purpose, Role
from data.model.plan import Activity
from data.ports import Record
from integrations.simulator_channel import Delivery, SimulatedProvider
from scheduler.recurrence import read_recurrence
from tests.acceptance.crashing import KIT, PARSER, START

SMS, TELEGRAM = ChannelKind.SMS, ChannelKind.TELEGRAM
_LETTERS = "bcdfghjklmnpqrstvwxz"


class Broken(SimulatedProvider):
    """A provider that raises, with the patient's words in its mouth, on every third message."""

    def send(self, to, communication, now):
        if (len(self.accepted) + 1) % 3 == 0:
            self.accepted.append(None)
            raise RuntimeError(f"could not send {communication.text!r} to {to.value}")
        return super().send(to, communication, now)


class BrokenParser:
    """A parser that fails on one of its sentences, quoting it."""

    def parse(self, text, language):
        if "fails" in text:
            raise ValueError(f"cannot parse {text!r}")
        return PARSER.parse(text, language)


@dataclass
class Planted:
    """A house that lives the night. `strings` and `numbers` map each canary to the place it was planted in."""

    record: Record
    count: int = 6
    whose: dict[str, set[str]] = field(default_factory=dict)
    strings: dict[str, str] = field(default_factory=dict)
    numbers: dict[float, str] = field(default_factory=dict)

    def __post_init__(self):
        self._random = Random(4)  # noqa: S311 - canaries, not secrets
        self.clock = SimulatedClock(START)
        self.providers = (
            Broken("A", SMS),
            SimulatedProvider("B", SMS),
            SimulatedProvider("telegram", TELEGRAM),
        )
        self.house = House(self.record, self.clock, self.providers, KIT, BrokenParser())
        self._said = 0

    # Canaries.

    def word(self, place, whose=""):
        """Ten letters that stand nowhere else."""
        return self._planted("q" + "".join(self._random.choices(_LETTERS, k=9)), place, whose)

    def phone(self, place, whose=""):
        return self._planted(f"+1{self._random.randrange(10**9, 10**10)}", place, whose)

    def number(self, low, place, whose=""):
        """A value from `low` on with two decimals that no other has."""
        value = None
        while value is None or value in self.numbers:
            value = round(low + self._random.choice(range(11, 99, 1)) / 100, 2)
            value, low = (None, low) if f"{value}"[-2] == "." else (value, low + 1)
        self.numbers[value] = place
        self.whose.setdefault(whose, set()).add(f"{value}")
        return value

    def _planted(self, canary, place, whose):
        self.strings[canary] = place
        self.whose.setdefault(whose, set()).add(canary)
        return canary

    # The night.

    def live(self):
        self.staff = tuple(self._colleague(n, role) for n, role in enumerate(_ROLES))
        for person in self.staff:
            self.house.enrol(person, event_id=f"enrol:{person.id}")
        self.patients = tuple(self._enrolled(n) for n in range(self.count))
        for one in self.patients:
            self._sick(one)
        for n in range(4):
            self.says(self.phone("a stranger's number"), f"hello {self.word('a stranger wrote')} {n}")
        self.settle(timedelta(minutes=6))
        for one in self.patients:
            self._treated(one)
        self.settle(timedelta(hours=20))
        return self

    def settle(self, duration=timedelta(0)):
        until = self.clock.now() + duration
        while True:
            done = self.house.settle()
            for provider in self.providers:
                for happening in provider.take_due(self.clock.now()):
                    done += 1
                    if not isinstance(happening, Delivery):
                        self._report(happening)
            if done:
                continue
            if self.clock.now() >= until:
                return
            ahead = [at for at in (self.house.next_at(), *(p.next_at() for p in self.providers)) if at]
            self.clock.move_to(min([until, *ahead]))

    def says(self, address, text, kind=SMS):
        self._said += 1
        self.house.hear(kind, address, text, f"M{self._said}")
        self.settle()

    def _report(self, receipt):
        self.house.receipt(
            receipt.communication_id,
            receipt.state,
            provider=receipt.provider,
            provider_id=receipt.provider_id,
            event_id=f"receipt:{receipt.provider_id}:{receipt.state}",
        )

    def _colleague(self, n, role):
        who = f"colleague {n}"
        return Person(
            id=self.word("id of a colleague", who),
            code=self.word("code of a colleague", who).upper(),
            name=self.word("name of a colleague", who).title(),
            role=role,
            title=self.word("title of a colleague", who),
            zone="Europe/Tallinn",
            step=n + 1 if role is Role.CLINICIAN else None,
            contacts=(
                ContactPoint(system=SMS, value=self.phone("number of a colleague", who)),
                ContactPoint(system=TELEGRAM, value=f"@{self.word('chat of a colleague', who)}"),
            ),
            panel=() if n == 1 else None,
        )

    def _enrolled(self, n):
        me = self.word("id of a patient", f"patient {n}")
        self.whose[me] = self.whose.pop(f"patient {n}")
        number, chat = self.phone("number of a patient", me), f"@{self.word('chat of a patient', me)}"
        # Before anybody knew them they wrote from their number.
        self.says(number, f"hello, {self.word('words before enrolment', me)}")
        person = Person(
            id=me,
            code=self.word("code of a patient", me).upper(),
            name=f"{self.word('first name of a patient', me).title()} {self.word('name of a patient', me).title()}",
            role=Role.PATIENT,
            title=self.word("title of a patient", me),
            zone="Europe/Tallinn",
            contacts=(ContactPoint(system=SMS, value=number), ContactPoint(system=TELEGRAM, value=chat)),
            born_on=date(1950 + n, 2, 3),
            limits=(Limit(code="body-weight", low=40.0, high=self.number(240, "limit", me)),),
            consents=tuple(
                Consent(purpose=p, given=True, recorded_at=START, source=self.word("source of a consent", me))
                for p in Purpose
            ),
        )
        plan = Activity(
            id=f"{me}/nudge/{self.word('id of an activity', me)}",
            text=f"take {self.word('text of a reminder', me)}",
            recurrence=read_recurrence("daily 10:10"),
        )
        self.house.enrol(person, (plan,), event_id=f"enrol:{me}:{number}")
        son = replace(
            person,
            id=self.word("id of a proxy", f"proxy {n}"),
            code=self.word("code of a proxy", f"proxy {n}").upper(),
            name=self.word("name of a proxy", f"proxy {n}").title(),
            role=Role.PROXY,
            contacts=(ContactPoint(system=TELEGRAM, value=f"@{self.word('chat of a proxy', f'proxy {n}')}"),),
            title=self.word("title of a proxy", f"proxy {n}"),
            represents=(me,),
            limits=(),
            consents=(),
        )
        self.house.enrol(son, event_id=f"enrol:{son.id}")
        self.house.commit(
            me,
            f"sharing:{son.id}",
            "consent",
            son.id,
            self.clock.now(),
            lambda chart, team: _sharing(chart.person, son.id, START),
        )
        return person

    def _sick(self, person):
        """What a patient says and their devices measure in an evening."""
        me, number, chat = person.id, *(c.value for c in person.contacts)
        said = [
            f"my chest hurts, says {self.word('words of an emergency', me)}",
            f"no fever but a cough since {self.word('words of a symptom', me)}",
            f"weight {self.number(140, 'a reading in words', me)} kg",
            f"temperature {self.number(36, 'a reading in words', me)}",
            self.word("words nobody understands", me),
            f"this one fails {self.word('words the parser fails on', me)}",
        ]
        for nth, text in enumerate(said):
            self.says(*((number, text) if nth % 2 else (chat, text, TELEGRAM)))
        source, at = self.word("name of a device", me), self.clock.now()
        rows = tuple(
            Observation(
                id=f"{me}/{source}/{code}/{minute}",
                code=code,
                value=self.number(low, "a streamed vital", me),
                unit=unit,
                effective_at=at - timedelta(minutes=7 * minute),
                received_at=at,
                source=source,
            )
            for code, low, unit in (("heart-rate", 95, "/min"), ("body-weight", 160, "kg"))
            for minute in range(3)
        )
        self.house.stream(me, rows, batch_id=self.word("id of a batch", me))

    def _treated(self, person):
        """What colleagues write about a patient, and who looks."""
        me, code, name = person.id, person.code, person.name
        nurse, *_, administrator = self.staff
        pages = [use for use in self.record.codes_of(nurse.id, START) if use.subject == me]
        for use in pages[:1]:
            self.says(nurse.contacts[0].value, f"{use.code} ok")
        for use in pages:
            self.says(nurse.contacts[0].value, f"{use.code} done {self.word('outcome a colleague wrote', me)}")
        chat = [person.contacts[1].value for person in self.staff]
        self.says(chat[2], f'/nudge {name} "take {self.word("text of a nudge", me)}" daily 08:00', TELEGRAM)
        self.says(chat[0], f"/chart {code}", TELEGRAM)
        self.says(chat[2], f"/nudges {code}", TELEGRAM)
        self.says(chat[2], "/patients", TELEGRAM)
        self.says(chat[3], f"/panel {nurse.code} {code}", TELEGRAM)
        self.says(chat[3], f"/panel {nurse.code} all", TELEGRAM)
        reason = f"collapsed at home near {self.word('reason of an emergency access', me)} nobody reachable"
        self.says(chat[1], f"/breakglass {code} {reason}", TELEGRAM)
        self.says(chat[0], self.word("words of a colleague", me), TELEGRAM)
        self.says(nurse.contacts[0].value, "list")
        self.says(person.contacts[0].value, "who saw my data")
        for action, permitted in (("export", True), ("read-chart", False)):
            self.record.note_access(
                Access(
                    subject=me,
                    actor=administrator.id,
                    role="administrator",
                    action=action,
                    at=self.clock.now(),
                    permitted=permitted,
                    reason=self.word("reason of a look", me),
                    via="command line",
                )
            )
        note = Changes(notes=(f"note: {self.word('a note', me)}",))
        self.house.commit(me, f"note:{me}", "note", administrator.id, self.clock.now(), lambda chart, team: note)


_ROLES = (Role.CLINICIAN, Role.CLINICIAN, Role.CARE_MANAGER, Role.ADMINISTRATOR)


def _sharing(person, recipient, at):
    agreed = Consent(purpose=Purpose.SHARING, given=True, recorded_at=at, recipient=recipient)
    return Changes(person=replace(person, consents=(*person.consents, agreed)))

"""A line of the roster laid over what is known of a person: the line's news count, what was said since stays. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from bot.core.consent import latest
from bot.roster_file import Line
from bot.scene.plan import Plan, plan_of
from data.model.audit import Entry
from data.model.chart import Chart
from data.model.people import ChannelKind, Consent, ContactPoint, ContactState, Limit, Person, QuietHours
from data.model.plan import Activity

# Events of a load begin so: by them it is known later what a file said before.
EVENT = "roster:"
BY = "roster"
_ATTRIBUTES = {
    "name": "name", "title": "title", "language": "language", "zone": "zone", "quiet": "quiet", "step": "step",
    "limits": "limits", "born": "born_on", "spo2 scale": "spo2_scale", "on oxygen": "on_oxygen",
}  # fmt: skip
_KINDS = (ChannelKind.SMS, ChannelKind.TELEGRAM, ChannelKind.WHATSAPP)


@dataclass(frozen=True, slots=True)
class Change:
    """One field that becomes another, as words for a table."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """The forms on which consent was given: the day they bear, and where they are."""

    at: datetime
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a person's journal tells: what files said before, and which fields somebody changed here since."""

    said: dict[str, object] = field(default_factory=dict)
    moved: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The person and reminders as they shall be, what changes, and what the line could not change and why."""

    person: Person
    activities: tuple[Activity, ...] = ()
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()


def known(journal: Iterable[Entry]) -> Known:
    """What a journal tells of a person, oldest entry first."""
    said: dict[str, object] = {}
    moved: set[str] = set()
    before: dict[str, object] = {}
    for entry in journal:
        if entry.changes.person is None:
            continue
        values = _values(entry.changes.person)
        changed = {name: value for name, value in values.items() if name not in before or before[name] != value}
        if entry.event_id.startswith(EVENT):
            said |= changed
            moved -= changed.keys()
        elif before:
            moved |= changed.keys()
        before = values
    return Known(said=said, moved=frozenset(moved))


def _values(person: Person) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(person, attribute) for name, attribute in _ATTRIBUTES.items()}
    values |= {str(kind): _addresses(person, kind) for kind in _KINDS}
    for purpose in {row.purpose for row in person.consents if not row.recipient}:
        last = latest(person, purpose)
        values[f"consent {purpose}"] = last is not None and last.given
    return values


def merge(
    line: Line, chart: Chart, paper: Paper, before: Known, stopped: Callable[[ContactPoint], bool], now: datetime
) -> Merged:
    """The person after the line. `line.person` carries the id and code they have; `before` is what files said earlier.

    Of somebody new everything is the line's. Of others only what it says, and not where the file says what it said
    before and the record has moved on since.
    """
    if chart.person is None:
        return _new(line, paper, stopped, now)
    work = _Work(line, chart.person, before)
    work.profile(now)
    for kind in _KINDS:
        if kind in line.said:
            work.contact(kind, stopped, now)
    work.consents(paper)
    work.status()
    activities = work.reminders(chart.activities)
    return Merged(
        person=work.person, activities=activities, changes=tuple(work.changes), notes=tuple(dict.fromkeys(work.notes))
    )


def _new(line: Line, paper: Paper, stopped: Callable[[ContactPoint], bool], now: datetime) -> Merged:
    contacts = tuple(_fresh(point, stopped, now) for point in line.person.contacts)
    consents = tuple(
        Consent(purpose=purpose, given=given, recorded_at=paper.at, source=paper.source)
        for purpose, given in line.consents.items()
    )
    person = replace(line.person, contacts=contacts, consents=consents)
    notes = tuple(
        f"this {c.system} address has sent STOP: nothing goes there until START comes from it"
        for c in contacts
        if c.state is ContactState.STOPPED
    )
    return Merged(person=person, activities=_plan(person, line.plan), notes=notes)


def _fresh(point: ContactPoint, stopped: Callable[[ContactPoint], bool], now: datetime) -> ContactPoint:
    """An address as it is when it is new: STOP belongs to the number, whoever has it later."""
    return replace(point, state=ContactState.STOPPED if stopped(point) else ContactState.ACTIVE, heard_at=now)


def _plan(person: Person, plan: Plan | None) -> tuple[Activity, ...]:
    return tuple(replace(one, by=BY) for one in plan_of(person, plan)) if plan else ()


@dataclass(slots=True)
class _Work:
    """One line on its way into one person."""

    line: Line
    person: Person
    before: Known
    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def _stays(self, name: str, wanted: object) -> bool:
        """Whether the record's value stays: the file says what it said before, or somebody changed it here since."""
        said = self.before.said
        stays = said[name] == wanted if name in said else name in self.before.moved
        if stays:
            self.notes.append(f"{name} was changed here since and stays as it is here")
        return stays

    def _set(self, name: str, attribute: str, wanted: object) -> None:
        old = getattr(self.person, attribute)
        if old != wanted and not self._stays(name, wanted):
            self.person = replace(self.person, **{attribute: wanted})  # type: ignore[arg-type]
            self.changes.append(Change(name, say(old), say(wanted)))

    def profile(self, now: datetime) -> None:
        line, person = self.line, self.line.person
        if person.role is not self.person.role:
            self.notes.append(
                f"the role here is {self.person.role} and stays; `phms people --role {self.person.id} ROLE` changes it"
            )
        else:
            self._set("title", "title", person.title)
        self._set("name", "name", person.name)
        self._set("code", "code", person.code)
        for name, attribute in _ATTRIBUTES.items():
            if name in line.said and name != "name":
                self._set(name, attribute, getattr(person, attribute))
        if "age" in line.said and "born" not in line.said:
            self._age(int(str(line.said["age"])), now)

    def _age(self, years: int, now: datetime) -> None:
        """An age grows by itself: it counts only where no day of birth is known."""
        born = self.person.born_on
        if born is None:
            self._set("born", "born_on", self.line.person.born_on)
        elif _age_on(born, now.astimezone(self.person.tz).date()) != years:
            self.notes.append("another age follows from the day of birth that is recorded; write `born` to change it")

    def contact(self, kind: ChannelKind, stopped: Callable[[ContactPoint], bool], now: datetime) -> None:
        name, old = str(kind), _addresses(self.person, kind)
        wanted = next((c for c in self.line.person.contacts if c.system is kind), None)
        if wanted is None:
            if old and not self._stays(name, ()):
                kept = tuple(c for c in self.person.contacts if c.system is not kind)
                self.person = replace(self.person, contacts=kept)
                self.changes.append(Change(name, ", ".join(old), "none"))
            return
        if wanted.value in old:
            return
        if self._stays(name, (wanted.value,)):
            return
        said = self.before.said.get(name)
        earlier: tuple[str, ...] = said if isinstance(said, tuple) else ()
        gone = next((value for value in earlier if value in old), old[0] if len(old) == 1 else None)
        point = _fresh(wanted, stopped, now)
        if gone is None:
            contacts = (*self.person.contacts, point)
        else:
            contacts = tuple(point if (c.system, c.value) == (kind, gone) else c for c in self.person.contacts)
        self.person = replace(self.person, contacts=contacts)
        self.changes.append(Change(name, gone or "none", wanted.value))
        if point.state is ContactState.STOPPED:
            self.notes.append(f"this {kind} address has sent STOP: nothing goes there until START comes from it")

    def consents(self, paper: Paper) -> None:
        for purpose, given in self.line.consents.items():
            name, last = f"consent {purpose}", latest(self.person, purpose)
            if last is not None and last.given == given:
                continue
            if last is not None and (self._older(name, given) or last.recorded_at > paper.at):
                self.notes.append(
                    f"their last word on {purpose} is {_GIVEN[last.given]} ({last.recorded_at:%Y-%m-%d}) and stays; "
                    f"`phms consent --patient {self.person.code}` records a later form"
                )
                continue
            row = Consent(purpose=purpose, given=given, recorded_at=paper.at, source=paper.source)
            kept = tuple(c for c in self.person.consents if c.purpose is not purpose or c.recipient)
            self.person = replace(self.person, consents=(*kept, row))
            self.changes.append(Change(name, _GIVEN[last.given] if last else "not recorded", _GIVEN[given]))

    def _older(self, name: str, given: bool) -> bool:
        """Whether the line says of consent what it said before, or nothing by itself: then it is no later form."""
        return self.before.said.get(name) == given or (name not in self.before.said and "consent" not in self.line.said)

    def status(self) -> None:
        wanted = self.line.said.get("status", True)
        if wanted and not self.person.active:
            self.person = replace(self.person, active=True)
            self.changes.append(Change("status", "ended", "active again"))
        elif not wanted and self.person.active:
            self.notes.append(f"stays active; `phms people end {self.person.code}` ends their time here")

    def reminders(self, there: tuple[Activity, ...]) -> tuple[Activity, ...]:
        """The reminders to write: the line's where they are new or read otherwise; ended where the line lost them."""
        if self.line.plan is None:
            return ()
        mine = _plan(self.person, self.line.plan)
        known = {one.id: one for one in there}
        news = [one for one in mine if _alike(known.get(one.id)) != _alike(one)]
        gone = [one for one in there if one.active and one.by == BY and one.id not in {m.id for m in mine}]
        self.changes += [Change("reminder", say(known[o.id]) if o.id in known else "none", say(o)) for o in news]
        self.changes += [Change("reminder", say(one), "ended") for one in gone]
        ended = [one.id for one in mine if one not in news and not known[one.id].active]
        self.notes += ["a reminder of the line was ended here since and stays so" for _ in ended[:1]]
        return (*news, *(replace(one, active=False) for one in gone))


def _alike(one: Activity | None) -> Activity | None:
    """A reminder as far as a line tells it: whoever set it, and whether it has ended since, is another matter."""
    return replace(one, by="", active=True) if one else None


def _addresses(person: Person, kind: ChannelKind) -> tuple[str, ...]:
    return tuple(c.value.strip() for c in person.contacts if c.system is kind)


def _age_on(born: date, day: date) -> int:
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


_GIVEN = {True: "given", False: "not given"}


def say(value: object) -> str:
    """A value as people read it."""
    match value:
        case None | ():
            return "none"
        case QuietHours():
            return f"{value.start:%H:%M}-{value.end:%H:%M}"
        case Limit():
            bounds = ((value.low, "below"), (value.high, "above"))
            return f"{value.code} " + " or ".join(f"{word} {bound:g}" for bound, word in bounds if bound is not None)
        case Activity():
            times = ", ".join(f"{at:%H:%M}" for at in value.recurrence.times)
            days = " ".join(_DAYS[day] for day in value.recurrence.weekdays) or "daily"
            return f'"{value.text}" {days} {times}'
        case bool():
            return "yes" if value else "no"
        case tuple():
            return "; ".join(say(one) for one in value)
        case _:
            return str(value)


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

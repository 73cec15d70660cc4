"""Who of the record each line of a roster is, and what two people cannot both have."""

from collections import defaultdict
from dataclasses import replace
from itertools import count

from bot.roster_file import Line, Problem
from data.model.people import ChannelKind, ContactPoint, Person, Role

_PATIENTS = frozenset((Role.PATIENT, Role.PROXY))
# A person as they would be, and the line that says so; without one for whom the file does not name.
Holder = tuple[Person, Line | None]
_TOLD_APART = "give patients ids of their own, such as `id A-17`, and write colleagues' names so that they differ"


class Directory:
    """Who of the record each line is: by id, else by code; else somebody new, with a code of their own."""

    def __init__(self, people: tuple[Person, ...], lines: tuple[Line, ...]) -> None:
        self.by_id = {p.id: p for p in people}
        self._folded = {p.id.casefold(): p for p in people}
        self._codes = {p.code.casefold(): p for p in people}
        self._names: dict[str, list[Person]] = defaultdict(list)
        for person in people:
            self._names[person.name.casefold()].append(person)
        self._taken = set(self._codes) | {line.chosen.casefold() for line in lines if line.chosen}
        self._counts = {role: count(1) for role in _PATIENTS}
        self._first: dict[str, int] = {}
        self._named: dict[str, list[Line]] = defaultdict(list)
        self.problems: list[Problem] = []
        self.found = [one for line in lines if (one := self._find(line)) is not None]

    def _find(self, line: Line) -> Line | None:
        """The line with the id and code of whoever it is; None, with a problem, where that cannot be told."""
        there = self._there(line)
        person_id, code = (there.id, line.chosen or there.code) if there else self._identity(line)
        if there is not None and code.casefold() in (there.code.casefold(), there.id.casefold()):
            code = there.code
        if there is not None and there.role is not line.person.role and {there.role, line.person.role} & _PATIENTS:
            what = f"{there.code} is in the record as {there.role}, and cannot become {line.person.role}; if this is "
            return self._refuse(line, "role", f"{what}somebody else, give them an id of their own")
        if (problem := self._same_name(line, there)) is not None:
            return self._refuse(line, "name", problem)
        if (first := self._first.setdefault(person_id.casefold(), line.number)) != line.number:
            return self._refuse(line, "id", f"line {first} has the same id; give each person an id of their own")
        self._named[line.person.name.casefold()].append(line)
        return replace(line, person=replace(line.person, id=person_id, code=code))

    def _refuse(self, line: Line, key: str, what: str) -> Line | None:
        self.problems.append(Problem(line.number, key, what))
        return None

    def _there(self, line: Line) -> Person | None:
        if line.chosen is not None:
            chosen = line.chosen.replace("/", "-").casefold()
            found = self._folded.get(chosen) or self._codes.get(line.chosen.casefold())
            if found is not None or line.person.role in _PATIENTS:
                return found
        return self._folded.get(line.person.id.casefold())

    def _identity(self, line: Line) -> tuple[str, str]:
        """Id and code of somebody new, as in scenes: a patient's code may stand in an SMS and tells no name."""
        if line.person.role not in _PATIENTS:
            return line.person.id, line.chosen or line.person.id
        if line.chosen is not None:
            return line.chosen.replace("/", "-"), line.chosen
        letter = "P" if line.person.role is Role.PATIENT else "X"
        numbers = self._counts[line.person.role]
        code = next(code for n in numbers if (code := f"{letter}-{n}").casefold() not in self._taken)
        return line.person.id, code

    def _same_name(self, line: Line, there: Person | None) -> str | None:
        """Two people of one name are told apart by ids that were given to them; else it may be one person twice."""
        name = line.person.name.casefold()
        given = line.chosen is not None and line.person.role in _PATIENTS
        for other in self._named[name]:
            if not (given and other.chosen is not None and other.person.role in _PATIENTS):
                return f"line {other.number} has the same name; {_TOLD_APART}"
        if there is not None or given:
            return None
        for person in self._names[name]:
            return (
                f"{person.code} of the record has the same name; if it is the same person, write `id {person.code}` "
                f"in the line, else: {_TOLD_APART}"
            )
        return None


def clashes(everyone: list[Holder]) -> tuple[list[Problem], list[str]]:
    """Codes and addresses that two people would have: an error, but for patients who share a phone.

    `everyone` as they would be: first those of the record whom the file does not name, then the file's in its order.
    """
    problems: list[Problem] = []
    warnings: list[str] = []
    codes: dict[str, list[Holder]] = defaultdict(list)
    addresses: dict[tuple[str, str], list[Holder]] = defaultdict(list)
    for person, line in everyone:
        codes[person.code.casefold()].append((person, line))
        for system, value in dict.fromkeys((_door(c), c.value.strip().casefold()) for c in person.contacts):
            addresses[system, value].append((person, line))
    for holders in codes.values():
        if len(holders) > 1 and (last := holders[-1][1]) is not None:
            what = f"{_where(holders[-2])} has the code {holders[-1][0].code} too; give each their own"
            problems.append(Problem(last.number, "id", what))
    for (system, _), holders in addresses.items():
        last = holders[-1][1]
        if (
            len(holders) < 2
            or last is None
            or not any(line and system in map(_phone, line.said) for _, line in holders)
        ):
            continue
        active = [person for person, _ in holders if person.active]
        if len(active) < 2 or all(person.role in _PATIENTS for person in active):
            where = " and ".join(_where(holder) for holder in holders)
            warnings.append(f"{where} share one {system} address: each may read what the others are sent there")
        else:
            what = f"{_where(holders[-2])} has the same {system} address, and nobody could tell who writes"
            problems.append(Problem(last.number, system, f"{what}; give each their own"))
    return problems, warnings


def _door(contact: ContactPoint) -> str:
    return _phone(contact.system.value)


def _phone(system: str) -> str:
    """WhatsApp is at a phone's own number (see `bot.known_elsewhere`)."""
    return ChannelKind.SMS.value if system == ChannelKind.WHATSAPP else system


def _where(holder: Holder) -> str:
    person, line = holder
    return f"line {line.number}" if line else f"{person.code} of the record"

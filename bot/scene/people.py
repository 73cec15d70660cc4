"""Who takes part in a scene: the lines under `People:`."""

import difflib
import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain, count

from bot.scene.fields import KEYS, USUAL, change_person, read_field
from bot.scene.grammar import Role as Part
from bot.scene.plan import Plan, plan_of, slug
from data.errors import BadInput
from data.model.people import Consent, Person, Role

_ROLES = {
    "patient": Role.PATIENT,
    "proxy": Role.PROXY, "caregiver": Role.PROXY, "relative": Role.PROXY, "parent": Role.PROXY,
    "nurse": Role.CLINICIAN, "doctor": Role.CLINICIAN, "clinician": Role.CLINICIAN, "physician": Role.CLINICIAN,
    "gp": Role.CLINICIAN, "specialist": Role.CLINICIAN, "cardiologist": Role.CLINICIAN,
    "pulmonologist": Role.CLINICIAN, "diabetologist": Role.CLINICIAN, "practitioner": Role.CLINICIAN,
    "paramedic": Role.CLINICIAN, "midwife": Role.CLINICIAN, "pharmacist": Role.CLINICIAN,
    "care manager": Role.CARE_MANAGER, "manager": Role.CARE_MANAGER, "case manager": Role.CARE_MANAGER,
    "administrator": Role.ADMINISTRATOR, "admin": Role.ADMINISTRATOR,
    "operations": Role.OPERATIONS, "ops": Role.OPERATIONS, "operator": Role.OPERATIONS,
    "tester": Role.TESTER, "stranger": Role.STRANGER,
}  # fmt: skip
_ROLE_NAMES = "patient, proxy, nurse, doctor, clinician, care manager, administrator, operations, tester"
_COLUMNS = re.compile(r"\s*\t\s*|\s{2,}")
_NEXT_KEY = re.compile(rf"\s+(?=(?:{'|'.join(KEYS)}|language|limit)\s)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduced:
    """What one line says of a person, not yet held against others: the id comes from the name alone.

    `said` holds what the line sets by name, in its order, as `read_field` gave it; `chosen` is the id it gives, and
    `mistakes` name the key of whatever could not be read.
    """

    person: Person
    said: tuple[tuple[str, object], ...] = ()
    chosen: str | None = None
    plan: Plan = field(default_factory=lambda: Plan(()))
    mistakes: tuple[tuple[str, str], ...] = ()


def introduce(line: str, start_at: datetime, zone: str) -> Introduced:
    """One line under `People:` by itself. Raises `BadInput` where not even name and role can be told."""
    columns = [column for column in _COLUMNS.split(re.sub(r"^[-*•]\s+", "", line.strip())) if column]
    name, title, rest = _name_and_role(columns, line)
    role = _role(title)
    person = Person(id=slug(name), code="", name=name, role=role, title=title, zone=zone)
    if role in (Role.PATIENT, Role.PROXY):
        person = replace(person, consents=usual_consents(start_at))
    plan, chosen = Plan(()), None
    said: list[tuple[str, object]] = []
    mistakes: list[tuple[str, str]] = []
    for setting in (pair for column in rest for pair in _pairs(column)):
        key, value = _key_and_value(setting)
        if key == "id":
            chosen = value
            said.append((key, value))
            continue
        try:
            named, read = read_field(key, value, people_key=True)
            person = change_person(person, named, read, start_at)
        except BadInput as problem:
            mistakes.append((key, str(problem)))
            continue
        said.append((named, read))
        if isinstance(read, Plan):
            plan = Plan(tuple(plan.activities + read.activities))
    return Introduced(person=person, said=tuple(said), chosen=chosen, plan=plan, mistakes=tuple(mistakes))


def read_person(line: str, number: int, cast: dict[str, Part], start_at: datetime, zone: str) -> Part:
    """One line under `People:`. Raises `BadInput`."""
    found = introduce(line, start_at, zone)
    name = found.person.name
    if name.casefold() in (known.casefold() for known in cast):
        raise BadInput(f"{name} is introduced twice")
    if found.mistakes:
        raise BadInput(found.mistakes[0][1])
    _check_number(found.person, cast)
    person_id, code = _identity(found.person, found.chosen, cast)
    person = replace(found.person, id=person_id, code=code)
    return Part(person=person, number=number, activities=plan_of(person, found.plan))


def _pairs(column: str) -> list[str]:
    """Key and value pairs of a column: two spaces part them, and one where only one was typed.

    A limit or a plan may itself hold a word that is a key ("limits oxygen below 90"), so those are read whole first.
    """
    key, value = _key_and_value(column)
    if key.casefold() in ("limit", "limits", "plan"):
        try:
            read_field(key, value, people_key=True)
        except BadInput:
            pass
        else:
            return [column]
    return _NEXT_KEY.split(column)


def _name_and_role(columns: list[str], line: str) -> tuple[str, str, list[str]]:
    if len(columns) >= 2 and _known_role(columns[1]):
        return columns[0], columns[1], columns[2:]
    roles = sorted(_ROLES, key=len, reverse=True)
    flat = " ".join(columns)
    loose = re.match(rf"(?i)(\S.*?)[\s,]+\(?({'|'.join(roles)})\)?(?=[\s,]|$)[\s,]*(.*)$", flat)
    if loose and len(columns) < 2:
        return loose[1], loose[2], [loose[3]] if loose[3] else []
    if len(columns) >= 2:
        if begin := re.match(rf"(?i)({'|'.join(roles)})\s+((?:{'|'.join(KEYS)})\s.*)$", columns[1]):
            return columns[0], begin[1], [begin[2], *columns[2:]]
        near = difflib.get_close_matches(columns[1].casefold(), roles, n=1)
        hint = f"; nearest: {near[0]}" if near else ""
        raise BadInput(f"{columns[1]!r} is not a role{hint}; allowed: {_ROLE_NAMES}")
    if loose:
        return loose[1], loose[2], [loose[3]] if loose[3] else []
    raise BadInput(
        f"cannot read {line.strip()!r}; a person is: name, role, then keys with values, "
        f"parted by two or more spaces; roles: {_ROLE_NAMES}"
    )


def _known_role(text: str) -> bool:
    words = text.casefold().split()
    return bool(words) and (" ".join(words) in _ROLES or words[-1] in _ROLES or words[0] == "proxy")


def _role(title: str) -> Role:
    words = title.casefold().split()
    if " ".join(words[-2:]) in _ROLES:
        return _ROLES[" ".join(words[-2:])]
    return _ROLES.get(words[-1], Role.PROXY)


def _key_and_value(setting: str) -> tuple[str, str]:
    key, _, value = setting.strip().partition(" ")
    if not value and (parted := re.match(r"([A-Za-z]+)[:=](.+)$", key)):
        key, value = parted[1], parted[2]
    if key.casefold() in ("on", "quiet", "spo2", "oxygen") and (
        two := re.match(r"(on oxygen|quiet hours|spo2 scale|oxygen scale)\s+(.*)", setting.strip(), re.IGNORECASE)
    ):
        key, value = two[1], two[2]
    return key.rstrip(":="), value.strip()


def _identity(person: Person, chosen: str | None, cast: dict[str, Part]) -> tuple[str, str]:
    others = [role.person for role in cast.values()]
    if chosen is not None and any(chosen == other.code for other in others):
        raise BadInput(f"the id {chosen!r} is given twice")
    if person.role in (Role.PATIENT, Role.PROXY):
        # Their code may stand in a clinician's SMS, so it says nothing of the name.
        like = sum(other.role is person.role for other in others)
        code = chosen or f"{'P' if person.role is Role.PATIENT else 'X'}-{like + 1}"
        person_id = (chosen or person.id).replace("/", "-")
    else:
        code = chosen or person.id
        person_id = person.id
    taken = {other.id for other in others}
    unique = next(i for i in chain((person_id,), (f"{person_id}-{n}" for n in count(2))) if i not in taken)
    return unique, code


def _check_number(person: Person, cast: dict[str, Part]) -> None:
    """Nobody could tell who writes from a number, or hears on it, that two people have."""
    for mine in person.contacts:
        for other in cast.values():
            for theirs in other.person.contacts:
                if mine.system is theirs.system and _bare(mine.value) == _bare(theirs.value):
                    raise BadInput(
                        f"{person.name} and {other.person.name} have the same {mine.system} address {mine.value!r}; "
                        "give each their own"
                    )


def _bare(address: str) -> str:
    return re.sub(r"[\s().-]+", "", address).casefold()


def usual_consents(at: datetime) -> tuple[Consent, ...]:
    """What a patient of a scene has agreed to unless it says otherwise: to be looked after and to be written to."""
    return tuple(Consent(purpose=p, given=True, recorded_at=at, source="scene") for p in USUAL)

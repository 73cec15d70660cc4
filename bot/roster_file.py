"""From a roster's text to its lines: a whole scene, a `People:` block or its lines alone; all mistakes at once."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from bot.scene.expand import Raw, split_scenes, without_comment
from bot.scene.people import introduce
from bot.scene.plan import Plan
from bot.scene.when import read_zone
from data.errors import BadFile, BadInput
from data.model.people import ChannelKind, ContactPoint, Person, Purpose, Role

_HEADER = re.compile(r"\s*(scene|start|people|given)\s*:\s*(.*)$", re.IGNORECASE)
_RULE = re.compile(r"\s*-{3,}\s*")
# An international number (ITU-T E.164: a plus and at most 15 digits); spaces and brackets are for the eye.
_NUMBER, _FOR_THE_EYE = re.compile(r"\+[1-9][0-9]{6,14}"), re.compile(r"[\s().\-\u00a0/]+")
_CHAT = re.compile(r"-?[0-9]{1,20}|@\w{1,64}")
# A code stands in an SMS and is typed in commands; three digits are a reply to a page.
_CODE, _REPLY = re.compile(r"[\w.:/-]{1,24}"), re.compile(r"[0-9]{3}")
_RESERVED = ("all", "none", "clinic")
_LONGEST_NAME, _LONGEST_LINE, _LARGEST = 100, 4_000, 20_000_000
_PATIENTS = (Role.PATIENT, Role.PROXY)
_OFTEN = ("plan", "consent")  # what a line may say in several parts


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a line: `field` is the key, or empty where it is the line as a whole."""

    line: int
    field: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One person as the file has them. `said` holds what the line sets, by field; of the rest it says nothing.

    `person` is the person as the line alone would enrol them, with an id made of the name.
    """

    number: int
    person: Person
    said: dict[str, object]
    chosen: str | None = None
    plan: Plan | None = None

    @property
    def consents(self) -> dict[Purpose, bool]:
        """What a patient's form says: to be looked after and written to, unless the line says otherwise."""
        if self.person.role not in _PATIENTS:
            return {}
        said = self.said.get("consent")
        return {Purpose.MONITORING: True, Purpose.MESSAGING: True} | (said if isinstance(said, dict) else {})


def decode(content: bytes, name: str) -> str:
    """The text of a file, without a byte order mark. Raises `BadFile`."""
    try:
        if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return content.decode("utf-16")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        number = content[: problem.start].count(b"\n") + 1
        raise BadFile(f"{name}:{number}: this is no UTF-8 text; save the file as UTF-8") from None


def read_roster(text: str, name: str, zone: str, now: datetime) -> tuple[tuple[Line, ...], tuple[Problem, ...]]:
    """The persons of a roster and what is wrong with its lines. Raises `BadFile` for what is no roster at all.

    `zone` is for people who have none of their own, unless the file names one beside `Start:`.
    """
    if len(text) > _LARGEST:
        raise BadFile(f"{name}:1: the file is larger than {_LARGEST} characters")
    scenes = split_scenes(unicodedata.normalize("NFC", text))
    if len(scenes) > 1:
        raise BadFile(f"{name}:{scenes[1][0].number}: a second scene begins here; load one roster at a time")
    block, zone = _people_block(scenes[0], name, zone)
    lines: list[Line] = []
    problems: list[Problem] = []
    for raw in block:
        line, wrong = _line(raw, zone, now)
        problems += wrong
        if line is not None and not wrong:
            lines.append(line)
    if not lines and not problems:
        raise BadFile(f"{name}:1: nobody stands in it; write a line for each person, such as: Anna  patient  id A-17")
    return tuple(lines), tuple(problems)


def _people_block(lines: list[Raw], name: str, zone: str) -> tuple[list[Raw], str]:
    """The lines of people, and the zone that holds for them; without any header, every line is a person's."""
    filled = [Raw(raw.number, text) for raw in lines if (text := without_comment(raw.text)).strip()]
    block: list[Raw] = []
    headed = any(_HEADER.match(raw.text) for raw in filled)
    current, met = ("" if headed else "people"), set[str]()
    for raw in filled:
        if _RULE.fullmatch(raw.text):
            break
        if header := _HEADER.match(raw.text):
            current = header[1].casefold()
            if current == "people" and current in met:
                raise BadFile(f"{name}:{raw.number}: People: stands twice")
            met.add(current)
            raw = Raw(raw.number, header[2])
        if current == "start":
            zone = _zone_of(raw.text) or zone
        if current == "people" and raw.text.strip():
            block.append(raw)
    if headed and "people" not in met:
        raise BadFile(f"{name}:{filled[0].number}: the file lacks 'People:' above the lines of people")
    return block, zone


def _zone_of(start: str) -> str | None:
    words = start.split()
    try:
        return read_zone(words[-1].strip("()")) if words and words[-1].strip("()")[:1].isalpha() else None
    except BadInput:
        return None


def _line(raw: Raw, zone: str, now: datetime) -> tuple[Line | None, list[Problem]]:
    if len(raw.text) > _LONGEST_LINE:
        return None, [Problem(raw.number, "", f"the line is longer than {_LONGEST_LINE} characters")]
    try:
        found = introduce(raw.text, now, zone)
    except BadInput as problem:
        return None, [Problem(raw.number, "role", str(problem))]
    except (OverflowError, RecursionError) as problem:
        return None, [Problem(raw.number, "", f"a number here is too large ({problem})")]
    problems = [Problem(raw.number, key, what) for key, what in found.mistakes]
    said = _said(found.said)
    line = Line(
        number=raw.number,
        person=replace(found.person, consents=(), contacts=tuple(_contacts(said))),
        said=said,
        chosen=found.chosen,
        plan=found.plan if "plan" in said else None,
    )
    problems += [Problem(raw.number, field, what) for field, what in _mistakes(line, [f for f, _ in found.said])]
    return line, problems


def _said(pairs: tuple[tuple[str, object], ...]) -> dict[str, object]:
    said: dict[str, object] = {}
    for field, value in pairs:
        if field == "consent" and isinstance(value, dict):
            earlier = said.get("consent")
            value = {**(earlier if isinstance(earlier, dict) else {}), **value}
        if field in (ChannelKind.SMS, ChannelKind.WHATSAPP) and value != "none":
            value = _FOR_THE_EYE.sub("", str(value))
        if field == "telegram":
            value = str(value).strip()
        said[field] = value
    return said


def _contacts(said: dict[str, object]) -> Iterator[ContactPoint]:
    for kind in (
        ChannelKind(field) for field in said if field in (ChannelKind.SMS, ChannelKind.TELEGRAM, ChannelKind.WHATSAPP)
    ):
        if (value := str(said[kind])).casefold() != "none":
            yield ContactPoint(system=kind, value=value)


def _mistakes(line: Line, fields: list[str]) -> Iterator[tuple[str, str]]:
    """What a scene may play with, and a clinic's record should not hold."""
    for field, times in Counter(fields).items():
        if times > 1 and field not in _OFTEN:
            yield field, f"{field} stands {times} times in this line; keep one"
    yield from _name_mistakes(line.person.name)
    yield from _role_mistakes(line)
    if line.chosen is not None:
        yield from (("id", what) for what in _code_mistakes(line.chosen))
    for contact in line.person.contacts:
        if contact.system in (ChannelKind.SMS, ChannelKind.WHATSAPP) and not _NUMBER.fullmatch(contact.value):
            what = f"{contact.value[:30]!r} is no international number; write for example +37255512345"
            yield contact.system.value, what
        if contact.system is ChannelKind.TELEGRAM and not _CHAT.fullmatch(contact.value):
            yield "telegram", f"{contact.value[:30]!r} is no chat; write its number, or for example @anna"


def _name_mistakes(name: str) -> Iterator[tuple[str, str]]:
    if not name.isprintable() or not any(c.isalpha() for c in name) or len(name) > _LONGEST_NAME:
        yield "name", f"a name needs letters and at most {_LONGEST_NAME} characters"
    elif set(name) & set("{}"):
        yield "name", "a name has no { or }"


def _role_mistakes(line: Line) -> Iterator[tuple[str, str]]:
    role = line.person.role
    if role is Role.STRANGER:
        yield "role", "a stranger is nobody to enrol; strangers are known by their address when they write"
    if role in _PATIENTS and line.person.step is not None:
        yield "step", f"the ladder is for those who work here, not for a {role}"
    if role not in _PATIENTS and "consent" in line.said:
        yield "consent", "only patients and proxies are asked for consent"


def _code_mistakes(code: str) -> Iterator[str]:
    if not _CODE.fullmatch(code):
        yield f"{code[:30]!r} is no code; write letters, digits, - and . (at most 24), for example A-17"
    elif _REPLY.fullmatch(code):
        yield f"{code!r} could be taken for the reply to a page; write for example A-{code}"
    elif code.casefold() in _RESERVED:
        yield f"{code!r} has a meaning of its own here; choose another code"

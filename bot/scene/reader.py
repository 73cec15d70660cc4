"""From the text of a scene file to Scenes; whatever cannot be read is named with file, line and what is allowed."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.scene.expand import Raw, TableError, for_each, split_scenes, without_comment
from bot.scene.grammar import EVENTS, Hears, HearsNothing, Line, MayHear, NothingElse, Role, Says, Scene, WithRule
from bot.scene.hints import nearest
from bot.scene.people import read_person
from bot.scene.sentences import Sentences
from bot.scene.when import read_when, read_zone
from bot.scene.words import check_words
from data.errors import BadFile, BadInput
from data.model.people import ChannelKind, ContactPoint

_HEADERS = ("Scene", "Start", "People", "Given")
_HEADER = re.compile(r"\s*(scene|start|people|given)\s*:\s*(.*)$", re.IGNORECASE)
_RULE = re.compile(r"\s*-{3,}\s*")
_START = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[T\s,]+(?:at\s+)?(\d{1,2}):(\d{2})(?::(\d{2}))?\s*(?:(Z|[+-]\d{2}:?\d{2})|\(?([A-Za-z][\w/+-]*)\)?)?"
)
_WITH_RULE = re.compile(r"with rules?\s*:?\s+(.*)$", re.IGNORECASE | re.DOTALL)
_RULE_COLON = re.compile(r'((?:"[^"]*"|“[^”]*”|[^":“])+?)\s*:\s*(.*)$', re.DOTALL)
LARGEST = 2_000_000


def read_file(path: Path) -> list[Scene]:
    """The scenes of a file. Raises `BadFile`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise BadFile(f"{path}: cannot be read: {problem}") from None
    return read(text, str(path))


def read(text: str, name: str) -> list[Scene]:
    """The scenes that a text holds: one, or one for each row of its tables. Raises `BadFile`, nothing else."""
    if len(text) > LARGEST:
        raise BadFile(f"{name}:1: the file is larger than {LARGEST} characters")
    scenes = []
    for lines in split_scenes(text):
        try:
            for variant, chosen in for_each(lines):
                scenes.append(_Reader(name, chosen).scene(variant))
        except TableError as problem:
            raise BadFile(f"{name}:{problem.number}: {problem}") from None
    return scenes


class _Reader:
    """Reads one scene; `at` is the line it is on."""

    def __init__(self, name: str, chosen: dict[str, str]) -> None:
        self.name = name
        self.chosen = chosen
        self.at = 1
        self.cast: dict[str, Role] = {}
        self.sentences = Sentences(())

    def scene(self, lines: list[Raw]) -> Scene:
        try:
            return self._scene(lines)
        except BadInput as problem:
            raise BadFile(f"{self.name}:{self.at}: {problem}") from None
        except (OverflowError, RecursionError) as problem:
            raise BadFile(f"{self.name}:{self.at}: a number or a pattern here is too large ({problem})") from None

    def _scene(self, lines: list[Raw]) -> Scene:
        head, body = self._parted(lines)
        sections = self._sections(head)
        self.at = head[0].number if head else 1
        for needed in ("Scene", "Start", "People"):
            if needed not in sections:
                raise BadInput(
                    f"the scene lacks {needed + ':'!r}; a scene is Scene:, Start:, People:, [Given:], --- and lines"
                )
        number, title = sections["Scene"][0].number, " ".join(line.text for line in sections["Scene"]).strip()
        start_at, zone = self._start(sections["Start"])
        self._people(sections["People"], start_at, zone)
        self.sentences = Sentences(tuple(self.cast))
        facts = tuple(line for raw in sections.get("Given", []) if (line := self._fact(raw)) is not None)
        script = self._lines(body)
        check_words([*facts, *script], self._moved)
        if self.chosen:
            title += " [" + ", ".join(f"{word}={value}" for word, value in self.chosen.items()) + "]"
        self._reach([*facts, *script])
        return Scene(
            file=self.name, number=number, title=title, start_at=start_at, zone=zone, cast=self.cast, facts=facts,
            lines=script,
        )  # fmt: skip

    def _moved(self, number: int) -> None:
        self.at = number

    def _parted(self, lines: list[Raw]) -> tuple[list[Raw], list[Raw]]:
        filled = [raw for raw in lines if without_comment(raw.text).strip()]
        for i, raw in enumerate(filled):
            if _RULE.fullmatch(without_comment(raw.text)):
                return filled[:i], filled[i + 1 :]
        self.at = filled[-1].number if filled else 1
        raise BadInput("the line --- between People (or Given) and the script is missing")

    def _sections(self, head: list[Raw]) -> dict[str, list[Raw]]:
        sections: dict[str, list[Raw]] = {}
        current = ""
        for raw in head:
            self.at = raw.number
            text = without_comment(raw.text)
            if header := _HEADER.match(text):
                current = header[1].capitalize()
                if current in sections:
                    raise BadInput(f"{current}: stands twice")
                sections[current] = [Raw(raw.number, header[2])] if header[2] or current == "Scene" else []
            elif current in ("People", "Given", "Start"):
                sections[current].append(Raw(raw.number, text))
            else:
                raise BadInput(f"cannot read {text.strip()!r}{nearest(text.split(':')[0], _HEADERS)}; "
                               "allowed here: Scene:, Start:, People:, Given:, ---")  # fmt: skip
        return sections

    def _start(self, lines: list[Raw]) -> tuple[datetime, str]:
        text = " ".join(raw.text for raw in lines).strip()
        self.at = lines[0].number if lines else self.at
        found = _START.fullmatch(text)
        if found is None:
            raise BadInput(f"cannot read the start {text!r}; write for example 2026-03-03 23:10 Europe/Tallinn")
        year, month, day, hour, minute, second, offset, zone = found.groups()
        zone = read_zone(zone or "UTC")
        try:
            local = datetime(*(int(n) for n in (year, month, day, hour, minute, second or 0)), tzinfo=ZoneInfo(zone))  # type: ignore[arg-type, misc]
            if offset and offset != "Z":
                local = datetime.fromisoformat(local.replace(tzinfo=None).isoformat() + offset)
            if not 1970 <= local.year <= 9000:
                raise ValueError("the year must be between 1970 and 9000")
            return local.astimezone(UTC), zone
        except ValueError as problem:
            raise BadInput(f"{text!r} is not a time: {problem}") from None

    def _people(self, lines: list[Raw], start_at: datetime, zone: str) -> None:
        for raw in lines:
            self.at = raw.number
            role = read_person(raw.text, raw.number, self.cast, start_at, zone)
            self.cast[role.person.name] = role
        if not self.cast:
            raise BadInput("nobody takes part; under People: write one line for each person")

    def _fact(self, raw: Raw) -> Line | None:
        text = re.sub(r"^\s*[-*•]\s+", "", raw.text)
        line = self._line(Raw(raw.number, text))
        if line is None or line.step is None:
            return None
        if not isinstance(line.step, EVENTS) or line.when is not None:
            raise BadInput(f"{text.strip()!r} is not a fact; Given: takes what is so at the start, "
                           "such as a reading, a field of a person or a fault of a provider")  # fmt: skip
        return line

    def _lines(self, raws: list[Raw]) -> tuple[Line, ...]:
        lines: list[Line] = []
        i = 0
        while i < len(raws):
            self.at = raws[i].number
            rule = self._with_rule(raws, i)
            if rule is not None:
                line, i = rule
                lines.append(line)
                continue
            if (plain := self._line(raws[i])) is not None:
                lines.append(plain)
            i += 1
        return tuple(lines)

    def _line(self, raw: Raw) -> Line | None:
        self.at = raw.number
        when, rest = read_when(raw.text)
        if not without_comment(rest).strip():
            return Line(number=raw.number, text=without_comment(raw.text).strip(), when=when) if when else None
        text, step = self.sentences.read_step(rest)
        return Line(number=raw.number, text=text, when=when, step=step)

    def _with_rule(self, raws: list[Raw], i: int) -> tuple[Line, int] | None:
        raw = raws[i]
        when, rest = read_when(raw.text)
        head = _WITH_RULE.match(without_comment(rest).strip())
        if head is None:
            return None
        parted = _RULE_COLON.match(head[1])
        if parted is None:
            raise BadInput(f"cannot read {raw.text.strip()!r}; write: with rule TEXT: expectation")
        base = _column(raw.text, rest)
        inner = [Raw(raw.number, parted[2])] if parted[2].strip() else []
        i += 1
        while i < len(raws) and _column(raws[i].text, raws[i].text) > base:
            inner.append(raws[i])
            i += 1
        if not inner:
            raise BadInput("`with rule` needs an expectation, on its line or on more indented lines that follow")
        lines = tuple(line for one in inner if (line := self._expectation(one)) is not None)
        self.at = raw.number
        step = WithRule(rule=parted[1].strip(' "“”'), lines=lines)
        return Line(number=raw.number, text=without_comment(rest).strip(), when=when, step=step), i

    def _expectation(self, raw: Raw) -> Line | None:
        line = self._line(raw)
        if line is None or line.step is None:
            return None
        step = line.step
        if isinstance(step, (*EVENTS, MayHear, NothingElse)) or line.when is not None:
            raise BadInput(f"{line.text!r} is not an expectation; under `with rule` stand only: hears, hears nothing, "
                           "never hears, risk of, flag")  # fmt: skip
        return line

    def _reach(self, lines: list[Line]) -> None:
        """Give whoever speaks or is to hear something, but has no address, a number of their own."""
        for i, line in enumerate(lines):
            step = line.step
            if isinstance(step, Says | Hears | HearsNothing):
                role = self.cast[step.person]
                if not role.person.contacts:
                    number = f"+1555999{list(self.cast).index(step.person) + 1:04d}"
                    kind = step.channel or ChannelKind.SMS
                    point = ContactPoint(system=kind, value=number if kind is ChannelKind.SMS else f"@scene{i}")
                    person = replace(role.person, contacts=(point,))
                    self.cast[step.person] = replace(role, person=person)


def _column(text: str, rest: str) -> int:
    """In which column `rest`, the end of `text`, begins."""
    stripped = rest.strip()
    at = text.find(stripped.split("\n")[0]) if stripped else 0
    return len(text[: max(at, 0)].expandtabs(8)) if at > 0 else len(text) - len(text.lstrip())

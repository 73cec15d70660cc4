"""The sentences of a scene: one line of text to one Step, and the nearest known sentence for one that is none."""

import re

from bot.scene.expand import without_comment
from bot.scene.faults import read_provider
from bot.scene.fields import is_field, read_field
from bot.scene.forms import FORMS
from bot.scene.grammar import (
    ClockJumps,
    FieldIs,
    FlagChange,
    FlagIs,
    NluIs,
    NothingElse,
    RiskIs,
    Says,
    ServerRestarts,
    Step,
)
from bot.scene.hearing import read_channel, read_hearing, read_loosely, take_within
from bot.scene.hints import cut, nearest
from bot.scene.pattern import unquoted
from bot.scene.readings import is_signal, read_readings
from bot.scene.when import DURATION, read_duration, read_when
from data.errors import BadInput
from data.model.concern import Level

_LEVELS = {
    **{level.value: level for level in Level},
    "normal": Level.LOW, "none": Level.LOW, "medium": Level.MODERATE, "urgent": Level.HIGH,
    "emergency": Level.CRITICAL, "severe": Level.CRITICAL,
}  # fmt: skip
_CHANGES = (
    (re.compile(r"(?:does not|doesn't|does n't|never) opens?\b|stays closed\b"), FlagChange.DOES_NOT_OPEN),
    (re.compile(r"(?:opens|is opened|is open)\b"), FlagChange.OPENS),
    (re.compile(r"(?:closes|is closed)\b"), FlagChange.CLOSES),
    (re.compile(r"(?:is )?acknowledged by\s+"), FlagChange.IS_ACKNOWLEDGED),
)
_JUMP = re.compile(
    rf"(?:the )?clock jumps (?:by )?(back(?:wards?)? |forwards? )?(?:by )?([+-]?) ?({DURATION})(?: (back|forwards?))?"
)
# Without their optional ends, so that a short sentence is near to a short one.
_SHORT = {re.split(r" (?:/regex/|within|every|because|for 4m|with outcome|until|97)", one)[0]: one for one in FORMS}


class Sentences:
    """Reads the lines of one scene, whose people are `names`."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self._by_fold = {" ".join(name.casefold().split()): name for name in names}
        longest = sorted(names, key=len, reverse=True)
        spelt = "|".join(r"\s+".join(re.escape(word) for word in name.split()) for name in longest)
        self._name = re.compile(rf"(?:{spelt or '(?!)'})(?=[\s:'’]|$)", re.IGNORECASE)

    def read_step(self, text: str) -> tuple[str, Step]:
        """One sentence as written, less its comment, and as a step. Raises `BadInput`."""
        written = text.strip()
        named = self._name.match(written)
        if named:
            name, rest = self._by_fold[" ".join(named[0].casefold().split())], written[named.end() :]
            if says := re.match(r"\s*(?:(?:says|writes)\s*)?(?:on\s+(\w+)\s*)?:", rest):
                begin = named.end() + says.end()
                speech = written[:begin] + without_comment(written[begin:], speech=True)
                said = speech[begin:].strip()
                if not said:
                    raise BadInput(f'{name} says nothing here; write what after the colon ("" for an empty message)')
                return speech, Says(person=name, text=unquoted(said), channel=read_channel(says[1]))
        written = without_comment(written).strip()
        step = self._of_person(name, written[named.end() :]) if named else self._of_the_house(written)
        if step is None:
            raise self._unknown(written)
        return written, step

    # Sentences that begin with a name

    def _of_person(self, name: str, rest: str) -> Step | None:
        if own := re.match(r"['’]s?\s+(.*)$", rest, re.DOTALL):
            return self._possessive(name, own[1])
        rest = rest.strip()
        if pressed := re.match(r"(?:presses|press|taps|clicks)\s+(?:the\s+)?(?:button\s+)?(.+)$", rest, re.IGNORECASE):
            return Says(person=name, text=unquoted(pressed[1].removesuffix(" button")))
        return read_hearing(name, rest)

    def _possessive(self, name: str, rest: str) -> Step | None:
        colon = re.match(r"([^:\"]+?)\s*:\s*(.*)$", rest, re.DOTALL)
        equals = re.match(r"(.+?)\s+(?:is|are)\s+(.+)$", rest)
        if equals and (colon is None or len(equals[1]) < len(colon[1])):
            what, value = equals[1], equals[2]
            if what.casefold() == "risk":
                return self._risk(name, value)
            if not is_field(what) or (what.casefold() == "oxygen" and re.match(r"[\d_]", value)):
                return read_readings(name, what, value) if is_signal(what) else _unknown_field(what, value)
            return _field(name, what, value)
        if colon is None:
            return None
        if is_field(colon[1]) and not is_signal(colon[1]):
            return _field(name, colon[1], colon[2])
        return read_readings(name, colon[1], colon[2])

    # Sentences about the house

    def _of_the_house(self, text: str) -> Step | None:
        folded = " ".join(text.casefold().split())
        if re.fullmatch(r"(?:the )?server restarts", folded):
            return ServerRestarts()
        if nlu := re.fullmatch(r"(?:the )?nlu (?:(is|goes) down|(is|comes) (?:back|up)(?: again)?)", folded):
            return NluIs(nlu[1] is not None)
        if jump := _JUMP.fullmatch(folded.replace("−", "-")):
            back = jump[2] == "-" or "back" in f"{jump[1]}{jump[4]}"
            return ClockJumps(-read_duration(jump[3]) if back else read_duration(jump[3]))
        if folded.startswith("nothing"):
            return self._nothing(text)
        if head := re.match(r"(?:the\s+)?risk\s+(?:of|for)\s+", text, re.IGNORECASE):
            name, rest = self._named(text[head.end() :])
            level = re.match(r"\s*is\s+(.*)$", rest, re.DOTALL | re.IGNORECASE)
            return self._risk(name, level[1]) if level else None
        if re.match(r"flags?\s", text, re.IGNORECASE):
            return self._flag(text)
        if re.match(r"(?:the\s+)?providers?\s", text, re.IGNORECASE):
            return read_provider(folded.removeprefix("the "))
        return None

    def _nothing(self, text: str) -> Step | None:
        head = re.match(r"nothing(?:\s+else)?(?:\s+happens)?(?=\s|$)\s*", text, re.IGNORECASE)
        if head is None:
            return None
        rest = text[head.end() :].strip()
        if not rest:
            return NothingElse()
        if span := re.fullmatch(rf"for\s+({DURATION})", rest, re.IGNORECASE):
            return NothingElse(span=read_duration(span[1]))
        if until := re.match(r"until\s+", rest, re.IGNORECASE):
            when, left = read_when(rest[until.end() :])
            if when is None or left.strip():
                raise BadInput(f"cannot read the time in {text!r}; write for example: nothing else happens until 06:00")
            return NothingElse(until=when)
        return None

    def _risk(self, name: str, text: str) -> RiskIs:
        found = re.match(r"[\"“]?([A-Za-z]+)[\"”]?\s*(.*)$", text.strip(), re.DOTALL)
        level = _LEVELS.get(found[1].casefold()) if found else None
        if found is None or level is None:
            word = found[1] if found else text
            raise BadInput(f"{word!r} is not a level{nearest(word, list(_LEVELS))}; "
                           f"allowed: {', '.join(one.name for one in Level)}")  # fmt: skip
        within, rest = take_within(found[2])
        because = None
        if why := re.match(r",?\s*because(?:\s+of)?\s*:?\s+", rest, re.IGNORECASE):
            because, rest = read_loosely(rest[why.end() :]), ""
        if rest:
            raise BadInput(f'cannot read {rest!r} after the level; allowed: because "text", within 10s')
        return RiskIs(person=name, level=level, because=because, within=within)

    def _flag(self, text: str) -> FlagIs | None:
        head = re.match(r"flags?\s+(.+?)\s+(?:for|of)\s+", text, re.IGNORECASE)
        if head is None:
            return None
        rule = "-".join(unquoted(head[1]).casefold().replace("_", " ").split())
        name, rest = self._named(text[head.end() :])
        rest = rest.strip()
        for regex, change in _CHANGES:
            if verb := regex.match(rest.casefold()):
                rest, by = rest[verb.end() :], None
                if change is FlagChange.IS_ACKNOWLEDGED:
                    by, rest = self._named(rest)
                within, rest = take_within(rest)
                outcome = None
                if tail := re.match(
                    r"\s*,?\s*with(?:\s+(?:the\s+)?outcome)?\s*:?\s+(.+)$", rest, re.DOTALL | re.IGNORECASE
                ):
                    outcome, rest = read_loosely(tail[1]), ""
                if rest.strip():
                    raise BadInput(f'cannot read {rest.strip()!r}; allowed here: with outcome "text", within 10s')
                return FlagIs(rule=rule, person=name, change=change, by=by, outcome=outcome, within=within)
        return None

    def _named(self, text: str) -> tuple[str, str]:
        named = self._name.match(text)
        if named is None:
            words = text.split()
            raise self._nobody(words[0].rstrip(":") if words else "")
        return self._by_fold[" ".join(named[0].casefold().split())], text[named.end() :]

    def _nobody(self, name: str) -> BadInput:
        return BadInput(f"nobody here is called {name!r}{nearest(name, self.names)}; people: {', '.join(self.names)}")

    def _unknown(self, text: str) -> BadInput:
        masked = re.sub(r'"[^"]*"|“[^”]*”', '"text"', self._name.sub("NAME", text))
        stranger = re.match(
            r"([^\W\d][\w .'’-]{0,40}?)(?:\s*:|['’]s\s|\s+(?:hears|presses|may hear|never hears)\b)", text
        )
        if stranger and not self._name.match(text):
            return self._nobody(stranger[1])
        hint = nearest(masked[:60], _SHORT)
        form = _SHORT.get(hint.removeprefix("; nearest: "))
        if form:
            hint = f"; nearest: {form}" + (f" (such as: {FORMS[form]})" if FORMS[form] != form else "")
        return BadInput(f"cannot read {cut(text)!r}{hint}; all forms: phms replay --help")


def _field(name: str, what: str, value: str) -> FieldIs:
    field, read = read_field(what, value)
    return FieldIs(person=name, field=field, value=read)


def _unknown_field(what: str, value: str) -> Step:
    read_field(what, value)
    raise BadInput(f"{what!r} is neither a field of a person nor a signal")

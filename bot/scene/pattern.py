"""What a message must look like: quoted texts, /regexes/ and @text_keys, all present, any order, case-free."""

import re
from dataclasses import dataclass, field
from datetime import datetime

from data.errors import BadInput
from data.model.communication import Communication

_TOKEN = re.compile(
    r"""[\s,]*(?:and\s+)?(?:
        "(?P<double>(?:[^"\\]|\\.)*)"
      | [“”„](?P<curly>[^“”„]*)[“”]
      | «(?P<guillemets>[^»]*)»
      | ['‘](?P<single>(?:[^'’\\]|\\.|['’](?=\w))*)['’](?=[\s,]|$)
      | /(?P<regex>(?:[^/\\]|\\.)+)/i?(?=[\s,]|$)
      | @(?P<key>[A-Za-z][\w.-]*)
    )""",
    re.VERBOSE,
)
_PLACE = re.compile(r"\{([A-Za-z_]\w*)\}")
_CODE = re.compile(r"(?<![\w-])\d{3}(?![\w-])")
_PLAIN = str.maketrans("“”„«»‘’\u00a0", '"""""\'\' ')
_QUOTED = ("double", "curly", "guillemets", "single")


def plain(text: str) -> str:
    """The text with straight quotes and single spaces, as patterns see it."""
    return " ".join(text.translate(_PLAIN).split())


@dataclass(slots=True, kw_only=True, eq=False)
class Heard:
    """One message that reached a person: `plain` and `folded` are its text as patterns see it.

    `order` is its place among all that was said and heard. `claimed_by` is the line that expected it; `soft` marks
    one that needs no line of its own.
    """

    person: str
    at: datetime
    communication: Communication
    provider: str
    order: int = 0
    claimed_by: int | None = None
    soft: bool = False
    plain: str = field(init=False)
    folded: str = field(init=False)

    def __post_init__(self) -> None:
        """Prepare the text once."""
        self.plain = plain(self.communication.text)
        self.folded = self.plain.casefold()


@dataclass(frozen=True, slots=True)
class Part:
    """One thing to find. `source` is as written; `words` are the {words} in it."""

    kind: str
    source: str
    words: tuple[str, ...] = ()
    needle: str = ""
    regex: re.Pattern[str] | None = None

    def bind(self, heard_before: dict[str, str]) -> "Part":
        """The part with {words} replaced by what was heard before."""
        if not self.words:
            return self
        if self.kind == "regex":
            return _part("regex", _fill(self.source, {k: re.escape(v) for k, v in heard_before.items()}))
        return _part(self.kind, _fill(self.source, heard_before))

    def found_in(self, text: str, folded: str, text_key: str) -> bool:
        """Whether it occurs; `text_key` is the name of the sentence."""
        if self.kind == "key":
            return text_key.casefold().replace("_", "-") == self.needle
        if self.regex is not None:
            return self.regex.search(text) is not None
        return self.needle in folded


@dataclass(frozen=True, slots=True)
class Pattern:
    """Parts that must all be present. No part at all matches everything."""

    parts: tuple[Part, ...] = ()

    def __str__(self) -> str:
        return " ".join(_WRITTEN[part.kind].format(part.source) for part in self.parts) or "anything"

    @property
    def words(self) -> tuple[str, ...]:
        """The {words} that must have been heard before."""
        return tuple(word for part in self.parts if part.kind != "regex" for word in part.words)

    def bind(self, heard_before: dict[str, str]) -> "Pattern":
        """The pattern with {words} replaced by what was heard before."""
        return Pattern(tuple(part.bind(heard_before) for part in self.parts))

    def matches(self, heard: Heard) -> bool:
        """Whether every part occurs in the message."""
        key = heard.communication.text_key
        return all(part.found_in(heard.plain, heard.folded, key) for part in self.parts)

    def any_in(self, heard: Heard) -> str | None:
        """The first part that occurs in the message, as written, or None."""
        key = heard.communication.text_key
        return next((str(Pattern((p,))) for p in self.parts if p.found_in(heard.plain, heard.folded, key)), None)

    def all_in(self, text: str) -> bool:
        """Whether every part occurs in a text that is not a message."""
        straight = plain(text)
        folded = straight.casefold()
        return all(part.found_in(straight, folded, folded) for part in self.parts)

    def capture(self, heard: Heard) -> str:
        """What `as word` keeps: the regex's group, else a 3-digit number, else the matched text."""
        found = [m for p in self.parts if p.regex is not None and (m := p.regex.search(heard.plain))]
        for match in found:
            if match.re.groups and match.group(1) is not None:
                return str(match.group(1))
        for text in [match.group(0) for match in found] + [heard.plain]:
            if (number := _CODE.search(text)) is not None:
                return number.group(0)
        return str(found[0].group(0)) if found else heard.plain


_WRITTEN = {"text": '"{}"', "regex": "/{}/", "key": "@{}"}


def read_pattern(text: str) -> tuple[Pattern, str]:
    """The pattern at the start of `text`, and what follows it. Raises `BadInput` for a regex that is none."""
    parts, at = [], 0
    while (token := _TOKEN.match(text, at)) is not None:
        at = token.end()
        kind = token.lastgroup or ""
        parts.append(_part("text" if kind in _QUOTED else kind, _unescape(token[kind], kind)))
    rest = text[at:].strip()
    if not parts and (anything := re.match(r"(?i)anything\b", rest)):
        rest = rest[anything.end() :].strip()
    return Pattern(tuple(parts)), rest


def fill(text: str, heard_before: dict[str, str]) -> str:
    """`text` with {words} replaced by what was heard before."""
    return _fill(text, heard_before)


def words_in(text: str) -> tuple[str, ...]:
    """The {words} of a text."""
    return tuple(_PLACE.findall(text))


def unquoted(text: str) -> str:
    """A text without the quotes around all of it, if there are any."""
    text = text.strip()
    if (
        len(text) > 1
        and (text[0], text[-1]) in (('"', '"'), ("“", "”"), ("„", "“"))
        and not set(text[1:-1]) & set('"“”')
    ):
        return text[1:-1]
    return text


def _part(kind: str, source: str) -> Part:
    words = words_in(source)
    if kind != "regex":
        needle = source.casefold().replace("_", "-") if kind == "key" else plain(source).casefold()
        return Part(kind, source, words, needle)
    try:
        return Part(kind, source, words, "", re.compile(source.translate(_PLAIN), re.IGNORECASE))
    except (re.error, OverflowError, RecursionError) as problem:
        raise BadInput(f"/{source}/ is not a regular expression: {problem}") from None


def _fill(text: str, heard_before: dict[str, str]) -> str:
    return _PLACE.sub(lambda place: heard_before.get(place[1], place[0]), text)


def _unescape(source: str, kind: str) -> str:
    if kind == "regex":
        return source.replace("\\/", "/")
    return source.replace('\\"', '"').replace("\\'", "'") if kind in _QUOTED else source

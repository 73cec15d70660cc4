"""Sentences about what somebody hears: hears, may hear, never hears, and their options."""

import re
from collections.abc import Callable
from datetime import timedelta

from bot.scene.grammar import Hears, HearsNothing, MayHear, NeverHears, Step
from bot.scene.hints import cut
from bot.scene.pattern import Pattern, read_pattern
from bot.scene.when import DURATION, read_duration
from data.errors import BadInput
from data.model.people import ChannelKind


def read_hearing(name: str, rest: str) -> Step | None:
    """The sentence that follows a name, if it is about hearing. Raises `BadInput`."""
    if quiet := _NOTHING.fullmatch(rest):
        span = read_duration(quiet[2]) if quiet[2] else None
        return HearsNothing(person=name, channel=read_channel(quiet[1]), span=span)
    for regex, make in _HEARING:
        if heard := regex.match(rest):
            return make(name, heard.groupdict().get("channel"), rest[heard.end() :])
    return None


def read_channel(name: str | None) -> ChannelKind | None:
    """The channel of that name. Raises `BadInput`."""
    if name is None:
        return None
    try:
        return ChannelKind({"text": "sms"}.get(name.casefold(), name.casefold()))
    except ValueError:
        raise BadInput(f"{name!r} is not a channel; allowed: {', '.join(ChannelKind)}") from None


def _hears(name: str, channel: str | None, text: str) -> Hears:
    pattern, rest = read_pattern(text)
    within, word = None, None
    while rest:
        option = re.match(
            rf"[\s,]*(?:within\s+({DURATION})|as\s+\{{?([A-Za-z_]\w*)\}}?)(?=[\s,]|$)", rest, re.IGNORECASE
        )
        if option is None:
            raise BadInput(
                f'cannot read {cut(rest)!r}; after hears: "quoted text", /regex/ or @text_key, then within 10s, as word'
            )
        within = read_duration(option[1]) if option[1] else within
        word, rest = option[2] or word, rest[option.end() :].strip()
    return Hears(person=name, pattern=pattern, channel=read_channel(channel), within=within, word=word)


def _may_hear(name: str, channel: str | None, text: str) -> MayHear:
    return MayHear(person=name, pattern=_whole_pattern(text))


def _never_hears(name: str, channel: str | None, text: str) -> NeverHears:
    pattern = _whole_pattern(text)
    if not pattern.parts:
        raise BadInput('never hears: needs at least one "quoted text", /regex/ or @text_key; or write: hears nothing')
    return NeverHears(person=name, pattern=pattern)


_NOTHING = re.compile(
    rf"hears\s+nothing(?:\s+(?:else|more))?(?:\s+on\s+(\w+))?(?:\s+for\s+({DURATION}))?", re.IGNORECASE
)
_ON = r"\s*(?:on\s+(?P<channel>\w+)\s*)?(?::|(?=\s*[\"“'‘/@])|$)"
_HEARING: tuple[tuple[re.Pattern[str], Callable[[str, str | None, str], Step]], ...] = (
    (re.compile(rf"hears{_ON}", re.IGNORECASE), _hears),
    (re.compile(rf"may\s+hear{_ON}", re.IGNORECASE), _may_hear),
    (re.compile(rf"never\s+hears?{_ON}", re.IGNORECASE), _never_hears),
)


def _whole_pattern(text: str) -> Pattern:
    pattern, rest = read_pattern(text)
    if rest:
        raise BadInput(f'cannot read {cut(rest)!r}; allowed: "quoted text", /regex/ or @text_key')
    return pattern


def read_loosely(text: str) -> Pattern:
    """A pattern, or bare words taken as one text: for reasons and outcomes."""
    pattern, rest = read_pattern(text)
    if not rest:
        return pattern
    if pattern.parts:
        raise BadInput(f'cannot read {cut(rest)!r}; allowed: "quoted text" or /regex/')
    return read_pattern('"' + rest.replace("\\", "").replace('"', '\\"') + '"')[0]


def take_within(text: str) -> tuple[timedelta | None, str]:
    """The `within` of a sentence, and the sentence without it."""
    found = re.search(rf"(?:^|\s)within\s+({DURATION})(?=\s|,|$)", re.sub(r'"[^"]*"', lambda m: "·" * len(m[0]), text))
    if found is None:
        return None, text.strip()
    return read_duration(found[1]), (text[: found.start()] + " " + text[found.end() :]).strip()

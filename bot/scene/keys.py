"""@text_keys: a scene may only name sentences that the bot has."""

from collections.abc import Iterable, Iterator

from bot.scene.grammar import FlagIs, Hears, Line, MayHear, NeverHears, RiskIs, Scene, WithRule
from bot.scene.hints import nearest
from bot.scene.pattern import Pattern
from bot.words.texts import Texts
from data.errors import BadFile


def check_keys(scene: Scene, texts: Texts) -> None:
    """Raise `BadFile` for a line that names a sentence there is none of: it could never come true, or never fail."""
    for line in _flat(scene.lines):
        for part in _pattern(line).parts:
            if part.kind == "key" and not texts.knows(part.needle):
                near = nearest(part.needle, texts.by_language["en"])
                raise BadFile(
                    f"{scene.file}:{line.number}: @{part.source} is no text of the bot{near.replace(': ', ': @')}"
                )


def _flat(lines: Iterable[Line]) -> Iterator[Line]:
    for line in lines:
        yield line
        if isinstance(line.step, WithRule):
            yield from _flat(line.step.lines)


def _pattern(line: Line) -> Pattern:
    step = line.step
    if isinstance(step, Hears | MayHear | NeverHears):
        return step.pattern
    if isinstance(step, RiskIs):
        return step.because or Pattern()
    return (step.outcome or Pattern()) if isinstance(step, FlagIs) else Pattern()

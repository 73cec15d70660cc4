"""{words}: a line may only use what an earlier line keeps with `as word`."""

import difflib
from collections.abc import Callable, Iterable

from bot.scene.grammar import FlagIs, Hears, Line, MayHear, NeverHears, RiskIs, Says, WithRule
from bot.scene.pattern import words_in
from data.errors import BadInput


def check_words(lines: Iterable[Line], at: Callable[[int], None], known: set[str] | None = None) -> None:
    """Raise `BadInput` for a {word} that nothing before keeps; `at` is told the line."""
    kept = known if known is not None else set()
    for line in lines:
        at(line.number)
        for word in _used(line):
            if word not in kept:
                near = difflib.get_close_matches(word, sorted(kept), n=1)
                hint = f"; nearest: {near[0]}" if near else ""
                raise BadInput(
                    f"{{{word}}} in {line.text!r} was not heard before{hint}; "
                    f"known here: {', '.join(sorted(kept)) or 'none (keep one with `hears ... as word`)'}"
                )
        if isinstance(line.step, WithRule):
            check_words(line.step.lines, at, set(kept))
        if isinstance(line.step, Hears) and line.step.word:
            kept.add(line.step.word)


def _used(line: Line) -> tuple[str, ...]:
    step = line.step
    if isinstance(step, Says):
        return words_in(step.text)
    if isinstance(step, Hears | MayHear | NeverHears):
        return step.pattern.words
    if isinstance(step, RiskIs):
        return step.because.words if step.because else ()
    if isinstance(step, FlagIs):
        return step.outcome.words if step.outcome else ()
    return ()

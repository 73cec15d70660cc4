"""Light mending of typing mistakes: one edit away from a word of a curated list, never a negation."""

import re
from collections.abc import Iterable, Sequence

# Shorter words have too many neighbours that mean something else.
_SHORTEST = 5
_LONGEST = 20
_REPEAT = re.compile(r"(.)\1\1+")


class Spelling:
    """Knows the words worth mending to, and real words that are one edit away from them and stay as they are."""

    def __init__(self, words: Iterable[str], real: Iterable[str] = ()) -> None:
        """Index every word under itself and under each form with one letter left out."""
        self._words = frozenset(words)
        self._real = frozenset(real)
        near: dict[str, set[str]] = {}
        for word in sorted(self._words):
            for form in (word, *_shorter(word)):
                near.setdefault(form, set()).add(word)
        self._near = near

    def mend(self, words: Sequence[str]) -> Sequence[str]:
        """The words with mistakes mended, one for one; the same object where there was nothing to mend."""
        mended: list[str] | None = None
        seen: dict[str, str | None] = {}
        for i, word in enumerate(words):
            if len(word) < _SHORTEST or len(word) > _LONGEST or word in self._words or word in self._real:
                continue
            if word not in seen:
                seen[word] = self._mend(word)
            better = seen[word]
            if better is not None:
                mended = list(words) if mended is None else mended
                mended[i] = better
        return words if mended is None else mended

    def _mend(self, word: str) -> str | None:
        if _REPEAT.search(word):
            for calm in (_REPEAT.sub(r"\1", word), _REPEAT.sub(r"\1\1", word)):
                if calm in self._words:
                    return calm
        if not word.isalpha():
            return None
        near = {c for form in (word, *_shorter(word)) for c in self._near.get(form, ()) if _one_edit(word, c)}
        return min(near) if len(near) == 1 else None


def _shorter(word: str) -> list[str]:
    return [word[:i] + word[i + 1 :] for i in range(len(word))]


def _one_edit(word: str, other: str) -> bool:
    """One letter more, less, other or swapped with its neighbour; the first letter may only be swapped."""
    if len(word) == len(other):
        at = [i for i, (a, b) in enumerate(zip(word, other, strict=True)) if a != b]
        if len(at) == 1:
            return at[0] > 0
        return len(at) == 2 and at[1] == at[0] + 1 and word[at[0]] == other[at[1]] and word[at[1]] == other[at[0]]
    longer, shorter = (word, other) if len(word) > len(other) else (other, word)
    return len(longer) == len(shorter) + 1 and longer[0] == shorter[0] and shorter in _shorter(longer)

"""All rules in force (Rules), read from `risk/rules/*.toml` or a clinic's own files in their place."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from data.content import load
from data.errors import BadFile, NotFound
from risk.schema import Conduct, Learned, Personal, Symptom, Threshold, Trend, Word, nearest
from risk.score_schema import News2, Response

Rule = Threshold | Trend | Word | Symptom | Response | Personal | Learned


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rules:
    """Every rule, in the order of the files. `hash` (16 hex digits) changes with any content, not with comments.

    `early_warning` is False in a what-if without the score. Two Rules are equal only if they are the same object;
    compare `hash` for content.
    """

    thresholds: tuple[Threshold, ...]
    trends: tuple[Trend, ...]
    words: tuple[Word, ...]
    symptoms: tuple[Symptom, ...]
    news2: News2
    conduct: Conduct
    early_warning: bool = True
    hash: str = field(init=False)
    _by_id: dict[str, Rule] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        content = (self.thresholds, self.trends, self.words, self.symptoms, self.news2, self.conduct)
        digest = hashlib.sha256(repr((content, self.early_warning)).encode()).hexdigest()[:16]
        object.__setattr__(self, "hash", digest)
        object.__setattr__(self, "_by_id", {rule.id: rule for rule in reversed(self._all())})

    def _all(self) -> tuple[Rule, ...]:
        score: tuple[Rule, ...] = (*self.news2.response, self.news2.single) if self.early_warning else ()
        return (
            *self.thresholds,
            *self.trends,
            *self.words,
            *self.symptoms,
            *score,
            self.conduct.personal,
            self.conduct.learned,
        )

    def ids(self) -> tuple[str, ...]:
        """Every rule id once, in the order of the files."""
        return tuple(dict.fromkeys(rule.id for rule in self._all()))

    def rule(self, rule_id: str) -> Rule:
        """The rule of that id (the gravest where a score has several). Raises `NotFound` with the nearest id."""
        try:
            return self._by_id[rule_id]
        except KeyError:
            raise NotFound(f"there is no rule {rule_id!r}; {nearest(rule_id, self._by_id)}") from None

    def word_rule_ids(self) -> frozenset[str]:
        """The ids that the safety screen may raise."""
        return frozenset(word.id for word in self.words)

    def symptom_names(self) -> frozenset[str]:
        """Every name that a symptom rule or the score reads: lexicon keys and ids of other rules."""
        of_rules = {name for rule in self.symptoms for name in (*rule.all, *rule.any)}
        return frozenset(of_rules | {n for n in self.news2.not_alert if not n.startswith("alarm:")})


def load_rules(overlay: Path | None = None) -> Rules:
    """The packaged rules; a same-named file in the directory `overlay` replaces a packaged one.

    Raises `BadFile` with one line: file, line where it can be told, key, and what is allowed.
    """
    return _packaged() if overlay is None else _read(_overlaid(overlay))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Thresholds:
    threshold: tuple[Threshold, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trends:
    trend: tuple[Trend, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    word: tuple[Word, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Symptoms:
    symptom: tuple[Symptom, ...] = ()


_FILES = ("thresholds.toml", "trends.toml", "words.toml", "symptoms.toml", "news2.toml", "conduct.toml")


@cache
def _packaged() -> Rules:
    return _read({name: files("risk.rules") / name for name in _FILES})


def _overlaid(overlay: Path) -> dict[str, Path | Traversable]:
    if not overlay.is_dir():
        raise BadFile(f"{overlay}: is not a directory; it may hold {', '.join(_FILES)}")
    chosen: dict[str, Path | Traversable] = {name: files("risk.rules") / name for name in _FILES}
    for file in sorted(overlay.glob("*.toml")):
        if file.name not in chosen:
            raise BadFile(f"{file}: replaces no rule file; {nearest(file.name, _FILES)}")
        chosen[file.name] = file
    return chosen


def _read(chosen: Mapping[str, Path | Traversable]) -> Rules:
    thresholds = load(chosen["thresholds.toml"], _Thresholds).threshold
    trends = load(chosen["trends.toml"], _Trends).trend
    words = load(chosen["words.toml"], _Words).word
    symptoms = load(chosen["symptoms.toml"], _Symptoms).symptom
    news2 = load(chosen["news2.toml"], News2)
    conduct = load(chosen["conduct.toml"], Conduct)
    owner = {r.id: "news2.toml" for r in (*news2.response, news2.single)}
    owner |= {r.id: "conduct.toml" for r in (conduct.personal, conduct.learned)}
    listed = [("thresholds.toml", f"threshold[{n}].id", r.id) for n, r in enumerate(thresholds)]
    listed += [("trends.toml", f"trend[{n}].id", r.id) for n, r in enumerate(trends)]
    listed += [("words.toml", f"word[{n}].id", r.id) for n, r in enumerate(words)]
    listed += [("symptoms.toml", f"symptom[{n}].id", r.id) for n, r in enumerate(symptoms)]
    for name, key, rule_id in listed:
        if rule_id in owner:
            raise BadFile(f"{chosen[name]}: {key} {rule_id!r} is taken in {owner[rule_id]}; ids are unique")
        owner[rule_id] = name
    return Rules(thresholds=thresholds, trends=trends, words=words, symptoms=symptoms, news2=news2, conduct=conduct)

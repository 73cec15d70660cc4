"""What is wrong with a set of rules although it loads: examples that fail, rules that can never matter."""

from collections.abc import Iterator
from itertools import combinations

from data.errors import BadInput
from data.vocabulary import vital_signs
from risk.assess import assess
from risk.example import NOW, read_example
from risk.rulebook import Rules
from risk.schema import Bound, Symptom, Threshold, Trend, Word, nearest


def check(rules: Rules) -> list[str]:
    """One line for each problem, empty when there is none."""
    return [
        *_examples(rules),
        *_sources(rules),
        *_unreachable(rules),
        *_contradictions(rules),
        *_families(rules),
    ]


def _with_examples(rules: Rules) -> tuple[Threshold | Trend | Word | Symptom, ...]:
    return (*rules.thresholds, *rules.trends, *rules.words, *rules.symptoms)


def _examples(rules: Rules) -> Iterator[str]:
    """Every example is assessed with all rules in force; the rule it belongs to must fire, or must not."""
    for rule in _with_examples(rules):
        if not rule.must_fire or not rule.must_not_fire:
            yield f"{rule.id}: needs at least one example in must-fire and one in must-not-fire"
        for text, wanted in [(t, True) for t in rule.must_fire] + [(t, False) for t in rule.must_not_fire]:
            try:
                found = assess(read_example(text), rules, NOW, event_id="check").findings
            except BadInput as problem:
                yield f"{rule.id}: example {text!r}: {problem}"
                continue
            if any(f.rule == rule.id for f in found) != wanted:
                yield f"{rule.id}: {'does not fire' if wanted else 'fires'} for the example {text!r}"


def _sources(rules: Rules) -> Iterator[str]:
    for rule_id in rules.ids():
        if not rules.rule(rule_id).source.strip():
            yield f"{rule_id}: has no source"


def _unreachable(rules: Rules) -> Iterator[str]:
    """Bounds that no possible value breaches or that every one does, and names that nothing can make true."""
    bounds = [(r.id, b) for r in rules.thresholds for b in r.any] + [(r.id, b) for r in rules.symptoms for b in r.vital]
    for rule_id, bound in bounds:
        low, high = vital_signs()[bound.code].possible
        if bound.breached(low) == bound.breached(high):
            every = "every" if bound.breached(low) else "no"
            yield f"{rule_id}: {every} possible {bound.code} ({low:g} to {high:g}) breaches {say_bound(bound)}"
    combined = {r.id for r in rules.symptoms}
    for rule in rules.symptoms:
        for name in (*rule.all, *rule.any):
            if name in combined and name != rule.id and not _is_symptom_itself(rules, name):
                yield f"{rule.id}: needs {name}, a rule of the same file, which is not known yet when it is asked"
    for word in rules.words:
        if word.plain_level.rank > word.level.rank:
            yield f"{word.id}: plain-level {word.plain_level} is above its level {word.level}"


def _is_symptom_itself(rules: Rules, name: str) -> bool:
    """Whether a symptom rule is about the symptom of its own name, so that the name is a symptom too."""
    return any(r.id == name and name in (*r.all, *r.any) for r in rules.symptoms)


def _contradictions(rules: Rules) -> Iterator[str]:
    """A stricter bound that is not graver never names a flag; a value both too low and too high is nonsense."""
    bounds = [(rule, bound) for rule in rules.thresholds for bound in rule.any]
    for (one, a), (other, b) in combinations(bounds, 2):
        if a.code != b.code or (one.scale and other.scale and one.scale != other.scale):
            continue
        if a.low == b.low:
            inner, outer = ((one, a), (other, b)) if _reaches_further(a, b) else ((other, b), (one, a))
            if inner[0].id != outer[0].id and inner[0].level.rank <= outer[0].level.rank:
                yield (
                    f"{inner[0].id}: {say_bound(inner[1])} is not graver than {outer[0].id} {say_bound(outer[1])}, "
                    "which fires whenever it does"
                )
        else:
            below, above = (a, b) if a.low else (b, a)
            if (below.breached(above.limit) and above.breached(above.limit)) or below.limit > above.limit:
                yield f"{one.id} and {other.id}: a {a.code} can be too low and too high at once"


def _reaches_further(a: Bound, b: Bound) -> bool:
    """Whether `a` is breached by fewer values than `b`, of the same direction."""
    if a.limit != b.limit:
        return a.limit < b.limit if a.low else a.limit > b.limit
    return a.below is not None or a.above is not None


def _families(rules: Rules) -> Iterator[str]:
    """Opposite conditions in one family would hide one another: one flag would stand for both."""
    directions: dict[tuple[str, str], set[bool]] = {}
    for rule in rules.thresholds:
        for bound in rule.any:
            directions.setdefault((rule.family, bound.code), set()).add(bound.low)
    for (family, code), seen in directions.items():
        if len(seen) > 1:
            yield f"{family}: holds rules on both low and high {code}; opposite conditions need families of their own"
    known = {r.family for r in _with_examples(rules)} | {rules.news2.family, rules.conduct.learned.family}
    for family in rules.conduct.sums_up:
        if family not in known:
            yield f"conduct: sums-up names {family!r}, which is no family; {nearest(family, known)}"


def say_bound(bound: Bound) -> str:
    """A bound as people say it: "below 88"."""
    word = {bound.below: "below", bound.at_most: "at most", bound.at_least: "at least", bound.above: "above"}
    return f"{word[bound.limit]} {bound.limit:g}"

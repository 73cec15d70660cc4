"""What if the rules were others: one sentence, such as "low-oxygen below 95", makes new Rules from old ones."""

import re
from dataclasses import replace
from datetime import timedelta

from data.durations import parse_duration
from data.errors import BadInput, NotFound
from data.model.concern import Level
from data.signals import signal_code, signal_names
from data.vocabulary import vital_signs
from risk.rulebook import Rules
from risk.schema import Bound, Symptom, Threshold, Trend, Word, nearest
from risk.score_schema import Response

FORMS = (
    "write for example: low-oxygen below 95; low-oxygen below 90 for 5m; low-oxygen is CRITICAL; without low-oxygen; "
    "low-oxygen off; oxygen below 90 is HIGH"
)
_COMPARISONS = {
    "below": "below", "under": "below", "less than": "below", "<": "below",
    "at most": "at_most", "<=": "at_most", "≤": "at_most",
    "at least": "at_least", ">=": "at_least", "≥": "at_least",
    "above": "above", "over": "above", "more than": "above", ">": "above",
}  # fmt: skip
_OFF = re.compile(r"^(?:without\s+(?P<a>.+)|(?P<b>.+?)\s+off)$", re.IGNORECASE)
_WORDS = "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in sorted(_COMPARISONS, key=len, reverse=True))
_CHANGE = re.compile(
    rf"^(?P<name>.+?)(?:\s*(?P<how>\b(?:{_WORDS})(?=[\s\d])|[<>]=?|[≤≥])\s*(?P<value>\d+(?:\.\d+)?)(?P<unit>[^\d]*?))?"
    r"(?:\s+for\s+(?P<lasting>\d.*?))?(?:\s+is\s+(?P<level>[a-z]+))?$",
    re.IGNORECASE,
)


def change(rules: Rules, text: str) -> Rules:
    """The rules as one sentence changes them. Raises `BadInput` with the nearest known rule, or the forms allowed.

    A rule's id goes first ("low-oxygen below 95", "chest-pain is HIGH", "without fever"); a vital sign's name adds
    the rule "what-if" ("spo2 < 90 is HIGH", HIGH unless it says otherwise).
    """
    sentence = " ".join(text.split())
    if off := _OFF.match(sentence):
        return _without(rules, _rule_id(rules, off["a"] or off["b"]))
    found = _CHANGE.match(sentence)
    if found is None or not any(found[part] for part in ("how", "lasting", "level")):
        raise BadInput(f"cannot read the rule {sentence!r}{_perhaps(rules, sentence)}; {FORMS}")
    level = _level(found["level"]) if found["level"] else None
    lasting = parse_duration(found["lasting"]) if found["lasting"] else None
    value = float(found["value"]) if found["value"] else None
    how = _COMPARISONS[" ".join(found["how"].lower().split())] if found["how"] else ""
    name = found["name"].strip().lower()
    if name in rules.ids():
        return _changed(rules, name, how, value, lasting, level)
    if value is None or _plain(name) not in signal_names():
        raise BadInput(f"there is no rule or vital sign {name!r}{_perhaps(rules, name)}; {FORMS}")
    return _added(rules, signal_code(name), how, value, lasting, level)


def _changed(
    rules: Rules, rule_id: str, how: str, value: float | None, lasting: timedelta | None, level: Level | None
) -> Rules:
    rule = rules.rule(rule_id)
    if isinstance(rule, Threshold):
        bounds = rule.any if value is None else (_moved(rule, how, value), *rule.any[1:])
        lasts = rule.lasting if lasting is None else lasting
        return _replaced(rules, rule, replace(rule, any=bounds, lasting=lasts, level=level or rule.level))
    if isinstance(rule, Trend) and lasting is None and how in ("", "above"):
        rises = rule.rises_above if value is None else value
        return _replaced(rules, rule, replace(rule, rises_above=rises, level=level or rule.level))
    if how or lasting is not None or level is None:
        raise BadInput(f"{rule_id} has no limit on one reading; write: {rule_id} is LEVEL, or: {rule_id} off")
    if isinstance(rule, Word | Symptom):
        return _replaced(rules, rule, replace(rule, level=level))
    if isinstance(rule, Response):
        raise BadInput(f"{rule_id} follows the score's own table; only `{rule_id} off` can be asked of it")
    conduct = rules.conduct
    if rule is conduct.personal:
        return replace(rules, conduct=replace(conduct, personal=replace(conduct.personal, level=level)))
    return replace(rules, conduct=replace(conduct, learned=replace(conduct.learned, level=level)))


def _moved(rule: Threshold, how: str, value: float) -> Bound:
    """The first bound of a rule at another value; it must stay on its side."""
    first = rule.any[0]
    if first.low != (how in ("below", "at_most")):
        raise BadInput(
            f"{rule.id} is about {'low' if first.low else 'high'} values: write "
            f"{rule.id} {'below' if first.low else 'above'} {value:g}"
        )
    return _bound(first.code, how, value)


def _bound(code: str, how: str, value: float) -> Bound:
    unit = vital_signs()[code].unit
    if how == "below":
        return Bound(code=code, unit=unit, below=value)
    if how == "at_most":
        return Bound(code=code, unit=unit, at_most=value)
    if how == "at_least":
        return Bound(code=code, unit=unit, at_least=value)
    return Bound(code=code, unit=unit, above=value)


def _added(rules: Rules, code: str, how: str, value: float, lasting: timedelta | None, level: Level | None) -> Rules:
    """A new threshold in a family of its own, with the times of the nearest rule on the same vital sign."""
    bound = _bound(code, how, value)
    near = next((r for r in rules.thresholds if any(b.code == code and b.low == bound.low for b in r.any)), None)
    personal = rules.conduct.personal
    taken = [r.id for r in rules.thresholds if r.id.startswith("what-if")]
    rule_id = f"what-if-{len(taken) + 1}" if taken else "what-if"
    rule = Threshold(
        id=rule_id,
        family=rule_id,
        level=level or Level.HIGH,
        any=(bound,),
        lasting=lasting if lasting is not None else (near.lasting if near else personal.lasting),
        max_age=near.max_age if near else personal.max_age,
        source="a what-if, in force for this question only",
        hard=True,
    )
    return replace(rules, thresholds=(*rules.thresholds, rule))


def _replaced(rules: Rules, old: Threshold | Trend | Word | Symptom, new: Threshold | Trend | Word | Symptom) -> Rules:
    return replace(
        rules,
        thresholds=tuple(new if r is old and isinstance(new, Threshold) else r for r in rules.thresholds),
        trends=tuple(new if r is old and isinstance(new, Trend) else r for r in rules.trends),
        words=tuple(new if r is old and isinstance(new, Word) else r for r in rules.words),
        symptoms=tuple(new if r is old and isinstance(new, Symptom) else r for r in rules.symptoms),
    )


def _without(rules: Rules, rule_id: str) -> Rules:
    rule = rules.rule(rule_id)
    if isinstance(rule, Response):
        return replace(rules, early_warning=False)
    if rule in (rules.conduct.personal, rules.conduct.learned):
        raise BadInput(f"{rule_id} follows the patient's own limits or model; change those instead")
    return replace(
        rules,
        thresholds=tuple(r for r in rules.thresholds if r is not rule),
        trends=tuple(r for r in rules.trends if r is not rule),
        words=tuple(r for r in rules.words if r is not rule),
        symptoms=tuple(r for r in rules.symptoms if r is not rule),
    )


def _rule_id(rules: Rules, name: str) -> str:
    try:
        rules.rule(name.strip().lower())
    except NotFound as problem:
        raise BadInput(f"{problem}") from None
    return name.strip().lower()


def _level(word: str) -> Level:
    allowed = [level for level in Level if level is not Level.UNKNOWN]
    if word.lower() not in allowed:
        raise BadInput(f"{word!r} is no level; allowed: {', '.join(level.upper() for level in allowed)}")
    return Level(word.lower())


def _perhaps(rules: Rules, name: str) -> str:
    """The nearest rule to what was written, without the all-names list that would drown the forms."""
    hint = nearest(name.split(" ")[0].lower(), (*rules.ids(), *signal_names()))
    return f"; {hint}" if hint.startswith("did") else ""


def _plain(name: str) -> str:
    return " ".join(re.split(r"[\s_-]+", name))

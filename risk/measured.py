"""Rules on measurements: thresholds, personal limits and trends."""

from dataclasses import replace
from functools import lru_cache

from data.durations import say_duration
from data.model.concern import Evidence, Finding
from data.model.people import Limit, Person
from data.vocabulary import vital_signs
from risk.readings import Readings, round_as_shown
from risk.rulebook import Rules
from risk.schema import Bound, Threshold, Trend


def threshold_findings(rules: Rules, person: Person | None, readings: Readings) -> list[Finding]:
    """Thresholds for this patient, personal limits included, that the newest readings breach."""
    findings = (_threshold(rule, readings) for rule in thresholds_of(rules, person))
    return [finding for finding in findings if finding]


def trend_findings(rules: Rules, readings: Readings) -> list[Finding]:
    """Trends that the readings show."""
    return [finding for rule in rules.trends if (finding := _trend(rule, readings))]


def thresholds_of(rules: Rules, person: Person | None) -> tuple[Threshold, ...]:
    """The thresholds in force for this person."""
    return thresholds_for(rules, person.limits if person else (), scale_of(person))


def scale_of(person: Person | None) -> int:
    """The person's SpO2 scale; anything but 1 and 2 is taken as 1, the stricter one: a typo must not silence us."""
    return 2 if person and person.spo2_scale == 2 else 1


@lru_cache(maxsize=4096)
def thresholds_for(rules: Rules, limits: tuple[Limit, ...], scale: int) -> tuple[Threshold, ...]:
    """The thresholds in force for a patient on that SpO2 scale with those personal limits.

    A personal limit that is more permissive than a default takes its place, unless the rule is hard. A stricter one
    stands beside it.
    """
    rows = [rule for rule in rules.thresholds if rule.scale in (None, scale)]
    own = []
    for limit in limits:
        if limit.code not in vital_signs():
            continue
        unit = vital_signs()[limit.code].unit
        if limit.low is not None:
            own.append(Bound(code=limit.code, unit=unit, below=limit.low))
        if limit.high is not None:
            own.append(Bound(code=limit.code, unit=unit, above=limit.high))
    added = tuple(_personal(rules, bound, rows) for bound in own)
    kept = []
    for rule in rows:
        bounds = rule.any if rule.hard else tuple(b for b in rule.any if not any(_permits(o, b) for o in own))
        if bounds:
            kept.append(rule if bounds == rule.any else replace(rule, any=bounds))
    return (*kept, *added)


def family_of(rules: Rules, code: str, low: bool) -> str:
    """The family of concerns about low, or high, values of a vital sign."""
    for rule in rules.thresholds:
        if any(b.code == code and b.low == low for b in rule.any):
            return rule.family
    return f"{'low' if low else 'high'}-{code}"


def _personal(rules: Rules, bound: Bound, rows: list[Threshold]) -> Threshold:
    personal = rules.conduct.personal
    near = next((r for r in rows if any(b.code == bound.code and b.low == bound.low for b in r.any)), None)
    return Threshold(
        id=personal.id,
        family=family_of(rules, bound.code, bound.low),
        level=personal.level,
        any=(bound,),
        lasting=near.lasting if near else personal.lasting,
        max_age=near.max_age if near else personal.max_age,
        source=personal.source,
        reason="{vital} {value} {when}, personal limit {limit}",
    )


def _permits(personal: Bound, default: Bound) -> bool:
    """Whether a personal bound lets pass what the default would not."""
    if personal.code != default.code or personal.low != default.low:
        return False
    return personal.limit <= default.limit if personal.low else personal.limit >= default.limit


def _threshold(rule: Threshold, readings: Readings) -> Finding | None:
    reasons: list[str] = []
    evidence: list[Evidence] = []
    for bound in rule.any:
        run = readings.breach(bound, rule.lasting, rule.max_age)
        if run is None:
            continue
        sign = vital_signs()[bound.code]
        reasons.append(
            rule.reason.format(
                vital=sign.display,
                value=sign.say(run.value),
                when=readings.say_when(run.at, run.since),
                limit=say_exactly(bound.code, bound.limit),
                gain="",
                span="",
            )
        )
        evidence.append(readings.evidence(bound.code, run.value, run.at))
    if not reasons:
        return None
    return Finding(
        rule=rule.id,
        family=rule.family,
        level=rule.level,
        reason="; ".join(reasons),
        source=rule.source,
        evidence=tuple(evidence),
    )


def _trend(rule: Trend, readings: Readings) -> Finding | None:
    pair = readings.gain(rule.code, rule.within, rule.apart, rule.max_age)
    if pair is None:
        return None
    newest, lowest = pair
    sign = vital_signs()[rule.code]
    gain = round_as_shown(newest.value - lowest.value, sign.decimals)
    if gain <= rule.rises_above:
        return None
    reason = rule.reason.format(
        vital=sign.display,
        value=sign.say(newest.value),
        when=f"at {readings.say_time(newest.at)}",
        gain=sign.say(gain),
        span=say_duration(newest.at - lowest.at),
        limit=say_exactly(rule.code, rule.rises_above),
    )
    return Finding(
        rule=rule.id,
        family=rule.family,
        level=rule.level,
        reason=reason,
        source=rule.source,
        evidence=(
            readings.evidence(rule.code, newest.value, newest.at),
            readings.evidence(rule.code, lowest.value, lowest.at),
        ),
    )


def say_exactly(code: str, limit: float) -> str:
    """A limit for people, with more decimals than a reading only where it has them: "92%", "39.4 °C"."""
    sign = vital_signs()[code]
    if round_as_shown(limit, sign.decimals) == limit:
        return sign.say(limit)
    return f"{limit:g} {sign.unit_display}".replace(" %", "%")

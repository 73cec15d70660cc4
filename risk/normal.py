"""Whether fresh evidence shows that a flag's condition is gone; silence and stale data never do."""

from datetime import datetime

from data.errors import NotFound
from data.model.chart import Chart
from data.model.concern import Flag, RiskAssessment
from risk.measured import thresholds_of
from risk.readings import Readings
from risk.rulebook import Rules
from risk.schema import Symptom, Threshold, Trend
from risk.spoken import Said


def back_to_normal(flag: Flag, chart: Chart, assessment: RiskAssessment, rules: Rules, now: datetime) -> bool:
    """Whether evidence newer than the flag shows its condition gone, when no rule of its family fires.

    A measured condition needs a fresh reading of each vital sign it is about; a symptom needs the patient to deny
    it; the early-warning score needs an upper bound below every response. The patient's own alarm is never
    taken back by a machine.
    """
    if flag.family == rules.news2.family:
        return assessment.score is not None and assessment.score.high < min(r.at_least for r in rules.news2.response)
    try:
        rule = rules.rule(flag.rule)
    except NotFound:
        return False
    readings = Readings(chart, rules.conduct, now)
    if isinstance(rule, Threshold):
        return _measured(rule, flag, readings)
    if isinstance(rule, Trend):
        return readings.gain(rule.code, rule.within, rule.apart, rule.max_age) is not None
    if isinstance(rule, Symptom):
        return _denied(rule, flag, chart, now)
    return rule is rules.conduct.personal and _personal(flag, chart, rules, readings)


def _measured(rule: Threshold, flag: Flag, readings: Readings) -> bool:
    """The rule is silent, so what is fresh is normal; but each sign it is about and that was ever measured must be."""
    measured = [bound.code for bound in rule.any if readings.has(bound.code)]
    ticks = [readings.newest(code, rule.max_age) for code in measured]
    return bool(ticks) and all(tick and tick.at >= flag.seen_at for tick in ticks)


def _denied(rule: Symptom, flag: Flag, chart: Chart, now: datetime) -> bool:
    said = Said(chart, now)
    denials = (said.denied_at(name) for name in (*rule.all, *rule.any))
    return any(at is not None and at > flag.seen_at for at in denials)


def _personal(flag: Flag, chart: Chart, rules: Rules, readings: Readings) -> bool:
    own = [r for r in thresholds_of(rules, chart.person) if r.id == flag.rule]
    about = [r for r in own if r.family == flag.family]
    return any(_measured(r, flag, readings) for r in about)

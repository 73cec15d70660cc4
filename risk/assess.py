"""How worried to be and why: every rule that a chart fires, and the level that follows."""

from datetime import datetime

from data.errors import Unavailable
from data.model.chart import Chart
from data.model.concern import Evidence, Finding, Level, RiskAssessment
from data.ports import RiskModel
from risk.early_warning import early_warning, early_warning_findings
from risk.measured import threshold_findings, trend_findings
from risk.readings import Readings
from risk.rulebook import Rules
from risk.spoken import Said, symptom_findings, word_findings


def assess(
    chart: Chart, rules: Rules, now: datetime, *, event_id: str, model: RiskModel | None = None
) -> RiskAssessment:
    """Gather all findings of a chart as of `now`; the level is the highest of them, gravest first.

    LOW is only said of someone whose early-warning score is complete and low; without that it is UNKNOWN, for what
    was not measured reassures nobody. A `model` adds concern and never takes any away; one that is unavailable
    adds nothing.
    """
    readings = Readings(chart, rules.conduct, now)
    said = Said(chart, now)
    findings = threshold_findings(rules, chart.person, readings)
    findings += trend_findings(rules, readings)
    findings += word_findings(rules, said)
    findings += symptom_findings(rules, said, readings, findings)
    warning = early_warning(chart, rules, readings, said)
    if warning:
        findings += early_warning_findings(rules, warning, chart, readings, said, findings)
    findings += _learned(chart, rules, now, model)
    findings.sort(key=lambda finding: -finding.level.rank)
    level = findings[0].level if findings else Level.LOW
    if level.rank <= Level.LOW.rank:
        level = Level.LOW if warning and warning.calm else Level.UNKNOWN
    return RiskAssessment(
        id=f"{chart.subject}/assessment/{event_id}",
        subject=chart.subject,
        at=now,
        level=level,
        findings=tuple(findings),
        score=warning.bounds if warning else None,
        handbook=rules.hash,
    )


def _learned(chart: Chart, rules: Rules, now: datetime, model: RiskModel | None) -> list[Finding]:
    learned = rules.conduct.learned
    try:
        estimate = model.score(chart, now) if model else None
    except Unavailable:
        return []
    if estimate is None or not estimate >= learned.at_least:
        return []
    return [
        Finding(
            rule=learned.id,
            family=learned.family,
            level=learned.level,
            reason=f"model estimates {estimate:.0%}, limit {learned.at_least:.0%}",
            source=learned.source,
            evidence=(Evidence(code=learned.id, at=now, value=estimate, unit="1"),),
        )
    ]

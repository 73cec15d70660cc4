"""How worried to be and why: every rule that a chart fires, and the level that follows."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from operator import attrgetter

from data.errors import Unavailable
from data.model.chart import Chart
from data.model.concern import Evidence, Finding, FlagState, Level, RiskAssessment
from data.ports import RiskModel
from risk.decide import decide
from risk.early_warning import early_warning, early_warning_findings
from risk.measured import threshold_findings, thresholds_of, trend_findings
from risk.readings import Readings
from risk.rulebook import Rules
from risk.spoken import Said, symptom_findings, word_findings

LAST = datetime.max.replace(tzinfo=UTC)


def assess(
    chart: Chart, rules: Rules, now: datetime, *, event_id: str, model: RiskModel | None = None
) -> RiskAssessment:
    """Gather all findings of a chart as of `now`; the level is the highest of them, gravest first.

    LOW is only said of someone whose early-warning score is complete and low; without that it is UNKNOWN, for what
    was not measured reassures nobody. A `model` adds concern and never takes any away; one that is unavailable
    adds nothing.
    """
    readings = Readings(chart, rules.conduct, now)
    said = Said(chart, now, event_id)
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


def look_again_at(chart: Chart, rules: Rules, now: datetime) -> datetime | None:
    """The earliest instant after `now` at which time alone changes what is to be done; None when nothing is pending.

    That is when a stream that went bad has been silent long enough to count, and when a routine flag that is back
    to normal closes by itself. Ask again after each assessment: whatever arrives in between may change it.
    """
    instants = [at for at in _silent_streams(chart, rules, now) if at > now]
    closing = sorted({at for at in _closings(chart, rules) if at > now and at < min(instants, default=LAST)})
    instants += [at for at in closing if _closes(chart, rules, at)][:1]
    return min(instants, default=None)


def _silent_streams(chart: Chart, rules: Rules, now: datetime) -> Iterator[datetime]:
    """When each breach that has not lasted would count by silence; checked, for a clock may run a little ahead."""
    gap, thresholds = rules.conduct.stream_gap, thresholds_of(rules, chart.person)
    # Only a stream that spoke within the gap can fall silent; whether it has lasted shows in what came just before.
    since = now - 2 * gap - max((rule.lasting for rule in thresholds), default=gap)
    first = bisect_left(chart.observations, since, key=attrgetter("effective_at"))
    chart = replace(chart, observations=chart.observations[first:])
    readings, later = Readings(chart, rules.conduct, now), dict[datetime, Readings]()
    for rule in thresholds:
        for bound in rule.any:
            if not readings.is_over(bound, rule.max_age) or readings.breach(bound, rule.lasting, rule.max_age):
                continue
            at = readings.last_at(bound.code) + gap
            later[at] = later.get(at) or Readings(chart, rules.conduct, at)
            if later[at].breach(bound, rule.lasting, rule.max_age):
                yield at


def _closings(chart: Chart, rules: Rules) -> Iterator[datetime]:
    """When each routine flag that is back to normal would have been so for long enough."""
    conduct = rules.conduct
    for flag in chart.flags:
        if flag.normal_since and flag.state is not FlagState.CLOSED and flag.level in conduct.closes_itself:
            yield flag.normal_since + conduct.close_after


def _closes(chart: Chart, rules: Rules, at: datetime) -> bool:
    """Whether a flag would close by itself at that instant: what is known of it may be too old by then."""
    found = assess(chart, rules, at, event_id="")
    return any(flag.state is FlagState.CLOSED for flag in decide(chart, found, rules, at, event_id=""))


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

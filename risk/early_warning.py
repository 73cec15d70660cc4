"""The early-warning score of a chart, and the findings that it makes."""

from dataclasses import dataclass, field
from datetime import date, datetime

from data.model.chart import Chart
from data.model.concern import Evidence, Finding, Level, ScoreBounds
from data.model.people import Limit
from data.vocabulary import vital_signs
from risk.measured import scale_of
from risk.news2 import CONSCIOUSNESS, OXYGEN_GIVEN, Scored, score
from risk.readings import Readings, Sample, worst
from risk.rulebook import Rules
from risk.score_schema import News2, Response
from risk.spoken import Said


@dataclass(frozen=True, slots=True)
class EarlyWarning:
    """NEWS2 of a chart as of now. `samples` are the readings it rests on.

    `calm` is True only when nothing is missing and neither the settled nor the very newest values ask for a response.
    """

    scored: Scored
    samples: dict[str, Sample] = field(default_factory=dict)
    not_alert_at: datetime | None = None
    calm: bool = False

    @property
    def bounds(self) -> ScoreBounds:
        """The score with its bounds."""
        return self.scored.bounds


def early_warning(chart: Chart, rules: Rules, readings: Readings, said: Said) -> EarlyWarning | None:
    """The score of a chart; None for a patient too young for it, or when the rules leave it out."""
    news2, person, now = rules.news2, chart.person, readings.now
    if not rules.early_warning or (person and person.born_on and _age(person.born_on, now.date()) < news2.min_age):
        return None
    scale = scale_of(person)
    on_oxygen = person.on_oxygen if person else None
    samples: dict[str, Sample] = {}
    newest: dict[str, float] = {}
    for code in news2.codes:
        table = news2.table_for(code, scale, bool(on_oxygen))
        sample = readings.settled(code, table.points, news2.settle, table.max_age)
        tick = readings.newest(code, table.max_age)
        if sample and tick:
            samples[code] = sample
            newest[code] = worst(tick, table.points)
    alert, not_alert_at = _alert(news2, said, samples, now)
    values = {code: sample.value for code, sample in samples.items()}
    scored = score(news2, values, scale=scale, on_oxygen=on_oxygen, alert=alert)
    raw = scored if newest == values else score(news2, newest, scale=scale, on_oxygen=on_oxygen, alert=alert)
    calm = scored.bounds.complete and _calm(news2, scored) and _calm(news2, raw)
    return EarlyWarning(scored, samples, not_alert_at, calm)


def early_warning_findings(
    rules: Rules, warning: EarlyWarning, chart: Chart, readings: Readings, said: Said, before: list[Finding]
) -> list[Finding]:
    """What the score asks for: by its lower bound, which is certain, else by a single grave parameter.

    A single parameter makes no finding of its own when another rule already speaks of it, or when a personal limit
    of the care team governs it.
    """
    news2, points = rules.news2, warning.scored.points
    for response in news2.response:
        if warning.bounds.low >= response.at_least:
            scoring = [code for code, n in points.items() if n]
            return _finding(rules, warning, response, scoring, readings, said)
    limits = chart.person.limits if chart.person else ()
    spoken_of = {
        e.code.removeprefix("alarm:") for f in before if f.level.rank >= Level.MODERATE.rank for e in f.evidence
    }
    grave = [
        code
        for code, n in points.items()
        if n >= news2.single.at_least
        and code not in spoken_of
        and not _governed(code, warning, limits)
        and not (code == CONSCIOUSNESS and spoken_of & {n.removeprefix("alarm:") for n in news2.not_alert})
    ]
    return _finding(rules, warning, news2.single, grave, readings, said) if grave else []


def _finding(
    rules: Rules, warning: EarlyWarning, response: Response, scoring: list[str], readings: Readings, said: Said
) -> list[Finding]:
    news2, bounds = rules.news2, warning.bounds
    evidence = []
    parts = []
    for code in scoring:
        if code in warning.samples:
            sample, sign = warning.samples[code], vital_signs()[code]
            evidence.append(readings.evidence(code, sample.value, sample.at))
            what = f"{sign.display} {sign.say(sample.value)} at {readings.say_time(sample.at)}"
        elif code == CONSCIOUSNESS and warning.not_alert_at:
            evidence += [
                Evidence(code=r.symptom, at=r.reported_at, words=r.words)
                for n in news2.not_alert
                for r in said.present(n, news2.alert_max_age)
            ]
            what = "not alert"
        else:
            what = {OXYGEN_GIVEN: "on oxygen"}.get(code, code)
        parts.append(f"{what} scores {warning.scored.points[code]}")
    total = str(bounds.low) if bounds.complete else f"at least {bounds.low} (at most {bounds.high})"
    reason = f"{news2.name} {total}, limit {response.at_least}: {', '.join(parts)}"
    if response is news2.single:
        reason = f"{news2.name}: {', '.join(parts)}, limit {response.at_least} in one sign"
    if bounds.missing:
        reason += f"; missing {', '.join(bounds.missing)}"
    return [
        Finding(
            rule=response.id,
            family=news2.family,
            level=response.level,
            reason=reason,
            source=response.source,
            evidence=tuple(evidence),
        )
    ]


def _alert(news2: News2, said: Said, samples: dict[str, Sample], now: datetime) -> tuple[bool | None, datetime | None]:
    """Whether the patient is alert: not with such a report; yes if they wrote lately; else unknown."""
    reports = [r for name in news2.not_alert for r in said.present(name, news2.alert_max_age)]
    if reports:
        return False, max(r.reported_at for r in reports)
    wrote = [s.at for s in samples.values() if s.typed]
    spoke = said.spoke_at()
    latest = max([*wrote, *([spoke] if spoke else [])], default=None)
    return (True, None) if latest and now - latest <= news2.alert_max_age else (None, None)


def _calm(news2: News2, scored: Scored) -> bool:
    """No response is asked for, whatever the missing inputs are."""
    limits = [r.at_least for r in news2.response]
    return scored.bounds.high < min(limits, default=0) and all(
        n < news2.single.at_least for n in scored.points.values()
    )


def _governed(code: str, warning: EarlyWarning, limits: tuple[Limit, ...]) -> bool:
    """Whether a personal limit says that this value is all right for this patient."""
    if code not in warning.samples:
        return False
    value = warning.samples[code].value
    low = [limit.low for limit in limits if limit.code == code and limit.low is not None]
    high = [limit.high for limit in limits if limit.code == code and limit.high is not None]
    return bool(low or high) and all(value >= n for n in low) and all(value <= n for n in high)


def _age(born_on: date, today: date) -> int:
    return today.year - born_on.year - ((today.month, today.day) < (born_on.month, born_on.day))

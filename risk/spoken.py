"""Rules on what the patient said: hits of the safety screen, symptoms, and symptoms together with measurements."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from data.model.chart import Chart
from data.model.concern import Evidence, Finding, Flag, FlagState
from data.model.observation import Assertion, SymptomReport
from data.vocabulary import vital_signs
from risk.measured import say_exactly
from risk.readings import Readings
from risk.rulebook import Rules
from risk.schema import Symptom, Word

ALARM = "alarm:"
_QUOTED = 3


class Said:
    """The patient's reports by symptom, and when each family of concern was last closed.

    What came with the event in hand (`event_id`) is the latest word whatever its time stamp says: a clock that was
    set back must not make it look old.
    """

    def __init__(self, chart: Chart, now: datetime, event_id: str = "") -> None:
        self.now = now
        self._event_id = event_id
        self._reports: dict[str, list[SymptomReport]] = {}
        for report in chart.symptoms:
            if report.assertion in (Assertion.PRESENT, Assertion.ABSENT):
                self._reports.setdefault(report.symptom, []).append(report)
        for rows in self._reports.values():
            rows.sort(key=self._place)
        self._closed: dict[str, Flag] = {}
        self._open = {flag.family for flag in chart.flags if flag.state is not FlagState.CLOSED}
        for flag in chart.flags:
            last = self._closed.get(flag.family)
            if flag.closed_at and flag.state is FlagState.CLOSED and (last is None or _closing(last) < flag.closed_at):
                self._closed[flag.family] = flag

    def present(self, symptom: str, holds: timedelta) -> list[SymptomReport]:
        """Reports that the symptom is there, oldest first: within `holds`, and none after a later denial.

        Of reports at one instant ("no fever then, but now") the one that is present counts.
        """
        found: list[SymptomReport] = []
        # From the newest back to the latest denial: no rule looks further, and every rule asks.
        for report in reversed(self._reports.get(symptom, ())):
            if report.assertion is Assertion.ABSENT:
                break
            if self.in_hand(report) or self.now - report.reported_at <= holds:
                found.append(report)
        found.reverse()
        return found

    def symptoms(self) -> frozenset[str]:
        """Everything that the patient said is or is not there."""
        return frozenset(self._reports)

    def denied_at(self, symptom: str) -> datetime | None:
        """When the patient last said that the symptom is not there, if nothing newer says it is."""
        rows = self._reports.get(symptom, ())
        last = max(rows, key=self._place, default=None)
        return last.reported_at if last and last.assertion is Assertion.ABSENT else None

    def spoke_at(self) -> datetime | None:
        """When the patient last said anything about a symptom."""
        return max((r.reported_at for rows in self._reports.values() for r in rows), default=None)

    def is_new(self, family: str, at: datetime) -> bool:
        """Whether a fact of that instant came after the last closing of a flag of the family.

        One that lies ahead is from before the clock was set back and had its flag then: it only keeps that one up.
        """
        flag = self._closed.get(family)
        return flag is None or (family in self._open if at > self.now else is_newer(at, flag))

    def in_hand(self, report: SymptomReport) -> bool:
        """Whether the report came with the event in hand."""
        return bool(self._event_id) and report.message_id == self._event_id

    def _place(self, report: SymptomReport) -> tuple[bool, datetime, bool]:
        """Which of two reports is the later word."""
        return self.in_hand(report), report.reported_at, report.assertion is Assertion.PRESENT


def is_newer(at: datetime, closed: Flag) -> bool:
    """Whether a fact of that instant is newer than the closing of the flag.

    Of the very instant of the closing it is newer when the flag had not seen it: rather twice than never.
    """
    return at > _closing(closed) or (at == _closing(closed) and at > closed.seen_at)


def _closing(flag: Flag) -> datetime:
    return flag.closed_at or flag.seen_at


def word_findings(rules: Rules, said: Said) -> list[Finding]:
    """Word rules that the patient's own words fire: the screen's hits, else the plain symptom."""
    findings = []
    for rule in rules.words if said.symptoms() else ():
        alarms = _fresh(rule, ALARM + rule.id, said)
        plain = _fresh(rule, rule.id, said)
        if alarms or plain:
            findings.append(
                Finding(
                    rule=rule.id,
                    family=rule.family,
                    level=rule.level if alarms else rule.plain_level,
                    reason=f"{rule.display}: {say_words(alarms or plain)}",
                    source=rule.source,
                    evidence=tuple(_as_evidence(r) for r in alarms + plain),
                )
            )
    return findings


def _fresh(rule: Word, symptom: str, said: Said) -> list[SymptomReport]:
    reports = said.present(symptom, rule.holds)
    return [r for r in reports if said.in_hand(r) or said.is_new(rule.family, r.reported_at)]


def symptom_findings(rules: Rules, said: Said, readings: Readings, before: Iterable[Finding]) -> list[Finding]:
    """Symptom rules that hold, `before` being the findings of the other rules."""
    fired = {finding.rule: finding for finding in before}
    known = said.symptoms() | fired.keys()
    asked = [r for r in rules.symptoms if not known.isdisjoint(r.any) or not known.isdisjoint(r.all)] if known else []
    return [finding for rule in asked if (finding := _symptom(rule, said, readings, fired))]


def _symptom(rule: Symptom, said: Said, readings: Readings, fired: dict[str, Finding]) -> Finding | None:
    names = (*rule.all, *rule.any)
    heard = {name: said.present(name, rule.holds) for name in names}
    true = [name for name in names if heard[name] or name in fired]
    if not all(name in true for name in rule.all) or (rule.any and not any(name in true for name in rule.any)):
        return None
    reports = [report for name in true for report in heard[name]]
    others = [fired[name] for name in true if name in fired and not (heard[name] and fired[name].evidence[0].words)]
    runs = [(bound, readings.breach(bound, timedelta(), rule.max_age)) for bound in rule.vital]
    if not all(run for _, run in runs):
        return None
    reasons = [say_words(reports)] if reports else []
    reasons += [finding.reason for finding in others]
    evidence = [_as_evidence(r) for r in reports] + [e for finding in others for e in finding.evidence]
    for bound, run in runs:
        if run:
            sign = vital_signs()[bound.code]
            when = readings.say_when(run.at, run.at)
            limit = say_exactly(bound.code, bound.limit)
            reasons.append(f"{sign.display} {sign.say(run.value)} {when}, limit {limit}")
            evidence.append(readings.evidence(bound.code, run.value, run.at))
    spoken_now = any(said.in_hand(r) for r in reports)
    if not spoken_now and not any(said.is_new(rule.family, e.at) for e in evidence):
        return None
    return Finding(
        rule=rule.id,
        family=rule.family,
        level=rule.level,
        reason=f"{rule.display}: {'; '.join(reasons)}",
        source=rule.source,
        evidence=tuple(dict.fromkeys(evidence)),
    )


def say_words(reports: list[SymptomReport]) -> str:
    """The newest words first, each once, at most three: `says "chest hurts"`."""
    words = list(dict.fromkeys(r.words.strip() for r in sorted(reports, key=lambda r: r.reported_at, reverse=True)))
    return "says " + ", ".join(f'"{w}"' for w in words[:_QUOTED])


def _as_evidence(report: SymptomReport) -> Evidence:
    return Evidence(code=report.symptom, at=report.reported_at, words=report.words)

"""From findings to flags: open, raise, reopen or close, one flag per patient and family of concern."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from data.model.chart import Chart
from data.model.concern import Finding, Flag, FlagState, RiskAssessment
from risk.normal import back_to_normal
from risk.readings import is_typed
from risk.rulebook import Rules
from risk.schema import Symptom
from risk.score_schema import Response
from risk.spoken import is_newer


def decide(chart: Chart, assessment: RiskAssessment, rules: Rules, now: datetime, *, event_id: str) -> tuple[Flag, ...]:
    """Flags that are new or changed; unchanged ones are not returned, so a second call returns nothing.

    A worse level raises the open flag and takes it back to OPEN. A concern that comes back within 30 min of its
    closing reopens the same flag (`episode` + 1); evidence from before the closing does not, unless this very event
    brought it (the clock may have been set back). A worse one always opens
    a flag of its own. A condition that fresh evidence shows gone sets `normal_since`; only routine flags then
    close by themselves. A finding that a graver one is made of, or that only sums up what is flagged already, opens
    no flag of its own: one page tells it all.
    """
    changed: dict[str, Flag] = {}
    news = _News(chart, rules, now, event_id)
    for finding in _gravest(assessment.findings, rules):
        running = _open_flag(chart, finding.family)
        if running:
            flag = _kept_open(running, finding, now)
        elif _told_elsewhere(finding, assessment.findings, (*chart.flags, *changed.values()), rules, news):
            continue
        else:
            flag = _opened(chart, finding, rules, now, event_id, news)
        if flag:
            changed[flag.id] = flag
    families = {finding.family for finding in assessment.findings if _counts(finding, rules)}
    for flag in chart.flags:
        if flag.state is not FlagState.CLOSED and flag.family not in families:
            moved = _towards_normal(flag, chart, assessment, rules, now)
            if moved is not flag:
                changed[flag.id] = moved
    return tuple(changed.values())


def _gravest(findings: Iterable[Finding], rules: Rules) -> list[Finding]:
    """The gravest finding of each family that deserves a flag; families that sum up others come last."""
    best: dict[str, Finding] = {}
    for finding in findings:
        known = best.get(finding.family)
        if _counts(finding, rules) and (known is None or finding.level.rank > known.level.rank):
            best[finding.family] = finding
    return sorted(best.values(), key=lambda f: (f.family in rules.conduct.sums_up, -f.level.rank))


def _counts(finding: Finding, rules: Rules) -> bool:
    return finding.level.rank >= rules.conduct.opens_from.rank


def _opened(chart: Chart, finding: Finding, rules: Rules, now: datetime, event_id: str, news: "_News") -> Flag | None:
    """The flag that a finding without an open one opens, or reopens; None when all of it was seen at a closing."""
    closed = _last_closed(chart, finding.family)
    if closed and finding.level.rank <= closed.level.rank and not news.is_in(finding, closed):
        return None
    if closed and _returns(finding, closed, rules, now):
        return _reopened(closed, finding, now)
    return Flag(
        id=f"{chart.subject}/flag/{finding.family}/{event_id}",
        subject=chart.subject,
        rule=finding.rule,
        family=finding.family,
        level=finding.level,
        state=FlagState.OPEN,
        opened_at=now,
        seen_at=now,
        reason=finding.reason,
    )


def _returns(finding: Finding, closed: Flag, rules: Rules, now: datetime) -> bool:
    """Whether it is the closed concern again: no worse, and soon after."""
    since = closed.closed_at or closed.seen_at
    return finding.level.rank <= closed.level.rank and now - since <= rules.conduct.reopen_within


def _kept_open(flag: Flag, finding: Finding, now: datetime) -> Flag | None:
    """An open flag whose condition holds: raised by a worse level, else only no longer marked as normal."""
    if finding.level.rank > flag.level.rank:
        return replace(
            flag,
            rule=finding.rule,
            level=finding.level,
            reason=finding.reason,
            state=FlagState.OPEN,
            seen_at=now,
            normal_since=None,
        )
    return replace(flag, seen_at=now, normal_since=None) if flag.normal_since else None


def _reopened(flag: Flag, finding: Finding, now: datetime) -> Flag:
    return replace(
        flag,
        rule=finding.rule,
        level=finding.level,
        reason=finding.reason,
        state=FlagState.OPEN,
        seen_at=now,
        escalation_id=None,
        owner=None,
        outcome=None,
        closed_at=None,
        normal_since=None,
        episode=flag.episode + 1,
    )


def _towards_normal(flag: Flag, chart: Chart, assessment: RiskAssessment, rules: Rules, now: datetime) -> Flag:
    """An open flag whose condition was not found: silence changes nothing, only fresh normal evidence does."""
    if not back_to_normal(flag, chart, assessment, rules, now):
        return flag
    if flag.normal_since is None:
        return replace(flag, normal_since=now)
    conduct = rules.conduct
    if flag.level in conduct.closes_itself and now - flag.normal_since >= conduct.close_after:
        return replace(flag, state=FlagState.CLOSED, closed_at=now, outcome=conduct.close_outcome)
    return flag


def _told_elsewhere(
    finding: Finding, findings: Iterable[Finding], flags: Iterable[Flag], rules: Rules, news: "_News"
) -> bool:
    """Whether a page about another family says all that this finding would.

    Either a graver finding that combines several signs rests on all of this one's, or this one only sums up others
    and someone is, or just was, told of as much: a closed flag counts for the evidence that its closing had seen.
    """
    signs = {evidence.code for evidence in finding.evidence}
    for other in findings:
        graver = other.level.rank > finding.level.rank and other.family != finding.family
        if graver and _combines(other, rules) and signs < {evidence.code for evidence in other.evidence}:
            return True
    if finding.family not in rules.conduct.sums_up:
        return False
    return any(
        flag.level.rank >= finding.level.rank
        and flag.family != finding.family
        and (flag.state is not FlagState.CLOSED or not news.is_in(finding, flag))
        for flag in flags
    )


def _combines(finding: Finding, rules: Rules) -> bool:
    """Whether the finding is of a rule that puts several signs together."""
    return isinstance(rules.rule(finding.rule), Symptom | Response)


def _open_flag(chart: Chart, family: str) -> Flag | None:
    rows = [f for f in chart.flags if f.family == family and f.state is not FlagState.CLOSED]
    return max(rows, key=lambda f: f.level.rank, default=None)


def _last_closed(chart: Chart, family: str) -> Flag | None:
    rows = [f for f in chart.flags if f.family == family and f.state is FlagState.CLOSED]
    return max(rows, key=lambda f: f.closed_at or f.seen_at, default=None)


def _just_written(chart: Chart, rules: Rules, now: datetime) -> set[tuple[str, datetime]]:
    """Typed readings of earlier that say what they say only since now: no closing has seen it.

    A corrected one keeps the time at which it was measured.
    """
    if all(flag.state is not FlagState.CLOSED for flag in chart.flags):
        return set()
    rows = (o for o in chart.observations if o.effective_at < o.received_at == now)
    return {(o.code, o.effective_at) for o in rows if is_typed(o.source, rules.conduct)}


class _News:
    """What a closing has not seen, by its time; a clock that was set back must not make what is new look old."""

    def __init__(self, chart: Chart, rules: Rules, now: datetime, event_id: str) -> None:
        self._now = now
        self._said = {(r.symptom, r.reported_at) for r in chart.symptoms if r.message_id == event_id}
        self._said |= _just_written(chart, rules, now)
        self._measured: set[tuple[str, datetime]] = set()
        if any(flag.closed_at and flag.closed_at > now for flag in chart.flags):
            rows = (o for o in chart.observations if o.received_at <= now)
            self._measured = {(o.code, min(o.effective_at, now)) for o in rows}

    def is_in(self, finding: Finding, closed: Flag) -> bool:
        """Whether the finding rests on anything that is newer than the closing, or that this event said.

        A closing that lies ahead tells that the clock was set back: then what was received by now counts as new.
        Words that lie ahead were said before the clock was set back, and had their flag then.
        """
        ahead = closed.closed_at is not None and closed.closed_at > self._now
        return any(
            (e.at <= self._now and is_newer(e.at, closed))
            or (e.code, e.at) in self._said
            or (ahead and (e.code, e.at) in self._measured)
            for e in finding.evidence
        )

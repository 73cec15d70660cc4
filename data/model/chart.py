"""Everything known about one person (Chart), and what an event adds to it (Changes)."""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Protocol, TypeVar

from data.model.communication import Category, Communication, SendState
from data.model.concern import Flag, FlagState, RiskAssessment
from data.model.conversation import Dialogue
from data.model.escalation import Escalation, EscalationState
from data.model.observation import Observation, SymptomReport
from data.model.people import Person
from data.model.plan import Activity, Due

# How long settled rows stay in the chart itself; the journal keeps them for ever.
KEEP = timedelta(hours=24)
# Messages with a last word (delivered, failed ...) leave sooner: an unanswered P1 makes hundreds of them a day.
KEEP_ARRIVED = timedelta(hours=2)
_KEEP_SYMPTOMS = timedelta(days=2)
# How much measured history a chart carries: the longest look-back of any rule (weight over a week), and a day.
WINDOW = timedelta(days=8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one event adds: rows replace earlier rows of the same id. `notes` explain it in the audit trail.

    `erased` is the last thing that can happen to a chart: nothing of the person remains, and nothing follows.
    """

    person: Person | None = None
    observations: tuple[Observation, ...] = ()
    symptoms: tuple[SymptomReport, ...] = ()
    activities: tuple[Activity, ...] = ()
    assessment: RiskAssessment | None = None
    flags: tuple[Flag, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    communications: tuple[Communication, ...] = ()
    dues: tuple[Due, ...] = ()
    dialogue: Dialogue | None = None
    notes: tuple[str, ...] = ()
    erased: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Everything known about one person, as of `revision`.

    Observations are those of the last 8 days (`WINDOW`) as of the last that came in, oldest first: measured after
    `observed_from`, which only ever moves forward. What was entered in error is not among them.

    Of communications, flags, escalations and dues, the chart holds what is open and what settled in the last
    24 hours (messages with a last word: 2 hours); `record.journal` has the rest. A message that was handed over
    counts as settled: some channels never tell what became of it, and it would stay for ever.
    """

    subject: str
    revision: int = 0
    person: Person | None = None
    observations: tuple[Observation, ...] = ()
    symptoms: tuple[SymptomReport, ...] = ()
    activities: tuple[Activity, ...] = ()
    assessment: RiskAssessment | None = None
    flags: tuple[Flag, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    communications: tuple[Communication, ...] = ()
    dues: tuple[Due, ...] = ()
    dialogue: Dialogue = field(default_factory=Dialogue)
    observed_from: datetime | None = None
    erased: bool = False

    def latest(self, code: str) -> Observation | None:
        """The newest observation of vocabulary key `code`, by the time it was measured."""
        of_code = [o for o in self.observations if o.code == code]
        return max(of_code, key=lambda o: o.effective_at, default=None)

    def escalation(self, escalation_id: str) -> Escalation | None:
        """The escalation of that id, if the chart still holds it."""
        return next((e for e in self.escalations if e.id == escalation_id), None)

    def flag(self, flag_id: str) -> Flag | None:
        """The flag of that id, if the chart still holds it."""
        return next((f for f in self.flags if f.id == flag_id), None)

    def with_observations(self, observations: tuple[Observation, ...]) -> "Chart":
        """The same chart with these observations instead."""
        return Chart(
            subject=self.subject,
            revision=self.revision,
            person=self.person,
            observations=observations,
            symptoms=self.symptoms,
            activities=self.activities,
            assessment=self.assessment,
            flags=self.flags,
            escalations=self.escalations,
            communications=self.communications,
            dues=self.dues,
            dialogue=self.dialogue,
            observed_from=self.observed_from,
            erased=self.erased,
        )

    def apply(self, changes: Changes, at: datetime) -> "Chart":
        """The chart after `changes` committed at `at`: pure, and the one way any store moves a chart on."""
        if changes.erased:
            return Chart(subject=self.subject, revision=self.revision + 1, erased=True)
        settled = at - KEEP
        since = observed_from(self, changes, at)
        return Chart(
            subject=self.subject,
            revision=self.revision + 1,
            person=changes.person or self.person,
            observations=merge_observations(self.observations, changes.observations, since),
            symptoms=_symptoms(_lay(self.symptoms, changes.symptoms), at),
            activities=_lay(self.activities, changes.activities),
            assessment=changes.assessment or self.assessment,
            flags=_flags(_lay(self.flags, changes.flags), settled, at),
            escalations=_escalations(_lay(self.escalations, changes.escalations), settled, at),
            communications=_communications(
                _lay(self.communications, changes.communications), settled, at - KEEP_ARRIVED
            ),
            dues=_dues(_lay(self.dues, changes.dues)),
            dialogue=changes.dialogue or self.dialogue,
            observed_from=since,
        )


def observed_from(chart: Chart, changes: Changes, at: datetime) -> datetime | None:
    """What a chart's observations must be measured after once `changes` came; a clock set back moves nothing."""
    if not changes.observations:
        return chart.observed_from
    return max(at - WINDOW, chart.observed_from) if chart.observed_from else at - WINDOW


class _Row(Protocol):
    @property
    def id(self) -> str: ...


_R = TypeVar("_R", bound=_Row)


def _lay(old: tuple[_R, ...], new: tuple[_R, ...]) -> tuple[_R, ...]:
    """`old` with the rows of `new` put in by id, in order of first appearance."""
    if not new:
        return old
    rows = {row.id: row for row in old}
    rows.update([(row.id, row) for row in new])
    return tuple(rows.values())


# What need not be kept leaves. Every commit of every chart comes through here, hence a plain loop for each kind.


def _symptoms(rows: tuple[SymptomReport, ...], at: datetime) -> tuple[SymptomReport, ...]:
    oldest = at - _KEEP_SYMPTOMS
    return tuple([row for row in rows if row.reported_at > oldest]) if rows else rows


def _flags(rows: tuple[Flag, ...], settled: datetime, at: datetime) -> tuple[Flag, ...]:
    closed = FlagState.CLOSED
    return tuple([row for row in rows if row.state is not closed or (row.closed_at or at) > settled]) if rows else rows


def _escalations(rows: tuple[Escalation, ...], settled: datetime, at: datetime) -> tuple[Escalation, ...]:
    closed = EscalationState.CLOSED
    return tuple([row for row in rows if row.state is not closed or (row.closed_at or at) > settled]) if rows else rows


def _communications(rows: tuple[Communication, ...], settled: datetime, arrived: datetime) -> tuple[Communication, ...]:
    """Queued ones stay; reminders and those with no last word yet for a day; what has one, for a shorter while."""
    queued, nudge = SendState.QUEUED, Category.NUDGE
    return (
        tuple(
            [
                row
                for row in rows
                if row.created_at > arrived
                or row.state is queued
                or (row.created_at > settled and (row.category is nudge or not row.state.final))
            ]
        )
        if rows
        else rows
    )


def _dues(rows: tuple[Due, ...]) -> tuple[Due, ...]:
    return tuple([row for row in rows if not row.done]) if rows else rows


def merge_observations(
    old: tuple[Observation, ...], new: tuple[Observation, ...], since: datetime | None
) -> tuple[Observation, ...]:
    """The observations measured after `since` when `new` has come: one row per id (the later stands), oldest first.

    The new is laid over the old before the window is cut, so that a correction that moves a value out of the
    window takes the old value with it. A row that is withdrawn goes, and takes the old one with it too.
    """
    if not new or since is None:
        return old
    last = {row.id: row for row in new}
    if last.keys().isdisjoint(map(_ID, old)) and not any(row.withdrawn for row in last.values()):
        # Nearly always: nothing is corrected, and what is new is the latest.
        kept = old[bisect_right(old, since, key=_AT) :]
        came = sorted([row for row in last.values() if row.effective_at > since], key=_BY_TIME)
        if not kept or not came or _BY_TIME(kept[-1]) < _BY_TIME(came[0]):
            return (*kept, *came)
        return tuple(sorted((*kept, *came), key=_BY_TIME))
    rows = {row.id: row for row in old}
    rows.update(last)
    for row in last.values():
        if row.withdrawn:
            del rows[row.id]
    return tuple(sorted([row for row in rows.values() if row.effective_at > since], key=_BY_TIME))


_BY_TIME, _AT, _ID = attrgetter("effective_at", "id"), attrgetter("effective_at"), attrgetter("id")

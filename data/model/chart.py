"""Everything known about one person (Chart), what an event adds to it (Changes), and the journal's Entry."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from data.model.communication import Communication
from data.model.concern import Flag, FlagState, RiskAssessment
from data.model.conversation import Dialogue
from data.model.escalation import Escalation, EscalationState
from data.model.observation import Observation, SymptomReport
from data.model.people import Person
from data.model.plan import Activity, Due

# How long settled rows stay in the chart itself; the journal keeps them for ever.
KEEP = timedelta(hours=24)
# How much measured history a chart carries: the longest look-back of any rule (weight over a week), and a day.
WINDOW = timedelta(days=8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one event adds: rows replace earlier rows of the same id. `notes` explain it in the audit trail."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Everything known about one person, as of `revision`.

    Observations are those of the last 8 days (`WINDOW`), oldest first.

    Of communications, flags, escalations and dues, the chart holds what is open and what settled in the last
    24 hours; `record.journal` has the rest.
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

    def apply(self, changes: Changes, at: datetime) -> "Chart":
        """The chart after `changes` committed at `at`: pure, and the one way any store moves a chart on."""
        settled = at - KEEP
        return Chart(
            subject=self.subject,
            revision=self.revision + 1,
            person=changes.person or self.person,
            observations=merge_observations(self.observations, changes.observations, at),
            symptoms=_merge(self.symptoms, changes.symptoms, lambda s: s.reported_at > at - timedelta(days=30)),
            activities=_merge(self.activities, changes.activities, lambda a: True),
            assessment=changes.assessment or self.assessment,
            flags=_merge(
                self.flags,
                changes.flags,
                lambda f: f.state is not FlagState.CLOSED or (f.closed_at or at) > settled,
            ),
            escalations=_merge(
                self.escalations,
                changes.escalations,
                lambda e: e.state is not EscalationState.CLOSED or (e.closed_at or at) > settled,
            ),
            communications=_merge(
                self.communications,
                changes.communications,
                lambda c: not c.state.final or c.created_at > settled,
            ),
            dues=_merge(self.dues, changes.dues, lambda d: not d.done),
            dialogue=changes.dialogue or self.dialogue,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One journal entry: the commit itself. Unique by `subject, revision` and by `subject, event_id`."""

    subject: str
    revision: int
    event_id: str
    kind: str
    actor: str
    at: datetime
    changes: Changes


class _Row(Protocol):
    @property
    def id(self) -> str: ...


_R = TypeVar("_R", bound=_Row)


def _merge(old: tuple[_R, ...], new: tuple[_R, ...], keep: Callable[[_R], bool]) -> tuple[_R, ...]:
    """`old` with the rows of `new` put in by id, in order of first appearance, less what need not be kept."""
    if not new:
        return tuple(row for row in old if keep(row))
    rows = {row.id: row for row in old}
    rows.update((row.id, row) for row in new)
    return tuple(row for row in rows.values() if keep(row))


def merge_observations(
    old: tuple[Observation, ...], new: tuple[Observation, ...], at: datetime
) -> tuple[Observation, ...]:
    """The window of observations after `new` came: one row per id (the later value stands), oldest first."""
    if not new:
        return old
    rows = {row.id: row for row in old if row.effective_at > at - WINDOW}
    rows.update((row.id, row) for row in new if row.effective_at > at - WINDOW)
    return tuple(sorted(rows.values(), key=lambda row: (row.effective_at, row.id)))

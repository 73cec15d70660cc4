"""A patient's care plan: activities that recur, and the timers (Due) that make them happen."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """When an activity falls due, in the patient's zone: at `times` on `weekdays` (0 = Monday; empty = daily)."""

    times: tuple[time, ...]
    weekdays: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One nudge of a care plan. A reading of vocabulary key `clears` that arrives in the `grace` before it cancels it.

    `expires_after`: a reminder this late is not sent at all.
    """

    id: str
    text: str
    recurrence: Recurrence
    clears: str | None = None
    grace: timedelta = timedelta(hours=2)
    expires_after: timedelta = timedelta(hours=2)
    until: date | None = None
    active: bool = True
    by: str = ""


class DueKind(StrEnum):
    """What a timer is for."""

    NUDGE = "nudge"
    ESCALATION = "escalation"
    ASSESS = "assess"


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A timer as a row: fires once at or after `due_at`. `id` derives from its cause and occurrence.

    `ref` names what it is about (an activity or an escalation). `done` removes it.
    `written` is the revision of the chart that set it: the same time set anew is another firing.
    """

    id: str
    subject: str
    kind: DueKind
    ref: str
    due_at: datetime
    done: bool = False
    written: int = 0

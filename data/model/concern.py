"""How worried to be and why: Level, Finding, RiskAssessment and Flag."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Level(StrEnum):
    """Concern, lowest first. UNKNOWN: too little is known to call it LOW; never shown as reassurance."""

    UNKNOWN = "unknown"
    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for UNKNOWN up to 4 for CRITICAL."""
        return _RANKS[self]

    @property
    def priority(self) -> "Priority":
        """The escalation priority that this concern deserves."""
        return _PRIORITIES[self]


class Priority(StrEnum):
    """On-call priority: P1 critical, P2 urgent, P3 routine, P4 information."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"


_RANKS = {level: rank for rank, level in enumerate(Level)}
_PRIORITIES = {
    Level.CRITICAL: Priority.P1,
    Level.HIGH: Priority.P2,
    Level.MODERATE: Priority.P3,
    Level.LOW: Priority.P4,
    Level.UNKNOWN: Priority.P4,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One fact a finding rests on: a measured value with its time, or the patient's words."""

    code: str
    at: datetime
    value: float | None = None
    unit: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule that fired, with a reason a clinician can check. `family` groups rules about one condition."""

    rule: str
    family: str
    level: Level
    reason: str
    source: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreBounds:
    """An early-warning score with exact bounds: `low` == `high` when nothing is `missing`."""

    name: str
    low: int
    high: int
    missing: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """True when every input was there."""
        return not self.missing


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskAssessment:
    """How worried to be at one instant. `handbook` is the hash of the rules in force."""

    id: str
    subject: str
    at: datetime
    level: Level
    findings: tuple[Finding, ...] = ()
    score: ScoreBounds | None = None
    handbook: str = ""


class FlagState(StrEnum):
    """An open flag is nobody's yet; an acknowledged one is somebody's; a closed one is done with."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A concern that waits for a person: one per patient and rule family while open plus 30 minutes."""

    id: str
    subject: str
    rule: str
    family: str
    level: Level
    state: FlagState
    opened_at: datetime
    seen_at: datetime
    reason: str
    escalation_id: str | None = None
    owner: str | None = None
    outcome: str | None = None
    closed_at: datetime | None = None
    normal_since: datetime | None = None
    episode: int = 1

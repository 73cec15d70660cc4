"""Escalation policies and courtesy numbers, from `policies.toml` and a clinic's overlay."""

import hashlib
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from data.content import load
from data.errors import BadFile
from data.model.concern import Priority
from data.model.escalation import Policy
from data.model.people import QuietHours
from scheduler.courtesy import Courtesy


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """The policies in force. `hash` changes with any value (not with comments), to be stored with decisions."""

    policies: tuple[Policy, ...]
    courtesy: Courtesy
    sources: tuple[tuple[str, str], ...]

    def for_priority(self, priority: Priority) -> Policy:
        """The policy of a priority; every priority has one."""
        return next(policy for policy in self.policies if policy.priority is priority)

    @property
    def hash(self) -> str:
        """Sixteen hexadecimal digits over every value."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


def load_policies(overlay: Path | None = None) -> Policies:
    """The packaged policies, with the keys that `overlay` (TOML of the same shape, any subset) sets put over them.

    Raises `BadFile` naming file, line and key.
    """
    file = load(files("scheduler") / "policies.toml", _File)
    rows, courtesy = {row.priority: row for row in file.policy}, file.courtesy
    if overlay is not None:
        changes = load(overlay, _Overlay)
        try:
            for change in changes.policy:
                rows[change.priority] = replace(rows[change.priority], **_given(change))
            courtesy = replace(courtesy, **_given(changes.courtesy)) if changes.courtesy else courtesy
        except ValueError as problem:  # each key is right by itself, the combination is not
            raise BadFile(f"{overlay}: {problem}") from None
    ordered = sorted(rows.values(), key=lambda row: row.priority)
    sources = (*((str(row.priority), row.source) for row in ordered), ("courtesy", courtesy.source))
    return Policies(policies=tuple(_policy(row) for row in ordered), courtesy=courtesy, sources=sources)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One `[[policy]]` table; a timer that is left out means never."""

    priority: Priority
    ack_timer: timedelta
    rounds: int
    lease: timedelta
    lease_grace: timedelta
    ask_silence: timedelta
    renewals: int
    source: str
    receipt_timer: timedelta | None = None
    repeat_every: timedelta | None = None
    tell_patient_after: timedelta | None = None

    def __post_init__(self) -> None:
        for name in ("ack_timer", "lease", "ask_silence", "receipt_timer", "repeat_every", "tell_patient_after"):
            value = getattr(self, name)
            if value is not None and value <= timedelta(0):
                raise ValueError(f"of {self.priority}: {name.replace('_', '-')} must be longer than 0 s")
        if self.rounds < 1 or self.renewals < 0 or self.lease_grace < timedelta(0):
            raise ValueError(f"of {self.priority}: rounds must be 1 or more, renewals and lease-grace 0 or more")
        if self.repeat_every is None and self.priority in (Priority.P1, Priority.P2):
            raise ValueError(f"of {self.priority}: lacks 'repeat-every'; an urgent concern never falls silent")


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    policy: tuple[_Row, ...]
    courtesy: Courtesy

    def __post_init__(self) -> None:
        if sorted(row.priority for row in self.policy) != sorted(Priority):
            raise ValueError("needs exactly one [[policy]] for each of P1, P2, P3, P4")


@dataclass(frozen=True, slots=True, kw_only=True)
class _RowChange:
    priority: Priority
    ack_timer: timedelta | None = None
    rounds: int | None = None
    lease: timedelta | None = None
    lease_grace: timedelta | None = None
    ask_silence: timedelta | None = None
    renewals: int | None = None
    source: str | None = None
    receipt_timer: timedelta | None = None
    repeat_every: timedelta | None = None
    tell_patient_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _CourtesyChange:
    default_quiet: QuietHours | None = None
    nudges_per_day: int | None = None
    taken_expires_after: timedelta | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Overlay:
    policy: tuple[_RowChange, ...] = ()
    courtesy: _CourtesyChange | None = None


def _given(change: _RowChange | _CourtesyChange) -> dict[str, Any]:
    """The keys that an overlay really sets."""
    values = {field.name: getattr(change, field.name) for field in fields(change)}
    return {name: value for name, value in values.items() if value is not None}


def _policy(row: _Row) -> Policy:
    return Policy(**{field.name: getattr(row, field.name) for field in fields(Policy)})

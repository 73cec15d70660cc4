"""The events that move a chart: one message, one batch of readings, one timer, one receipt, one profile change."""

from dataclasses import dataclass
from datetime import datetime

from data.model.communication import SendState
from data.model.observation import Observation
from data.model.people import Person
from data.model.plan import Activity, Due


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingsArrived:
    """A batch of samples of one patient from one source."""

    id: str
    observations: tuple[Observation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DueFired:
    """A timer whose time has come."""

    id: str
    due: Due


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptArrived:
    """What a provider said of a message (or what the sender learned): accepted, delivered, failed, unknown ...

    `retry_at` asks for another try then (only known-not-sent outcomes carry it).
    """

    id: str
    communication_id: str
    state: SendState
    provider: str = ""
    provider_id: str = ""
    error: str = ""
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonChanged:
    """A new or changed person: enrolment, profile, consent, plan."""

    id: str
    person: Person
    activities: tuple[Activity, ...] = ()

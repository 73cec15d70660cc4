"""People and how to reach them: Patient, Practitioner, CareTeam and ContactPoint in FHIR's words."""

from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo


class Role(StrEnum):
    """What a person may do here; a title such as "nurse" is free text beside it."""

    PATIENT = "patient"
    PROXY = "proxy"
    CLINICIAN = "clinician"
    CARE_MANAGER = "care manager"
    ADMINISTRATOR = "administrator"
    OPERATIONS = "operations"
    TESTER = "tester"
    STRANGER = "stranger"


class ChannelKind(StrEnum):
    """The kind of door a message goes through."""

    SMS = "sms"
    TELEGRAM = "telegram"
    WHATSAPP = "whatsapp"
    CONSOLE = "console"

    @property
    def discreet(self) -> bool:
        """Whether it shows on locked screens and passes through carriers: codes and levels only, to staff as well."""
        return self in (ChannelKind.SMS, ChannelKind.WHATSAPP)

    @property
    def answers_stop(self) -> bool:
        """Whether the carrier itself confirms STOP and START (by default for SMS alone), so that we do not."""
        return self is ChannelKind.SMS

    @property
    def has_buttons(self) -> bool:
        """Whether an answer can be pressed there."""
        return self is ChannelKind.TELEGRAM


class ContactState(StrEnum):
    """Whether an address may be used: a carrier's STOP ends it until START.

    UNVERIFIED: it may be somebody else's by now (a number given to a new owner); nothing goes there but answers that
    tell nothing, until whoever has it shows that they are the person. BLOCKED: the bot was blocked there, which the
    next message from there shows to be over; a typed STOP is not.
    """

    ACTIVE = "active"
    UNVERIFIED = "unverified"
    STOPPED = "stopped"
    BLOCKED = "blocked"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactPoint:
    """One address of a person: an address is never proof of who writes.

    `heard_at`: when it was last known to be theirs, to within a week: enrolled, linked by a code, or written from.
    """

    system: ChannelKind
    value: str
    state: ContactState = ContactState.ACTIVE
    heard_at: datetime | None = None

    def at(self, system: ChannelKind, value: str) -> bool:
        """Whether it is this address; blanks around it do not matter."""
        return self.system is system and self.value.strip() == value.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """A daily window in the person's zone; `start` after `end` means over midnight."""

    start: time
    end: time


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A personal limit: outside `low`..`high` (UCUM `unit` of the code) counts for this patient.

    `code` is a key of the vital-sign vocabulary, such as "oxygen-saturation".
    """

    code: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A patient or a practitioner. `code` is what may stand in an SMS ("A-17"), `name` never.

    `step` is the person's place on the escalation ladder (1 is told first), None for nobody's ladder.
    `spo2_scale` 2 is for hypercapnic respiratory failure (NEWS2, RCP 2017), set by a clinician only.
    `invites` are one-time codes given out for this person, by which an address becomes theirs.
    `panel` holds the ids of the patients a practitioner looks after (None: every patient of the clinic),
    `represents` those a proxy speaks for, `grants` what was opened in an emergency ("break the glass").
    """

    id: str
    code: str
    name: str
    role: Role
    title: str
    zone: str
    contacts: tuple[ContactPoint, ...] = ()
    language: str = "en"
    quiet: QuietHours | None = None
    step: int | None = None
    limits: tuple[Limit, ...] = ()
    born_on: date | None = None
    spo2_scale: int = 1
    on_oxygen: bool = False
    paused_until: datetime | None = None
    consents: tuple["Consent", ...] = ()
    active: bool = True
    panel: tuple[str, ...] | None = None
    represents: tuple[str, ...] = ()
    grants: tuple["Grant", ...] = ()
    invites: tuple["Invite", ...] = ()

    @property
    def tz(self) -> ZoneInfo:
        """The person's zone, for reckoning wall-clock times."""
        return ZoneInfo(self.zone)

    def consents_to(self, purpose: "Purpose", recipient: str = "") -> bool:
        """True while the latest consent for `purpose` is given (nothing recorded means not given).

        For SHARING, `recipient` is the id of the person it is about; every recipient is asked about by itself.
        """
        of_purpose = (c for c in self.consents if c.purpose == purpose and c.recipient == recipient)
        latest = max(of_purpose, key=lambda c: c.recorded_at, default=None)
        return latest is not None and latest.given


class Purpose(StrEnum):
    """What a patient agrees to, each by itself."""

    MONITORING = "monitoring"
    MESSAGING = "messaging"
    SHARING = "sharing"
    RESEARCH = "research"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """The latest word of a patient on one purpose; the journal keeps the earlier ones.

    `version` and `language` name the text that was agreed to; `recipient` whom it is shared with (SHARING only).
    """

    purpose: Purpose
    given: bool
    recorded_at: datetime
    source: str = field(default="paper")
    version: str = ""
    language: str = ""
    recipient: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Emergency access ("break the glass") to one patient's data: why, and from when until when."""

    patient: str
    reason: str
    given_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """A one-time code for this person: whoever gives it back from an address shows that the address is theirs.

    `digest` is the SHA-256 (hex) of the code, which is kept nowhere. `address` is set where the code was sent to an
    address of theirs, which giving it back then confirms. `cause` is the event that made it, `by` who asked for it.
    """

    digest: str
    cause: str
    by: str
    until: datetime
    address: ContactPoint | None = None

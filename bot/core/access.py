"""Who may do what with whose data: the one policy, a table, asked before every read and every write by a person."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from data.model.audit import Access
from data.model.people import Grant, Person, Purpose, Role

# Emergency access ends by itself (45 CFR 164.312(a)(2)(ii) asks for a procedure; an hour is the clinic's longest).
LONGEST_GRANT = timedelta(minutes=60)


class Action(StrEnum):
    """What a person can ask for: first about one patient, then about the clinic as a whole.

    `list-patients` is asked about each patient that a list would name. `report` is to write as the patient: words
    and readings; `correct` is to mend a reading that the patient wrote. `read-page` is the level, age and holder of a
    concern that somebody was paged about, no more.
    """

    LIST_PATIENTS = "list-patients"
    READ_CHART = "read-chart"
    READ_VITALS = "read-vitals"
    READ_MESSAGES = "read-messages"
    READ_NUDGES = "read-nudges"
    SET_NUDGE = "set-nudge"
    REPORT = "report"
    CORRECT = "correct"
    READ_PAGE = "read-page"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    SET_LIMITS = "set-limits"
    CHANGE_PROFILE = "change-profile"
    CHANGE_CONTACT = "change-contact"
    GIVE_CONSENT = "give-consent"
    WITHDRAW_CONSENT = "withdraw-consent"
    READ_ACCESS_LOG = "read-access-log"
    READ_AUDIT = "read-audit"
    EXPORT = "export"
    ERASE = "erase"
    BREAK_GLASS = "break-glass"

    LIST_PEOPLE = "list-people"
    ENROL = "enrol"
    ASSIGN_PANEL = "assign-panel"
    CHANGE_ROLE = "change-role"
    READ_STATUS = "read-status"
    REPLAY = "replay"


class Relation(StrEnum):
    """How somebody stands to a patient. Several can hold at once; their rights add up."""

    SELF = "self"
    REPRESENTS = "represents"  # a proxy whom the patient's consent to sharing names
    UNSHARED = "represents without consent"
    PANEL = "panel"  # looks after this patient, or after every patient of the clinic
    ON_CALL = "on call"  # was paged about this patient and holds the code
    GRANTED = "granted"  # has broken the glass, and it has not expired
    OTHER = "other"  # somebody else's patient
    CLINIC = "clinic"  # the action is about no patient


_READING = frozenset((Action.READ_CHART, Action.READ_VITALS, Action.READ_MESSAGES, Action.READ_NUDGES))
_PAGED = frozenset((Action.READ_PAGE, Action.ACKNOWLEDGE, Action.RESOLVE))
_CALLED = _PAGED | {Action.READ_CHART, Action.READ_VITALS, Action.BREAK_GLASS}
_OWN = _READING | {
    Action.REPORT,
    Action.CHANGE_CONTACT,
    Action.GIVE_CONSENT,
    Action.WITHDRAW_CONSENT,
    Action.READ_ACCESS_LOG,
}
_BREAK = frozenset((Action.BREAK_GLASS,))
# An administrator keeps the people, their rights and the audit, and so must not hold what these guard: no chart, not
# even by break-glass, which is for those who treat. Export and erasure are the patient's wish, carried out and audited.
_ADMINISTERS = frozenset(
    (
        Action.LIST_PATIENTS,
        Action.CHANGE_PROFILE,
        Action.CHANGE_CONTACT,
        Action.GIVE_CONSENT,
        Action.WITHDRAW_CONSENT,
        Action.READ_ACCESS_LOG,
        Action.READ_AUDIT,
        Action.EXPORT,
        Action.ERASE,
    )
)

# What is not here is not permitted.
_RIGHTS: dict[Role, dict[Relation, frozenset[Action]]] = {
    # An address is no proof of who writes: a copy of everything, and its end, are asked for at the clinic.
    Role.PATIENT: {Relation.SELF: _OWN},
    Role.PROXY: {
        Relation.SELF: _OWN,
        # What the patient wrote may be about the proxy.
        Relation.REPRESENTS: _READING - {Action.READ_MESSAGES} | {Action.REPORT, Action.READ_ACCESS_LOG},
    },
    Role.CLINICIAN: {
        Relation.PANEL: _READING
        | _PAGED
        | _BREAK
        | {Action.LIST_PATIENTS, Action.CORRECT, Action.SET_LIMITS, Action.WITHDRAW_CONSENT},
        Relation.ON_CALL: _CALLED,
        Relation.GRANTED: _READING | _BREAK,
        Relation.OTHER: _BREAK,
    },
    Role.CARE_MANAGER: {
        Relation.PANEL: _READING
        | _PAGED
        | _BREAK
        | {Action.LIST_PATIENTS, Action.SET_NUDGE, Action.CORRECT, Action.CHANGE_PROFILE, Action.CHANGE_CONTACT}
        | {Action.GIVE_CONSENT, Action.WITHDRAW_CONSENT},
        Relation.ON_CALL: _CALLED,
        Relation.GRANTED: _READING | _BREAK,
        Relation.OTHER: _BREAK,
        Relation.CLINIC: frozenset((Action.ENROL, Action.READ_STATUS)),
    },
    Role.ADMINISTRATOR: {
        Relation.PANEL: _ADMINISTERS,
        Relation.ON_CALL: _PAGED,
        Relation.OTHER: _ADMINISTERS,
        Relation.CLINIC: frozenset(
            (Action.LIST_PEOPLE, Action.ENROL, Action.ASSIGN_PANEL, Action.CHANGE_ROLE, Action.READ_STATUS)
        ),
    },
    # Operations may take a page they were sent, which carries a code and a level; no more of a patient than that.
    Role.OPERATIONS: {
        Relation.ON_CALL: _PAGED,
        Relation.CLINIC: frozenset((Action.READ_STATUS, Action.REPLAY)),
    },
    Role.TESTER: {Relation.CLINIC: frozenset((Action.REPLAY,))},
    Role.STRANGER: {},
}
_NOT_STAFF = (Role.PATIENT, Role.PROXY, Role.STRANGER)


def may(actor: Person, action: Action, patient: Person | None, now: datetime, *, on_call: bool = False) -> bool:
    """Whether `actor` may do `action` to `patient` (None: to the clinic) now. Denied unless the table says so.

    `on_call`: the actor holds a code of a page about this patient. Emergencies do not come here: they are answered
    and escalated whoever writes.
    """
    if not actor.active:
        return False
    rights = _RIGHTS.get(actor.role, {})
    return any(action in rights.get(r, ()) for r in relations(actor, patient, now, on_call=on_call))


def could(actor: Person, action: Action) -> bool:
    """Whether there is any patient at all to whom somebody in this role could do it: else the action is not theirs."""
    return actor.active and any(action in actions for actions in _RIGHTS.get(actor.role, {}).values())


def relations(actor: Person, patient: Person | None, now: datetime, *, on_call: bool = False) -> frozenset[Relation]:
    """How the actor stands to the patient now; never empty."""
    if patient is None:
        return frozenset((Relation.CLINIC,))
    if actor.id == patient.id:
        return frozenset((Relation.SELF,))
    if actor.role in _NOT_STAFF:
        return frozenset((_as_relative(actor, patient),))
    found = {Relation.PANEL if _looks_after(actor, patient) else Relation.OTHER}
    if on_call:
        found.add(Relation.ON_CALL)
    if grant(actor, patient, now) is not None:
        found.add(Relation.GRANTED)
    return frozenset(found)


def _as_relative(actor: Person, patient: Person) -> Relation:
    if actor.role is not Role.PROXY or patient.id not in actor.represents:
        return Relation.OTHER
    return Relation.REPRESENTS if patient.consents_to(Purpose.SHARING, recipient=actor.id) else Relation.UNSHARED


def _looks_after(actor: Person, patient: Person) -> bool:
    return patient.role is Role.PATIENT and (actor.panel is None or patient.id in actor.panel)


def grant(actor: Person, patient: Person, now: datetime) -> Grant | None:
    """The emergency access to this patient that is in force, or None. However it is written, an hour is the longest."""
    given = (g for g in actor.grants if g.patient == patient.id)
    valid = (g for g in given if g.given_at <= now < min(g.until, g.given_at + LONGEST_GRANT))
    return max(valid, key=lambda g: g.given_at, default=None)


# What stands in the audit as the reason for a look, before the words that were given for breaking the glass.
BROKEN = "break-glass: "
# Before the login name of somebody at the command line, who is no person of the record.
OPERATOR = "operator:"
_GOOD_REASONS = (Relation.SELF, Relation.REPRESENTS, Relation.PANEL, Relation.ON_CALL)


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody who asks at an instant, with the ids of the patients they hold an open code for."""

    person: Person
    now: datetime
    paged: frozenset[str] = frozenset()

    def may(self, action: Action, patient: Person | None = None) -> bool:
        """See `may`."""
        return may(self.person, action, patient, self.now, on_call=patient is not None and patient.id in self.paged)

    def looks_after(self, patient: Person) -> bool:
        """Whether the patient is theirs without any emergency."""
        return Relation.PANEL in relations(self.person, patient, self.now)

    def look(self, action: Action, subject: str, via: str, *, permitted: bool = True, reason: str = "") -> Access:
        """The audit's line for a look at somebody's data, or a refused one, in the stream of `subject`."""
        return Access(
            subject=subject,
            actor=self.person.id,
            role=self.person.role.value,
            action=action.value,
            at=self.now,
            permitted=permitted,
            reason=reason,
            via=via,
        )

    def why(self, patient: Person) -> str:
        """What entitles them to look, for the audit: the panel, a page, or the reason the glass was broken for."""
        held = relations(self.person, patient, self.now, on_call=patient.id in self.paged)
        broken = grant(self.person, patient, self.now)
        if broken is not None and Relation.PANEL not in held:
            return f"{BROKEN}{broken.reason}"
        return next((relation.value for relation in _GOOD_REASONS if relation in held), "")

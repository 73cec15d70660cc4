"""What the core is given besides chart, event and now: the handbook in force and who works here."""

import hashlib
from dataclasses import dataclass, field

from bot.words.texts import Texts
from data.model.people import ContactPoint, ContactState, Person, Role
from risk.rulebook import Rules
from scheduler.policies import Policies


@dataclass(frozen=True, slots=True)
class Kit:
    """The handbook: rules, escalation policies and texts, all that the clinic agreed.

    `bot` is the bot's name on Telegram and `url` where this house is on the web, for links; "" where there is none.
    """

    rules: Rules
    policies: Policies
    texts: Texts
    bot: str = ""
    url: str = ""
    # Sixteen hex digits that change when any rule or policy changes; stored with every assessment.
    hash: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Work out the hash once: every message asks for it."""
        digest = hashlib.sha256(f"{self.rules.hash}{self.policies.hash}".encode()).hexdigest()[:16]
        object.__setattr__(self, "hash", digest)


@dataclass(frozen=True, slots=True)
class Team:
    """Everyone the clinic knows, as of now."""

    people: tuple[Person, ...]

    def ladder(self) -> tuple[Person, ...]:
        """Practitioners who are told of concerns, by step."""
        steps = (p for p in self.people if p.active and p.step is not None and p.role is not Role.PATIENT)
        return tuple(sorted(steps, key=lambda p: (p.step or 0, p.id)))

    def to_page(self) -> tuple[Person, ...]:
        """The ladder, then active clinicians who are on no step: they are told when the ladder is exhausted."""
        others = tuple(p for p in self.people if p.active and p.step is None and p.role is Role.CLINICIAN)
        return self.ladder() + others

    def operations(self) -> tuple[Person, ...]:
        """Who hears what the machine cannot mend: operations, or whoever comes closest to it."""
        for role in (Role.OPERATIONS, Role.ADMINISTRATOR, Role.CARE_MANAGER, Role.CLINICIAN):
            found = tuple(p for p in self.people if p.active and p.role is role)
            if found:
                return found
        return ()

    def care_managers(self) -> tuple[Person, ...]:
        """Who looks after enrolment and contact, else whoever runs the clinic."""
        found = tuple(p for p in self.people if p.active and p.role is Role.CARE_MANAGER)
        return found or self.operations()

    def person(self, person_id: str) -> Person | None:
        """Who has this id."""
        return next((p for p in self.people if p.id == person_id), None)

    def name(self, person_id: str | None) -> str:
        """A colleague's name for a sentence; "a colleague" when the person is gone."""
        person = self.person(person_id) if person_id else None
        return person.name if person else "a colleague"


def usable(person: Person) -> tuple[ContactPoint, ...]:
    """The person's addresses that may be used, in the order of their wish.

    To staff, whom nothing personal of a patient is sent, an address that may be out of date is better than none.
    """
    known = tuple(c for c in person.contacts if c.state is ContactState.ACTIVE)
    if person.role in (Role.PATIENT, Role.PROXY, Role.STRANGER):
        return known
    return known + tuple(c for c in person.contacts if c.state is ContactState.UNVERIFIED)

"""A small clinic at night, and a play that keeps an escalation with everything it ordered."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from data.model.communication import SendState
from data.model.concern import Priority
from data.model.escalation import Escalation
from data.model.people import ChannelKind, ContactPoint, Person, Role
from scheduler.escalation import (
    Advance,
    Answer,
    Happening,
    Order,
    PageReceipt,
    Raised,
    TellPage,
    Tick,
    Verb,
    advance,
    open_escalation,
)
from scheduler.policies import load_policies

START = datetime(2026, 3, 3, 21, 10, tzinfo=UTC)
POLICIES = load_policies()
P1, P2, P3, P4 = (POLICIES.for_priority(priority) for priority in Priority)


def clinician(name: str, step: int | None, *channels: ChannelKind) -> Person:
    return Person(
        id=name.lower().replace(" ", "-"),
        code="",
        name=name,
        role=Role.CLINICIAN,
        title="",
        zone="Europe/Tallinn",
        step=step,
        contacts=tuple(ContactPoint(system=channel, value=f"{name} {channel}") for channel in channels),
    )


NIA = clinician("Nia", 1, ChannelKind.SMS)
LEE = clinician("Dr Lee", 2, ChannelKind.SMS, ChannelKind.TELEGRAM)
KIM = clinician("Dr Kim", 3, ChannelKind.SMS)
TEAM = (NIA, LEE)


@dataclass
class Play:
    """An escalation, the clock, and every order so far with its time. Pages are delivered unless told otherwise."""

    escalation: Escalation
    now: datetime
    team: tuple[Person, ...]
    delivers: bool = True
    orders: list[tuple[timedelta, Order]] = field(default_factory=list)

    @classmethod
    def start(cls, policy=P1, team=TEAM, *, delivers: bool = True) -> "Play":
        at = open_escalation(id="e", subject="anna", flag_id="f", policy=policy, team=team, now=START)
        play = cls(at.escalation, START, team, delivers)
        play._took(at)
        return play

    def _took(self, at: Advance) -> list[Order]:
        self.escalation = at.escalation
        self.orders += [(self.now - START, order) for order in at.orders]
        orders = list(at.orders)
        for order in at.orders:
            if self.delivers and isinstance(order, TellPage):
                orders += self.receipt(order.communication_id, SendState.DELIVERED)
        return orders

    def happens(self, happening: Happening) -> list[Order]:
        return self._took(advance(self.escalation, happening, self.team, self.now))

    def receipt(self, communication_id: str, state: SendState) -> list[Order]:
        return self.happens(PageReceipt(communication_id, state))

    def says(self, person: Person, verb: Verb, minutes: int | None = None, text: str = "") -> list[Order]:
        return self.happens(Answer(person.id, verb, minutes, text))

    def raised(self, policy) -> list[Order]:
        return self.happens(Raised(policy))

    def wait(self, **duration: float) -> list[Order]:
        """Let time pass, ticking exactly where the escalation asks for it; what it ordered meanwhile."""
        until, orders = self.now + timedelta(**duration), []
        while self.escalation.next_at is not None and self.escalation.next_at <= until:
            assert self.escalation.next_at > self.now
            self.now = self.escalation.next_at
            orders += self.happens(Tick())
        self.now = until
        return orders

    def late_tick(self, **duration: float) -> list[Order]:
        """Sleep through everything, then tick once."""
        self.now += timedelta(**duration)
        return self.happens(Tick())


def of(kind, orders: list[Order]) -> list:
    """The orders of one kind."""
    return [order for order in orders if isinstance(order, kind)]


def pages(orders: list[Order]) -> list[tuple[str, str]]:
    return [(order.person_id, str(order.channel)) for order in of(TellPage, orders)]


def without_contacts(person: Person) -> Person:
    return replace(person, contacts=())

"""The stage: drives one House in virtual time. All contact between a scene and the house is here."""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.core.kit import Kit
from bot.scene.backstage import ClockSet, Happened, Housekeeping, Said, SceneStuck, SwitchedParser
from bot.scene.fields import change_person
from bot.scene.grammar import (
    ClockJumps,
    Event,
    Fault,
    FieldIs,
    NluIs,
    ProviderIs,
    Role,
    Says,
    Scene,
    ServerRestarts,
    Streams,
)
from bot.scene.pattern import Heard, fill
from bot.scene.plan import Plan, plan_of
from data.clock import SimulatedClock
from data.errors import BadFile
from data.model.chart import Chart
from data.model.observation import Observation
from data.model.people import ChannelKind, Person
from data.model.people import Role as PersonRole
from data.model.plan import Activity
from data.vocabulary import vital_signs
from integrations.simulator_channel import Delivery, Receipt, SimulatedProvider

MOST_ROUNDS = 1_000
NOBODY = "(nobody)"


@dataclass(slots=True)
class _Inbound:
    """The last message that came in through one kind of channel, as the provider sent it."""

    address: str
    text: str
    provider_message_id: str


@dataclass(slots=True)
class Stage:
    """One performance: a house, its clock, its providers, and what everybody heard so far."""

    scene: Scene
    kit: Kit
    parser: SwitchedParser
    keeping: Housekeeping
    clock: SimulatedClock = field(init=False)
    providers: dict[str, SimulatedProvider] = field(init=False)
    record: Any = field(init=False)
    house: Any = field(init=False)
    inbox: list[Heard] = field(default_factory=list)
    of: dict[str, list[Heard]] = field(default_factory=dict)
    told: list[Said | Happened] = field(default_factory=list)
    jumps: list[ClockSet] = field(default_factory=list)
    _ahead: list[tuple[datetime, int, str, tuple[Observation, ...], str]] = field(default_factory=list)
    _count: int = 0
    _last: dict[ChannelKind, _Inbound] = field(default_factory=dict)
    _holders: dict[tuple[ChannelKind, str], list[str]] = field(default_factory=dict)
    _ids: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Build the house at the scene's start."""
        self.clock = SimulatedClock(self.scene.start_at)
        self.providers = {
            "A": SimulatedProvider("A", ChannelKind.SMS),
            "B": SimulatedProvider("B", ChannelKind.SMS),
            "telegram": SimulatedProvider("telegram", ChannelKind.TELEGRAM),
            "whatsapp": SimulatedProvider("whatsapp", ChannelKind.WHATSAPP),
        }
        self.record = self.keeping.empty()
        self.house = self._build()

    def open(self) -> None:
        """Enrol everyone, apply the facts, and let the house do what it does at the start."""
        for name, role in self.scene.cast.items():
            self._ids[role.person.id] = name
            self.of[name] = []
            self._hold(name, role.person)
            if role.person.role is not PersonRole.STRANGER:
                self.house.enrol(role.person, role.activities, event_id=f"scene:{role.number}")
        for line in self.scene.facts:
            if isinstance(line.step, Streams):
                self._history(line.step, line.number)
            elif line.step is not None:
                self.do(line.step, line.number, {})  # type: ignore[arg-type]
        self.work()

    @property
    def now(self) -> datetime:
        """The house's clock."""
        return self.clock.now()

    def role(self, name: str) -> Role:
        """Who plays under that name."""
        return self.scene.cast[name]

    def chart(self, name: str) -> Chart:
        """Everything the house knows about a person."""
        chart: Chart = self.record.chart(self.role(name).person.id)
        return chart

    def journal(self, name: str | None = None) -> Iterable[Any]:
        """The journal's entries of one person, or of all."""
        entries: Iterable[Any] = self.record.journal(self.role(name).person.id if name else None)
        return entries

    def reload(self) -> None:
        """Dump the whole record and load it into a new house: nothing hidden in memory survives."""
        self.record = self.keeping.reload(self.record)
        self.house = self._build()

    # Time

    def advance_to(self, until: datetime, done: Callable[[], bool] | None = None) -> bool:
        """Live up to `until`, instant by instant; stop early when `done`. Whether it was done."""
        rounds = 0
        while True:
            self.work()
            if done is not None and done():
                return True
            ahead = self._next_at()
            if ahead is None or ahead > until:
                break
            rounds = rounds + 1 if ahead <= self.now else 0
            if rounds > MOST_ROUNDS:
                raise SceneStuck(f"the house wants to work again and again at {self._local()}")
            self.clock.move_to(ahead)
        if until > self.now:
            self.clock.move_to(until)
            self.work()
        return done is not None and done()

    def work(self) -> None:
        """Do everything that is due at this instant: readings, receipts, timers, messages."""
        for _ in range(MOST_ROUNDS):
            busy = self._arrive()
            self.house.settle()
            if not (self._carry() or busy):
                return
        raise SceneStuck(f"the house does not come to rest at {self._local()}")

    def _next_at(self) -> datetime | None:
        instants = [provider.next_at() for provider in self.providers.values()]
        instants.append(self.house.next_at())
        if self._ahead:
            instants.append(self._ahead[0][0])
        return min((at for at in instants if at is not None), default=None)

    def _arrive(self) -> bool:
        """Hand over the readings that have arrived."""
        busy = False
        while self._ahead and self._ahead[0][0] <= self.now:
            _, _, subject, observations, batch_id = heapq.heappop(self._ahead)
            self.house.stream(subject, observations, batch_id=batch_id)
            busy = True
        return busy

    def _carry(self) -> bool:
        """Let phones ring and receipts come back."""
        busy = False
        for provider in self.providers.values():
            for happening in provider.take_due(self.now):
                busy = True
                if isinstance(happening, Delivery):
                    self._ring(happening)
                else:
                    self._report(happening)
        return busy

    def _ring(self, delivery: Delivery) -> None:
        holders = self._holders.get((delivery.to.system, delivery.to.value), [])
        meant = self._ids.get(delivery.communication.recipient, NOBODY)
        name = meant if meant in holders else (holders[0] if holders else NOBODY)
        heard = Heard(
            person=name,
            at=delivery.at,
            communication=delivery.communication,
            provider=delivery.provider,
            order=self._next_order(),
        )
        self.inbox.append(heard)
        self.of.setdefault(name, []).append(heard)

    def _report(self, receipt: Receipt) -> None:
        self.house.receipt(
            receipt.communication_id,
            receipt.state,
            provider=receipt.provider,
            provider_id=receipt.provider_id,
            event_id=f"receipt:{receipt.provider_id}:{receipt.state}",
        )

    # Events

    def do(self, event: Event, number: int, words: dict[str, str], text: str = "") -> None:
        """Make one event happen now, and let the house answer it. `number` and `text` are its line."""
        if text and not isinstance(event, Says):
            self.told.append(Happened(self.now, text, self._next_order(), f"batch:scene-{number}-0-0"))
        match event:
            case Says():
                self._say(event, fill(event.text, words))
            case Streams():
                self._measure(event, number)
            case FieldIs():
                self._change(event, number)
            case ProviderIs():
                self._fault(event)
            case ServerRestarts():
                self.reload()
            case NluIs():
                self.parser.down = event.down
            case ClockJumps():
                self._jump(event.by)
        self.work()

    def _say(self, event: Says, text: str) -> None:
        contacts = self._person(event.person).contacts
        point = next((c for c in contacts if event.channel in (None, c.system)), None)
        if point is None:
            raise BadFile(
                f"{event.person} has no address {f'on {event.channel}' if event.channel else ''}to write from"
            )
        self._count += 1
        inbound = _Inbound(point.value, text, f"scene-{self._count}")
        self._last[point.system] = inbound
        event_id = f"{point.system}:{inbound.provider_message_id}"
        self.told.append(Said(self.now, event.person, text, point.system, self._next_order(), event_id))
        self.house.hear(point.system, point.value, text, inbound.provider_message_id)

    def _measure(self, event: Streams, number: int) -> None:
        subject = self.role(event.person).person.id
        began_at = self.now
        by_instant: dict[datetime, list[Observation]] = {}
        for sample in event.samples:
            at = began_at + sample.offset
            by_instant.setdefault(at, []).append(
                _observation(subject, event.source, sample.code, sample.value, at, at + event.late)
            )
        for i, (at, observations) in enumerate(by_instant.items()):
            for copy in range(event.copies):
                self._count += 1
                row = (at + event.late, self._count, subject, tuple(observations), f"scene-{number}-{i}-{copy}")
                heapq.heappush(self._ahead, row)

    def _history(self, event: Streams, number: int) -> None:
        """A series given as a fact: it ended just before the scene starts."""
        subject = self.role(event.person).person.id
        if not event.samples:
            return
        shift = self.now - event.every - event.samples[-1].offset
        rows = tuple(
            _observation(subject, event.source, s.code, s.value, shift + s.offset, shift + s.offset)
            for s in event.samples
        )
        self.house.stream(subject, rows, batch_id=f"scene-{number}")

    def _change(self, event: FieldIs, number: int) -> None:
        person = self._person(event.person)
        activities: tuple[Activity, ...] = ()
        if isinstance(event.value, Plan):
            activities = plan_of(person, event.value)
            kept = {activity.id for activity in activities}
            before = self.record.chart(person.id).activities
            activities += tuple(replace(a, active=False) for a in before if a.active and a.id not in kept)
        changed = change_person(person, event.field, event.value, self.now)
        self._hold(event.person, changed)
        self._count += 1
        self.house.enrol(changed, activities, event_id=f"scene:{number}:{self._count}")

    def _fault(self, event: ProviderIs) -> None:
        for name in event.providers:
            provider = self.providers[name]
            match event.fault:
                case Fault.DOWN:
                    provider.down = True
                case Fault.BACK:
                    provider.heal()
                case Fault.LOSES_RECEIPTS:
                    provider.loses_receipts = True
                case Fault.LATE:
                    provider.late = event.by
                case Fault.UNDELIVERED:
                    provider.undelivered = True
        if event.fault is Fault.REPEATS:
            for kind in {self.providers[name].kind for name in event.providers}:
                self._repeat(kind)

    def _repeat(self, kind: ChannelKind) -> None:
        last = self._last.get(kind)
        if last is None:
            raise BadFile(f"no message has come in by {kind} that could be repeated")
        self.house.hear(kind, last.address, last.text, last.provider_message_id)

    def _jump(self, by: timedelta) -> None:
        """The wall clock is set; the world outside goes on, so what lies ahead moves along."""
        self.clock.jump(by)
        revisions = {name: self.chart(name).revision for name in self.scene.cast}
        self.jumps.append(ClockSet(self.now, self._next_order(), revisions))
        for provider in self.providers.values():
            provider.shift(by)
        self._ahead = [(at + by, *rest) for at, *rest in self._ahead]  # type: ignore[misc]

    def _local(self) -> str:
        return self.now.astimezone(ZoneInfo(self.scene.zone)).isoformat()

    def _next_order(self) -> int:
        return len(self.told) + len(self.inbox)

    def _person(self, name: str) -> Person:
        scripted = self.role(name).person
        return self.record.chart(scripted.id).person or scripted

    def _hold(self, name: str, person: Person) -> None:
        """Whose phone rings for which address; an address that was given up rings at nobody's."""
        for holders in self._holders.values():
            if name in holders:
                holders.remove(name)
        for contact in person.contacts:
            holders = self._holders.setdefault((contact.system, contact.value), [])
            holders.append(name)

    def _build(self) -> Any:
        return self.keeping.build(self.record, self.clock, tuple(self.providers.values()), self.kit, self.parser)


def _observation(
    subject: str, source: str, code: str, value: float, effective_at: datetime, received_at: datetime
) -> Observation:
    return Observation(
        id=f"{subject}/{source}/{code}/{effective_at.isoformat()}",
        code=code,
        value=value,
        unit=vital_signs()[code].unit,
        effective_at=effective_at,
        received_at=received_at,
        source=source,
    )

"""A draft of the changes one event makes: collects rows, derives their ids from the event, forgets nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.core.kit import Kit, Team, usable
from data.model.chart import Changes, Chart
from data.model.communication import Button, Category, Communication, SendState
from data.model.concern import Flag, Priority, RiskAssessment
from data.model.conversation import Dialogue
from data.model.escalation import Escalation
from data.model.observation import Observation, SymptomReport
from data.model.people import ChannelKind, ContactPoint, Person
from data.model.plan import Activity, Due
from scheduler.courtesy import enough_said


@dataclass(slots=True)
class Draft:
    """Grows while one event is thought through; `changes()` is what gets committed. Later rows of one id win."""

    chart: Chart
    kit: Kit
    team: Team
    event_id: str
    now: datetime
    # Where the person wrote what this event is, if it is a message of theirs.
    heard_from: ContactPoint | None = None
    person: Person | None = None
    assessment: RiskAssessment | None = None
    dialogue: Dialogue | None = None
    observations: dict[str, Observation] = field(default_factory=dict)
    symptoms: dict[str, SymptomReport] = field(default_factory=dict)
    activities: dict[str, Activity] = field(default_factory=dict)
    flags: dict[str, Flag] = field(default_factory=dict)
    escalations: dict[str, Escalation] = field(default_factory=dict)
    communications: dict[str, Communication] = field(default_factory=dict)
    dues: dict[str, Due] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def subject(self) -> Person:
        """The person this chart is about, as changed so far."""
        person = self.person or self.chart.person
        if person is None:
            raise LookupError(f"chart {self.chart.subject} has no person yet")
        return person

    def current(self) -> Chart:
        """The chart as it will be, for the steps that build on earlier ones of the same event."""
        return self.chart.apply(self.changes(), self.now)

    def changes(self) -> Changes:
        """Everything drafted, ready for one commit."""
        return Changes(
            person=self.person,
            observations=tuple(self.observations.values()),
            symptoms=tuple(self.symptoms.values()),
            activities=tuple(self.activities.values()),
            assessment=self.assessment,
            flags=tuple(self.flags.values()),
            escalations=tuple(self.escalations.values()),
            # Of what leaves at the same instant, the text to somebody in danger goes first.
            communications=tuple(sorted(self.communications.values(), key=lambda c: c.category is not Category.SAFETY)),
            dues=tuple(replace(due, written=self.chart.revision + 1) for due in self.dues.values()),
            dialogue=self.dialogue,
            notes=tuple(self.notes),
        )

    def say(
        self,
        to: Person,
        key: str,
        category: Category,
        *,
        channel: ChannelKind | None = None,
        address: str = "",
        priority: Priority = Priority.P4,
        communication_id: str | None = None,
        escalation_id: str | None = None,
        text: str | None = None,
        expires_at: datetime | None = None,
        reason: str = "",
        params: dict[str, str] | None = None,
        buttons: tuple[Button, ...] = (),
        picture: str = "",
        **values: str,
    ) -> bool:
        """Queue one sentence to one person on `channel`, else their first usable one.

        False, with a note, when there is no usable address: the caller's fallback (next step, phone) applies; or when
        it is one answer too many, as between two machines.
        """
        contacts = usable(to)
        if category is Category.REPLY and enough_said(self.said(), to.id, self.now):
            self.notes.append(f"{key} not said: {to.id} was answered too often in a short time")
            return False
        if channel is None:
            if not contacts:
                self.notes.append(f"no usable address for {to.id}: {key} not sent")
                return False
            channel = contacts[0].system
        row_id = communication_id or "/".join(
            part for part in (self.chart.subject, "c", self.event_id, key, to.id, escalation_id) if part
        )
        self.communications[row_id] = Communication(
            id=row_id,
            subject=self.chart.subject,
            recipient=to.id,
            category=category,
            channel=channel,
            address=address,
            text_key=key,
            text=text if text is not None else self.kit.texts.say(key, to.language, **values),
            language=to.language,
            created_at=self.now,
            priority=priority,
            expires_at=expires_at,
            escalation_id=escalation_id,
            reason=reason,
            params=params or {},
            buttons=buttons,
            picture=picture,
        )
        return True

    def said(self) -> tuple[Communication, ...]:
        """The chart's messages as they will be."""
        drafted = self.communications
        return (*(c for c in self.chart.communications if c.id not in drafted), *drafted.values())

    def cancel_queued(self, why: str, unwanted: Callable[[Communication], bool]) -> None:
        """Take back everything that is still queued and `unwanted`."""
        for row in self.chart.communications:
            if row.state is SendState.QUEUED and unwanted(row):
                self.cancel(row.id, why)

    def cancel(self, communication_id: str, why: str) -> None:
        """Take back a message that is still queued; one that has gone stays gone."""
        known = {c.id: c for c in self.chart.communications} | self.communications
        row = known.get(communication_id)
        if row and row.state is SendState.QUEUED:
            self.communications[row.id] = replace(row, state=SendState.DROPPED, reason=why)

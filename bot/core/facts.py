"""From words to rows: alarms, symptoms and typed readings become facts on the chart."""

from bot.core.draft import Draft
from data.model.communication import Category
from data.model.conversation import Alarm, Entity, Parse, RawMessage
from data.model.observation import Assertion, Observation, SymptomReport
from data.model.people import Role
from scheduler.courtesy import activity_of

# The name under which the rules know a glucose that is out of range in every unit it can be in.
UNIT_UNKNOWN = "glucose-in-any-unit"
# The same for a reading that may be deadly, of one of several patients.
UNKNOWN_WRITER = "deadly-reading-of-unknown-writer"


def note_alarms(draft: Draft, message: RawMessage, alarms: tuple[Alarm, ...]) -> None:
    """Every hit of the safety screen is a fact of its own, whatever the parser thinks of the text.

    Kept of a patient even before consent, since it opens an escalation; of a stranger nothing but the address is.
    """
    if draft.subject.role is Role.STRANGER:
        return
    for alarm in alarms:
        _note(draft, message, f"alarm/{alarm.rule}", f"alarm:{alarm.rule}", Assertion.PRESENT, alarm.words)


def note_facts(draft: Draft, message: RawMessage, parse: Parse) -> None:
    """Symptoms with their assertion, and readings that can be true; doubtful ones are asked about, not kept."""
    for nth, entity in enumerate(parse.entities):
        _note_entity(draft, message, nth, entity)
    for nth, reading in enumerate(parse.readings):
        if reading.problem is None:
            row_id = f"{draft.chart.subject}/{message.id}/{reading.code}/{nth}"
            draft.observations[row_id] = Observation(
                id=row_id,
                code=reading.code,
                value=reading.value,
                unit=reading.unit,
                effective_at=message.received_at,
                received_at=draft.now,
                source="patient",
            )
        elif reading.alarming:
            # Dangerous whichever unit was meant: nobody waits for the answer to the question.
            _note(draft, message, f"symptom/{reading.code}", UNIT_UNKNOWN, Assertion.PRESENT, reading.words)
    clear_reminders(draft)


def clear_reminders(draft: Draft) -> None:
    """A reading that arrived makes a queued reminder for it pointless."""
    arrived = {o.code for o in draft.observations.values()}
    cleared = {a.id for a in draft.chart.activities if a.clears in arrived}
    if cleared:
        draft.cancel_queued(
            "reading arrived", lambda row: row.category is Category.NUDGE and activity_of(row) in cleared
        )


def _note_entity(draft: Draft, message: RawMessage, nth: int, entity: Entity) -> None:
    _note(draft, message, f"symptom/{nth}", entity.key, entity.assertion, entity.words)


def note_symptom(draft: Draft, message: RawMessage, symptom: str, words: str) -> None:
    """One fact that is no reading and no complaint in words, such as a name that only the rules know."""
    _note(draft, message, f"symptom/{symptom}", symptom, Assertion.PRESENT, words)


def _note(draft: Draft, message: RawMessage, tail: str, symptom: str, assertion: Assertion, words: str) -> None:
    row_id = f"{draft.chart.subject}/{message.id}/{tail}"
    draft.symptoms[row_id] = SymptomReport(
        id=row_id,
        symptom=symptom,
        assertion=assertion,
        words=words,
        reported_at=draft.now,
        message_id=message.id,
    )

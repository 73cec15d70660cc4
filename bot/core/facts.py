"""From words to rows: alarms, symptoms and typed readings become facts on the chart."""

from bot.core.draft import Draft
from data.model.conversation import Alarm, Parse, RawMessage
from data.model.observation import Assertion, Observation, SymptomReport


def note_alarms(draft: Draft, message: RawMessage, alarms: tuple[Alarm, ...]) -> None:
    """Every hit of the safety screen is a fact of its own, whatever the parser thinks of the text."""
    for alarm in alarms:
        row_id = f"{draft.chart.subject}/{message.id}/alarm/{alarm.rule}"
        draft.symptoms[row_id] = SymptomReport(
            id=row_id,
            symptom=f"alarm:{alarm.rule}",
            assertion=Assertion.PRESENT,
            words=alarm.words,
            reported_at=draft.now,
            message_id=message.id,
        )


def note_facts(draft: Draft, message: RawMessage, parse: Parse) -> None:
    """Symptoms with their assertion, and readings that can be true; doubtful ones are asked about, not kept."""
    for nth, entity in enumerate(parse.entities):
        row_id = f"{draft.chart.subject}/{message.id}/symptom/{nth}"
        draft.symptoms[row_id] = SymptomReport(
            id=row_id,
            symptom=entity.key,
            assertion=entity.assertion,
            words=entity.words,
            reported_at=draft.now,
            message_id=message.id,
        )
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

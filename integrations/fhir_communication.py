"""What was said, both ways, as FHIR R4 Communications: every message that came in, and every one that was to go out."""

from collections.abc import Iterable

from data.model.communication import Category, Communication, SendState
from data.model.concern import Priority
from data.model.conversation import RawMessage
from data.model.observation import SymptomReport
from data.model.people import ChannelKind
from integrations.fhir_observations import symptom_reference
from integrations.fhir_terms import (
    HL7,
    HOUSE,
    Element,
    Who,
    code_text,
    coding,
    concept,
    identifier,
    instant,
    reference,
    resource,
)

# Completed only when it is known to have arrived: what a carrier has taken is still under way.
STATUS = {
    SendState.QUEUED: "preparation",
    SendState.ACCEPTED: "in-progress",
    SendState.SENT: "in-progress",
    SendState.DELIVERED: "completed",
    SendState.READ: "completed",
    SendState.UNDELIVERED: "not-done",
    SendState.FAILED: "not-done",
    SendState.DROPPED: "not-done",
    SendState.UNKNOWN: "unknown",
}
PRIORITY = {Priority.P1: "stat", Priority.P2: "urgent", Priority.P3: "routine", Priority.P4: "routine"}
# R4's own categories where one fits; the house's own stands beside it.
_CATEGORY = {
    Category.SAFETY: "alert",
    Category.PAGE: "alert",
    Category.OPERATIONS: "notification",
    Category.NOTICE: "notification",
    Category.NUDGE: "reminder",
}
_CHANNEL = {
    ChannelKind.SMS: "SMS",
    ChannelKind.TELEGRAM: "Telegram",
    ChannelKind.WHATSAPP: "WhatsApp",
    ChannelKind.CONSOLE: "terminal",
}


def inbound(message: RawMessage, symptoms: Iterable[SymptomReport], subject: str, who: Who) -> Element:
    """A message of the patient as it came in; `symptoms` are those that were understood from it."""
    elements = {
        "identifier": [identifier("message", message.id)],
        "status": "completed",
        "medium": [_medium(message.channel)],
        "subject": who(subject),
        "about": [symptom_reference(row, subject) for row in symptoms],
        "received": instant(message.received_at),
        "recipient": [who(HOUSE)],
        "sender": who(subject),
        "payload": _payload(message.text),
    }
    return resource("Communication", ("message", subject, message.id), elements)


def outbound(row: Communication, escalations: set[str], subject: str, who: Who) -> Element:
    """A message of the house and what became of it; `escalations` are those there are Tasks of."""
    category = _CATEGORY.get(row.category)
    about = [reference("Task", subject, row.escalation_id)] if row.escalation_id in escalations else []
    elements = {
        "identifier": [identifier("communication", row.id)],
        "language": code_text(row.language),
        "status": STATUS[row.state],
        "statusReason": concept(coding("send-state", row.state), text=row.reason),
        "category": [
            concept(
                *([coding(f"{HL7}communication-category", category)] if category else []),
                coding("category", row.category),
            )
        ],
        "priority": PRIORITY[row.priority],
        "medium": [_medium(row.channel)],
        "subject": who(subject),
        "topic": concept(coding("text", row.text_key)),
        "about": about,
        "sent": instant(row.sent_at),
        "recipient": [who(row.recipient)],
        "sender": who(HOUSE),
        "payload": _payload(row.text),
    }
    return resource("Communication", (subject, row.id), elements)


def _medium(channel: ChannelKind) -> Element:
    return concept(coding("channel", channel), text=_CHANNEL[channel])


def _payload(text: str) -> list[Element]:
    return [{"contentString": text}] if text.strip() else []

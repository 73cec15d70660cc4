"""A practitioner's message: which patient it is about, and what it asks for. Pure; the shell brings the codes."""

from dataclasses import dataclass
from datetime import datetime

from bot.core.draft import Draft
from bot.core.kit import Kit, Team
from data.model.chart import Changes, Chart
from data.model.communication import Category
from data.model.conversation import RawMessage
from data.model.escalation import Escalation
from data.model.people import Person
from data.ports import CodeUse
from scheduler.orders import Verb
from scheduler.replies import Reply


@dataclass(frozen=True, slots=True)
class OpenCode:
    """A code that went to this practitioner, with the escalation it stands for as it is now."""

    use: CodeUse
    escalation: Escalation
    patient_code: str


@dataclass(frozen=True, slots=True)
class Heading:
    """Where a reply goes: to an escalation on a patient's chart, or to a sentence in answer (`key`)."""

    use: CodeUse | None = None
    key: str = ""


def head(reply: Reply | None, use: CodeUse | None, recent: tuple[OpenCode, ...], who: Person) -> Heading:
    """Decide what a reply is about. `use` is what its code stands for.

    `recent` are this person's codes of the last hour.
    A bare "ok" counts only when exactly one code of the last hour waits for an answer; else the list comes back.
    """
    if reply is None:
        return Heading(key="reply-not-understood")
    if reply.ambiguous:
        return Heading(key="reply-two-codes")
    if reply.verb is Verb.LIST:
        return Heading(key="list")
    if reply.code is not None:
        return Heading(use=use) if use else Heading(key="reply-unknown-code")
    waiting = [code for code in recent if _waits_for(code.escalation, who)]
    return Heading(use=waiting[0].use) if len(waiting) == 1 else Heading(key="list")


def _waits_for(escalation: Escalation, who: Person) -> bool:
    """Nobody has taken it, or it is this person's own."""
    return escalation.closed_at is None and (escalation.owner is None or escalation.owner == who.id)


def answer_staff(
    chart: Chart,
    message: RawMessage,
    heading: Heading,
    code: str,
    opened: tuple[OpenCode, ...],
    kit: Kit,
    team: Team,
    now: datetime,
) -> Changes:
    """A sentence back to the practitioner, on their own chart: the list, or what to write instead."""
    draft = Draft(chart, kit, team, event_id=message.id, now=now)
    key = heading.key
    items = ", ".join(f"{o.use.code} {o.escalation.policy.priority.value} {o.patient_code}" for o in opened)
    if key == "list" and not items:
        key = "list-empty"
    draft.say(draft.subject, key, Category.REPLY, channel=message.channel, items=items, code=code)
    return draft.changes()

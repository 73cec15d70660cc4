"""A clinician's answer to a page: takes it, passes it on, closes it, always answered truthfully."""

from datetime import datetime

from bot.core.clocktime import at_clock
from bot.core.draft import Draft
from bot.core.kit import Kit, Team
from bot.core.orders import carry_out
from data.model.chart import Changes, Chart
from data.model.communication import Category
from data.model.conversation import RawMessage
from data.model.people import Person
from scheduler.escalation import Answer, advance
from scheduler.orders import Verb
from scheduler.replies import Reply


def acknowledge(
    chart: Chart,
    message: RawMessage,
    who: Person,
    reply: Reply,
    escalation_id: str,
    kit: Kit,
    team: Team,
    now: datetime,
) -> Changes:
    """The changes on the patient's chart that a clinician's reply to code `reply.code` makes. Pure.

    The confirmation goes out on the channel the reply came by; a reply that is late or foreign changes nothing else.
    """
    draft = Draft(chart, kit, team, event_id=message.id, now=now)
    escalation = chart.escalation(escalation_id)
    if escalation is None:
        text = kit.texts.say("reply-unknown-code", who.language, code=reply.code or "")
        draft.say(who, "reply-unknown-code", Category.REPLY, channel=message.channel, text=text)
    elif reply.verb is Verb.DETAILS:
        _details(draft, message, who, escalation_id)
    else:
        answer = Answer(who.id, reply.verb, reply.minutes, reply.text)
        carry_out(draft, advance(escalation, answer, team.to_page(), now), channel=message.channel)
    return draft.changes()


def _details(draft: Draft, message: RawMessage, who: Person, escalation_id: str) -> None:
    escalation = draft.chart.escalation(escalation_id)
    if escalation is None:
        return
    texts = draft.kit.texts
    holder = texts.say("holder-nobody", who.language)
    if escalation.owner:
        key = "holder-closed" if escalation.closed_at else "holder-owner"
        holder = texts.say(key, who.language, owner=draft.team.name(escalation.owner))
    draft.say(
        who,
        "reply-details",
        Category.REPLY,
        channel=message.channel,
        escalation_id=escalation_id,
        level=escalation.policy.priority.value,
        patient=draft.subject.code,
        since=at_clock(escalation.opened_at, who.zone, draft.now),
        holder=holder,
    )

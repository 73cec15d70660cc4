"""When thinking fails: the screen, the ladder and the safety text, with nothing else between them that could break."""

from datetime import datetime

from bot.core.contact import carrier_word_said, say_safely, tell_care_managers
from bot.core.draft import Draft
from bot.core.facts import note_alarms
from bot.core.kit import Kit, Team
from bot.core.orders import carry_out, from_there
from bot.core.respond import say_emergency
from data.model.chart import Changes, Chart
from data.model.communication import Category
from data.model.concern import Flag, FlagState, Level
from data.model.conversation import Alarm, RawMessage
from data.model.people import ContactPoint, Person, Role
from nlu.carrier import carrier_word
from nlu.safety import screen
from scheduler.escalation import open_escalation


def respond_plainly(chart: Chart, message: RawMessage, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes of a message that could not be thought through: no parser, no rules, no dialogue.

    An alarm opens its flag and its ladder straight from the words; anything else is answered with the emergency number.
    """
    origin = ContactPoint(system=message.channel, value=message.address)
    draft = Draft(chart, kit, team, event_id=message.id, now=now, heard_from=origin)
    alarms = screen(message.text)
    draft.notes.append("answered plainly: thinking failed")
    if not alarms:
        number = kit.texts.emergency_number(draft.subject.zone)
        text = kit.texts.say("cannot-read-now", draft.subject.language, number=number)
        say_safely(draft, "cannot-read-now", text=text, channel=message.channel, address=message.address)
        return draft.changes()
    note_alarms(draft, message, alarms)
    say_emergency(draft, message, alarms)
    if draft.subject.role is not Role.STRANGER:
        for alarm in alarms:
            _raise_hand(draft, message, alarm)
    return draft.changes()


def respond_unread(chart: Chart, stand_in: Person, message: RawMessage, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes of a message whose writer's record cannot be read, on the chart of their `stand_in`.

    An emergency is answered as that of a patient, for it may be one, and the team is paged.
    """
    origin = ContactPoint(system=message.channel, value=message.address)
    draft = Draft(chart, kit, team, event_id=message.id, now=now, heard_from=origin)
    draft.person = chart.person or stand_in
    draft.notes.append("answered without the record, which cannot be read")
    alarms, word = screen(message.text), carrier_word(message.text)
    if word in ("stop", "start") and not alarms:
        carrier_word_said(draft, message, word)
        return draft.changes()
    key = "cannot-read-now"
    if alarms:
        key = "emergency-self-harm" if all(alarm.rule == "self-harm" for alarm in alarms) else "emergency"
    number = kit.texts.emergency_number(draft.subject.zone)
    text = kit.texts.say(key, draft.subject.language, number=number)
    say_safely(draft, key, text=text, channel=message.channel, address=message.address)
    for alarm in alarms:
        _raise_hand(draft, message, alarm)
    return draft.changes()


def tell_unread_message(chart: Chart, event_id: str, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes when words of somebody were kept and cannot be read: they may have been an emergency."""
    draft = Draft(chart, kit, team, event_id=event_id, now=now)
    number = kit.texts.emergency_number(draft.subject.zone)
    say_safely(draft, "cannot-read-now", text=kit.texts.say("cannot-read-now", draft.subject.language, number=number))
    tell_care_managers(draft, "message-unread")
    return draft.changes()


def tell_spoilt(chart: Chart, table: str, event_id: str, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes when rows of the record do not open: whoever runs it is told to look; the clinic has no person."""
    draft = Draft(chart, kit, team, event_id=event_id, now=now)
    if not team.operations():
        draft.notes.append("nobody works here who could be told that rows do not open")
    for person in team.operations():
        draft.say(person, "record-spoilt", Category.OPERATIONS, name=table)
    return draft.changes()


def _raise_hand(draft: Draft, message: RawMessage, alarm: Alarm) -> None:
    """One flag and one ladder per alarm, unless that rule's flag waits for a person already."""
    if any(flag.rule == alarm.rule and flag.state is FlagState.OPEN for flag in draft.chart.flags):
        return
    flag = Flag(
        id=f"{draft.chart.subject}/flag/{alarm.rule}/{message.id}",
        subject=draft.chart.subject,
        rule=alarm.rule,
        family=alarm.rule,
        level=Level.CRITICAL,
        state=FlagState.OPEN,
        opened_at=draft.now,
        seen_at=draft.now,
        reason=f'says "{alarm.words}"',
        escalation_id=f"{draft.chart.subject}/flag/{alarm.rule}/{message.id}/e1",
    )
    draft.flags[flag.id] = flag
    step = open_escalation(
        id=f"{flag.id}/e1",
        subject=flag.subject,
        flag_id=flag.id,
        policy=draft.kit.policies.for_priority(Level.CRITICAL.priority),
        team=draft.team.to_page(),
        now=draft.now,
    )
    carry_out(draft, from_there(draft, step))

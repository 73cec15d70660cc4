"""What came in and is not plain words: voice, pictures, what is forwarded, old buttons, groups, blocked bots. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.contact import blocked, say_how_back, say_safely
from bot.core.draft import Draft
from bot.core.kit import Kit, Team
from data.model.chart import Changes, Chart
from data.model.communication import Category, Communication
from data.model.conversation import MessageKind, RawMessage
from data.model.people import Role
from nlu.safety import screen
from scheduler.courtesy import IMPERSONAL

# What we cannot hear or see; a caption may stand beside it.
UNSEEN = (MessageKind.VOICE, MessageKind.PICTURE, MessageKind.STICKER, MessageKind.FILE)
# An album is one answer: after that, nothing is said about the next ones for so long.
_SAID_FOR = timedelta(minutes=5)
_MARK = "unseen"
_PATIENTS = (Role.PATIENT, Role.PROXY, Role.STRANGER)


def cannot_open(chart: Chart, message: RawMessage, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes for a voice message, picture, sticker or file without words: please write it, and whom to call."""
    draft = Draft(chart, kit, team, event_id=message.id, now=now)
    if _said_lately(chart, message, now):
        draft.notes.append(f"{message.kind}: answered a moment ago")
        return draft.changes()
    key = _key(message, staff=draft.subject.role not in _PATIENTS)
    _say(draft, message, key, marked=True)
    return draft.changes()


def also_unseen(changes: Changes, chart: Chart, message: RawMessage, kit: Kit, now: datetime) -> Changes:
    """The same changes, with what could not be seen said behind the answer to its caption.

    Nothing is put behind a safety text: nobody in danger should have to read on.
    """
    if message.kind not in UNSEEN or not message.text.strip() or _said_lately(chart, message, now):
        return changes
    rows = list(changes.communications)
    place = next((n for n, row in enumerate(rows) if _answers(row, message)), None)
    if place is None or any(row.category is Category.SAFETY and _answers_at(row, message) for row in rows):
        return changes
    person = changes.person or chart.person
    row, zone = rows[place], person.zone if person else "UTC"
    staff = row.recipient != chart.subject or (person is not None and person.role not in _PATIENTS)
    text = kit.texts.say(_key(message, staff=staff), row.language, number=kit.texts.emergency_number(zone))
    rows[place] = replace(row, text=f"{row.text} {text}", params={**row.params, _MARK: "yes"})
    return replace(changes, communications=tuple(rows))


def _answers(row: Communication, message: RawMessage) -> bool:
    return row.category is Category.REPLY and row.channel is message.channel


def _answers_at(row: Communication, message: RawMessage) -> bool:
    return row.channel is message.channel and row.address == message.address


def _said_lately(chart: Chart, message: RawMessage, now: datetime) -> bool:
    said = (c for c in chart.communications if _MARK in c.params and c.channel is message.channel)
    return any(c.created_at > now - _SAID_FOR for c in said)


def _key(message: RawMessage, *, staff: bool) -> str:
    if staff:
        return "staff-cannot-open"
    return "cannot-hear" if message.kind is MessageKind.VOICE else "cannot-see"


def forwarded(chart: Chart, message: RawMessage, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes for words of somebody else without an emergency in them: nothing is done, and that is said."""
    draft = Draft(chart, kit, team, event_id=message.id, now=now)
    if _said_lately(chart, message, now):
        draft.notes.append(f"{message.kind}: answered a moment ago")
    else:
        staff = draft.subject.role not in _PATIENTS
        _say(draft, message, "staff-forwarded" if staff else "forwarded", marked=True)
    return draft.changes()


def asked_for_help(chart: Chart, message: RawMessage, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes for a HELP at an address that was stopped, where no carrier answers it."""
    draft = Draft(chart, kit, team, event_id=message.id, now=now)
    say_how_back(draft, message)
    return draft.changes()


def answered_by_carrier(chart: Chart, message: RawMessage, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes for a HELP that the carrier has answered."""
    draft = Draft(chart, kit, team, event_id=message.id, now=now)
    draft.notes.append(f"help on {message.channel}: the carrier has answered")
    return draft.changes()


def button_old(chart: Chart, message: RawMessage, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes for a button that answers nothing any more: nothing is done."""
    draft = Draft(chart, kit, team, event_id=message.id, now=now)
    patient = draft.subject.role in _PATIENTS
    if draft.subject.role is Role.STRANGER:
        draft.notes.append("a button was pressed by somebody unknown")
    else:
        _say(draft, message, "button-old" if patient else "staff-button-old")
    return draft.changes()


def in_group(chart: Chart, message: RawMessage, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes for words in a group, on the chart of the group, which is nobody's.

    One refusal, then silence; but an emergency gets the number to call every time, and nothing else.
    """
    draft = Draft(chart, kit, team, event_id=message.id, now=now)
    language = draft.subject.language
    if screen(message.text):
        text = kit.texts.say("emergency-group", language, number=kit.texts.emergency_number(draft.subject.zone))
        say_safely(draft, "emergency-group", text=text, channel=message.channel, address=message.address)
    elif chart.revision <= 1:
        _say(draft, message, "group")
    else:
        draft.notes.append("words in a group: refused before")
    return draft.changes()


def in_private(message: RawMessage) -> RawMessage | None:
    """An emergency in a group as if its writer, where it is known who, had told us alone; None for anything else."""
    told = message.kind is MessageKind.GROUP and message.ref and screen(message.text)
    return replace(message, address=message.ref) if told else None


def was_blocked(chart: Chart, message: RawMessage, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes when the bot was blocked at an address."""
    draft = Draft(chart, kit, team, event_id=message.id, now=now)
    blocked(draft, message)
    return draft.changes()


def nothing_new(chart: Chart, message: RawMessage, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes for an edit that says what was said before."""
    draft = Draft(chart, kit, team, event_id=message.id, now=now)
    draft.notes.append("an edit that changes nothing")
    return draft.changes()


def _say(draft: Draft, message: RawMessage, key: str, *, marked: bool = False) -> None:
    number = draft.kit.texts.emergency_number(draft.subject.zone)
    draft.say(
        draft.subject,
        key,
        Category.REPLY,
        channel=message.channel,
        address=message.address,
        text=draft.kit.texts.say(key, draft.subject.language, number=number),
        params=IMPERSONAL | ({_MARK: "yes"} if marked else {}),
    )

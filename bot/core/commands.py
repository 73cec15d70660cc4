"""Commands of care managers: /patients, /nudge, /nudges, /unnudge, /help. The change lands on the patient's chart."""

import re
from dataclasses import dataclass, replace
from datetime import datetime

from bot.core.clocktime import at_clock
from bot.core.draft import Draft
from bot.core.fire import schedule
from bot.core.kit import Kit, Team
from bot.words.texts import carrier_words_asked
from data.errors import BadInput
from data.model.chart import Changes, Chart
from data.model.communication import Category
from data.model.conversation import RawMessage
from data.model.people import ChannelKind, Person, Role
from data.model.plan import Activity
from scheduler.recurrence import read_recurrence

_NUDGE = re.compile(r"^\s*(?P<name>[^\"“„«]{1,60}?)\s+[\"“„«](?P<text>[^\"“”»]{1,300})[\"“”»]\s+(?P<when>.{1,80}?)\s*$")
_FORMS = {
    "/nudge": '/nudge Anna "Check your blood pressure" daily 08:00',
    "/nudges": "/nudges Anna",
    "/unnudge": "/unnudge Anna 1",
}


@dataclass(frozen=True, slots=True)
class Command:
    """A command as written: `name` with its slash, the rest, and the patient it is about (None: nobody's chart)."""

    name: str
    rest: str
    patient: Person | None


def read_command(text: str, patients: tuple[Person, ...]) -> Command | None:
    """The command in a text, or None when it is none. The patient is found by whole name or code, never by a part."""
    if not text.startswith("/"):
        return None
    name, _, rest = text.strip().partition(" ")
    who = re.split(r"[\"“„«]", rest)[0].strip()
    found = _patient(who, patients) or _patient(re.sub(r"\s+[0-9]{1,3}$", "", who), patients)
    return Command(name.lower().split("@")[0], rest, found)


def _patient(who: str, patients: tuple[Person, ...]) -> Person | None:
    """The one patient of that name or code; None when it is nobody or could be two."""
    wanted = who.casefold()
    found = [p for p in patients if wanted in (p.name.casefold(), p.code.casefold())]
    return found[0] if len(found) == 1 else None


def obey(
    chart: Chart,
    message: RawMessage,
    who: Person,
    command: Command,
    patients: tuple[Person, ...],
    kit: Kit,
    team: Team,
    now: datetime,
) -> Changes:
    """The changes a command makes on `chart` (the patient's, or the sender's own when it is about nobody). Pure.

    Only care managers and administrators may; anyone else hears what they can write instead, nothing half applied.
    """
    draft = Draft(chart, kit, team, event_id=message.id, now=now)
    manager = who.role in (Role.CARE_MANAGER, Role.ADMINISTRATOR)
    aid = kit.texts.say("help-manager" if manager else "help-staff", who.language)
    if command.name in ("/help", "/start"):
        _tell(draft, who, message, "help-manager" if manager else "help-staff")
    elif not manager or command.name not in (*_FORMS, "/patients"):
        _tell(draft, who, message, "command-unknown", command=command.name, help=aid)
    elif command.name == "/patients":
        # An SMS may name a patient by code only.
        by_code = message.channel is ChannelKind.SMS
        items = ", ".join(p.code if by_code else f"{p.code} {p.name}" for p in patients)
        _tell(draft, who, message, "patients" if items else "patients-none", items=items)
    elif command.name == "/nudge" and not _NUDGE.match(command.rest):
        _tell(draft, who, message, "command-form", form=_FORMS["/nudge"])
    elif command.patient is None:
        name = command.rest.split('"')[0].strip() or "of that name"
        _tell(draft, who, message, "command-who", name=name)
    else:
        _about_patient(draft, message, who, command)
    return draft.changes()


def _about_patient(draft: Draft, message: RawMessage, who: Person, command: Command) -> None:
    active = [a for a in draft.chart.activities if a.active]
    if command.name == "/nudges":
        items = "; ".join(f'{n}. "{_shown(a.text, message)}"' for n, a in enumerate(active, 1))
        _tell(draft, who, message, "nudges" if items else "nudges-none", patient=draft.subject.code, items=items)
    elif command.name == "/nudge":
        _set_nudge(draft, message, who, command)
    else:
        number = re.search(r"\b(\d{1,3})\s*$", command.rest, re.ASCII)
        if number is None or not 1 <= int(number[1]) <= len(active):
            _tell(draft, who, message, "command-form", form=_FORMS["/unnudge"])
            return
        ended = replace(active[int(number[1]) - 1], active=False)
        draft.activities[ended.id] = ended
        schedule(draft, ended, after=draft.now)
        _tell(draft, who, message, "nudge-ended", patient=draft.subject.code, text=_shown(ended.text, message))


def _set_nudge(draft: Draft, message: RawMessage, who: Person, command: Command) -> None:
    form = _NUDGE.match(command.rest)
    try:
        recurrence = read_recurrence(form["when"]) if form else None
    except BadInput:
        recurrence = None
    if form is None or recurrence is None or carrier_words_asked(form["text"]):
        _tell(draft, who, message, "command-form", form=_FORMS["/nudge"])
        return
    activity = Activity(
        id=f"{draft.chart.subject}/nudge/{message.id}", text=form["text"], recurrence=recurrence, by=who.id
    )
    draft.activities[activity.id] = activity
    first = schedule(draft, activity, after=draft.now)
    said = at_clock(first, draft.subject.zone, draft.now) if first else "-"
    _tell(
        draft,
        who,
        message,
        "nudge-set",
        patient=draft.subject.code,
        text=_shown(activity.text, message),
        when=form["when"],
        first=said,
    )


def _shown(text: str, message: RawMessage) -> str:
    """A reminder's words as they may be said back: an SMS to staff carries none, they may name a drug."""
    return "..." if message.channel is ChannelKind.SMS else text


def _tell(draft: Draft, who: Person, message: RawMessage, key: str, **values: str) -> None:
    text = draft.kit.texts.say(key, who.language, **values)
    draft.say(who, key, Category.REPLY, channel=message.channel, text=text)

"""Reminders that staff set for a patient: /nudges, /nudge and /unnudge, on the patient's chart."""

import re
from dataclasses import replace

from bot.core.clocktime import at_clock
from bot.core.desk import tell
from bot.core.draft import Draft
from bot.core.fire import schedule
from bot.words.texts import carrier_words_asked
from data.errors import BadInput
from data.model.conversation import RawMessage
from data.model.people import Person
from data.model.plan import Activity
from scheduler.recurrence import read_recurrence

_NUDGE = re.compile(r"^\s*(?P<name>[^\"“„«]{1,60}?)\s+[\"“„«](?P<text>[^\"“”»]{1,300})[\"“”»]\s+(?P<when>.{1,80}?)\s*$")
_SET_FORM = '/nudge Anna "Check your blood pressure" daily 08:00'
_END_FORM = "/unnudge Anna 1"


def well_formed(rest: str) -> bool:
    """Whether what stands behind /nudge is a name, a text in quotes and a time."""
    return _NUDGE.match(rest) is not None


def list_nudges(draft: Draft, message: RawMessage, who: Person) -> None:
    """Say the patient's reminders, numbered as /unnudge takes them."""
    active = [a for a in draft.chart.activities if a.active]
    items = "; ".join(f'{n}. "{_shown(a.text, message)}"' for n, a in enumerate(active, 1))
    tell(draft, who, message, "nudges" if items else "nudges-none", patient=draft.subject.code, items=items)


def end_nudge(draft: Draft, message: RawMessage, who: Person, rest: str) -> None:
    """End the reminder of that number."""
    active = [a for a in draft.chart.activities if a.active]
    number = re.search(r"\b(\d{1,3})\s*$", rest, re.ASCII)
    if number is None or not 1 <= int(number[1]) <= len(active):
        tell(draft, who, message, "command-form", form=_END_FORM)
        return
    ended = replace(active[int(number[1]) - 1], active=False)
    draft.activities[ended.id] = ended
    schedule(draft, ended, after=draft.now)
    tell(draft, who, message, "nudge-ended", patient=draft.subject.code, text=_shown(ended.text, message))


def set_nudge(draft: Draft, message: RawMessage, who: Person, rest: str) -> None:
    """Set a reminder, and say when the patient hears it first."""
    form = _NUDGE.match(rest)
    try:
        recurrence = read_recurrence(form["when"]) if form else None
    except BadInput:
        recurrence = None
    if form is None or recurrence is None or carrier_words_asked(form["text"]):
        tell(draft, who, message, "command-form", form=_SET_FORM)
        return
    activity = Activity(
        id=f"{draft.chart.subject}/nudge/{message.id}", text=form["text"], recurrence=recurrence, by=who.id
    )
    draft.activities[activity.id] = activity
    first = schedule(draft, activity, after=draft.now)
    said = at_clock(first, draft.subject.zone, draft.now) if first else "-"
    text = _shown(activity.text, message)
    tell(draft, who, message, "nudge-set", patient=draft.subject.code, text=text, when=form["when"], first=said)


def _shown(text: str, message: RawMessage) -> str:
    """A reminder's words as they may be said back: an SMS to staff carries none, they may name a drug."""
    return "..." if message.channel.discreet else text

"""A patient asks how a vital sign went: a sentence with the numbers, and a picture where the channel shows one."""

import re
from datetime import timedelta

from bot.core.draft import Draft
from data.errors import BadInput
from data.model.chart import WINDOW
from data.model.communication import Category
from data.model.conversation import Parse, RawMessage
from data.signals import signal_code
from data.vocabulary import vital_signs

_ASKED = re.compile(r"/?trend\b[\s:]*(.{0,40}?)(?:\s+([0-9])\s*d(?:ays?)?)?[\s.?!]*", re.IGNORECASE)
_WHOLE_WEEK, _EXAMPLE = 7, "oxygen-saturation"
# The chart holds so many whole days at all times.
_MOST = WINDOW.days - 1
# What is meant by a name that stands for two values, such as "bp".
_FIRST_OF = {"blood pressure": "systolic-blood-pressure", "bp": "systolic-blood-pressure"}


def asks_trend(text: str, parse: Parse) -> bool:
    """Whether a message asks how something went, and tells nothing by itself: "trend: dizzy since Monday" does."""
    asked = _ASKED.fullmatch(text.strip())
    if asked is None:
        return False
    # The number of days may look like a value: of a question whose vital sign is known nothing else is left.
    known = not asked[1].strip() or _named(asked[1]) is not None
    return known or (text.strip().startswith("/") and not (parse.readings or parse.entities))


def about_trend(draft: Draft, message: RawMessage, parse: Parse) -> bool:
    """Answer "/trend spo2 7d"; False when the message is something else."""
    asked = _ASKED.fullmatch(message.text.strip())
    if asked is None or not asks_trend(message.text, parse):
        return False
    days = min(max(int(asked[2] or _WHOLE_WEEK), 1), _MOST)
    code = _code(draft, asked[1])
    if code is None:
        _say(draft, message, "trend-what", example=vital_signs()[_EXAMPLE].display)
        return True
    since, sign = draft.now - timedelta(days=days), vital_signs()[code]
    values = [o.value for o in draft.chart.observations if o.code == code and since <= o.effective_at <= draft.now]
    if not values:
        _say(draft, message, "trend-none", what=sign.display, days=str(days))
        return True
    latest, least, most = (sign.say(value) for value in (values[-1], min(values), max(values)))
    told = {"what": sign.display, "days": str(days), "count": str(len(values))}
    picture = f"trend {code} {days}d"
    _say(draft, message, "trend", **told, latest=latest, least=least, most=most, picture=picture)
    return True


def _code(draft: Draft, name: str) -> str | None:
    """The vital sign that is named; without a name, the one that was measured last."""
    if not name.strip():
        known = [o.code for o in draft.chart.observations if o.code in vital_signs()]
        return known[-1] if known else None
    return _named(name)


def _named(name: str) -> str | None:
    try:
        return _FIRST_OF.get(name.strip().lower()) or signal_code(name)
    except BadInput:
        return None


def _say(draft: Draft, message: RawMessage, key: str, *, picture: str = "", **values: str) -> None:
    person = draft.subject
    text = draft.kit.texts.say(key, person.language, **values)
    draft.say(person, key, Category.REPLY, channel=message.channel, address=message.address, text=text, picture=picture)

"""The fields of a person that a scene may set: `Anna's FIELD is VALUE`, and the keys under `People:`."""

import difflib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any, cast

from bot.scene.plan import read_plan
from bot.scene.readings import signals
from bot.scene.when import read_zone
from data.errors import BadInput
from data.model.people import (
    ChannelKind,
    Consent,
    ContactPoint,
    ContactState,
    Limit,
    Person,
    Purpose,
    QuietHours,
)

_LANGUAGES = {"english": "en", "german": "de", "deutsch": "de", "spanish": "es", "french": "fr", "estonian": "et"}
# What a bare "consent yes" or "consent none" is about.
USUAL = (Purpose.MONITORING, Purpose.MESSAGING)
_PURPOSES = "monitoring|messaging|research"
KEYS = (
    "sms", "telegram", "whatsapp", "id", "lang", "zone", "quiet", "step", "limits", "born", "age", "consent", "scale",
    "oxygen", "status", "plan",
)  # fmt: skip
_YES = dict.fromkeys(("yes", "true", "on", "given", "all", "active", "granted", "signed", "recorded"), True)
_NO = dict.fromkeys(("no", "false", "off", "none", "withdrawn", "not given", "refused", "revoked", "denied"), False)


def read_field(name: str, value: str, *, people_key: bool = False) -> tuple[str, object]:
    """A field and its value, checked. Raises `BadInput` naming the nearest field or what is allowed."""
    field = " ".join(name.casefold().replace("_", " ").replace("-", " ").split())
    if consent := re.fullmatch(rf"(?:({_PURPOSES}) )?consent(?: (?:to|for) ({_PURPOSES}))?", field):
        return "consent", _read_consent(value, consent[1] or consent[2])
    canonical = _ALIASES.get(field, field)
    reader = _READERS.get(canonical)
    if reader is None:
        allowed = KEYS if people_key else tuple(_READERS)
        near = difflib.get_close_matches(field, [*allowed, *_ALIASES], n=1)
        hint = f"; nearest: {near[0]}" if near else ""
        what = "a key of People" if people_key else "a field of a person"
        raise BadInput(f"{name!r} is not {what}{hint}; allowed: {', '.join(allowed)}")
    return canonical, reader(value.strip())


def is_field(name: str) -> bool:
    """Whether `Anna's NAME is ...` can set it."""
    try:
        read_field(name, "")
    except BadInput as problem:
        return "is not a field of a person" not in str(problem)
    return True


def change_person(person: Person, field: str, value: object, now: datetime) -> Person:
    """The person with a field set to what `read_field` gave. A plan changes nothing here: see `plan_of`."""
    change = _CHANGES.get(field)
    return change(person, value, now) if change else person


# What a value may look like


def _text(value: str) -> str:
    value = value.strip("\"'“”")
    if not value:
        raise BadInput("a value is missing")
    return value


def _language(value: str) -> str:
    code = _LANGUAGES.get(value.casefold(), value.casefold())
    if not re.fullmatch(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*", code):
        raise BadInput(f"{value!r} is not a language; write for example en, de, es, fr or et")
    return code


def _quiet(value: str) -> QuietHours:
    """Quiet hours; "none" is an empty window, so that not even the clinic's default holds."""
    if value.casefold() in ("none", "no", "off", "never"):
        return QuietHours(start=time(0), end=time(0))
    hours = re.fullmatch(r"(\d{1,2}):(\d{2})\s*(?:-|–|to|until)\s*(\d{1,2}):(\d{2})", value)
    try:
        if hours:
            return QuietHours(start=time(int(hours[1]), int(hours[2])), end=time(int(hours[3]) % 24, int(hours[4])))
    except ValueError:
        pass
    raise BadInput(f"{value!r} are not quiet hours; write for example 21:00-08:00, or none")


def _step(value: str) -> int | None:
    if value.casefold() in ("none", "no", "off"):
        return None
    if re.fullmatch(r"[1-9]\d?", value):
        return int(value)
    raise BadInput(f"{value!r} is not a step of the ladder; write 1, 2, 3 ... or none")


def _scale(value: str) -> int:
    if value.casefold().removeprefix("scale ") in ("1", "2"):
        return int(value[-1])
    raise BadInput(f"{value!r} is not an oxygen scale; allowed: 1, 2")


def _flag(value: str) -> bool:
    answer = {**_YES, **_NO}.get(value.casefold())
    if answer is None:
        raise BadInput(f"{value!r} is neither yes nor no")
    return answer


def _status(value: str) -> bool:
    word = value.casefold()
    if word in ("active", "on duty", "yes", "enrolled"):
        return True
    if word in ("inactive", "deceased", "off duty", "discharged", "left", "no", "erased"):
        return False
    raise BadInput(f"{value!r} is not a status; allowed: active, inactive, deceased")


def _born(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise BadInput(f"{value!r} is not a date of birth; write for example 1951-04-30") from None


def _age(value: str) -> int:
    years = re.fullmatch(r"(\d{1,3})(?:\s*(?:years?|y)(?: old)?)?", value)
    if years is None or int(years[1]) > 130:
        raise BadInput(f"{value!r} is not an age in years")
    return int(years[1])


def _read_consent(value: str, purpose: str | None) -> dict[Purpose, bool]:
    words = value.casefold().strip().removesuffix(" only")
    given = {**_YES, **_NO}.get(words)
    if given is not None:
        return {Purpose(purpose): given} if purpose else dict.fromkeys(USUAL, given)
    read: dict[Purpose, bool] = {}
    for part in re.split(r"\s*(?:,|;|\band\b)\s*", words):
        one = re.fullmatch(rf"({_PURPOSES})(?:\s+(.*))?", part)
        answer = {**_YES, **_NO}.get(one[2] or "given") if one else None
        if one is None or answer is None:
            raise BadInput(f"{value!r} is not a consent; allowed: given, none, withdrawn, research withdrawn")
        read[Purpose(one[1])] = answer
    if all(read.values()) and " " not in words:
        read = {**dict.fromkeys(USUAL, False), **read}
    return read


def _limits(value: str) -> tuple[Limit, ...]:
    if value.casefold() in ("none", "no", "standard"):
        return ()
    parts = re.split(r"\s*[,;]\s*|\s+and\s+(?=[A-Za-z])", value)
    return tuple(limit for part in parts if part for limit in _limit(part))


_NUMBER = r"(\d{1,4}(?:\.\d{1,3})?)\s*%?"
_RANGE = re.compile(rf"(.*?\S)(?:\s*[:=]|\s+between|\s+from)?\s+{_NUMBER}\s*(?:-|–|\.\.|to|and)\s*{_NUMBER}")
_SIDE = re.compile(
    rf"(.*?)\s*(below|under|less than|lower than|at least|min|<=?|above|over|more than|higher than|at most|max|>=?)\s*"
    rf"{_NUMBER}(?:/{_NUMBER})?",
    re.IGNORECASE,
)
_LOW = {"below", "under", "less than", "lower than", "at least", "min", "<", "<="}


def _limit(part: str) -> tuple[Limit, ...]:
    if both := _RANGE.fullmatch(part):
        return tuple(Limit(code=code, low=float(both[2]), high=float(both[3])) for code in signals(both[1]))
    side = _SIDE.fullmatch(part)
    if side is None:
        raise BadInput(f"{part!r} is not a limit; write for example: spo2 below 90, heart rate above 120, spo2 88-92")
    codes = signals(side[1])
    bounds = [float(bound) for bound in (side[3], side[4]) if bound is not None]
    if len(bounds) > len(codes):
        raise BadInput(f"{part!r}: only a blood pressure has two bounds")
    if side[2].casefold() in _LOW:
        return tuple(Limit(code=code, low=bound) for code, bound in zip(codes, bounds, strict=False))
    return tuple(Limit(code=code, high=bound) for code, bound in zip(codes, bounds, strict=False))


def _address(value: str) -> str:
    if not value:
        raise BadInput("an address is missing; write for example +15550001 or @anna")
    return value


def _number(value: str) -> str:
    if value and value.casefold() not in ("none", *_STATES) and not re.search(r"\d", value):
        raise BadInput(f"{value!r} is not a phone number; write for example +15550001")
    return _address(value)


_STATES = {"stopped": ContactState.STOPPED, "dead": ContactState.DEAD, "active": ContactState.ACTIVE}
_READERS: dict[str, Callable[[str], object]] = {
    "name": _text, "zone": read_zone, "language": _language, "quiet": _quiet, "step": _step, "limits": _limits,
    "consent": lambda value: _read_consent(value, None), "born": _born, "age": _age, "spo2 scale": _scale,
    "on oxygen": _flag, "status": _status, "sms": _number, "telegram": _address, "whatsapp": _number, "plan": read_plan,
}  # fmt: skip
_ALIASES = {
    "lang": "language", "time zone": "zone", "timezone": "zone", "quiet hours": "quiet", "limit": "limits",
    "birth date": "born", "born on": "born", "date of birth": "born", "oxygen scale": "spo2 scale",
    "scale": "spo2 scale", "oxygen": "on oxygen", "supplemental oxygen": "on oxygen", "care plan": "plan",
    "plans": "plan", "consents": "consent", "phone": "sms", "number": "sms", "state": "status", "profile": "status",
    "ladder step": "step", "reminders": "plan",
}  # fmt: skip


# How a value changes a person


def _contact(kind: ChannelKind) -> Callable[[Person, object, datetime], Person]:
    def change(person: Person, value: object, now: datetime) -> Person:
        word = str(value)
        mine = [c for c in person.contacts if c.system is kind]
        if word.casefold() == "none":
            return replace(person, contacts=tuple(c for c in person.contacts if c.system is not kind))
        if mine and word.casefold() in _STATES:
            point = replace(mine[0], state=_STATES[word.casefold()])
        else:
            point = ContactPoint(system=kind, value=word)
        if not mine:
            return replace(person, contacts=(*person.contacts, point))
        return replace(person, contacts=tuple(point if c is mine[0] else c for c in person.contacts))

    return change


def _set(attribute: str) -> Callable[[Person, object, datetime], Person]:
    return lambda person, value, now: replace(person, **{attribute: cast(Any, value)})


def _consent(person: Person, value: object, now: datetime) -> Person:
    word: dict[Purpose, bool] = value if isinstance(value, dict) else {}
    kept = tuple(c for c in person.consents if c.purpose not in word)
    said = tuple(Consent(purpose=p, given=given, recorded_at=now, source="scene") for p, given in word.items())
    return replace(person, consents=kept + said)


def _aged(person: Person, value: object, now: datetime) -> Person:
    today = now.astimezone(person.tz).date()
    return replace(person, born_on=date(max(1, today.year - int(str(value))), today.month, min(today.day, 28)))


_CHANGES: dict[str, Callable[[Person, object, datetime], Person]] = {
    "name": _set("name"), "zone": _set("zone"), "language": _set("language"), "quiet": _set("quiet"),
    "step": _set("step"), "limits": _set("limits"), "born": _set("born_on"), "spo2 scale": _set("spo2_scale"),
    "on oxygen": _set("on_oxygen"), "status": _set("active"), "consent": _consent, "age": _aged,
    "sms": _contact(ChannelKind.SMS), "telegram": _contact(ChannelKind.TELEGRAM),
    "whatsapp": _contact(ChannelKind.WHATSAPP),
}  # fmt: skip

"""The answer to "who saw my data": the latest looks at it, for the patient or for a proxy they agreed to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.core.access import BROKEN, OPERATOR, Action, Relation
from bot.core.draft import Draft
from bot.core.kit import Kit, Team
from bot.named import name_mark, plain
from data.model.audit import Access
from data.model.chart import Changes, Chart
from data.model.communication import Category
from data.model.conversation import RawMessage
from data.model.people import Person

# So many looks are told; an SMS holds fewer. The whole list is the clinic's to print.
_MOST = 6
# One SMS part holds 160 characters of GSM 03.38 (3GPP TS 23.038), two parts 134 of any others.
_SMS, _SMS_OTHER = 160, 134
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_NAME, _TITLE = 30, 20
_WHAT: dict[str, str] = {
    Action.READ_CHART: "saw-chart",
    Action.READ_VITALS: "saw-vitals",
    Action.READ_MESSAGES: "saw-messages",
    Action.READ_NUDGES: "saw-nudges",
    Action.READ_PAGE: "saw-page",
    Action.READ_ACCESS_LOG: "saw-log",
    Action.EXPORT: "saw-export",
    Action.BREAK_GLASS: "saw-emergency",
}
_REASONS = {
    Relation.PANEL.value: "why-panel",
    Relation.ON_CALL.value: "why-on-call",
    Relation.REPRESENTS.value: "why-represents",
}


@dataclass(frozen=True, slots=True)
class Looks:
    """The looks at one patient's data, the latest first, with what is known of who looked."""

    patient: Person
    accesses: tuple[Access, ...]
    people: dict[str, Person]


def latest_looks(accesses: Iterable[Access], patient: Person) -> tuple[Access, ...]:
    """What is worth telling, latest first: others' looks only, and each once a day for who and what it was."""
    told: dict[tuple[object, ...], Access] = {}
    for access in accesses:
        if access.permitted and access.actor != patient.id:
            key = (access.actor, access.action, access.at.astimezone(patient.tz).date())
            told.pop(key, None)
            told[key] = access
    return tuple(reversed(told.values()))[:_MOST]


def tell_who_saw(
    chart: Chart, message: RawMessage, seen: tuple[Looks, ...], kit: Kit, team: Team, now: datetime
) -> Changes:
    """The answer, on the chart of whoever asked: `seen` holds their own data, or that of those they speak for. Pure."""
    draft = Draft(chart, kit, team, event_id=message.id, now=now)
    by_sms = message.channel.discreet
    texts = [_about(draft, looks, by_sms=by_sms, named=len(seen) > 1) for looks in seen]
    text = "\n".join(texts)
    draft.say(draft.subject, "who-saw", Category.REPLY, channel=message.channel, address=message.address, text=text)
    return draft.changes()


def _about(draft: Draft, looks: Looks, *, by_sms: bool, named: bool) -> str:
    """One patient's looks: as many as fit, the latest first, and at least one."""
    whose = f"{looks.patient.code if by_sms else name_mark(looks.patient)}: " if named else ""
    texts, language = draft.kit.texts, draft.subject.language
    if not looks.accesses:
        return whose + texts.say("who-saw-nobody", language)
    items, said = "", ""
    for access in looks.accesses:
        item = _item(draft, access, looks, by_sms=by_sms)
        items = f"{items}; {item}" if items else item
        longer = whose + texts.say("who-saw", language, items=items)
        if by_sms and said and not fits_sms(longer):
            break
        said = longer
    return said


def _item(draft: Draft, access: Access, looks: Looks, *, by_sms: bool) -> str:
    """ "Nia (nurse), 2026-03-04: your chart, looks after you"; by SMS of the reason only that it was an emergency."""
    texts, language = draft.kit.texts, draft.subject.language
    what = texts.say(_WHAT.get(access.action, "saw-record"), language)
    why = _why(draft, access, by_sms=by_sms)
    day = access.at.astimezone(looks.patient.tz).date().isoformat()
    return f"{_who(draft, access, looks)}, {day}: {what}" + (f", {why}" if why else "")


def _why(draft: Draft, access: Access, *, by_sms: bool) -> str:
    texts, language = draft.kit.texts, draft.subject.language
    broken = access.reason.startswith(BROKEN)
    if by_sms:
        return texts.say("why-emergency", language) if broken else ""
    if broken:
        return f"{texts.say('why-emergency', language)} ({plain(access.reason.removeprefix(BROKEN))})"
    if access.reason in _REASONS:
        return texts.say(_REASONS[access.reason], language)
    return plain(access.reason)


def _who(draft: Draft, access: Access, looks: Looks) -> str:
    """Name and title. Someone at the clinic's command line has no more than the name they logged in with."""
    texts, language = draft.kit.texts, draft.subject.language
    if access.actor.startswith(OPERATOR):
        name = access.actor.removeprefix(OPERATOR)[:_NAME]
        return f"{name} ({texts.say('saw-operator', language)})"
    person = looks.people.get(access.actor)
    if person is None:
        return texts.say("saw-colleague", language)
    return f"{person.name[:_NAME]} ({(person.title or access.role)[:_TITLE]})"


def fits_sms(text: str) -> bool:
    """Whether a text is one message on a phone: a single part, or two where letters outside GSM 03.38 halve it."""
    return len(text) <= (_SMS if _GSM.issuperset(text) else _SMS_OTHER)

"""One-time codes and links by which an address becomes somebody's: made for a person, given back once, told to all.

A number or a chat is an address, never proof of who writes. The proof is a code that the clinic gave to the person by
another way: a deep link (128 bits), or eight letters to type (40 bits), for ten minutes and for one use.
"""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from hmac import compare_digest

from bot.core.contact import tell_care_managers, tell_of_contact
from bot.core.desk import tell
from bot.core.draft import Draft
from bot.core.heard import contact_at, with_contact
from bot.core.invite_codes import Invitation, Said, digest
from bot.core.kit import Kit, Team
from data.model.chart import Changes, Chart
from data.model.communication import Category
from data.model.conversation import RawMessage
from data.model.people import ChannelKind, ContactPoint, ContactState, Invite, Person, Role
from scheduler.courtesy import IMPERSONAL

# How long a code is good (security.md S7), and how often an address may be wrong within an hour.
LIFE = timedelta(minutes=10)
MOST_WRONG, WRONG_WITHIN = 5, timedelta(hours=1)
_BY_SMS = re.compile(r"\s+sms$", re.IGNORECASE)


# Given out


def invited_name(rest: str) -> str:
    """Whom a command is about: what stands behind /invite, without "sms"."""
    return _BY_SMS.sub("", rest)


def invite(draft: Draft, message: RawMessage, who: Person, rest: str, codes: Invitation) -> None:
    """Give out codes for the chart's person, in place of any given before; with "sms" a link to the number we have."""
    if _BY_SMS.search(rest):
        _invite_by_sms(draft, message, who, codes)
        return
    _keep(draft, message, who, (codes.token, codes.short))
    patient, code = draft.subject.code, f"{codes.short[:4]}-{codes.short[4:]}"
    if draft.kit.bot:
        link = f"https://t.me/{draft.kit.bot}?start={codes.token}"
        tell(draft, who, message, "invite-link", patient=patient, text=link, code=code)
    else:
        tell(draft, who, message, "invite-code", patient=patient, code=code)


def _invite_by_sms(draft: Draft, message: RawMessage, who: Person, codes: Invitation) -> None:
    subject, kit = draft.subject, draft.kit
    usable = (ContactState.ACTIVE, ContactState.UNVERIFIED)
    number = next((c for c in subject.contacts if c.system is ChannelKind.SMS and c.state in usable), None)
    if number is None or not kit.url:
        tell(draft, who, message, "invite-no-link" if number else "invite-no-number", patient=subject.code)
        return
    _keep(draft, message, who, (codes.token,), address=number)
    text = kit.texts.say("invite-web", subject.language, link=f"{kit.url.rstrip('/')}/link/{codes.token}")
    draft.say(
        subject,
        "invite-web",
        Category.REPLY,
        channel=number.system,
        address=number.value,
        text=text,
        expires_at=draft.now + LIFE,
        params=dict(IMPERSONAL),
    )
    tell(draft, who, message, "invite-sent", patient=subject.code)


def _keep(
    draft: Draft, message: RawMessage, who: Person, codes: tuple[str, ...], address: ContactPoint | None = None
) -> None:
    until = draft.now + LIFE
    invites = tuple(
        Invite(digest=digest(code), cause=message.id, by=who.id, until=until, address=address) for code in codes
    )
    draft.person = replace(draft.subject, invites=invites)
    draft.notes.append(f"invited by {who.id}, until {until.isoformat()}")


# Given back


def open_invite(person: Person, wanted: str, now: datetime, *, by_web: bool) -> Invite | None:
    """The person's invite of that digest that may be used now, by chat or by web."""
    if not person.active:
        return None
    fitting = (i for i in person.invites if compare_digest(i.digest, wanted) and now < i.until)
    return next((i for i in fitting if (i.address is not None) is by_web), None)


def redeem(
    chart: Chart,
    message: RawMessage,
    code: Said,
    others: tuple[Person, ...],
    kit: Kit,
    team: Team,
    now: datetime,
) -> Changes:
    """The changes on the invited person's chart when their code came from an address. Pure.

    `others` have the address too: a shared phone is allowed, and a STOP that was sent from it holds.
    """
    draft = Draft(chart, kit, team, event_id=message.id, now=now)
    used = open_invite(draft.subject, digest(code.code), now, by_web=False)
    if used is None:
        draft.notes.append("a code came that was used or has expired meanwhile")
        return draft.changes()
    before = contact_at(draft.subject, message.channel, message.address)
    held = [before, *(contact_at(p, message.channel, message.address) for p in others)]
    stopped = any(c is not None and c.state is ContactState.STOPPED for c in held)
    contact = ContactPoint(
        system=message.channel,
        value=message.address,
        state=ContactState.STOPPED if stopped else ContactState.ACTIVE,
        heard_at=now,
    )
    older = tuple(c for c in draft.subject.contacts if c is not before)
    draft.person = replace(_with(draft.subject, contact, before), invites=())
    draft.notes.append(f"an address on {message.channel} was linked by a code of {used.by}")
    text = kit.texts.say("linked", draft.subject.language)
    draft.say(draft.subject, "linked", Category.REPLY, channel=message.channel, address=message.address, text=text)
    if before is None:
        _warn(draft, older)
    tell_of_contact(draft, "linked-on", message.channel)
    codes = [p.code for p in others if p.role is not Role.STRANGER]
    if codes:
        tell_care_managers(draft, "linked-shared", channel=message.channel.value, items=", ".join(codes))
    return draft.changes()


def _with(person: Person, contact: ContactPoint, before: ContactPoint | None) -> Person:
    """With the address in its place; a new one stands before the older ones of its kind, for it was proved last."""
    if before is not None:
        return with_contact(person, contact)
    kinds = [c.system for c in person.contacts]
    place = kinds.index(contact.system) if contact.system in kinds else len(kinds)
    return replace(person, contacts=(*person.contacts[:place], contact, *person.contacts[place:]))


def _warn(draft: Draft, older: tuple[ContactPoint, ...]) -> None:
    """Whoever has an older address, of whatever kind, hears of the new one: it may not have been they."""
    for nth, contact in enumerate(older):
        if contact.state is ContactState.ACTIVE:
            draft.say(
                draft.subject,
                "linked-another",
                Category.REPLY,
                channel=contact.system,
                address=contact.value,
                communication_id=f"{draft.chart.subject}/c/{draft.event_id}/linked-another/{nth}",
                text=draft.kit.texts.say("linked-another", draft.subject.language),
            )


def confirm(chart: Chart, event_id: str, token: str, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes when the link sent to a person's own address was followed and confirmed: it is theirs. Pure."""
    draft = Draft(chart, kit, team, event_id=event_id, now=now)
    used = open_invite(draft.subject, digest(token), now, by_web=True)
    sent_to = used.address if used else None
    contact = contact_at(draft.subject, sent_to.system, sent_to.value) if sent_to else None
    if used is None or contact is None:
        draft.notes.append("a link was followed that was used or has expired meanwhile")
        return draft.changes()
    states = (ContactState.ACTIVE, ContactState.UNVERIFIED)
    state = ContactState.ACTIVE if contact.state in states else contact.state
    draft.person = replace(with_contact(draft.subject, replace(contact, state=state, heard_at=now)), invites=())
    draft.notes.append(f"an address on {contact.system} was confirmed by a link of {used.by}")
    tell_of_contact(draft, "linked-on", contact.system)
    return draft.changes()


def anothers_address(chart: Chart, message: RawMessage, other: Person, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes when a code came from where somebody else is reached: it stays good for whom it is. Pure.

    A patient would get a colleague's messages there, whoever has the patient's code the colleague's pages, and of two
    colleagues nobody could tell who takes a case.
    """
    draft = Draft(chart, kit, team, event_id=message.id, now=now)
    draft.notes.append(f"a code came from an address of {other.id}: not linked")
    key = "code-colleague" if draft.subject.role in (Role.PATIENT, Role.PROXY) else "code-anothers"
    draft.say(
        other,
        key,
        Category.REPLY,
        channel=message.channel,
        address=message.address,
        text=kit.texts.say(key, other.language, patient=draft.subject.code),
    )
    owner = other.code if other.role in (Role.PATIENT, Role.PROXY) else other.name
    tell_care_managers(draft, "linked-not", channel=message.channel.value, owner=owner)
    return draft.changes()


def code_refused(chart: Chart, message: RawMessage, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes when a code was wrong, used or too old, which is answered alike; after some, with silence."""
    draft = Draft(chart, kit, team, event_id=message.id, now=now)
    if wrong_lately(chart, message, now) >= MOST_WRONG:
        draft.notes.append("too many wrong codes from this address")
        return draft.changes()
    number = kit.texts.emergency_number(draft.subject.zone)
    draft.say(
        draft.subject,
        "code-wrong",
        Category.REPLY,
        channel=message.channel,
        address=message.address,
        text=kit.texts.say("code-wrong", draft.subject.language, number=number),
        params=dict(IMPERSONAL),
    )
    return draft.changes()


def wrong_lately(chart: Chart, message: RawMessage, now: datetime) -> int:
    """How many wrong codes this address has sent within the hour."""
    rows = (c for c in chart.communications if c.text_key == "code-wrong" and c.address == message.address)
    return sum(1 for c in rows if c.created_at > now - WRONG_WITHIN)

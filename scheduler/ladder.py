"""Who stands on the ladder and what has become of the pages to them: lookups, nothing moves here."""

from datetime import datetime, timedelta

from data.model.escalation import Escalation, Page, PageState
from data.model.people import ChannelKind, ContactState, Person

# The place of people who are told ahead of the ladder: an owner who fell silent, those who knew the lower level.
AHEAD = 0
# Where the policy has no receipt timer, what is unknown is waited for this long, and rounds are this far apart.
BREATH = timedelta(seconds=60)


def step_of(person: Person) -> int | None:
    """A person's step, None off the ladder. A step below 1 is a slip that must not cost a page: it counts as 1."""
    return None if person.step is None or not person.active else max(person.step, AHEAD + 1)


def steps(team: tuple[Person, ...]) -> list[int]:
    """The steps somebody stands on, lowest first."""
    return sorted({step for person in team if (step := step_of(person)) is not None})


def channels(person: Person) -> list[ChannelKind]:
    """The kinds of door a person can be reached through, in the order their contacts are listed.

    Those that may be out of date come last: a page tells nothing, and rather goes amiss than not out.
    """
    states = (ContactState.ACTIVE, ContactState.UNVERIFIED)
    return list(dict.fromkeys(c.system for state in states for c in person.contacts if c.state is state))


def member(team: tuple[Person, ...], person_id: str | None) -> Person | None:
    """The member of the team with that id, if any."""
    return next((person for person in team if person.id == person_id), None)


def in_force(escalation: Escalation, team: tuple[Person, ...], now: datetime) -> list[Person]:
    """The people whom the step in force is waiting for, as the ladder stands now.

    Whoever was told ahead of the ladder in this round is not told again in it, if that page may have arrived.
    """
    ahead = [p for p in escalation.pages if p.round == escalation.round and p.step == AHEAD]
    if escalation.step == AHEAD:
        paged = {page.person_id for page in ahead}
        return [person for person in team if person.id in paged and person.active]
    had = {page.person_id for page in ahead if not _lost(escalation, page, now)}
    return [p for p in team if step_of(p) == escalation.step and p.id not in had]


def pages_in_force(escalation: Escalation) -> list[Page]:
    """The pages of the step in force."""
    return [p for p in escalation.pages if p.round == escalation.round and p.step == escalation.step]


def receipt_by(escalation: Escalation, page: Page) -> datetime | None:
    """When a page without a good receipt counts as not arrived; None when nobody waits for one."""
    if page.state is PageState.UNKNOWN:
        return page.sent_at + breath(escalation)
    timer = escalation.policy.receipt_timer
    return None if timer is None or page.state is not PageState.TELLING else page.sent_at + timer


def breath(escalation: Escalation) -> timedelta:
    """The least time between the beginnings of two rounds, and how long a page of unknown fate may be answered."""
    return escalation.policy.receipt_timer or BREATH


def round_by(escalation: Escalation) -> datetime | None:
    """The earliest instant for the next round; None when the present one has paged nobody, so there is no hurry."""
    began = min((p.sent_at for p in escalation.pages if p.round == escalation.round), default=None)
    return None if began is None else began + breath(escalation)


def next_channel(escalation: Escalation, person: Person, now: datetime) -> ChannelKind | None:
    """The channel to page a person of the step in force on now; None when they are told or cannot be."""
    pages = [page for page in pages_in_force(escalation) if page.person_id == person.id]
    if any(not _lost(escalation, page, now) for page in pages):
        return None
    tried = {page.channel for page in pages}
    return next((channel for channel in channels(person) if channel not in tried), None)


def may_answer(escalation: Escalation, person: Person, now: datetime) -> bool:
    """True while an answer of this person of the step in force is worth waiting for."""
    pages = [page for page in pages_in_force(escalation) if page.person_id == person.id]
    if any(page.state is PageState.DECLINED for page in pages):
        return False
    return any(not _given_up(escalation, page, now) for page in pages)


def _lost(escalation: Escalation, page: Page, now: datetime) -> bool:
    """True for a page that is not to be relied on: given up, or of unknown fate. A second copy does no harm."""
    return page.state is PageState.UNKNOWN or _given_up(escalation, page, now)


def _given_up(escalation: Escalation, page: Page, now: datetime) -> bool:
    """True for a page known, or after its receipt timer presumed, not to have arrived."""
    by = receipt_by(escalation, page)
    return page.state in (PageState.BAD, PageState.CANCELLED) or (by is not None and now >= by)


def told(escalation: Escalation) -> list[str]:
    """Everyone who may have heard of it in the present walk, in the order of their pages."""
    heard = (PageState.TELLING, PageState.TOLD, PageState.UNKNOWN, PageState.DECLINED, PageState.CANCELLED)
    pages = [p for p in escalation.pages if p.round >= escalation.walk_from and p.state in heard]
    return list(dict.fromkeys(page.person_id for page in pages))


def knows(escalation: Escalation, team: tuple[Person, ...], person_id: str) -> bool:
    """True for people whose word counts: the team, whoever was ever paged, and the owner."""
    return (
        person_id == escalation.owner
        or member(team, person_id) is not None
        or any(page.person_id == person_id for page in escalation.pages)
    )


def remembered(escalation: Escalation) -> tuple[Page, ...]:
    """The pages worth keeping when a new round starts, so that an endless loop does not grow without end.

    Those of the round now ending, and the newest of every person and channel.
    """
    newest = {(page.person_id, page.channel): page for page in escalation.pages}
    return tuple(p for p in escalation.pages if p.round == escalation.round or newest[p.person_id, p.channel] is p)

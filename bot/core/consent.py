"""What a patient agrees to: recorded with the text's version, and what ending it takes back before the next send."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from bot.core.contact import tell_care_managers
from bot.core.draft import Draft
from bot.core.kit import Kit, Team
from data.model.chart import Changes, Chart
from data.model.communication import Category
from data.model.people import Consent, Person, Purpose
from scheduler.courtesy import refused

# Asked together at the start: without the first nothing is kept, without the second nothing is sent unasked.
FIRST = (Purpose.MONITORING, Purpose.MESSAGING)


def latest(person: Person, purpose: Purpose, recipient: str = "") -> Consent | None:
    """The last word on one purpose, given or not; None when there never was one."""
    of_purpose = (c for c in person.consents if (c.purpose, c.recipient) == (purpose, recipient))
    return max(of_purpose, key=lambda c: c.recorded_at, default=None)


def in_force(person: Person) -> tuple[Consent, ...]:
    """What the person agrees to now, purpose by purpose."""
    rows = (latest(person, *key) for key in dict.fromkeys((c.purpose, c.recipient) for c in person.consents))
    return tuple(row for row in rows if row is not None and row.given)


def put_down(draft: Draft, row: Consent) -> None:
    """A new word on one purpose, in place of the last: also where the clock has been set back since."""
    before = latest(draft.subject, row.purpose, row.recipient)
    if before is not None and before.recorded_at > row.recorded_at:
        row = replace(row, recorded_at=before.recorded_at)
    kept = (c for c in draft.subject.consents if (c.purpose, c.recipient) != (row.purpose, row.recipient))
    draft.person = replace(draft.subject, consents=(*kept, row))
    text = f" (text {row.version} {row.language})" if row.version else ""
    draft.notes.append(f"consent to {row.purpose} {'given' if row.given else 'not given'}{text}, by {row.source}")


def end(draft: Draft, rows: Iterable[Consent], *, source: str) -> None:
    """Withdraw what was given, at once: what waits is taken back, and whoever looks after contact is told.

    Nothing that is open for clinicians closes: only a person closes it.
    """
    ended = tuple(rows)
    for row in ended:
        put_down(draft, replace(row, given=False, recorded_at=draft.now, source=source))
    if ended:
        take_back(draft)
        tell_staff(draft, "staff-consent-withdrawn", (row.purpose for row in ended))


def take_back(draft: Draft) -> None:
    """What may no longer be sent is cancelled in the same commit; the check at send time would stop it as well."""
    person = draft.subject
    if not (person.active and person.consents_to(Purpose.MESSAGING)):
        draft.cancel_queued("no longer wanted", lambda row: row.category in (Category.NUDGE, Category.NOTICE))
    elif refused(person, Purpose.MONITORING):
        draft.cancel_queued("no longer wanted", lambda row: row.category is Category.NUDGE)


def tell_staff(draft: Draft, key: str, purposes: Iterable[Purpose]) -> None:
    """Care managers hear what a patient agrees to no longer, or not at all."""
    tell_care_managers(draft, key, items=", ".join(dict.fromkeys(str(purpose) for purpose in purposes)))


def merged(new: tuple[Consent, ...], before: tuple[Consent, ...]) -> tuple[Consent, ...]:
    """The consents of a profile that was written while the patient spoke: of each purpose the later word counts."""
    rows: dict[tuple[Purpose, str], Consent] = {}
    for row in (*before, *new):
        key = (row.purpose, row.recipient)
        if key not in rows or row.recorded_at >= rows[key].recorded_at:
            rows[key] = row
    return tuple(rows.values())


def record(chart: Chart, event_id: str, rows: tuple[Consent, ...], kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes that words on consent make which did not come by chat, such as a paper form. Pure."""
    draft = Draft(chart, kit, team, event_id=event_id, now=now)
    for row in rows:
        if row.given:
            put_down(draft, row)
        else:
            end(draft, (row,), source=row.source)
    return draft.changes()

"""/breakglass: a clinician opens another's patient in an emergency, with a reason, for an hour, and others are told.

45 CFR 164.312(a)(2)(ii) asks for a procedure to reach what is needed in an emergency. Nobody has to agree first; the
reason stands in the audit, and whoever runs the clinic and looks after the patient hears of it in the same commit.
"""

from dataclasses import replace

from bot.core.access import LONGEST_GRANT, Asker
from bot.core.clocktime import at_clock
from bot.core.desk import tell
from bot.core.draft import Draft
from bot.core.kit import Team
from data.model.communication import Category
from data.model.conversation import RawMessage
from data.model.people import Grant, Person, Role

# "Collapsed at home, nobody else reachable": what happened, and why no one else. A word or two explains nothing.
_FEWEST_WORDS = 4
_LONGEST_REASON = 300


def with_reason(rest: str) -> bool:
    """Whether what stands behind /breakglass is a code and a reason of several words."""
    reason = rest.partition(" ")[2]
    words = [word for word in reason.split() if any(letter.isalpha() for letter in word)]
    return len(words) >= _FEWEST_WORDS and len(reason) <= _LONGEST_REASON


def break_glass(draft: Draft, message: RawMessage, asker: Asker, patient: Person, reason: str) -> None:
    """Record the grant on the asker's own chart, tell those who must know, and say until when it holds."""
    who, now = asker.person, draft.now
    if asker.looks_after(patient):
        tell(draft, who, message, "breakglass-needless", patient=patient.code)
        return
    opened = Grant(patient=patient.id, reason=reason, given_at=now, until=now + LONGEST_GRANT)
    # Expired ones stand in the journal for ever.
    kept = tuple(g for g in draft.subject.grants if g.until > now and g.patient != patient.id)
    draft.person = replace(draft.subject, grants=(*kept, opened))
    draft.notes.append(f"glass broken for {patient.id} until {opened.until.isoformat()}")
    until = at_clock(opened.until, who.zone, now)
    tell(draft, who, message, "breakglass-open", patient=patient.code, until=until)
    told = to_tell(draft.team, who, patient)
    if not told:
        draft.notes.append("nobody works here who could be told of it")
    for person in told:
        text = draft.kit.texts.say(
            "breakglass-notice",
            person.language,
            owner=who.name,
            patient=patient.code,
            until=at_clock(opened.until, person.zone, now),
        )
        draft.say(person, "breakglass-notice", Category.OPERATIONS, text=text)


def to_tell(team: Team, who: Person, patient: Person) -> tuple[Person, ...]:
    """Every administrator (else whoever comes closest to one), and the patient's care managers; never `who`."""
    others = [p for p in team.people if p.active and p.id != who.id]
    ranks = (Role.ADMINISTRATOR, Role.OPERATIONS, Role.CARE_MANAGER, Role.CLINICIAN)
    running = next((found for role in ranks if (found := [p for p in others if p.role is role])), [])
    managers = [p for p in others if p.role is Role.CARE_MANAGER and (p.panel is None or patient.id in p.panel)]
    return tuple({p.id: p for p in (*running, *managers)}.values())

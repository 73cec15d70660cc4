"""/correct: a clinician or care manager mends what a patient typed, on the patient's word; kept with their name."""

from collections.abc import Iterator

from bot.core.concern import weigh
from bot.core.correction_news import tell_of_correction
from bot.core.desk import tell
from bot.core.draft import Draft
from bot.core.observe import tell_patient
from bot.core.typed_readings import can_be, put_right, say_values, typed_lately
from data.model.conversation import RawMessage, Reading
from data.model.observation import Observation
from data.model.people import Person, Purpose
from nlu.readings import find_readings
from nlu.tokens import tokenise


def splits(rest: str) -> Iterator[tuple[str, str]]:
    """Every way to read what stands behind /correct as whom and what, the longest name first."""
    words = rest.split()
    for length in range(len(words) - 1, 0, -1):
        yield " ".join(words[:length]), " ".join(words[length:])


def with_reading(rest: str) -> bool:
    """Whether it is somebody and the right value of a reading."""
    return any(_readings(what) for _, what in splits(rest))


def _readings(what: str) -> tuple[Reading, ...]:
    """The readings of a text, if it says nothing doubtful."""
    found = find_readings(tokenise(what), "en")
    return () if any(reading.problem for reading in found) else found


def correct_reading(draft: Draft, message: RawMessage, who: Person, rest: str) -> None:
    """Lay the right value over the latest typed one of the last 24 hours, weigh it, and tell who must know."""
    names = (draft.subject.name.casefold(), draft.subject.code.casefold())
    what = next(what for whom, what in splits(rest) if whom.casefold() in names)
    wanted = {reading.code: reading.value for reading in _readings(what)}
    groups = typed_lately(draft.chart, message.received_at)
    for rows in reversed(groups):
        found = {row: wanted[row.code] for row in rows if row.code in wanted}
        if found and len(found) == len(wanted) and can_be(found, groups):
            _correct(draft, message, who, found)
            return
    tell(draft, who, message, "correct-none", patient=draft.subject.code)


def _correct(draft: Draft, message: RawMessage, who: Person, values: dict[Observation, float]) -> None:
    put_right(draft, values, who.id)
    if draft.subject.consents_to(Purpose.MONITORING):
        tell_patient(draft, weigh(draft))
    tell_of_correction(draft, frozenset(row.code for row in values), by=who.id)
    if message.channel.discreet:
        # An SMS carries a code, never a value.
        tell(draft, who, message, "correct-done-sms", patient=draft.subject.code)
        return
    new = say_values({row.code: value for row, value in values.items()}, named=True)
    old = say_values({row.code: row.value for row in values}, named=False)
    text = draft.kit.texts.say("correction-item", who.language, what=new, before=old)
    tell(draft, who, message, "correct-done", patient=draft.subject.code, text=text)

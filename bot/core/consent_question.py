"""A question about consent that stands: which purposes, in which text, how often it was put. Kept in the dialogue."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core.draft import Draft
from data.model.conversation import Dialogue
from data.model.people import Purpose

AWAITING = "consent"
# A bare "yes" is an answer for so long; after that it may be about anything.
_FRESH = timedelta(hours=24)
# Another question, such as one about a unit, is left alone for so long.
_OPEN = timedelta(hours=1)
# The texts that a patient was once asked to renew: survives every other question of the dialogue.
_OFFERED = "offered"

# A purpose and, for SHARING, the id of the person it is shared with.
Key = tuple[Purpose, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`versions` of the texts shown, by purpose; `name` of the person shared with; `times` put so far.

    `renewal`: what was agreed to before stays valid, whatever the answer.
    """

    versions: dict[Key, str]
    language: str
    name: str = ""
    times: int = 1
    renewal: bool = False
    asked_at: datetime | None = None

    @property
    def cause(self) -> str:
        """Names what is asked, for the buttons under it: the same texts asked again are the same question."""
        asked = sorted(f"{purpose}:{recipient}:{version}" for (purpose, recipient), version in self.versions.items())
        return " ".join((AWAITING, *asked))

    def fresh(self, now: datetime) -> bool:
        """Whether a bare yes or no still answers it."""
        return self.asked_at is not None and now <= self.asked_at + _FRESH


def standing(dialogue: Dialogue) -> Question | None:
    """The question about consent that was asked last, or None."""
    if dialogue.awaiting != AWAITING:
        return None
    slots = dialogue.slots
    return Question(
        versions={_key(slot): version for slot, version in slots.items() if ":" in slot},
        language=slots.get("language", "en"),
        name=slots.get("name", ""),
        times=int(slots.get("times", "1")),
        renewal="renewal" in slots,
        asked_at=dialogue.asked_at,
    )


def ask(draft: Draft, question: Question) -> None:
    """Keep a question in the dialogue until it is answered or something else is asked."""
    slots = {f"{purpose}:{recipient}": version for (purpose, recipient), version in question.versions.items()}
    slots |= {"language": question.language, "times": str(question.times)}
    slots |= {"name": question.name} if question.name else {}
    slots |= {"renewal": "yes"} if question.renewal else {}
    turn_to(draft, Dialogue(awaiting=AWAITING, slots=slots, asked_at=draft.now))


def turn_to(draft: Draft, dialogue: Dialogue | None = None) -> None:
    """The dialogue goes on with another question, or rests; which renewals were offered is not forgotten."""
    dialogue = dialogue or Dialogue()
    past = (draft.dialogue or draft.chart.dialogue).slots.get(_OFFERED)
    draft.dialogue = replace(dialogue, slots={**dialogue.slots, _OFFERED: past}) if past else dialogue


def busy(draft: Draft) -> bool:
    """Whether something else was just asked, so that a question about consent had better wait."""
    dialogue = draft.dialogue or draft.chart.dialogue
    return bool(dialogue.awaiting) and (dialogue.asked_at is None or draft.now < dialogue.asked_at + _OPEN)


def offered(draft: Draft) -> frozenset[str]:
    """The texts ("research:2026-10-01") that the patient was asked to renew."""
    return frozenset((draft.dialogue or draft.chart.dialogue).slots.get(_OFFERED, "").split())


def note_offered(draft: Draft, texts: frozenset[str]) -> None:
    """These too were offered: once is enough."""
    dialogue = draft.dialogue or draft.chart.dialogue
    draft.dialogue = replace(dialogue, slots={**dialogue.slots, _OFFERED: " ".join(sorted(offered(draft) | texts))})


def _key(slot: str) -> Key:
    purpose, _, recipient = slot.partition(":")
    return Purpose(purpose), recipient

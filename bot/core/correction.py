"""A patient corrects what they typed: another value, or that it was none of theirs. Said back with old and new value.

A correction is weighed like any reading. What it shows to be harmless closes nothing by itself, and whoever was told
of the wrong value hears that there was a correction; what it shows to be dangerous is escalated.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from bot.core.concern import Concern, weigh
from bot.core.consent_question import turn_to
from bot.core.contact import say_safely
from bot.core.correction_news import tell_of_correction
from bot.core.dialogue import dangerous
from bot.core.draft import Draft
from bot.core.facts import note_facts
from bot.core.typed_readings import (
    Rows,
    can_be,
    put_right,
    say_values,
    signs,
    typed_lately,
    withdraw,
)
from data.model.communication import Category, Communication
from data.model.concern import FlagState, Level
from data.model.conversation import Dialogue, Parse, RawMessage
from data.model.observation import Observation
from nlu.correction import Correction, read_correction
from nlu.units import convert

# The question which reading was meant, and for how long a reading without more words answers it: after that it is
# more likely a new one.
AWAITING = "correction"
_ASKED_FOR = timedelta(minutes=15)
_ANSWERS = (Category.REPLY, Category.SAFETY)


def about_correction(draft: Draft, message: RawMessage, parse: Parse) -> bool:
    """Answer a message that corrects or withdraws a typed reading; False when it is about something else.

    What is said about no reading of the last 24 hours, or with a value that cannot be told, is no correction; what
    could be about several is asked about.
    """
    order = read_correction(message.text, draft.subject.language) or _answer(draft, message, parse)
    if order is None or any(reading.problem for reading in order.readings):
        return False
    chat = _Chat(draft, message, parse, typed_lately(draft.chart, message.received_at))
    if not order.clear:
        return bool(chat.groups) and parse.intent == "unknown" and chat.ask()
    return chat.withdrawn(order) if order.withdraws else chat.corrected(order)


def ask_beside(draft: Draft, message: RawMessage, parse: Parse) -> None:
    """After an answer to other words: ask about a correction that could not be made out among them."""
    if parse.readings or not parse.entities:
        return
    order = read_correction(message.text, draft.subject.language)
    groups = typed_lately(draft.chart, message.received_at)
    if order is not None and not order.clear and groups:
        _Chat(draft, message, parse, groups).ask()


def _answer(draft: Draft, message: RawMessage, parse: Parse) -> Correction | None:
    """The reading that answers the question which one was meant."""
    dialogue = draft.chart.dialogue
    asked = dialogue.awaiting == AWAITING and dialogue.asked_at is not None
    if not asked or dialogue.asked_at is None or message.received_at > dialogue.asked_at + _ASKED_FOR:
        return None
    turn_to(draft)
    return Correction(readings=parse.readings) if parse.readings and not parse.entities else None


class _Chat:
    """One message and what it is about. Lives for one call."""

    def __init__(self, draft: Draft, message: RawMessage, parse: Parse, groups: tuple[Rows, ...]) -> None:
        self.draft, self.message, self.parse, self.groups = draft, message, parse, groups
        self.language = draft.subject.language
        # The vocabulary has its names in English; in other languages the unit tells.
        self.named = self.language == "en"

    # What is meant

    def corrected(self, order: Correction) -> bool:
        """Lay the right value over the wrong one."""
        if order.readings:
            if not any(row.code == r.code for rows in self.groups for row in rows for r in order.readings):
                return False
            values = self._named(order)
        elif order.number is not None:
            if not self.groups:
                return self._none()
            values = self._of_number(order, order.number)
        else:
            return bool(self.groups) and (bool(order.codes or order.was) or self._just_answered()) and self.ask()
        if not values or not can_be(values, self.groups):
            return self.ask()
        note_facts(self.draft, self.message, replace(self.parse, readings=()))
        turn_to(self.draft)
        changed = {row: value for row, value in values.items() if row.value != value}
        new = say_values({row.code: value for row, value in values.items()}, named=self.named)
        if not changed:
            return self._say("reading-noted", what=new)
        put_right(self.draft, changed, self.draft.chart.subject)
        old = say_values({row.code: row.value for row in values}, named=False)
        return self._conclude("correction-done", changed, self._text("correction-item", what=new, before=old))

    def _named(self, order: Correction) -> dict[Observation, float]:
        """The latest message that has every reading named; where the wrong value was said, one that has it."""
        wanted = {reading.code: reading.value for reading in order.readings}
        for rows in reversed(self.groups):
            found = {row.code: row for row in rows if row.code in wanted and self._was(row, order)}
            if found.keys() == wanted.keys():
                return {row: wanted[code] for code, row in found.items()}
        return {}

    def _of_number(self, order: Correction, number: float) -> dict[Observation, float]:
        """The one reading that a bare number can be about, or none."""
        codes = signs(order.codes)
        if order.was or codes:
            rows = [row for group in self.groups for row in group if self._was(row, order)]
            rows = [row for row in rows if row.code in codes or not codes]
        else:
            rows = [] if self._asked_since() else list(self.groups[-1])
            if len(rows) > 1:
                return {}
        if len({row.code for row in rows}) != 1:
            return {}
        read = convert(rows[-1].code, number, None, self.language)
        return {} if read.problem else {rows[-1]: read.value}

    def _was(self, row: Observation, order: Correction) -> bool:
        """Whether the row has a value that was said to be wrong; any has, where none was said."""
        return not order.was or any(convert(row.code, was, None, self.language).value == row.value for was in order.was)

    def withdrawn(self, order: Correction) -> bool:
        """Take out what is named, or what the message before said."""
        if not self.groups:
            return self._none()
        rows: Rows = ()
        if order.codes or order.was:
            codes = signs(order.codes)
            fitting = (
                tuple(row for row in group if self._was(row, order) and (row.code in codes or not codes))
                for group in reversed(self.groups)
            )
            rows = next((found for found in fitting if found), ())
        elif self._just_answered() or not (order.back or self._just_withdrawn()):
            rows = self.groups[-1]
        if not rows:
            return self.ask()
        withdraw(self.draft, rows, self.draft.chart.subject)
        turn_to(self.draft)
        what = say_values({row.code: row.value for row in rows}, named=self.named)
        return self._conclude("correction-withdrawn", rows, what)

    # What was said before

    def _latest_answer(self) -> Communication | None:
        """The last answer to a message of this patient that the chart still holds."""
        subject = self.draft.chart.subject
        rows = (c for c in self.draft.chart.communications if c.recipient == subject and c.address)
        return max((c for c in rows if c.category in _ANSWERS), key=lambda c: c.created_at, default=None)

    def _just_answered(self) -> bool:
        """Whether the patient's last message made, or corrected, the last reading: "that" can only be about it.

        The answer to it stands in the same commit, and so has the instant at which the reading came to be known.
        """
        answer, known_at = self._latest_answer(), max(row.received_at for row in self.groups[-1])
        return answer is not None and answer.created_at == known_at

    def _just_withdrawn(self) -> bool:
        """Whether the last reading went a moment ago: the same words again are no word on the one before it."""
        answer = self._latest_answer()
        return answer is not None and answer.text_key == "correction-withdrawn"

    def _asked_since(self) -> bool:
        """Whether a reading that could not be kept was asked about with, or after, the last that was."""
        dialogue = self.draft.chart.dialogue
        about_reading = dialogue.awaiting.startswith("reading-") and dialogue.asked_at is not None
        return about_reading and dialogue.asked_at is not None and dialogue.asked_at >= self.groups[-1][-1].effective_at

    # What is answered

    def ask(self) -> bool:
        """Which reading it is about; the next reading is then taken as the right one."""
        turn_to(self.draft, Dialogue(awaiting=AWAITING, asked_at=self.draft.now))
        return self._say("correction-which")

    def _none(self) -> bool:
        return self._say("correction-none", **self._number())

    def _conclude(self, key: str, rows: Iterable[Observation], what: str) -> bool:
        """Say what was done, and what follows."""
        conclude(self.draft, self.message, key, (row.code for row in rows), self._text(key, what=what))
        return True

    def _number(self) -> dict[str, str]:
        return {"number": self.draft.kit.texts.emergency_number(self.draft.subject.zone)}

    def _text(self, key: str, **values: str) -> str:
        return self.draft.kit.texts.say(key, self.language, **values)

    def _say(self, key: str, *, text: str | None = None, **values: str) -> bool:
        said = text if text is not None else self._text(key, **values)
        to, channel, address = self.draft.subject, self.message.channel, self.message.address
        self.draft.say(to, key, Category.REPLY, channel=channel, address=address, text=said)
        return True


def conclude(draft: Draft, message: RawMessage, key: str, about: Iterable[str], text: str) -> None:
    """Weigh the chart as it now is, tell whoever was told of what was wrong, and answer with `text`.

    `about`: the vital signs that were put right.
    """
    codes = frozenset(about)
    concerns = weigh(draft)
    told = tell_of_correction(draft, codes)
    texts, language, channel, address = draft.kit.texts, draft.subject.language, message.channel, message.address
    number = texts.emergency_number(draft.subject.zone)
    if dangerous(draft, codes):
        text = f"{texts.say('vital-critical', language, number=number)} {text}"
        say_safely(draft, "vital-critical", text=text, channel=channel, address=address)
        return
    if _worrying(concerns):
        text = f"{text} {texts.say('team-told', language, number=number)}"
    elif told or any(flag.state is not FlagState.CLOSED for flag in draft.current().flags):
        text = f"{text} {texts.say('correction-told', language, number=number)}"
    draft.say(draft.subject, key, Category.REPLY, channel=channel, address=address, text=text)


def _worrying(concerns: tuple[Concern, ...]) -> bool:
    return any(concern.flag.level.rank >= Level.MODERATE.rank for concern in concerns)

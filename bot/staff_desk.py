"""The front desk for staff: codes of pages and commands, who may give them, and from which address they count."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot.core.access import Action, Asker
from bot.core.acknowledge import acknowledge
from bot.core.commands import is_command, looks, obey, read_command
from bot.core.desk import (
    Heading,
    OpenCode,
    answer_staff,
    head,
    open_code,
    page_looks,
    permitted,
    staff_carrier_word,
)
from bot.core.heard import contact_at, heard, heard_of_staff, is_unverified
from bot.lapsed import without_lapsed
from bot.linking import codes_of
from data.model.chart import Changes, Chart
from data.model.conversation import RawMessage
from data.model.people import ContactState, Person
from nlu.carrier import carrier_word
from nlu.safety import screen
from scheduler.replies import read_reply

# Nothing went to an address in these states, until a message showed that it lives.
_SILENT = (ContactState.BLOCKED, ContactState.DEAD)

if TYPE_CHECKING:
    from bot.front_desk import FrontDesk
    from bot.house import House


class StaffDesk:
    """Answers colleagues. Holds nothing but the house and the desk it stands at."""

    def __init__(self, house: "House", desk: "FrontDesk") -> None:
        self._house, self._desk = house, desk

    def answer(self, message: RawMessage, who: Person, now: datetime) -> None:
        """Carry out a code or a command, or say what to write instead."""
        self._answer(message, who, now)
        known = self._house.person(who.id) or who
        if not is_unverified(known, message, now) and _is_news(known, message, now):
            # Of a code nothing else may stand on the colleague's own chart.
            self._hear(message, who, now, by_code=False)

    def _answer(self, message: RawMessage, who: Person, now: datetime) -> None:
        word = carrier_word(message.text)
        if word in ("stop", "start"):
            self._desk.commit(
                who.id, message, now, lambda c, t: staff_carrier_word(c, message, word, self._house.kit, t, now)
            )
            return
        in_need = bool(screen(message.text))
        if not who.active:
            self.say(message, who, Heading(key="emergency-staff" if in_need else "not-on-staff"), now)
            return
        if not self._counts(message, who, now):
            self.say(message, who, Heading(key="emergency-staff" if in_need else "unverified-staff"), now)
            return
        if message.text.startswith("/") and not (in_need and not is_command(message.text)):
            self._obey(message, who, now)
            return
        reply = read_reply(message.text)
        uses = self._house.record.codes_of(who.id, now - timedelta(days=30))
        if any(self._house.record.committed(subject, message.id) for subject in {who.id, *(u.subject for u in uses)}):
            return
        if reply is None and in_need:
            self.say(message, who, Heading(key="emergency-staff"), now)
            return
        asker, opened = self._asker(who, now)
        code = reply.code if reply and reply.code else ""
        use = self._house.record.code_use(who.id, code, now) if code else None
        heading = head(reply, use, opened, who, message.received_at)
        patient = self._house.person(heading.use.subject) if heading.use else None
        heading = permitted(heading, reply, asker, patient)
        self._desk.note(page_looks(heading, reply, opened, asker, message.channel))
        if heading.use is None or reply is None:
            self.say(message, who, heading, now, code, opened)
            return
        subject, escalation_id = heading.use.subject, heading.use.escalation_id
        self._desk.commit(
            subject,
            message,
            now,
            lambda c, t: acknowledge(c, message, who, reply, escalation_id, self._house.kit, t, now),
        )

    def _counts(self, message: RawMessage, who: Person, now: datetime) -> bool:
        """Whether a colleague's message counts; that their address is known again is noted before the answer.

        From an address that may be somebody else's only a code of a page to this colleague counts, and that makes the
        address known again: to lose an answer is worse than to hear a stranger's, who learns no more than a code.
        """
        if is_unverified(who, message, now):
            if not self._names_own_code(message, who, now):
                return False
            self._hear(message, who, now, by_code=True)
        elif (contact := contact_at(who, message.channel, message.address)) and contact.state in _SILENT:
            self._hear(message, who, now, by_code=False)
        return True

    def _hear(self, message: RawMessage, who: Person, now: datetime, *, by_code: bool) -> None:
        """A commit of its own: a code is carried out on the patient's chart."""
        event_id = f"{message.id}/heard"
        self._house.commit(
            who.id, event_id, "message", who.id, now, lambda c, t: heard_of_staff(c, message, now, by_code=by_code)
        )

    def _names_own_code(self, message: RawMessage, who: Person, now: datetime) -> bool:
        reply = read_reply(message.text)
        code = reply.code if reply else None
        return code is not None and self._house.record.code_use(who.id, code, now) is not None

    def _asker(self, who: Person, now: datetime) -> tuple[Asker, tuple[OpenCode, ...]]:
        """The sender for the policy, with the pages they hold an open code of and may read."""
        who, opened, paged = without_lapsed(self._house.record, who, now), [], set[str]()
        for use in self._house.record.codes_of(who.id, now - timedelta(days=30)):
            chart = self._house.record.chart(use.subject, observations=False)
            found = open_code(use, chart, who)
            if found and Asker(who, now, frozenset((use.subject,))).may(Action.READ_PAGE, chart.person):
                opened.append(found)
                paged.add(use.subject)
        return Asker(who, now, frozenset(paged)), tuple(opened)

    def _obey(self, message: RawMessage, who: Person, now: datetime) -> None:
        people = self._house.record.people()
        asker, _ = self._asker(who, now)
        command = read_command(message.text, asker, people)
        if command is None:
            return
        if command.name == "/invite":
            command = replace(command, codes=codes_of(self._house.record, message.id))
        invited = command
        chart_of = command.chart_of(asker)
        if self._house.record.committed(chart_of, message.id):
            return
        self._desk.note(looks(command, asker, message.channel))
        self._desk.commit(
            chart_of, message, now, lambda c, t: obey(c, message, asker, invited, people, self._house.kit, t, now)
        )

    def say(
        self,
        message: RawMessage,
        who: Person,
        heading: Heading,
        now: datetime,
        code: str = "",
        opened: tuple[OpenCode, ...] = (),
    ) -> None:
        """One sentence to a colleague, on their own chart."""
        self._desk.commit(
            who.id, message, now, lambda c, t: answer_staff(c, message, heading, code, opened, self._house.kit, t, now)
        )


def _is_news(who: Person, message: RawMessage, now: datetime) -> bool:
    return heard(Changes(), Chart(subject=who.id, person=who), message, now).person is not None

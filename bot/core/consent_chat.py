"""Consent by chat: asked before anything is kept, given by a clear word, shown, and withdrawn as easily."""

from collections.abc import Iterable
from dataclasses import replace

from bot.core.consent import FIRST, end, in_force, latest, put_down, take_back, tell_staff
from bot.core.consent_question import Key, Question, ask, busy, note_offered, offered, standing, turn_to
from bot.core.draft import Draft
from data.model.communication import Button, Category
from data.model.conversation import RawMessage
from data.model.people import Consent, Person, Purpose
from nlu.consent import ConsentOrder, Verb, names, read_consent

# The key under which a question's message names what it asks, and what its buttons say: clear words in English, which
# is understood whatever the patient's language.
ASKS = "asks"
CONSENT_ANSWERS = {"agree": "I agree", "refuse": "I do not agree"}
# A question that is not answered is put so often, and then only hinted at.
_MOST_ASKED = 3


def about_consent(draft: Draft, message: RawMessage, relatives: tuple[Person, ...]) -> bool:
    """Answer a message that is a word on consent; False when it is about something else.

    `relatives`: the proxies recorded as speaking for the patient, the only ones anything can be shared with.
    """
    order = read_consent(message.text, draft.subject.language)
    if order is None:
        return False
    chat = _Chat(draft, message, relatives)
    match order.verb:
        case Verb.YES | Verb.GIVE if order.purpose is None:
            return chat.yes(order)
        case Verb.NO | Verb.REFUSE:
            return chat.no(order)
        case Verb.GIVE:
            chat.give(order)
        case Verb.WITHDRAW:
            chat.withdraw(order)
        case _:
            chat.show()
    return True


def needs_relatives(text: str, language: str) -> bool:
    """Whether a message may be about somebody whom data is shared with, so that the shell looks up who there is."""
    order = read_consent(text, language)
    return order is not None and (order.purpose is Purpose.SHARING or order.verb in (Verb.SHOW, Verb.WITHDRAW))


def ask_first(draft: Draft, message: RawMessage) -> None:
    """Ask a patient who has not agreed to monitoring; again when the answer is not clear, but not endlessly."""
    _Chat(draft, message, ()).ask_again()


def offer_renewal(draft: Draft, message: RawMessage) -> None:
    """Ask once whether a patient who agreed to an older text agrees to the new one too; the old consent stays valid."""
    person, texts = draft.subject, draft.kit.texts
    versions = {
        (row.purpose, row.recipient): version
        for row in in_force(person)
        if row.version and row.version < (version := str(texts.consent(row.purpose, person.language).version))
        if f"{row.purpose}:{version}" not in offered(draft)
    }
    if versions and not busy(draft):
        chat = _Chat(draft, message, ())
        chat.put(versions, "consent-renew", name=texts.say("consent-someone", person.language), renewal=True)
        note_offered(draft, frozenset(f"{purpose}:{version}" for (purpose, _), version in versions.items()))


class _Chat:
    """One message about consent and its answer. Lives for one call."""

    def __init__(self, draft: Draft, message: RawMessage, relatives: tuple[Person, ...]) -> None:
        self.draft, self.message, self.relatives = draft, message, relatives
        self.question = standing(draft.chart.dialogue)
        self.source = f"chat:{message.channel}"

    @property
    def person(self) -> Person:
        return self.draft.subject

    # Answers to a question

    def yes(self, order: ConsentOrder) -> bool:
        """Agreed to what was asked. A bare yes counts for a while only; "I agree" where the text was shown before."""
        question = self.question
        if question and (not order.bare or question.fresh(self.message.received_at)):
            self._record(question.versions, question)
        elif order.bare or self.person.consents_to(Purpose.MONITORING):
            return False
        elif all(self._shown((purpose, "")) for purpose in FIRST):
            self._record(self._versions(FIRST))
        else:
            self.put(self._versions(FIRST), "consent-ask")
        return True

    def no(self, order: ConsentOrder) -> bool:
        """Not agreed: written down, answered kindly, and not asked again."""
        question = self.question
        monitored = self.person.consents_to(Purpose.MONITORING)
        if order.bare and not (question and question.fresh(self.message.received_at)):
            return False
        if question is None and monitored:
            # Nothing was asked: whoever does not agree any more reads how to end it.
            self.show()
            return True
        if question is None or not question.renewal:
            self._refuse(question or Question(versions=self._versions(FIRST), language=self._language()))
        turn_to(self.draft)
        self._say("consent-not-now" if monitored else "consent-refused")
        return True

    def _refuse(self, question: Question) -> None:
        for (purpose, recipient), version in question.versions.items():
            row = self._row((purpose, recipient), version, given=False, language=question.language)
            put_down(self.draft, row)
        take_back(self.draft)
        if (Purpose.MONITORING, "") in question.versions:
            tell_staff(self.draft, "staff-consent-refused", (purpose for purpose, _ in question.versions))

    # Orders that name what they are about

    def give(self, order: ConsentOrder) -> None:
        """Agree to one purpose: recorded when its text has been shown, shown and asked otherwise."""
        purpose, name, recipient = order.purpose or Purpose.MONITORING, "", ""
        if purpose not in FIRST and not self.person.consents_to(Purpose.MONITORING):
            self.put(self._versions(FIRST), "consent-ask")
            return
        if purpose is Purpose.SHARING:
            relative = self._relative(order)
            if relative is None:
                self._say("consent-share-unknown")
                return
            name, recipient = relative.name, relative.id
        key = (purpose, recipient)
        versions = {key: self._version(purpose)}
        if self._shown(key):
            self._record(versions, name=name)
        else:
            self.put(versions, "consent-ask" if purpose is Purpose.MONITORING else "consent-ask-more", name=name)

    def withdraw(self, order: ConsentOrder) -> None:
        """End what is named, or everything: at once, with no question back."""
        given = in_force(self.person)
        if order.who:
            relative = self._relative(order)
            rows = tuple(r for r in given if r.purpose is Purpose.SHARING and relative and r.recipient == relative.id)
        else:
            rows = tuple(r for r in given if order.purpose in (None, r.purpose))
        turn_to(self.draft)
        if not rows:
            what = self._what(((order.purpose or Purpose.MONITORING, ""),))
            self._say("consent-not-shared" if order.who else "consent-not-given", what=what)
            return
        end(self.draft, rows, source=self.source)
        said = self._text("consent-withdrawn", what=self._what((r.purpose, r.recipient) for r in rows))
        if any(row.purpose is Purpose.MONITORING for row in rows):
            said = f"{said} {self._text('consent-ended')}"
        self._reply("consent-withdrawn", said)

    def show(self) -> None:
        """What is given, since when and in which text, and how to change it; the text itself before consent."""
        if not self.person.consents_to(Purpose.MONITORING):
            self.put(self._versions(FIRST), "consent-ask")
            return
        turn_to(self.draft)
        given = {(row.purpose, row.recipient): row for row in in_force(self.person)}
        asked = [(purpose, "") for purpose in Purpose if purpose is not Purpose.SHARING]
        items = [self._item(key, given.get(key)) for key in dict.fromkeys((*asked, *given))]
        example = self.draft.kit.texts.consent(Purpose.MESSAGING, self.person.language).end
        self._say("consent-list", items="; ".join(items), end=example)

    # Questions

    def ask_again(self) -> None:
        """The question in full, then in short, then only that nothing is kept and where the text is."""
        question, now = self.question, self._versions(FIRST)
        before = latest(self.person, Purpose.MONITORING)
        refused = before is not None and not before.given and before.source.startswith("chat:")
        if question is None and refused:
            self._say("no-consent")
        elif question is None or question.versions != now:
            self.put(now, "consent-ask")
        elif question.times < _MOST_ASKED:
            self._ask("consent-again", replace(question, times=question.times + 1))
        else:
            self._say("no-consent")

    def put(self, versions: dict[Key, str], text_key: str, *, name: str = "", renewal: bool = False) -> None:
        """Show the texts of some purposes and ask."""
        texts, language = self.draft.kit.texts, self.person.language
        purposes = dict.fromkeys(purpose for purpose, _ in versions)
        text = " ".join(texts.consent(purpose, language).say(name) for purpose in purposes)
        question = Question(versions=versions, language=self._language(), name=name, renewal=renewal)
        self._ask(text_key, question, text=text, what=self._what(versions))

    # What is written down

    def _record(self, versions: dict[Key, str], question: Question | None = None, *, name: str = "") -> None:
        language = question.language if question else self._language()
        for key, version in versions.items():
            before = latest(self.person, *key)
            if before is None or (before.given, before.version) != (True, version):
                put_down(self.draft, self._row(key, version, given=True, language=language))
        turn_to(self.draft)
        self._say("consent-given", what=self._what(versions, question.name if question else name))

    def _row(self, key: Key, version: str, *, given: bool, language: str) -> Consent:
        purpose, recipient = key
        return Consent(
            purpose=purpose,
            given=given,
            recorded_at=self.draft.now,
            source=self.source,
            version=version,
            language=language,
            recipient=recipient,
        )

    def _shown(self, key: Key) -> bool:
        """Whether the patient has been shown the text in force: it stands as a question, or was answered before."""
        version, before = self._version(key[0]), latest(self.person, *key)
        asked = self.question is not None and self.question.versions.get(key) == version
        return asked or (before is not None and before.version == version)

    def _version(self, purpose: Purpose) -> str:
        return str(self.draft.kit.texts.consent(purpose, self.person.language).version)

    def _versions(self, purposes: Iterable[Purpose]) -> dict[Key, str]:
        return {(purpose, ""): self._version(purpose) for purpose in purposes}

    def _language(self) -> str:
        return self.draft.kit.texts.consent_language(self.person.language)

    def _relative(self, order: ConsentOrder) -> Person | None:
        """The one person of that name who speaks for the patient; unknown, forbidden and ambiguous are alike."""
        found = [p for p in self.relatives if self.person.id in p.represents and p.active and names(order, p.name)]
        return found[0] if len(found) == 1 else None

    # What is said

    def _item(self, key: Key, row: Consent | None) -> str:
        what = self._what((key,))
        if row is None:
            return self._text("consent-item-not", what=what)
        date = row.recorded_at.astimezone(self.person.tz).date().isoformat()
        text_key = "consent-item-given" if row.version else "consent-item-paper"
        return self._text(text_key, what=what, date=date, version=row.version)

    def _what(self, keys: Iterable[Key], name: str = "") -> str:
        """Purposes by the names that their texts give them: "monitoring, sharing (Olga)"."""
        texts, language, said = self.draft.kit.texts, self.person.language, []
        for purpose, recipient in keys:
            what = texts.consent(purpose, language).name
            if recipient:
                known = next((p.name for p in self.relatives if p.id == recipient), name)
                what = self._text("consent-with", what=what, name=known or self._text("consent-someone"))
            said.append(what)
        return ", ".join(dict.fromkeys(said))

    def _text(self, key: str, **values: str) -> str:
        number = self.draft.kit.texts.emergency_number(self.person.zone)
        return self.draft.kit.texts.say(key, self.person.language, number=number, **values)

    def _say(self, key: str, **values: str) -> None:
        self._reply(key, self._text(key, **values))

    def _ask(self, key: str, question: Question, **values: str) -> None:
        """Put a question that can be answered by a button where there are any."""
        buttons = tuple(Button(label=self._text(f"button-{name}"), says=says) for name, says in CONSENT_ANSWERS.items())
        ask(self.draft, question)
        self._reply(key, self._text(key, **values), buttons=buttons, asks=question.cause)

    def _reply(self, key: str, text: str, *, buttons: tuple[Button, ...] = (), asks: str = "") -> None:
        self.draft.say(
            self.person,
            key,
            Category.REPLY,
            channel=self.message.channel,
            address=self.message.address,
            text=text,
            buttons=buttons,
            params={ASKS: asks} if asks else None,
        )

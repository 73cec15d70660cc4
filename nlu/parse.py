"""The deterministic parser: intent, symptoms with assertion and typed readings, by lexicons of several languages."""

from data.model.conversation import Entity, Parse
from data.model.observation import Assertion
from nlu.carrier import carrier_word
from nlu.consent import Verb, read_consent
from nlu.correction import read_correction
from nlu.files import PARSED
from nlu.intents import find_intent
from nlu.readings import find_readings
from nlu.symptoms import Found, find_symptoms
from nlu.tokens import Tokens, tokenise
from nlu.units import read_unit

# How sure a deterministic reading is: as written; after mending a typing mistake; by another language's lexicon.
_EXACT, _MENDED, _OTHER_LANGUAGE = 1.0, 0.8, 0.9


class LexiconParser:
    """The `Parser` port over the lexicons: never raises for any text, never down."""

    def parse(self, text: str, language: str) -> Parse:
        """What the text says; see `parse`."""
        return parse(text, language)


def parse(text: str, language: str) -> Parse:
    """What a text says: the patient's language is tried first, then English, then the others.

    `Parse.language` is the language given in: it belongs to the patient, not to the message.
    """
    carrier = carrier_word(text)
    tokens = tokenise(text)
    readings = find_readings(tokens, language)
    found, spoken = _symptoms(tokens, language)
    intent, said_in = _consent(text, language, *find_intent(tokens, _order(language)))
    if intent is None and read_unit(text) is not None:
        intent = "unit"
    if text.lstrip().lower().startswith("/start"):
        intent = "greeting"
    intent = _settle(intent, bool(readings), found.entities)
    if (corrected := read_correction(text, language)) and corrected.clear:
        intent = "correction"
    intent = carrier or intent
    understood = intent != "unknown"
    confidence = (
        _EXACT if language in (spoken, said_in) or carrier or (readings and not found.entities) else _OTHER_LANGUAGE
    )
    if found.mended:
        confidence = min(confidence, _MENDED)
    return Parse(
        text=text,
        language=language,
        intent=intent,
        confidence=confidence if understood else 0.0,
        entities=found.entities,
        readings=readings,
        understood=understood,
    )


def _consent(text: str, language: str, said: str | None, said_in: str | None) -> tuple[str | None, str | None]:
    """A word on consent says what it is about, or is a yes or no to whatever was asked; anything else stands."""
    order = read_consent(text, language)
    if order is None:
        return said, said_in
    if order.purpose or order.verb in (Verb.WITHDRAW, Verb.SHOW):
        return "consent", order.language
    return (said, said_in) if said else ("yes" if order.verb in (Verb.GIVE, Verb.YES) else "no", order.language)


def _settle(said: str | None, readings: bool, entities: tuple[Entity, ...]) -> str:
    """One intent for a message that may say several things: measurements and complaints come first."""
    if readings:
        return "report-reading"
    complaints = [e for e in entities if e.assertion is not Assertion.ABSENT]
    if complaints or (entities and said in (None, "yes", "no", "greeting", "thanks")):
        return "report-symptom"
    return said or "unknown"


def _symptoms(tokens: Tokens, language: str) -> tuple[Found, str | None]:
    for other in _order(language):
        found = find_symptoms(tokens, other)
        if found.entities:
            return found, other
    return Found((), mended=False), None


def _order(language: str) -> tuple[str, ...]:
    first = (language,) if language in PARSED else ()
    return tuple(dict.fromkeys((*first, "en", *PARSED)))

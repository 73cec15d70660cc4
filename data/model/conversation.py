"""Messages, what they were understood to say, and where a dialogue stands."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from data.model.observation import Assertion
from data.model.people import ChannelKind


class MessageKind(StrEnum):
    """What came in. Only TEXT and EDIT are words to be read; a PICTURE or FILE may carry some as its caption.

    The words of FORWARDED are somebody else's: screened for an emergency, never carried out or believed. STOPPED,
    STARTED and HELPED are what the carrier took for STOP, START and HELP, whatever the words are: it has carried them
    out and answered, so that we stay silent. DATA is a vendor's word that an account (`text`) has something new.
    """

    TEXT = "text"
    EDIT = "edit"
    BUTTON = "button"
    VOICE = "voice"
    PICTURE = "picture"
    STICKER = "sticker"
    FILE = "file"
    FORWARDED = "forwarded"
    GROUP = "group"
    BLOCKED = "blocked"
    UNBLOCKED = "unblocked"
    STOPPED = "stopped"
    STARTED = "started"
    HELPED = "helped"
    DATA = "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class RawMessage:
    """An inbound message as the door kept it. `id` is "<channel>:<provider id>", unique for ever.

    `person_id` is None for an unknown sender. `order` is the key within which messages keep their order:
    the person where known, else the address. `ref` names a message within its chat: an EDIT has that of the message
    it changes; a GROUP the private address of a patient in danger who wrote there. Of a BUTTON, `text` is the opaque id
    of the button.
    """

    id: str
    channel: ChannelKind
    address: str
    text: str
    received_at: datetime
    person_id: str | None = None
    kind: MessageKind = MessageKind.TEXT
    ref: str = ""

    @property
    def order(self) -> str:
        """Key of the queue this message stands in."""
        return self.person_id or f"{self.channel}:{self.address}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A symptom found in a text: `key` from the lexicon, `words` as written, `start`/`end` in characters."""

    key: str
    words: str
    start: int
    end: int
    assertion: Assertion


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A typed measurement: `value` in the UCUM `unit` of vocabulary key `code`, or a `problem` and no use of it.

    `problem` is a text key that asks the patient back: "reading-unit" (glucose in mg/dL or mmol/L?),
    "reading-bp-unit", "reading-weight-unit", "reading-impossible" (outside what a living person has).
    `alarming`: dangerous whichever of the units is meant.
    """

    code: str
    value: float
    unit: str
    words: str
    problem: str | None = None
    alarming: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parse:
    """What a text was understood to say. `understood` is False when nothing was; never raised as an error."""

    text: str
    language: str
    intent: str = "unknown"
    confidence: float = 0.0
    entities: tuple[Entity, ...] = ()
    readings: tuple[Reading, ...] = ()
    understood: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A hit of the safety screen on raw words. `rule` is a rule id ("chest-pain"), `words` the matched words."""

    rule: str
    words: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """Where a patient's conversation stands: what was last asked and the facts it is about."""

    awaiting: str = ""
    slots: dict[str, str] = field(default_factory=dict)
    asked_at: datetime | None = None

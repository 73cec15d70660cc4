"""What a stage is built from: how a house is put up, a parser with a switch, and what is noted for the transcript."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from bot.core.kit import Kit
from data.clock import SimulatedClock
from data.errors import PhmsError, Unavailable
from data.model.conversation import Parse
from data.model.people import ChannelKind
from data.ports import Parser


class SceneStuck(PhmsError):  # noqa: N818 - it says what is the matter, as its siblings do
    """The house wants to work at one instant for ever."""


class Housekeeping(Protocol):
    """How a stage builds a house, and keeps a record between two steps."""

    def build(self, record: Any, clock: SimulatedClock, carriers: Any, kit: Kit, parser: Parser) -> Any:
        """A house over a record."""

    def empty(self) -> Any:
        """A record in which nothing is written."""

    def reload(self, record: Any) -> Any:
        """The record as it comes back from its own dump."""


@dataclass(slots=True)
class SwitchedParser:
    """A parser that a scene can take down."""

    inner: Parser
    down: bool = False

    def parse(self, text: str, language: str) -> Parse:
        """What the text says. Raises `Unavailable` while down."""
        if self.down:
            raise Unavailable("the scene has taken the parser down")
        return self.inner.parse(text, language)


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody wrote, for the transcript."""

    at: datetime
    person: str
    text: str
    channel: ChannelKind
    order: int
    event_id: str


@dataclass(frozen=True, slots=True)
class ClockSet:
    """The clock was set to `at`: before it happened all of a lower `order`, and entries up to these `revisions`."""

    at: datetime
    order: int
    revisions: dict[str, int]


@dataclass(frozen=True, slots=True)
class Happened:
    """Anything else that a line of the scene did, for the transcript. `text` is the line."""

    at: datetime
    text: str
    order: int
    event_id: str

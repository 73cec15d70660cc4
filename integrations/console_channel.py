"""The terminal as a provider: every message is printed where the person at the keyboard can read it."""

from collections.abc import Callable
from datetime import datetime

from data.model.communication import Communication, SendState
from data.model.people import ChannelKind, ContactPoint
from data.ports import Outcome


class ConsoleChannel:
    """Stands in for one channel kind; `write` gets (to, communication, at); what is on the screen is delivered."""

    def __init__(self, kind: ChannelKind, write: Callable[[ContactPoint, Communication, datetime], None]) -> None:
        self.name = f"console-{kind}"
        self.kind = kind
        self._write = write

    def send(self, to: ContactPoint, communication: Communication, now: datetime) -> Outcome:
        """Print the message. A terminal that is gone is a refusal, so nothing counts as told that nobody could read."""
        try:
            self._write(to, communication, now)
        except OSError as problem:
            return Outcome(SendState.QUEUED, provider=self.name, error=type(problem).__name__)
        return Outcome(
            SendState.DELIVERED, provider=self.name, provider_id=f"{communication.id}#{communication.attempts}"
        )

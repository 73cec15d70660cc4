"""What Telegram's refusals and silences mean for a message: `telegram_errors.toml` as outcomes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files

from data.content import load
from data.errors import BadInput
from data.model.communication import SendState
from data.ports import Outcome
from integrations.telegram_request import Lost, NotSent, Refused

_STATES = (SendState.QUEUED, SendState.FAILED, SendState.UNKNOWN)
# Telegram names the seconds itself; where it does not, and at most, so long.
_USUAL, _LONGEST = timedelta(seconds=5), timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One row of the table."""

    status: str
    state: SendState
    word: str
    source: str
    says: str = ""

    def __post_init__(self) -> None:
        if self.state not in _STATES:
            raise BadInput(f"state is {self.state.value!r}; allowed: {', '.join(s.value for s in _STATES)}")

    def fits(self, status: int, description: str) -> bool:
        """Whether this row speaks of such an answer; `description` in small letters."""
        return self.status in (str(status), f"{status // 100}xx") and self.says in description


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    answer: tuple[Answer, ...]


@cache
def answers() -> tuple[Answer, ...]:
    """The table, in order."""
    return load(files("integrations") / "telegram_errors.toml", _File).answer


def outcome_of(problem: Exception, provider: str, now: datetime) -> Outcome:
    """What became of a message whose sending ended in `problem`."""
    if isinstance(problem, Refused):
        row = _row(problem)
        if row is None:
            return Outcome(SendState.UNKNOWN, provider, error="strange")
        return Outcome(row.state, provider, error=row.word, retry_at=reopens_at(problem, now))
    if isinstance(problem, NotSent):
        return Outcome(SendState.QUEUED, provider, error="network")
    return Outcome(SendState.UNKNOWN, provider, error="timeout" if isinstance(problem, Lost) else "fault")


def word_of(problem: Refused) -> str:
    """Our word for an answer."""
    row = _row(problem)
    return "strange" if row is None else row.word


def reopens_at(problem: Exception, now: datetime) -> datetime | None:
    """Until when Telegram wants no message of the bot at all; None unless it said so."""
    if not isinstance(problem, Refused) or problem.status != 429:
        return None
    wait = _USUAL if problem.retry_after is None else timedelta(seconds=problem.retry_after)
    return now + min(wait, _LONGEST)


def _row(problem: Refused) -> Answer | None:
    said = problem.message.lower()
    return next((row for row in answers() if row.fits(problem.status, said)), None)

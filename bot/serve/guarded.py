"""A provider with its breaker and its pace: left alone when it fails, given no more than it takes."""

import logging
from datetime import datetime, timedelta
from threading import Event, Lock

from bot.core.patience import OUR_FAULT, is_urgent
from bot.serve.breaker import Breaker
from bot.serve.pacing import Pace, Pacer
from data.model.communication import Category, Communication, SendState
from data.model.people import ContactPoint
from data.ports import Channel, Finds, Outcome

log = logging.getLogger("phms.delivery")

# A wait that short is waited out by the sender; a longer one is put down, so that the sender does something else.
_SHORT = timedelta(milliseconds=250)
# Words of an outcome that say nothing about the provider's health.
_NOT_ILL = ("busy", "")


class GuardedChannel:
    """A `Channel` in front of another, for several threads. Urgent messages have a breaker of their own."""

    def __init__(self, channel: Channel, pace: Pace) -> None:
        self.name, self.kind = channel.name, channel.kind
        self._channel, self._pace, self._pacer = channel, pace, Pacer(pace)
        self._breakers = {False: Breaker(), True: Breaker()}
        self._lock, self._never = Lock(), Event()
        self._refuses_us = False

    def trouble(self, now: datetime) -> str:
        """What is wrong with the provider: it refuses our credentials, or is left alone; empty when nothing is."""
        if self._refuses_us:
            return f"provider-refuses-us:{self.name}"
        return f"provider-down:{self.name}" if any(b.ails(now) for b in self._breakers.values()) else ""

    def ready_at(self, to: ContactPoint, communication: Communication, now: datetime) -> datetime:
        """See `Paces.ready_at`; a wait of a quarter of a second is waited out here."""
        urgent = is_urgent(communication)
        asked_for = self._pace.unasked_only and communication.category not in (Category.NUDGE, Category.NOTICE)
        with self._lock:
            place = self._pacer.ready_at(communication.id, to.value, now, urgent=urgent or asked_for)
        if now < place <= now + _SHORT:
            self._never.wait((place - now).total_seconds())
            with self._lock:
                again = self._pacer.ready_at(communication.id, to.value, place, urgent=urgent or asked_for)
            return now if again <= place else again
        return place

    def send(self, to: ContactPoint, communication: Communication, now: datetime) -> Outcome:
        """Hand it over, unless the provider is left alone: then it surely has not gone."""
        breaker = self._breakers[is_urgent(communication)]
        with self._lock:
            if not breaker.may(now):
                return Outcome(SendState.QUEUED, provider=self.name, error="resting")
        outcome = self._channel.send(to, communication, now)
        with self._lock:
            self._mind_credentials(outcome)
            ill = outcome.state is SendState.UNKNOWN or outcome.state is SendState.QUEUED
            if not (ill and outcome.error in _NOT_ILL):
                breaker.note(now, well=not ill)
            if outcome.error == "busy" and outcome.retry_at is not None:
                self._pacer.close(outcome.retry_at)
        return outcome

    def _mind_credentials(self, outcome: Outcome) -> None:
        """Loud, for until somebody mends it nobody hears anything by this provider."""
        refuses = outcome.error in OUR_FAULT
        if refuses and not self._refuses_us:
            log.error("provider %s does not take our credentials; see to its settings (phms settings)", self.name)
        if refuses or outcome.provider_id:
            self._refuses_us = refuses

    def find(self, to: ContactPoint, communication: Communication, since: datetime) -> Outcome | None:
        """See `Finds.find`; None where the provider cannot be asked."""
        return self._channel.find(to, communication, since) if isinstance(self._channel, Finds) else None

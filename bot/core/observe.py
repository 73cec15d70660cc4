"""A batch of streamed readings: what can be true is kept, weighed on the common path, and the patient is told."""

import math
from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.concern import Concern, weigh
from bot.core.contact import say_safely
from bot.core.draft import Draft
from bot.core.facts import clear_reminders
from bot.core.kit import Kit, Team
from data.model.chart import Changes, Chart
from data.model.communication import Category
from data.model.concern import Level
from data.model.event import ReadingsArrived
from data.model.observation import Observation
from data.model.people import Purpose
from data.vocabulary import vital_signs

# A device whose clock runs ahead by more than this is not believed about the time.
AHEAD = timedelta(minutes=5)


def observe(chart: Chart, event: ReadingsArrived, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes that streamed readings make. Pure. Before consent to monitoring nothing is kept."""
    draft = Draft(chart, kit, team, event_id=event.id, now=now)
    if not draft.subject.consents_to(Purpose.MONITORING):
        draft.notes.append("readings refused: no consent to monitoring")
        return draft.changes()
    for observation in event.observations:
        problem = _problem(observation, now)
        if problem:
            draft.notes.append(f"reading refused: {observation.code}: {problem}")
        else:
            draft.observations[observation.id] = replace(observation, received_at=now)
    if draft.observations:
        clear_reminders(draft)
        tell_patient(draft, weigh(draft))
    return draft.changes()


def _problem(observation: Observation, now: datetime) -> str | None:
    sign = vital_signs().get(observation.code)
    if sign is None:
        return "unknown code"
    if observation.unit != sign.unit:
        return f"unit must be {sign.unit}"
    low, high = sign.possible
    if not math.isfinite(observation.value) or not low <= observation.value <= high:
        return "impossible value"
    if observation.effective_at.tzinfo is None:
        return "time without a zone"
    return "device clock ahead" if observation.effective_at > now + AHEAD else None


def tell_patient(draft: Draft, concerns: tuple[Concern, ...]) -> None:
    """One message for what a device saw, without any value: it is pushed where the patient did not just write."""
    worst = max((c.flag.level for c in concerns), key=lambda level: level.rank, default=Level.UNKNOWN)
    number = draft.kit.texts.emergency_number(draft.subject.zone)
    if worst is Level.CRITICAL:
        text = draft.kit.texts.say("vital-critical", draft.subject.language, number=number)
        say_safely(draft, "vital-critical", text=text, priority=worst.priority)
    elif worst is Level.HIGH:
        expiry = draft.now + draft.kit.policies.courtesy.taken_expires_after
        draft.say(
            draft.subject, "vital-concern", Category.NOTICE, priority=worst.priority, expires_at=expiry, reason="vitals"
        )

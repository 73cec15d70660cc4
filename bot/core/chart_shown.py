"""/chart: how worried the house is about a patient and why, the latest readings with their age, and what is open."""

from datetime import datetime, timedelta

from bot.core.clocktime import at_clock
from bot.core.desk import tell
from bot.core.draft import Draft
from data.durations import say_duration
from data.model.concern import FlagState
from data.model.conversation import RawMessage
from data.model.people import Person
from data.vocabulary import vital_signs

# More reasons than a person reads at once, and than one message holds, do not help.
_MOST = 8


def show_chart(draft: Draft, message: RawMessage, who: Person) -> None:
    """Say the patient's chart to `who`. By SMS the level and its age alone: no value, name or symptom."""
    code, assessment = draft.subject.code, draft.chart.assessment
    if assessment is None:
        tell(draft, who, message, "chart-unknown", patient=code)
        return
    level, age = assessment.level.upper(), _age(assessment.at, draft.now)
    if message.channel.discreet:
        tell(draft, who, message, "chart-sms", patient=code, level=level, since=age)
        return
    findings = sorted(assessment.findings, key=lambda f: -f.level.rank)
    nothing = draft.kit.texts.say("chart-nothing", who.language)
    tell(
        draft,
        who,
        message,
        "chart",
        patient=code,
        level=level,
        since=age,
        why="; ".join(f.reason for f in findings[:_MOST]) or nothing,
        items="; ".join(_readings(draft, who)) or nothing,
        text="; ".join(_open_flags(draft, who)) or nothing,
    )


def _readings(draft: Draft, who: Person) -> list[str]:
    """The newest value of every vital sign, in the order of the vocabulary."""
    said = []
    for key, sign in vital_signs().items():
        if latest := draft.chart.latest(key):
            age = _age(latest.effective_at, draft.now)
            value = sign.say(latest.value)
            said.append(draft.kit.texts.say("chart-reading", who.language, name=sign.display, text=value, since=age))
    return said


def _open_flags(draft: Draft, who: Person) -> list[str]:
    texts, said = draft.kit.texts, []
    for flag in [f for f in draft.chart.flags if f.state is not FlagState.CLOSED][-_MOST:]:
        holder = texts.say("holder-nobody", who.language)
        if flag.owner:
            holder = texts.say("holder-owner", who.language, owner=draft.team.name(flag.owner))
        since, level = at_clock(flag.opened_at, who.zone, draft.now), flag.level.upper()
        said.append(texts.say("chart-flag", who.language, name=flag.rule, level=level, since=since, holder=holder))
    return said


def _age(at: datetime, now: datetime) -> str:
    """How long ago, as coarse as it matters: "12 min", "3 h 5 min", "6 d"; a clock that was set back makes it 0 min."""
    minutes = max(0, int((now - at).total_seconds() // 60))
    if minutes >= 2 * 24 * 60:
        return say_duration(timedelta(days=minutes // (24 * 60)))
    return say_duration(timedelta(minutes=minutes)) if minutes else "0 min"

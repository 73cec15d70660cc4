"""Faults planted in the engine: what a tired engineer might write. Each must be noticed by at least one scene."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """In `file`, `old` (which stands there exactly once) becomes `new`."""

    name: str
    file: str
    old: str
    new: str


FAULTS = (
    Fault(
        "the safety screen runs only when the parser understood",
        "bot/core/respond.py",
        "alarms = screen(message.text)",
        "alarms = screen(message.text) if parse.understood else ()",
    ),
    Fault(
        "STOP is ignored",
        "bot/core/respond.py",
        '    if word in ("stop", "start"):',
        '    if word == "start":',
    ),
    Fault(
        "quiet hours hold safety texts",
        "scheduler/courtesy.py",
        "    if communication.category is Category.NOTICE:",
        "    if communication.category in (Category.NOTICE, Category.SAFETY):",
    ),
    Fault(
        "quiet hours hold news of an emergency",
        "scheduler/courtesy.py",
        "    if communication.priority is Priority.P1 or answers:",
        "    if answers:",
    ),
    Fault(
        "quiet hours hold news of the patient's own words",
        "scheduler/courtesy.py",
        "    if communication.priority is Priority.P1 or answers:",
        "    if communication.priority is Priority.P1:",
    ),
    Fault(
        "news goes to the first address",
        "bot/core/orders.py",
        "        return channel, address\n",
        '        return None, ""\n',
    ),
    Fault(
        "quiet hours hold nothing",
        "scheduler/courtesy.py",
        "        if instant(day, quiet.start, tz) <= now < end:",
        "        if False:",
    ),
    Fault(
        "a reminder never stops",
        "bot/core/fire.py",
        "    schedule(draft, activity, after=max(due.due_at, draft.now))",
        "    schedule(draft, activity, after=due.due_at)\n"
        "    draft.dues[due.id] = replace(due, due_at=draft.now + timedelta(minutes=30))",
    ),
    Fault(
        "PAUSE is only said",
        "bot/core/contact.py",
        "    draft.person = replace(draft.subject, paused_until=FOREVER)",
        "    draft.person = draft.subject",
    ),
    Fault(
        "a bare ok takes whatever is newest",
        "bot/core/desk.py",
        "    if reply.verb is Verb.OK and len(waiting) == 1:",
        "    if reply.verb is Verb.OK and waiting:",
    ),
    Fault(
        "a late reply takes it away from the owner",
        "scheduler/answers.py",
        "    if e.state is EscalationState.ACKED and e.owner != answer.person_id:",
        "    if False:",
    ),
    Fault(
        "the ladder stops after the first step",
        "scheduler/walk.py",
        "    later = [step for step in steps if step > e.step]",
        "    later: list[int] = []",
    ),
    Fault(
        "a page without a receipt stays where it is",
        "scheduler/walk.py",
        "        deadlines += [ladder.receipt_by(e, p) for p in ladder.pages_in_force(e)]",
        "        deadlines += []",
    ),
    Fault(
        "only the first provider is tried",
        "bot/delivery.py",
        "    fitting = [c for c in carriers if c.kind is row.channel and c.name not in row.tried]",
        "    fitting = [c for c in carriers if c.kind is row.channel][:1]",
    ),
    Fault(
        "a staff text carries the patient's name",
        "bot/core/orders.py",
        "        patient=draft.subject.code,",
        "        patient=draft.subject.name,",
    ),
    Fault(
        "the owner is never asked again",
        "scheduler/walk.py",
        "        return restart(let_go(at, now), team, now, first=[e.owner], wait=True)\n    if now < e.lease_until",
        "        return at.plus(asked_at=None, lease_until=now + e.policy.lease)\n    if now < e.lease_until",
    ),
    Fault(
        "a doubled message counts twice",
        "bot/house.py",
        'id=f"{one.channel}:{kept_id(one.provider_message_id)}",',
        'id=f"{one.channel}:{one.provider_message_id}:{self.now()}:{len(list(self.record.journal()))}",',
    ),
    Fault(
        "denied symptoms count as present",
        "bot/core/facts.py",
        'f"symptom/{nth}", entity.key, entity.assertion, entity.words)',
        'f"symptom/{nth}", entity.key, Assertion.PRESENT, entity.words)',
    ),
    Fault(
        "closing keeps the flag open",
        "bot/core/orders.py",
        "        EscalationState.CLOSED: FlagState.CLOSED,",
        "        EscalationState.CLOSED: FlagState.OPEN,",
    ),
    Fault(
        "the patient is not told that nobody answered",
        "scheduler/walk.py",
        "at.plus(TellPatientNobody(), patient_told_at=now)",
        "at.plus(patient_told_at=now)",
    ),
    Fault(
        "colleagues do not hear who took it",
        "scheduler/answers.py",
        "        at = at.plus(TellTaken(others, owner))",
        "        at = at.plus()",
    ),
    Fault(
        "operations do not hear that the ladder is exhausted",
        "bot/core/orders.py",
        "    for person in draft.team.operations():",
        "    for person in ():",
    ),
    Fault(
        "a single bad sample of a stream pages",
        "risk/readings.py",
        "        counts = newest.typed or lasting <= timedelta() or self.now - since >= gap",
        "        counts = True",
    ),
)

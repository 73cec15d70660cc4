"""A very small house for the runner's own tests: it answers, pages one nurse and then a doctor, and opens flags."""
# ruff: noqa: E501 - rows of examples read better on one line

import copy
from dataclasses import replace
from datetime import timedelta

from bot.core.kit import Kit
from bot.words.texts import load_texts
from data.model.audit import Entry
from data.model.chart import Changes, Chart
from data.model.communication import Category, Communication, SendState
from data.model.concern import Evidence, Finding, Flag, FlagState, Level, RiskAssessment
from data.model.conversation import Parse
from data.model.people import Role
from risk.rulebook import load_rules
from scheduler.policies import load_policies


def kit() -> Kit:
    return Kit(rules=load_rules(), policies=load_policies(), texts=load_texts())


class EchoParser:
    def parse(self, text, language):
        return Parse(text=text, language=language, understood=True)


class FakeRecord:
    def __init__(self):
        self.charts = {}
        self.entries = []
        self.outbox = []
        self.timers = []  # (at, subject, kind)
        self.kept = set()
        self.inbox = []
        self.receipts = []
        self.clock_seen = []

    def chart(self, subject):
        return self.charts.get(subject) or Chart(subject=subject)

    def journal(self, subject=None):
        return iter([e for e in self.entries if subject in (None, e.subject)])

    def people(self):
        return [c.person for c in self.charts.values() if c.person]

    def commit(self, subject, event_id, kind, changes, now):
        chart = self.chart(subject)
        self.charts[subject] = chart.apply(changes, now)
        self.entries.append(
            Entry(
                subject=subject,
                revision=chart.revision + 1,
                event_id=event_id,
                kind=kind,
                actor="",
                at=now,
                changes=changes,
            )
        )


class FakeHouse:
    """What it is told by `kit.rules` is the limit of `low-oxygen`, so that a what-if changes something."""

    def __init__(self, record, clock, carriers, kit, parser):
        self.record, self.clock, self.carriers, self.kit, self.parser = record, clock, carriers, kit, parser

    def enrol(self, person, activities=(), *, event_id):
        self.record.commit(
            person.id, event_id, "enrol", Changes(person=person, activities=activities), self.clock.now()
        )

    def hear(self, channel, address, text, provider_message_id):
        key = f"{channel}:{provider_message_id}"
        if key not in self.record.kept:
            self.record.kept.add(key)
            who = next(p for p in self.record.people() if any(c.value == address for c in p.contacts))
            self.record.inbox.append((who.id, key, text))

    def stream(self, subject, observations, *, batch_id):
        now = self.clock.now()
        self.record.commit(subject, f"batch:{batch_id}", "readings", Changes(observations=observations), now)
        limit = self.kit.rules.rule("low-oxygen").any[0].limit
        low = [o for o in observations if o.code == "oxygen-saturation" and o.value <= limit]
        if low:
            self.worry(subject, "low-oxygen", Level.HIGH, f"oxygen {low[0].value:.0f}%", f"batch:{batch_id}")

    def receipt(self, communication_id, state, *, provider, provider_id, event_id):
        self.record.receipts.append((self.clock.now(), communication_id, state, provider))

    def worry(self, subject, rule, level, reason, event_id):
        now = self.clock.now()
        chart = self.record.chart(subject)
        before = [f for f in chart.flags if f.rule == rule]
        if before and before[-1].state is not FlagState.CLOSED:
            return
        episode = (
            len({(f.id, f.episode) for e in self.record.journal(subject) for f in e.changes.flags if f.rule == rule})
            + 1
        )
        flag = Flag(
            id=f"{subject}/{rule}", subject=subject, rule=rule, family=rule, level=level, state=FlagState.OPEN, opened_at=now,
            seen_at=now, reason=reason, episode=episode, escalation_id=f"{subject}/e",
        )  # fmt: skip
        finding = Finding(
            rule=rule,
            family=rule,
            level=level,
            reason=reason,
            source="",
            evidence=(Evidence(code=rule, at=now, words=reason),),
        )
        assessment = RiskAssessment(id=event_id, subject=subject, at=now, level=level, findings=(finding,))
        self.record.commit(subject, event_id, "risk", Changes(assessment=assessment, flags=(flag,)), now)
        self.page(subject, 1)
        self.record.timers.append((now + timedelta(minutes=5), subject, 2))

    def page(self, subject, step):
        for person in self.record.people():
            if person.step == step:
                patient = self.record.chart(subject).person
                self.say(subject, person.id, "page", f"P1 {patient.code} needs a person. Reply 42{step} OK or NO.", "e")

    def say(self, subject, recipient, key, text, cause):
        person = self.record.chart(recipient).person
        if not person.contacts:
            return
        self.record.outbox.append(
            Communication(
                id=f"{subject}/c/{cause}/{key}/{recipient}/{len(self.record.entries)}/{len(self.record.outbox)}",
                subject=subject,
                recipient=recipient,
                category=Category.REPLY,
                channel=person.contacts[0].system,
                text_key=key,
                text=text,
                language="en",
                created_at=self.clock.now(),
                escalation_id=f"{subject}/e",
            )
        )

    def settle(self):
        while self.record.inbox:
            self.answer(*self.record.inbox.pop(0))
        due = [t for t in self.record.timers if t[0] <= self.clock.now()]
        for timer in due:
            self.record.timers.remove(timer)
            _, subject, step = timer
            if step == "loop":
                self.record.timers.append(timer)
            elif any(f.state is FlagState.OPEN for f in self.record.chart(subject).flags):
                self.page(subject, step)
        for communication in list(self.record.outbox):
            self.record.outbox.remove(communication)
            point = self.record.chart(communication.recipient).person.contacts[0]
            for carrier in self.carriers:
                if carrier.kind is communication.channel:
                    outcome = carrier.send(point, communication, self.clock.now())
                    if outcome.state is SendState.ACCEPTED:
                        break

    def next_at(self):
        return min((at for at, _, _ in self.record.timers), default=None)

    def answer(self, person_id, event_id, text):
        person = self.record.chart(person_id).person
        now = self.clock.now()
        if person.role is Role.PATIENT:
            self.patient(person_id, event_id, text)
            return
        for chart in list(self.record.charts.values()):
            for flag in chart.flags:
                if "done" in text:
                    closed = replace(
                        flag, state=FlagState.CLOSED, outcome=text.split("done", 1)[1].strip(), closed_at=now
                    )
                    self.record.commit(chart.subject, event_id, "reply", Changes(flags=(closed,)), now)
                    self.say(
                        chart.subject, person_id, "reply-closed", f"{chart.person.code} is closed. Thank you.", event_id
                    )
                elif "ok" in text and flag.state is FlagState.OPEN:
                    acked = replace(flag, state=FlagState.ACKNOWLEDGED, owner=person_id)
                    self.record.commit(chart.subject, event_id, "reply", Changes(flags=(acked,)), now)
                    self.say(chart.subject, person_id, "reply-yours", f"{chart.person.code} is yours", event_id)

    def patient(self, person_id, event_id, text):
        now = self.clock.now()
        if text == "boom":
            raise RuntimeError("a fuse has blown")
        if text == "loop":
            self.record.timers.append((now, person_id, "loop"))
        elif "chest" in text:
            self.say(person_id, person_id, "emergency", "This may be an emergency. Call 112 now.", event_id)
            self.worry(person_id, "chest-pain", Level.CRITICAL, f"says “{text}”", event_id)
        elif "better" in text:
            calm = RiskAssessment(id=event_id, subject=person_id, at=now, level=Level.UNKNOWN)
            self.record.commit(person_id, event_id, "message", Changes(assessment=calm), now)
        elif text == "quiet":
            pass
        else:
            try:
                understood = self.parser.parse(text, "en").understood
            except Exception:
                understood = False
            answer = f"Thank you. I have noted {text}." if understood else "I am sorry, I did not understand."
            self.say(person_id, person_id, "noted", answer, event_id)


class FakeKeeping:
    """Counts reloads; `amnesia` loses the outbox on each, as a house with hidden memory would."""

    def __init__(self):
        self.reloads = 0

    def build(self, record, clock, carriers, kit, parser):
        return FakeHouse(record, clock, carriers, kit, parser)

    def empty(self):
        return FakeRecord()

    def reload(self, record):
        self.reloads += 1
        return copy.deepcopy(record)

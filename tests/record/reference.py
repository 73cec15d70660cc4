"""The record as simply as it can be said: lists of decoded rows, no bytes, no files. What the stores are held to."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from data.model.chart import Changes, Chart
from data.model.communication import Category, Communication, SendState
from data.model.concern import Priority
from data.model.conversation import RawMessage
from data.model.plan import Due


@dataclass
class Row:
    thing: RawMessage | Due | Communication
    leased_at: datetime | None = None
    lease: timedelta = timedelta()
    attempt: int = 0
    done: bool = False
    token: int = 0
    set_at: datetime | None = None
    turn: tuple[int, int] = (0, 0)

    def set_back(self, now: datetime) -> bool:
        """The clock shows a time more than a minute before the row was set."""
        return self.set_at is not None and now < self.set_at - timedelta(minutes=1)

    def leased(self, now: datetime) -> bool:
        if self.leased_at is None:
            return False
        until = self.leased_at + self.lease
        return now < until and until - now <= 2 * self.lease

    def wake(self, ready: datetime | None, now: datetime) -> datetime | None:
        ready = None if self.set_back(now) else ready
        if not self.leased(now) or self.leased_at is None:
            return ready
        until = self.leased_at + self.lease
        return until if ready is None else max(ready, until)


@dataclass
class Reference:
    charts: dict[str, Chart] = field(default_factory=dict)
    events: list[tuple[str, str]] = field(default_factory=list)
    inbox: list[Row] = field(default_factory=list)
    dues: dict[tuple[str, str], Row] = field(default_factory=dict)
    outbox: dict[tuple[str, str], Row] = field(default_factory=dict)

    def chart(self, subject: str) -> Chart:
        return self.charts.get(subject, Chart(subject=subject))

    def keep(self, message: RawMessage) -> bool:
        new = all(row.thing.id != message.id for row in self.inbox)
        if new:
            self.inbox.append(Row(message))
        return new

    def commit(self, subject: str, event_id: str, changes: Changes, now: datetime) -> bool:
        if (subject, event_id) in self.events:
            return False
        self.events.append((subject, event_id))
        self.charts[subject] = self.chart(subject).apply(changes, now)
        for place, due in enumerate(changes.dues):
            self.dues.pop((subject, due.id), None)
            if not due.done:
                self.dues[subject, due.id] = Row(due, set_at=now, turn=(len(self.events), place))
        for place, sent in enumerate(changes.communications):
            self.outbox.pop((subject, sent.id), None)
            if sent.state is SendState.QUEUED:
                self.outbox[subject, sent.id] = Row(sent, set_at=now, turn=(len(self.events), place))
        return True

    def heads(self) -> list[Row]:
        unfinished = [row for row in self.inbox if not row.done]
        return [r for i, r in enumerate(unfinished) if all(o.thing.order != r.thing.order for o in unfinished[:i])]

    def claim(self, queue: str, now: datetime, lease: timedelta) -> Row | None:
        rows = [row for row in getattr(self, f"{queue}_ready")(now) if not row.leased(now)]
        if not rows:
            return None
        rows[0].leased_at, rows[0].lease = now, lease
        rows[0].attempt += 1
        return rows[0]

    def message_ready(self, now: datetime) -> list[Row]:
        return self.heads()

    def due_ready(self, now: datetime) -> list[Row]:
        rows = [row for row in self.dues.values() if row.set_back(now) or row.thing.due_at <= now]
        return sorted(rows, key=lambda row: (row.thing.due_at, row.turn))

    def outbox_ready(self, now: datetime) -> list[Row]:
        rows = [
            row
            for row in self.outbox.values()
            if row.set_back(now) or row.thing.not_before is None or row.thing.not_before <= now
        ]
        return sorted(rows, key=lambda row: (_lateness(row.thing), row.thing.created_at, row.turn))

    def next_at(self, now: datetime) -> datetime | None:
        wakes = [row.wake(None, now) for row in self.heads()]
        wakes += [row.wake(row.thing.due_at, now) for row in self.dues.values()]
        wakes += [row.wake(row.thing.not_before, now) for row in self.outbox.values()]
        return min((wake for wake in wakes if wake is not None and wake > now), default=None)


def _lateness(sent: Communication) -> int:
    if sent.category is Category.SAFETY or sent.priority is Priority.P1:
        return 0
    if sent.category is Category.OPERATIONS or (sent.category, sent.priority) == (Category.PAGE, Priority.P2):
        return 1
    return 2 if sent.category is Category.REPLY else 3

"""Work that waits in a record in memory: inbound messages, timers and the outbox, leased to workers."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta

from data.model.communication import Communication
from data.model.conversation import RawMessage
from data.model.plan import Due
from data.ports import Claim
from data.record.coding import (
    decode,
    encode,
    encode_input,
    instant,
    micros,
    span,
)
from data.record.memory_base import MemoryBase, unnamed
from data.record.tables import (
    BACK,
    MessageRow,
    Work,
)


class MemoryWork(MemoryBase):
    """The queues of a `MemoryRecord`."""

    def keep(self, message: RawMessage) -> bool:
        """See `Record.keep`."""
        body = encode_input(message)
        with self._lock:
            self._must_live(message.order)
            new = not {message.id, unnamed(message.id)} & self._tables.inbox.keys()
            if new:
                row = MessageRow(order=message.order, body=body)
                self._probe("inbox")
                self._tables.inbox[message.id] = row
                self._unfinished[message.id] = row
            self._probe("answer")
            return new

    def keep_all(self, messages: Sequence[RawMessage]) -> tuple[bool, ...]:
        """See `Record.keep_all`."""
        return tuple(self.keep(message) for message in messages)

    def together(self) -> AbstractContextManager[None]:
        """See `Record.together`: nothing here outlives the process anyway."""
        return nullcontext()

    def claim_message(self, now: datetime, lease: timedelta) -> tuple[RawMessage, Claim] | None:
        """See `Record.claim_message`."""
        at = micros(now)
        with self._lock:
            for key, row in self._first_of_each_order():
                if not row.leased(at):
                    return decode(row.body, RawMessage), self._take(key, row, at, lease)
        return None

    def finish_message(self, claim: Claim, *, forget: bool = False) -> bool:
        """See `Record.finish_message`."""
        with self._lock:
            row = self._tables.inbox.get(claim.row_id)
            if row is None or row.token != claim.token:
                return False
            if not row.done:
                self._probe("inbox")
                row.done = True
                row.body = _without_words(row.body) if forget else row.body
                self._unfinished.pop(claim.row_id, None)
            self._probe("answer")
            return True

    def waiting(self, order: str) -> bool:
        """See `Record.waiting`."""
        with self._lock:
            return any(row.order == order for row in self._unfinished.values())

    def messages(self, subject: str) -> Iterator[RawMessage]:
        """See `Record.messages`."""
        with self._lock:
            kept = [row.body for row in self._tables.inbox.values() if row.order == subject and row.body]
        for body in kept:
            message = decode(body, RawMessage)
            if message.text:
                yield message

    def _first_of_each_order(self) -> Iterator[tuple[str, MessageRow]]:
        seen = set()
        for key, row in self._unfinished.items():
            if row.order not in seen:
                seen.add(row.order)
                yield key, row

    def claim_due(self, now: datetime, lease: timedelta) -> tuple[Due, Claim] | None:
        """See `Record.claim_due`."""
        at = micros(now)
        back = at + BACK
        with self._lock:
            ready = [
                (row.due_at, row.seq, row.place, key)
                for key, row in self._tables.dues.items()
                if (row.due_at <= at or row.set_at > back) and not row.leased(at)
            ]
            if not ready:
                return None
            *_, key = min(ready)
            row = self._tables.dues[key]
            return decode(row.body, Due), self._take(key[1], row, at, lease)

    def claim_outbox(
        self, now: datetime, lease: timedelta, *, urgent: bool = False
    ) -> tuple[Communication, Claim] | None:
        """See `Record.claim_outbox`."""
        at = micros(now)
        back = at + BACK
        with self._lock:
            ready = [
                (row.late, row.created_at, row.seq, row.place, key)
                for key, row in self._tables.outbox.items()
                if (row.not_before <= at or row.set_at > back) and not row.leased(at) and not (urgent and row.late)
            ]
            if not ready:
                return None
            *_, key = min(ready)
            row = self._tables.outbox[key]
            return decode(row.body, Communication), self._take(key[1], row, at, lease)

    def next_at(self, now: datetime) -> datetime | None:
        """See `Record.next_at`."""
        at = micros(now)
        back = at + BACK
        with self._lock:
            wakes = [row.wake(0, at) for _, row in self._first_of_each_order()]
            wakes += [row.wake(row.due_at if row.set_at <= back else 0, at) for row in self._tables.dues.values()]
            outbox = self._tables.outbox.values()
            wakes += [row.wake(row.not_before if row.set_at <= back else 0, at) for row in outbox]
        ahead = min((wake for wake in wakes if wake > at), default=None)
        return None if ahead is None else instant(ahead)

    def _take(self, row_id: str, row: Work, at: int, lease: timedelta) -> Claim:
        self._probe("token")
        self._tables.token += 1
        self._probe("lease")
        row.take(at, span(lease), self._tables.token)
        self._probe("answer")
        return Claim(row_id, row.token, row.attempt)


def _without_words(body: bytes) -> bytes:
    return encode(replace(decode(body, RawMessage), text=""))

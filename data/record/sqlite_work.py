"""Work that waits in a SQLite record: inbound messages, timers and the outbox, leased to workers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from json import dumps
from typing import Any, TypeVar

from data.model.communication import Communication
from data.model.conversation import RawMessage
from data.model.plan import Due
from data.ports import Claim
from data.record.coding import encode, encode_input, instant, micros, span
from data.record.sqlite_healing import SqliteHealing
from data.record.tables import BACK

_FREE = "NOT (lease_from <= :now AND :now < lease_until)"
_PAGE = 200
_KEEP = "INSERT INTO inbox (id, owner, body) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING"

T = TypeVar("T", Due, Communication)


class SqliteWork(SqliteHealing):
    """The queues of a `SqliteRecord`."""

    def keep(self, message: RawMessage) -> bool:
        """See `Record.keep`."""
        name, owner = self.sealing.name("message", message.id), self._person(message.order)
        body = self.sealing.seal("inbox", owner, name, encode_input(message))
        with self._writing():
            # Its key may have been there still when it was sealed; nobody could open it any more.
            self._must_live(owner)
            return self._write("inbox", _KEEP, (name, owner, body)).rowcount == 1

    def keep_all(self, messages: Sequence[RawMessage]) -> tuple[bool, ...]:
        """See `Record.keep_all`: one transaction, synced once."""
        rows = []
        for message in messages:
            name, owner = self.sealing.name("message", message.id), self._person(message.order)
            rows.append((name, owner, self.sealing.seal("inbox", owner, name, encode_input(message))))
        with self._writing():
            for owner in {owner for _, owner, _ in rows}:
                self._must_live(owner)
            return tuple(self._write("inbox", _KEEP, row).rowcount == 1 for row in rows)

    def claim_message(self, now: datetime, lease: timedelta) -> tuple[RawMessage, Claim] | None:
        """See `Record.claim_message`."""
        if not self._read(*self._next_message(now)):
            return None
        # Lost with the machine, a lease leaves nothing behind: whatever was made of the message came after it.
        with self._writing(synced=False) as connection:
            while True:
                row = connection.execute(*self._next_message(now)).fetchone()
                if row is None:
                    return None
                open_row = partial(self._open, "inbox", row[1], row[2], row[3], RawMessage)
                message = self._tried("inbox", row[1], row[2], open_row)
                claim = self._take("inbox", row, message.id if message else "", now, lease)
                if message is not None:
                    return message, claim
                if (chart := self._chart_of(row[1])) is not None:
                    self._spoilt.belongs("inbox", row[1], row[2], chart.subject)

    def _next_message(self, now: datetime) -> tuple[str, dict[str, Any]]:
        """A message that does not open does not hold up those behind it: they may be an emergency."""
        spoilt = [row.row for row in self._spoilt.of("inbox")]
        but = " AND id NOT IN (SELECT value FROM json_each(:spoilt))" if spoilt else ""
        select = (
            f"SELECT n, owner, id, body, attempt FROM inbox AS me WHERE done = 0 AND {_FREE} AND NOT EXISTS"  # noqa: S608
            f" (SELECT 1 FROM inbox WHERE done = 0 AND owner = me.owner AND n < me.n{but}) ORDER BY n LIMIT 1"
        )
        return select, {"now": micros(now), "spoilt": dumps(spoilt)}

    def finish_message(self, claim: Claim, *, forget: bool = False) -> bool:
        """See `Record.finish_message`."""
        name = self.sealing.name("message", claim.row_id)
        # Where the mark is lost with the machine, the message is claimed again, and found to be committed.
        with self._writing(synced=False) as connection:
            if forget:
                mine = "SELECT owner, body FROM inbox WHERE id = ? AND token = ? AND done = 0"
                for owner, body in connection.execute(mine, (name, claim.token)).fetchall():
                    bare = replace(self._open("inbox", owner, name, body, RawMessage), text="")
                    sealed = self.sealing.seal("inbox", owner, name, encode(bare))
                    connection.execute("UPDATE inbox SET body = ? WHERE id = ?", (sealed, name))
            done = "UPDATE inbox SET done = 1 WHERE id = ? AND token = ?"
            return self._write("inbox", done, (name, claim.token)).rowcount == 1

    def waiting(self, order: str) -> bool:
        """See `Record.waiting`."""
        return bool(self._read("SELECT 1 FROM inbox WHERE done = 0 AND owner = ? LIMIT 1", (self._person(order),)))

    def messages(self, subject: str) -> Iterator[RawMessage]:
        """See `Record.messages`."""
        owner, last = self._person(subject), 0
        select = f"SELECT n, id, body FROM inbox WHERE owner = ? AND n > ? AND body <> x'' ORDER BY n LIMIT {_PAGE}"  # noqa: S608
        while rows := self._read(select, (owner, last)):
            for last, name, body in rows:  # noqa: B007 - the next page starts after it
                message = self._open("inbox", owner, name, body, RawMessage)
                if message.text:
                    yield message

    def claim_due(self, now: datetime, lease: timedelta) -> tuple[Due, Claim] | None:
        """See `Record.claim_due`."""
        # Two looks, each by its own index: hardly ever is a clock set back, and thousands of timers lie ahead.
        order = "ORDER BY due_at, seq, place LIMIT 1"
        select = (
            "SELECT n, subject, id, body, attempt, revision FROM ("  # noqa: S608
            f"SELECT * FROM (SELECT * FROM due WHERE due_at <= :now AND {_FREE} {order}) UNION ALL "
            f"SELECT * FROM (SELECT * FROM due INDEXED BY due_set WHERE set_at > :back AND {_FREE} {order})"
            f") {order}"
        )
        return self._claim("due", select, self._opened_due, now, lease, synced=False)

    def claim_outbox(
        self, now: datetime, lease: timedelta, *, urgent: bool = False
    ) -> tuple[Communication, Claim] | None:
        """See `Record.claim_outbox`."""
        select = (
            "SELECT n, subject, id, body, attempt, revision FROM outbox"  # noqa: S608
            f" WHERE {'late = 0 AND ' if urgent else ''}(not_before <= :now OR set_at > :back) AND {_FREE}"
            " ORDER BY late, created_at, seq, place LIMIT 1"
        )
        # Synced: after a lease that was lost with the machine, what was sent under it would be sent again.
        return self._claim("outbox", select, self._opened_message, now, lease, synced=True)

    def _claim(
        self,
        table: str,
        select: str,
        opened: Callable[[str, str, int, bytes], T | None],
        now: datetime,
        lease: timedelta,
        *,
        synced: bool,
    ) -> tuple[T, Claim] | None:
        """The first row selected that can be had; one that cannot is leased too, and the next is looked at."""
        if not self._read(select, _instants(now)):
            return None
        with self._writing(synced=synced) as connection:
            while row := connection.execute(select, _instants(now)).fetchone():
                thing = opened(row[1], row[2], row[5], row[3])
                claim = self._take(table, row, thing.id if thing else "", now, lease)
                if thing is not None:
                    return thing, claim
        return None

    def next_at(self, now: datetime) -> datetime | None:
        """See `Record.next_at`."""
        # Timers may lie ahead by the thousand: the first that is free, and the few that are leased, each by an index.
        leased = "lease_from <= :now AND :now < lease_until"
        set_back = "CASE WHEN set_at > :back THEN 0 ELSE"
        select = (
            "SELECT min(wake) FROM ("  # noqa: S608
            f"SELECT lease_until AS wake FROM inbox AS me WHERE done = 0 AND {leased}"
            " AND NOT EXISTS (SELECT 1 FROM inbox WHERE done = 0 AND owner = me.owner AND n < me.n)"
            f" UNION ALL SELECT * FROM (SELECT due_at FROM due WHERE due_at > :now AND set_at <= :back AND {_FREE}"
            " ORDER BY due_at LIMIT 1)"
            f" UNION ALL SELECT max({set_back} due_at END, lease_until) FROM due INDEXED BY due_leased WHERE {leased}"
            f" UNION ALL SELECT {set_back} not_before END FROM outbox WHERE {_FREE}"
            f" UNION ALL SELECT max({set_back} not_before END, lease_until) FROM outbox WHERE {leased}"
            ") WHERE wake > :now"
        )
        ((ahead,),) = self._read(select, _instants(now))
        return None if ahead is None else instant(ahead)

    def let_go(self) -> None:
        """End every lease. Only for a process that knows it is alone: whoever held one is dead."""
        with self._writing():
            for table in ("inbox", "due", "outbox"):
                self._write("lease", f"UPDATE {table} SET lease_until = 0 WHERE lease_until > 0", ())  # noqa: S608

    def _take(self, table: str, row: tuple[Any, ...], row_id: str, now: datetime, lease: timedelta) -> Claim:
        number, attempt = row[0], row[4]
        self._write("token", "UPDATE token SET last = last + 1", ())
        ((token,),) = self._read("SELECT last FROM token", ())
        at, length = micros(now), span(lease)
        take = f"UPDATE {table} SET lease_from = ?, lease_until = ?, token = ?, attempt = ? WHERE n = ?"  # noqa: S608
        self._write("lease", take, (at - length, at + length, token, attempt + 1, number))
        return Claim(row_id, token, attempt + 1)


def _instants(now: datetime) -> dict[str, int]:
    """`:now`, and `:back`: what was set later than that was set before the clock was set back."""
    return {"now": micros(now), "back": micros(now) + BACK}

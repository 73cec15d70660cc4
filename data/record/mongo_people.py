"""People and reply codes in MongoDB."""

from datetime import datetime
from functools import partial
from typing import Any

from data.errors import NotFound, Unavailable
from data.model.people import ChannelKind, Person, Role
from data.ports import CodeUse
from data.record import codes
from data.record.believed import at_address, is_staff, on_staff
from data.record.coding import decode, micros
from data.record.mongo_charts import MongoCharts
from data.record.mongo_rows import code_use, code_values
from data.record.mongo_schema import Document
from data.record.mongo_store import BATCH, ROUNDS, MongoStore
from data.record.placing import at_revision
from data.record.projection import address_key
from data.record.tables import NOT_STAFF, STRANGER

_STAFF = [role.value for role in Role if role.value not in NOT_STAFF]


class MongoPeople:
    """The persons. Only who changed since is read and opened again; erased ones are left out."""

    def __init__(self, store: MongoStore, charts: MongoCharts) -> None:
        self._store, self._charts = store, charts
        self._known: dict[str, tuple[int, Person]] = {}
        # The last answers, and whom at which revision they were made of: as long as nobody changes, the same again.
        self._answers: dict[str, tuple[list[tuple[str, int]], tuple[Person, ...]]] = {}
        store.on_erased(self._forget)

    def _forget(self, name: str) -> None:
        if self._known.pop(name, None) is not None:
            self._answers.clear()

    def holders(self, system: ChannelKind, value: str) -> tuple[Person, ...]:
        """See `Record.holders`."""
        rows = self._at(system, value)
        rows.sort(key=lambda row: (row["role"] == STRANGER, not row["active"], -row["n"]))
        return at_address(self._opened(rows), system, value)

    def unread_at(self, system: ChannelKind, value: str) -> tuple[str, ...]:
        """See `Record.unread_at`."""
        return tuple(row["s"] for row in self._at(system, value) if not self._opened([row]))

    def _at(self, system: ChannelKind, value: str) -> list[Document]:
        return self._rows({"addresses": self._store.sealing.name("address", address_key(system, value))})

    def everyone(self) -> tuple[Person, ...]:
        """See `Record.people`."""
        rows = self._rows({"gone": False})
        # Another process may have erased somebody: of them nothing stays in memory here.
        for name in self._known.keys() - {row["s"] for row in rows}:
            self._store.forget(name)
        return self._answer("everyone", rows)

    def staff(self) -> tuple[Person, ...]:
        """See `Record.staff`."""
        rows = self._rows({"role": {"$in": _STAFF}})
        there = {row["s"] for row in rows}
        # Those known to be of the team whom their role's column keeps out, or who have left it, or are gone.
        names = [name for name, (_, person) in list(self._known.items()) if is_staff(person) and name not in there]
        others = self._rows({"_id": {"$in": names}, "s": {"$in": names}, "gone": False}) if names else []
        for name in set(names) - {row["s"] for row in others}:
            self._store.forget(name)
        found = self._answer("staff", rows)
        return on_staff(found, (person for person in self._opened(others) if is_staff(person)))

    def _answer(self, who: str, rows: list[Document]) -> tuple[Person, ...]:
        made_of = [(row["s"], int(row["revision"])) for row in rows]
        known = self._answers.get(who)
        if known is None or known[0] != made_of:
            people = self._opened(rows)
            if len(people) < len(rows):
                # While somebody cannot be read, they are looked for each time: what was amiss may be restored.
                return people
            known = self._answers[who] = (made_of, people)
        return known[1]

    def _rows(self, wanted: Document) -> list[Document]:
        """Who is wanted, in order of enrolment, each with their revision only."""
        fields = ["s", "n", "revision", "role", "active"]
        return self._store.find(self._store.person, wanted, fields, [("n", 1), ("s", 1)])

    def _opened(self, rows: list[Document]) -> tuple[Person, ...]:
        known = self._known
        changed = [row["s"] for row in rows if row["s"] not in known or known[row["s"]][0] != row["revision"]]
        for start in range(0, len(changed), BATCH):
            names = {"$in": changed[start : start + BATCH]}
            for row in self._store.find(self._store.person, {"_id": names, "s": names}, ["s", "revision", "body"]):
                self._open(row)
        return tuple(known[row["s"]][1] for row in rows if row["s"] in known)

    def _open(self, row: Document) -> None:
        name = row["s"]
        person = self._store.tried("person", name, "person", partial(self._person, row)) if row["body"] else None
        if person is None and row["body"]:
            chart = self._charts.named(name)
            person = chart.person if chart else None
        if person is None:
            self._known.pop(name, None)
        else:
            self._known[name] = (int(row["revision"]), person)

    def _person(self, row: Document) -> Person:
        place = at_revision("person", int(row["revision"]))
        return decode(self._store.unseal("person", row["s"], place, row["body"]), Person)


class MongoCodes:
    """The reply codes. One document for each recipient and code, which goes to the next use when the last is over."""

    def __init__(self, store: MongoStore, charts: MongoCharts) -> None:
        self._store, self._charts = store, charts

    def reserve(self, recipient: str, escalation_id: str, subject: str, now: datetime) -> str:
        """See `Record.reserve_code`."""
        store, name, since = self._store, self._store.name(recipient), micros(now - codes.KEEP)
        about = store.name(subject)
        mine = {"s": name, "escalation": store.sealing.name("escalation", escalation_id), "given_at": {"$gt": since}}
        for _ in range(ROUNDS):
            self._charts.must_live(about)
            given = store.find(store.code, mine, ["code"], [("given_at", 1)], 1)
            code = given[0]["code"] if given else self._put(name, CodeUse(recipient, "", escalation_id, subject, now))
            if code:
                if not given:
                    self._must_be_about_somebody(f"{name}/{code}", name, about)
                store.probe("answer")
                return str(code)
        raise Unavailable(f"{store.where}: others reserve codes all the time; try again")

    def _must_be_about_somebody(self, row: str, name: str, about: str) -> None:
        """An erasure that began meanwhile may have passed this new row by."""
        try:
            self._charts.must_live(about)
        except NotFound:
            self._store.remove("code", self._store.code, {"_id": row, "s": name, "about": about})
            raise

    def use(self, recipient: str, code: str, now: datetime) -> CodeUse | None:
        """See `Record.code_use`."""
        name = self._store.name(recipient)
        wanted = {"_id": f"{name}/{code}", "s": name, "given_at": {"$gt": micros(now - codes.KEEP)}}
        row = self._store.get(self._store.code, wanted)
        return self._use(row) if row else None

    def of(self, recipient: str, since: datetime) -> tuple[CodeUse, ...]:
        """See `Record.codes_of`."""
        wanted = {"s": self._store.name(recipient), "given_at": {"$gte": micros(since)}}
        rows = self._store.find(self._store.code, wanted, sort=[("given_at", 1), ("code", 1)])
        return tuple(use for row in rows if (use := self._use(row)) is not None)

    def _use(self, row: Document) -> CodeUse | None:
        return self._store.tried("code", row["s"], row["code"], partial(code_use, self._store, row))

    def _put(self, name: str, use: CodeUse) -> str | None:
        """Give a free code, or the one given longest ago; None when somebody else took it first."""
        store = self._store
        every = {row["code"]: row for row in store.find(store.code, {"s": name}, ["code", "given_at", "escalation"])}
        since = micros(use.given_at - codes.KEEP)
        used = {code: int(row["given_at"]) for code, row in every.items() if row["given_at"] > since}
        code = codes.choose_code(use.recipient, use.escalation_id, used)
        values = code_values(store, CodeUse(use.recipient, code, use.escalation_id, use.subject, use.given_at))
        row: dict[str, Any] = {"_id": f"{name}/{code}", "s": name}
        if code not in every:
            put = store.insert("code", store.code, {**row, "code": code, **values})
        else:
            as_read = {**row, "given_at": every[code]["given_at"], "escalation": every[code]["escalation"]}
            put = store.change("code", store.code, as_read, {"$set": values})
        return code if put else None

"""People and reply codes in MongoDB."""

from datetime import datetime
from typing import Any

from data.errors import NotFound, Unavailable
from data.model.people import ChannelKind, Person, Role
from data.ports import CodeUse
from data.record import codes
from data.record.coding import decode, micros
from data.record.mongo_charts import MongoCharts
from data.record.mongo_rows import code_use, code_values
from data.record.mongo_schema import Document
from data.record.mongo_store import BATCH, ROUNDS, MongoStore
from data.record.projection import address_key
from data.record.tables import NOT_STAFF, STRANGER

_STAFF = [role.value for role in Role if role.value not in NOT_STAFF]


class MongoPeople:
    """The persons. Only who changed since is read and opened again; erased ones are left out."""

    def __init__(self, store: MongoStore) -> None:
        self._store = store
        self._known: dict[str, tuple[int, Person]] = {}
        # The last answers, and whom at which revision they were made of: as long as nobody changes, the same again.
        self._answers: dict[str, tuple[list[tuple[str, int]], tuple[Person, ...]]] = {}

    def holders(self, system: ChannelKind, value: str) -> tuple[Person, ...]:
        """See `Record.holders`."""
        address = self._store.sealing.name("address", address_key(system, value))
        rows = self._rows({"addresses": address})
        rows.sort(key=lambda row: (row["role"] == STRANGER, not row["active"], -row["n"]))
        return self._opened(rows)

    def everyone(self) -> tuple[Person, ...]:
        """See `Record.people`."""
        return self._answer("everyone", self._rows({"gone": False}))

    def staff(self) -> tuple[Person, ...]:
        """See `Record.staff`."""
        return self._answer("staff", self._rows({"role": {"$in": _STAFF}}))

    def _answer(self, who: str, rows: list[Document]) -> tuple[Person, ...]:
        made_of = [(row["s"], int(row["revision"])) for row in rows]
        known = self._answers.get(who)
        if known is None or known[0] != made_of:
            known = self._answers[who] = (made_of, self._opened(rows))
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
        try:
            person = decode(self._store.unseal("person", name, "person", row["body"]), Person) if row["body"] else None
        except NotFound:
            person = None
        if person is None:
            self._known.pop(name, None)
        else:
            self._known[name] = (int(row["revision"]), person)


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
        return code_use(self._store, row) if row else None

    def of(self, recipient: str, since: datetime) -> tuple[CodeUse, ...]:
        """See `Record.codes_of`."""
        wanted = {"s": self._store.name(recipient), "given_at": {"$gte": micros(since)}}
        rows = self._store.find(self._store.code, wanted, sort=[("given_at", 1), ("code", 1)])
        return tuple(code_use(self._store, row) for row in rows)

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

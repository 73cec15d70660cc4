"""What every store promises of somebody who was erased: nothing is left, nothing comes back, nobody else notices."""

import shutil
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from pathlib import Path

import pytest

from data.errors import Conflict, NotFound
from data.model.audit import Access
from data.model.chart import WINDOW, Changes, Chart
from data.model.people import ChannelKind, Role
from data.ports import Record
from data.record.chain import JOURNAL, Chained
from data.record.memory import MemoryRecord
from data.record.sqlite import SqliteRecord
from data.record.tables import load_tables
from data.record.verify import verify
from tests.record.examples import LEASE, MINUTE, NOW, due, flag, message, person, put, reading, sms
from tests.record.keys import FixedKeys
from tests.record.stores import KINDS, AnyRecord, Crash, CrashAt, Store

SMS = ChannelKind.SMS
# Words of Anna's that stand in every kind of row.
WORDS = "QUOKKA"
ERASURE = Changes(erased=True)


def live(record: Record) -> None:
    """Anna's and Nia's night: every kind of row of both."""
    put(record, "clara", Changes(person=person("clara", "+7", role=Role.CLINICIAN)), "clara")
    for who, address, words in (("anna", "+1", WORDS), ("nia", "+2", "wombat")):
        changes = Changes(
            person=person(who, address, "+shared", name=words),
            observations=(reading(), reading(1), reading(0, 72.0, "heart-rate")),
            flags=(replace(flag(subject=who), reason=words),),
            dues=(due(f"{who}/weigh/{words}", who), due(f"{who}/later", who, minutes=9)),
            communications=(sms(f"{who}/c", who, text=words), sms(f"{who}/held", who, not_before=NOW + MINUTE)),
            notes=(words,),
        )
        put(record, f"enrol:{who}:{words}", changes, who)
        put(record, f"more:{who}", Changes(observations=(reading(2),), notes=(words,)), who)
        record.keep(message(f"{who}:1:{words}", who, text=words))
        record.keep(message(f"{who}:2", who, text=words))
        record.keep(message(f"{who}:address", None, address=address, text=words))
        record.note_access(Access(subject=who, actor="clara", role="clinician", action="read-chart", at=NOW))
        record.note_access(
            Access(subject=who, actor="clara", role="clinician", action="break-glass", at=NOW, reason=words)
        )
        record.reserve_code("clara", f"{who}/flag/{words}/1", who, NOW)
        record.reserve_code(who, f"{who}/flag/{words}/2", "clara", NOW)
    record.keep(message("shared", None, address="+shared", text="of both"))


def erase(record: Record, subject: str = "anna") -> bool:
    return record.commit(record.chart(subject), f"erase:{subject}", "erase", "operator", ERASURE, NOW)


def of_nia(record: Record) -> list[object]:
    """Everything of the other one."""
    return [
        record.chart("nia"),
        list(record.journal("nia")),
        list(record.messages("nia")),
        list(record.messages("sms:+2")),
        list(record.accesses("nia")),
        record.holders(SMS, "+2"),
        record.hours("nia", "oxygen-saturation", NOW - WINDOW, NOW + WINDOW),
        [(use.escalation_id, use.subject) for use in record.codes_of("clara", NOW) if use.subject == "nia"],
        record.codes_of("nia", NOW),
        record.staff(),
    ]


def is_gone(record: AnyRecord, subject: str = "anna") -> None:
    """Nothing of the person is told, by any question."""
    chart = record.chart(subject)
    assert chart == Chart(subject=subject, revision=chart.revision, erased=True)
    assert record.chart(subject, observations=False) == chart
    assert list(record.journal(subject)) == []
    assert subject not in {entry.subject for entry in record.journal()}
    assert list(record.messages(subject)) == list(record.messages("sms:+1")) == []
    assert list(record.accesses(subject)) == []
    assert record.holders(SMS, "+1") == ()
    assert [p.id for p in record.holders(SMS, "+shared")] == ["nia"]
    assert subject not in {p.id for p in record.people()}
    for code in ("oxygen-saturation", "heart-rate"):
        assert record.observations(subject, code, NOW - WINDOW, NOW + WINDOW) == ()
        assert record.hours(subject, code, NOW - WINDOW, NOW + WINDOW) == ()
        assert sum(record.bands(code, NOW - WINDOW, NOW + WINDOW).values()) == 1
    assert record.codes_of(subject, NOW - WINDOW) == ()
    assert subject not in {use.subject for use in record.codes_of("clara", NOW - WINDOW)}
    assert WORDS.encode() not in record.dump()


def claimed(record: Record) -> list[str]:
    """Everything that workers get, a day later."""
    now, found = NOW + timedelta(days=1), []
    while taken := record.claim_message(now, LEASE):
        found.append(taken[0].id)
        record.finish_message(taken[1])
    while timer := record.claim_due(now, LEASE):
        found.append(timer[0].id)
    while sent := record.claim_outbox(now, LEASE):
        found.append(sent[0].id)
    return sorted(found)


def test_nothing_is_left_and_nobody_else_notices(store: Store) -> None:
    record = store.open()
    live(record)
    before = of_nia(record)
    revision = record.chart("anna").revision
    assert erase(record)
    is_gone(record)
    assert record.chart("anna").revision == revision + 1
    assert of_nia(record) == before
    record = store.reopen(record)
    is_gone(record)
    assert of_nia(record) == before
    assert record.recover() == 0
    assert claimed(record) == ["nia/c", "nia/held", "nia/later", "nia/weigh/wombat", *NIAS, "shared"]


NIAS = ["nia:1:wombat", "nia:2", "nia:address"]


def test_the_same_again_changes_nothing_and_nothing_follows(store: Store) -> None:
    record = store.open()
    live(record)
    stale = record.chart("anna")
    assert erase(record)
    for reopened in (False, True):
        record = store.reopen(record) if reopened else record
        digest = record.digest()
        assert not erase(record)
        assert not record.commit(stale, "erase:anna", "erase", "operator", ERASURE, NOW)
        assert record.committed("anna", "erase:anna")
        for known in (record.chart("anna"), stale):
            with pytest.raises(NotFound, match="was erased"):
                record.commit(known, "late", "test", "tester", Changes(notes=(WORDS,)), NOW)
        # A message that was answered before is not answered again.
        assert record.committed("anna", f"enrol:anna:{WORDS}")
        assert not record.commit(stale, f"enrol:anna:{WORDS}", "test", "tester", Changes(), NOW)
        assert record.digest() == digest
        is_gone(record)


def test_what_comes_late_is_refused_and_holds_up_nobody(record: AnyRecord) -> None:
    live(record)
    mine = record.claim_message(NOW, LEASE)
    timer = record.claim_due(NOW, LEASE)
    sent = record.claim_outbox(NOW, LEASE)
    assert mine is not None
    assert timer is not None
    assert sent is not None
    assert {mine[0].person_id, timer[0].subject, sent[0].subject} == {"anna"}
    assert erase(record)
    record.finish_message(mine[1])
    record.finish_message(mine[1], forget=True)
    with pytest.raises(NotFound, match="erased"):
        record.keep(message("anna:3", "anna", text=WORDS))
    with pytest.raises(NotFound, match="erased"):
        record.note_access(Access(subject="anna", actor="clara", role="clinician", action="read-chart", at=NOW))
    is_gone(record)
    assert claimed(record) == ["nia/c", "nia/held", "nia/later", "nia/weigh/wombat", *NIAS, "shared"]
    assert record.next_at(NOW + timedelta(days=2)) is None
    # The number writes again: it is a stranger's.
    assert record.keep(message("again", None, address="+1", text="hello"))
    taken = record.claim_message(NOW + timedelta(days=2), LEASE)
    assert taken is not None
    assert taken[0].text == "hello"


def test_no_code_is_given_out_about_somebody_who_was_erased(record: AnyRecord) -> None:
    live(record)
    erase(record)
    with pytest.raises(NotFound, match="erased"):
        record.reserve_code("clara", "anna/flag/late/1", "anna", NOW)


def test_a_message_kept_once_is_known_for_ever(record: AnyRecord) -> None:
    live(record)
    erase(record)
    assert not record.keep(message("anna:address", None, address="+1", text="once more"))
    assert list(record.messages("sms:+1")) == []


def test_somebody_of_whom_nothing_is_known(record: AnyRecord) -> None:
    assert erase(record, "nobody")
    assert record.chart("nobody") == Chart(subject="nobody", revision=1, erased=True)
    assert not erase(record, "nobody")


def test_an_erasure_is_conditional_on_the_chart(record: AnyRecord) -> None:
    live(record)
    stale = record.chart("anna")
    put(record, "e9", Changes(notes=("a flag was opened",)))
    with pytest.raises(Conflict):
        record.commit(stale, "erase:anna", "erase", "operator", ERASURE, NOW)
    assert not record.chart("anna").erased
    assert len(list(record.messages("anna"))) == 2


def test_an_erasure_has_a_kind_of_its_own(record: AnyRecord) -> None:
    live(record)
    for kind, changes in (("erase", Changes()), ("test", ERASURE)):
        with pytest.raises(ValueError, match="an erasure, and nothing else"):
            record.commit(record.chart("anna"), "e", kind, "operator", changes, NOW)


def test_old_vitals_are_tended_all_the_same(store: Store) -> None:
    record = store.open()
    live(record)
    erase(record)
    late = NOW + timedelta(days=40)
    tended = record.tend(late, timedelta(days=10), timedelta(days=20))
    assert tended.removed == 2
    assert record.tend(late, timedelta(days=10), timedelta(days=20)).removed == 0
    is_erased = store.reopen(record).chart("anna").erased
    assert is_erased


def test_the_audit_trail_is_sound_and_says_who_erased_whom(record: AnyRecord) -> None:
    if not isinstance(record, Chained):
        pytest.skip("a record in memory has no chain")
    live(record)
    assert verify(record).sound
    erase(record)
    assert verify(record).sound
    rows = list(record.links(JOURNAL, record.sealing.name("person", "anna")))
    assert [row.kind for row in rows] == ["test", "test", "erase"]
    assert rows[-1].actor == record.sealing.name("person", "operator")
    assert [row.body for row in rows[:-1]] == [b"", b""]
    with pytest.raises(NotFound):
        record.sealing.unseal(JOURNAL, rows[-1].subject, "3", rows[-1].body)


def test_it_moves_to_the_other_stores(store: Store, tmp_path: Path) -> None:
    record = store.open()
    live(record)
    erase(record)
    digest, data = record.digest(), record.dump()
    name = next(key for key, row in load_tables(data).charts.items() if not row.body)
    for moved in (MemoryRecord.load(data), SqliteRecord.load(data, tmp_path / "moved.db", FixedKeys())):
        assert moved.digest() == digest
        assert moved.chart(name).erased
        assert len(list(moved.journal())) == len(list(record.journal()))
        assert [p.id for p in moved.people()] == [p.id for p in record.people()]
        with pytest.raises(NotFound):
            put(moved, "late", Changes(), name)
        moved.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_crash_at_every_write_heals(kind: str, tmp_path: Path) -> None:
    """Killed anywhere, an erasure is done in the end, whether the same call comes again or only a new start."""
    whole = Killed(kind, tmp_path / "whole", None)
    assert erase(whole.record)
    expected = whole.end()
    assert len(whole.probe.names) >= 3
    for nth, again in chain.from_iterable(((n, True), (n, False)) for n in range(len(whole.probe.names))):
        killed = Killed(kind, tmp_path / f"{nth}-{again}", nth)
        with pytest.raises(Crash):
            erase(killed.record)
        record = killed.restart()
        if again:
            erase(record)
        elif not record.chart("anna").erased:
            # It died before it began: nothing at all has changed.
            assert record.committed("anna", "erase:anna") is False
            assert (len(list(record.messages("anna"))), len(list(record.journal("anna")))) == (2, 2)
            erase(record)
        assert killed.end() == expected, whole.probe.names[nth]


class Killed:
    """A record with everything in it, to be killed at its nth write from now on."""

    def __init__(self, kind: str, folder: Path, nth: int | None) -> None:
        folder.mkdir(parents=True)
        self.store, self.probe = Store(kind, folder), CrashAt(nth)
        record = self.store.open()
        live(record)
        self.record = self.store.reopen(record, self.probe)

    def restart(self) -> AnyRecord:
        self.record = self.store.reopen(self.record)
        self.record.recover()
        return self.record

    def end(self) -> tuple[str, list[object]]:
        """What it all comes to, which must open no more."""
        record = self.restart()
        is_gone(record)
        assert record.recover() == 0
        if isinstance(record, Chained):
            assert verify(record).sound
            rows = record.sealing.keyring.table.keys_of(record.sealing.name("person", "anna"))
            assert [row.generation for row in rows] == [0]
        told = record.digest(), of_nia(record)
        self.store.close()
        return told


# What is particular to the file.


def test_keys_restored_from_a_backup_are_destroyed_again(tmp_path: Path) -> None:
    """A backup of the keys file from before the erasure revives nothing of this record: its rows are gone."""
    path, keys = tmp_path / "record.db", tmp_path / "record.db.keys"
    record = SqliteRecord(path, FixedKeys())
    live(record)
    record.close()
    shutil.copy(keys, tmp_path / "backup.keys")
    record = SqliteRecord(path, FixedKeys())
    erase(record)
    record.close()
    shutil.copy(tmp_path / "backup.keys", keys)
    record = SqliteRecord(path, FixedKeys())
    is_gone_but_for_its_last_entry(record)
    assert record.recover() == 1
    is_gone(record)
    assert record.recover() == 0
    record.close()


def test_a_backup_of_the_file_restored_after_an_erasure_is_erased_again(tmp_path: Path) -> None:
    """The rows are back, their keys are not: without a word to anybody they would stand in every worker's way."""
    path, backup = tmp_path / "record.db", tmp_path / "backup.db"
    record = SqliteRecord(path, FixedKeys())
    live(record)
    record.close()
    shutil.copy(path, backup)
    record = SqliteRecord(path, FixedKeys())
    erase(record)
    record.close()
    shutil.copy(backup, path)
    record = SqliteRecord(path, FixedKeys())
    before = of_nia(record)
    with pytest.raises(NotFound, match="erased"):
        record.chart("anna")
    assert record.recover() == 1
    assert (record.recover(), of_nia(record)) == (0, before)
    assert record.chart("anna").erased
    assert record.chart("anna").revision == 3
    assert list(record.journal("anna")) == list(record.messages("anna")) == list(record.accesses("anna")) == []
    assert "anna" not in {p.id for p in record.people()}
    assert record.holders(SMS, "+1") == ()
    assert verify(record).sound
    # But for what stood in the queue of the number itself: whose it was, only the person's own row said.
    mine = ["anna:address"]
    assert claimed(record) == [*mine, "nia/c", "nia/held", "nia/later", "nia/weigh/wombat", *NIAS, "shared"]
    record.close()


def is_gone_but_for_its_last_entry(record: SqliteRecord) -> None:
    """With the old keys, the entry that says who erased opens; it holds nothing of the person but their id."""
    (last,) = record.journal("anna")
    assert (last.kind, last.actor, last.changes) == ("erase", "operator", ERASURE)
    assert WORDS.encode() not in record.dump()
    assert list(record.messages("anna")) == list(record.accesses("anna")) == []
    assert record.chart("anna").erased


def test_not_even_sealed_is_anything_left_in_the_file(tmp_path: Path) -> None:
    """Codes are sealed with their recipient's key and messages from an address with its own, which both live on."""
    path = tmp_path / "record.db"
    record = SqliteRecord(path, FixedKeys())
    live(record)
    owner, queue = (record.sealing.name("person", name) for name in ("anna", "sms:+1"))
    sealed = {
        "message": "SELECT body FROM inbox WHERE owner = ?",
        "code": "SELECT body FROM code WHERE subject = ?",
        "journal": "SELECT body FROM journal WHERE subject = ?",
        "vitals": "SELECT body FROM vitals WHERE subject = ?",
        "person": "SELECT body FROM person WHERE id = ?",
        "outbox": "SELECT body FROM outbox WHERE subject = ?",
        "due": "SELECT body FROM due WHERE subject = ?",
        "access": "SELECT body FROM access WHERE subject = ?",
    }
    bodies = [
        (what, body)
        for what, select in sealed.items()
        for name in (owner, queue)
        for (body,) in record._connection.execute(select, (name,))
    ]
    assert {what for what, _ in bodies} == set(sealed)
    # Cells move when a page fills; what was moved away from must not stay behind either.
    for n in range(200):
        put(record, f"more-{n}", Changes(notes=("x" * 300,)), "nia")
    erase(record)
    files = [file.read_bytes() for file in tmp_path.iterdir()]
    assert [what for what, body in bodies if any(body in data for data in files)] == []
    record.close()


def test_two_processes_of_which_one_does_not_know_yet(tmp_path: Path) -> None:
    one, other = (SqliteRecord(tmp_path / "record.db", FixedKeys()) for _ in range(2))
    live(one)
    # The other one has the key at work, so that it could still seal.
    assert other.keep(message("anna:0", "anna", text=WORDS))
    stale = other.chart("anna")
    assert erase(one)
    with pytest.raises(NotFound):
        other.keep(message("anna:3", "anna", text=WORDS))
    with pytest.raises(NotFound):
        other.commit(stale, "late", "test", "tester", Changes(notes=(WORDS,)), NOW)
    is_gone(other)
    assert claimed(other) == claimed_without_anna(tmp_path)
    one.close()
    other.close()


def claimed_without_anna(folder: Path) -> list[str]:
    record = SqliteRecord(folder / "calm.db", FixedKeys())
    live(record)
    erase(record)
    found = claimed(record)
    record.close()
    return found

"""Changing keys under a record at work: old and new read all the while, and any crash leaves what a rerun completes."""

import os
from dataclasses import replace

import pytest

from bot.keys import renew
from data.errors import BadFile, NotFound
from data.sealing.keyring import HOUSE, KEK, Keyring
from data.sealing.rotation import rewrap, rotate, rotate_owner, status, verify
from data.sealing.sealing import Sealing
from data.sealing.wrapping import wrapped_row
from integrations import key_file
from integrations.file_keystore import FileKeyStore, fresh_line
from tests.sealing.tables import Crash, MemoryKeys, ProbedKeys, fresh_root

OWNERS = [f"owner{n:017}" for n in range(5)]


class CrashAt:
    """Crashes at the nth call."""

    def __init__(self, nth=None):
        self.nth, self.calls = nth, 0

    def __call__(self, step):
        if step != "read":
            self.calls += 1
            if self.calls - 1 == self.nth:
                raise Crash


def record(store, table):
    """Something sealed for each owner, two generations for the first and nothing left of the last."""
    sealing = Sealing(store, table)
    sealed = {}
    for owner in OWNERS:
        sealed[owner] = [sealing.seal("note", owner, "1", owner.encode())]
    sealing.keyring.add(OWNERS[0], 2)
    sealed[OWNERS[0]].append(sealing.seal("note", OWNERS[0], "1", OWNERS[0].encode()))
    sealing.shred(OWNERS[-1])
    return sealed, sealing.name("person", "anna")


def opens(store, table, sealed, name):
    """Everything reads, nobody erased came back, names stand, and a new owner can be sealed for."""
    sealing = Sealing(store, table)
    assert sealing.name("person", "anna") == name
    for owner in OWNERS[:-1]:
        for value in sealed[owner]:
            assert sealing.unseal("note", owner, "1", value) == owner.encode()
        assert sealing.unseal("note", owner, "2", sealing.seal("note", owner, "2", b"new")) == b"new"
    with pytest.raises(NotFound):
        sealing.unseal("note", OWNERS[-1], "1", sealed[OWNERS[-1]][0])
    with pytest.raises(NotFound):
        sealing.seal("note", OWNERS[-1], "1", b"")


def test_status_counts_and_opens_nothing():
    store, table = fresh_root(), MemoryKeys()
    record(store, table)
    found = status(table)
    assert [(k.number, k.root, k.wraps) for k in found.keks] == [(1, store.active(), 6)]
    assert (found.house, found.owners, found.data_keys, found.erased, found.waiting) == (True, 4, 5, 1, 0)
    rotate(Keyring(store, table))
    assert status(table).waiting == 6
    assert status(MemoryKeys()).keks == ()


def test_after_a_rotation_both_keys_read_and_new_owners_come_under_the_new():
    store, table = fresh_root(), MemoryKeys()
    sealed = record(store, table)
    before = Sealing(store, table)
    assert rotate(Keyring(store, table)) == 2
    opens(store, table, *sealed)
    # One that has been at work since before the rotation follows.
    before.seal("note", "newcomer", "1", b"")
    assert table.rows["newcomer", 1].under == "2"
    assert {table.rows[owner, 1].under for owner in OWNERS[:-1]} == {"1"}


def test_rewrap_moves_all_removes_the_idle_and_is_idempotent():
    store, table = fresh_root(), MemoryKeys()
    sealed = record(store, table)
    old = MemoryKeys(table.keys())
    keyring = Keyring(store, table)
    rotate(keyring)
    rotate(keyring)
    steps = list(rewrap(keyring))
    assert len(steps) == 6
    assert not any(step.problem for step in steps)
    assert [k.number for k in status(table).keks] == [3]
    assert status(table).waiting == 0
    opens(store, table, *sealed)
    assert list(rewrap(Keyring(store, table))) == []
    assert verify(store, table).problems == []
    assert verify(store, table).tried == 7
    # A backup of the table from before opens for itself, but with the new key-encryption key only it does not.
    opens(store, old, *sealed)
    old.rows[KEK, 3] = table.rows[KEK, 3]
    del old.rows[KEK, 1]
    with pytest.raises(BadFile):
        Keyring(store, old)


def test_rewrap_that_is_stopped_goes_on_from_there():
    store, table = fresh_root(), MemoryKeys()
    sealed = record(store, table)
    rotate(Keyring(store, table))
    for left in (5, 4, 3):
        next(rewrap(Keyring(store, table)))
        assert status(table).waiting == left
        opens(store, table, *sealed)
    assert len(list(rewrap(Keyring(store, table)))) == 3


def test_a_key_that_does_not_open_is_left_with_what_wraps_it_and_named():
    store, table = fresh_root(), MemoryKeys()
    record(store, table)
    table.rows[OWNERS[1], 1] = replace(table.rows[OWNERS[1], 1], check=b"notright")
    broken = table.rows[OWNERS[1], 1]
    keyring = Keyring(store, table)
    rotate(keyring)
    problems = [step.problem for step in rewrap(keyring) if step.problem]
    assert len(problems) == 1
    assert f"key 1 of {OWNERS[1]}" in problems[0]
    assert table.rows[OWNERS[1], 1] == broken
    assert [k.number for k in status(table).keks] == [1, 2]
    assert [p for p in verify(store, table).problems if f"key 1 of {OWNERS[1]}" in p]
    assert len(verify(store, table).problems) == 1


def test_a_new_data_key_of_one_patient():
    store, table = fresh_root(), MemoryKeys()
    sealing = Sealing(store, table)
    old = sealing.seal("note", OWNERS[0], "1", b"x")
    assert rotate_owner(sealing.keyring, OWNERS[0]) == 2
    assert rotate_owner(Keyring(store, table), OWNERS[0]) == 3
    again = Sealing(store, table)
    assert again.seal("note", OWNERS[0], "1", b"x")[1:3] == b"\0\3"
    assert again.unseal("note", OWNERS[0], "1", old) == b"x"
    again.shred(OWNERS[0])
    with pytest.raises(NotFound):
        rotate_owner(again.keyring, OWNERS[0])


# The root changes too, in a file.


def file_store(folder, name="master.key"):
    path = folder / name
    if not path.exists():
        key_file.create(path, fresh_line()[1])
    return FileKeyStore.of_file(path)


def change_all(folder, table, probe):
    """What `phms keys rotate` and `phms keys rewrap` do, from the start."""
    store = file_store(folder)
    keyring = Keyring(store, ProbedKeys(table, probe))
    renew(store, keyring, probe)
    for _ in rewrap(keyring):
        pass


def test_a_whole_change_leaves_the_old_root_needless(tmp_path):
    table, store = MemoryKeys(), file_store(tmp_path)
    sealed = record(store, table)
    old = store.active()
    change_all(tmp_path, table, CrashAt())
    store = file_store(tmp_path)
    assert store.roots() == (store.active(), old)
    assert status(table).roots == (store.active(),)
    opens(store, table, *sealed)
    # Without the old root's line too.
    path = tmp_path / "master.key"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith(old)))
    opens(file_store(tmp_path), table, *sealed)


def test_whatever_write_crashes_the_record_opens_and_a_rerun_completes(tmp_path):
    """Every write of the table (before and after it) and of the file of root keys, one crash each."""
    for nth in range(1000):
        folder = tmp_path / str(nth)
        folder.mkdir()
        table, store = MemoryKeys(), file_store(folder)
        sealed = record(store, table)
        try:
            change_all(folder, table, CrashAt(nth))
        except Crash:
            opens(file_store(folder), table, *sealed)
            assert verify(file_store(folder), table).problems == []
        else:
            break
        finish(folder, table, sealed)
        assert len(file_store(folder).roots()) <= 3
        assert [f.name for f in folder.iterdir()] == ["master.key"]
    assert nth == 19


def test_whatever_two_writes_crash_the_record_opens_and_a_rerun_completes(tmp_path):
    """The rerun crashes as well, at every third of its writes."""
    for nth in range(0, 40, 2):
        for second in range(0, 40, 3):
            folder = tmp_path / f"{nth}-{second}"
            folder.mkdir()
            table, store = MemoryKeys(), file_store(folder)
            sealed = record(store, table)
            for moment in (nth, second):
                try:
                    change_all(folder, table, CrashAt(moment))
                except Crash:
                    opens(file_store(folder), table, *sealed)
            finish(folder, table, sealed)


def finish(folder, table, sealed):
    change_all(folder, table, CrashAt())
    store = file_store(folder)
    assert status(table).waiting == 0
    assert status(table).roots == (store.active(),)
    assert len(status(table).keks) == 1
    opens(store, table, *sealed)


def test_a_new_root_alone_takes_over_the_key_encryption_key_whatever_crashes():
    """As after a new key was put in front of those in the variable."""
    lines = [fresh_line()[1] for _ in range(2)]
    old, both = FileKeyStore.of_text(lines[1], "old"), FileKeyStore.of_text(",".join(lines), "both")
    new = FileKeyStore.of_text(lines[0], "new")
    for nth in range(1000):
        table = MemoryKeys()
        sealed = record(old, table)
        try:
            for _ in rewrap(Keyring(both, ProbedKeys(table, CrashAt(nth)))):
                pass
        except Crash:
            opens(both, table, *sealed)
            assert verify(both, table).problems == []
        else:
            break
        assert len(list(rewrap(Keyring(both, table)))) <= 1
        assert status(table).roots == (new.active(),)
        opens(new, table, *sealed)
        assert verify(new, table).problems == []
    assert nth == 2


def test_a_rotation_that_was_cut_off_does_not_add_another_root(tmp_path):
    table, store = MemoryKeys(), file_store(tmp_path)
    record(store, table)
    store.renew()
    assert len(store.roots()) == 2
    root, number, new = renew(store, Keyring(store, table))
    assert (root, number, new) == (store.active(), 2, True)
    assert len(file_store(tmp_path).roots()) == 2


def test_a_process_at_work_takes_a_new_root_from_the_file(tmp_path):
    table, store = MemoryKeys(), file_store(tmp_path)
    record(store, table)
    at_work = Sealing(store, table)
    change_all(tmp_path, table, CrashAt())
    sealed = at_work.seal("note", "newcomer", "1", b"x")
    assert table.rows["newcomer", 1].under == "2"
    assert Sealing(file_store(tmp_path), table).unseal("note", "newcomer", "1", sealed) == b"x"
    at_work.keyring.forget()
    assert at_work.unseal("note", "newcomer", "1", sealed) == b"x"


def test_a_process_without_the_new_root_goes_on_with_the_old_key_as_long_as_it_is_there():
    lines = [fresh_line()[1] for _ in range(2)]
    old, both = FileKeyStore.of_text(lines[0], "old"), FileKeyStore.of_text(",".join(reversed(lines)), "both")
    table = MemoryKeys()
    at_work = Sealing(old, table)
    rotate(Keyring(both, table))
    at_work.seal("note", OWNERS[0], "1", b"")
    assert table.rows[OWNERS[0], 1].under == "1"
    list(rewrap(Keyring(both, table)))
    assert [k.number for k in status(table).keks] == [2]
    with pytest.raises(BadFile, match="lacks the root key"):
        at_work.seal("note", OWNERS[1], "1", b"")
    assert table.keys_of(OWNERS[1]) == ()
    with pytest.raises(BadFile, match="lacks the root key"):
        Sealing(old, table)
    assert verify(both, table).problems == []


def test_a_key_made_while_a_rewrap_passes_by_is_not_lost():
    """Between any two calls of one who makes an owner's first key, somebody rotates and rewraps everything."""
    store, moment, happened = fresh_root(), 0, True
    while happened:
        table, calls, happened = MemoryKeys(), 0, False
        Keyring(store, table)

        def probe(step, table=table, moment=moment):
            nonlocal calls, happened
            calls += 1
            if calls == moment + 1:
                happened = True
                other = Keyring(store, table)
                rotate(other)
                list(rewrap(other))

        at_work = Keyring(store, table)
        at_work.table = at_work.keks.table = ProbedKeys(table, probe)
        key = os.urandom(8)
        generation, aes = at_work.newest(OWNERS[0])
        value = aes.encrypt(b"n" * 12, key, None)
        again = Keyring(store, table).key(OWNERS[0], generation)
        assert again.decrypt(b"n" * 12, value, None) == key
        moment += 1
    assert moment > 5


def test_a_key_read_while_a_rewrap_passes_by_opens():
    """Between any two calls of one who reads a key, somebody rotates, rewraps and removes what wrapped it."""
    store, moment, happened = fresh_root(), 0, True

    def change(table):
        other = Keyring(store, table)
        rotate(other)
        list(rewrap(other))

    while happened:
        table, calls, happened = MemoryKeys(), 0, False
        Keyring(store, table).newest(OWNERS[0])
        at_work = Keyring(store, table)
        # What wraps the key now was not there when `at_work` began.
        change(table)

        def probe(step, table=table, moment=moment):
            nonlocal calls, happened
            calls += 1
            if calls == moment + 1:
                happened = True
                change(table)

        at_work.table = at_work.keks.table = ProbedKeys(table, probe)
        assert at_work.newest(OWNERS[0])[0] == 1
        moment += 1
    assert moment > 2


def test_a_key_left_behind_by_a_process_that_died_is_moved_at_the_last_moment():
    """It had read which key wraps before the rotation, and put its row when all others had been moved."""

    class Late(MemoryKeys):
        def remove_key(self, owner, generation):
            assert self.put_key(wrapped_row(old, 1, "latecomer", 1, b"k" * 32))
            super().remove_key(owner, generation)

    store, table = fresh_root(), Late()
    record(store, table)
    keyring = Keyring(store, table)
    old = keyring.keks.get(1)
    rotate(keyring)
    list(rewrap(keyring))
    assert table.rows["latecomer", 1].under == "2"
    assert Keyring(store, table).newest("latecomer")[0] == 1


def test_an_owner_erased_while_a_rewrap_passes_by_stays_erased():
    store, table = fresh_root(), MemoryKeys()
    record(store, table)
    keyring = Keyring(store, table)
    rotate(keyring)
    for step in rewrap(keyring):
        if OWNERS[0] in step.moved:
            table.shred(OWNERS[1])
    assert [row.generation for row in table.keys_of(OWNERS[1])] == [0]
    assert verify(store, table).problems == []


# What verify finds.


def test_verify_names_what_is_wrong_by_owner_and_generation():
    store, table = fresh_root(), MemoryKeys()
    record(store, table)
    whole = dict(table.rows)

    def told():
        return "\n".join(verify(store, table).problems)

    assert verify(store, table).problems == []
    assert "root" in "\n".join(verify(fresh_root(), table).problems)
    table.rows[OWNERS[0], 2] = replace(whole[OWNERS[0], 2], wrapped=whole[OWNERS[0], 1].wrapped)
    assert f"key 2 of {OWNERS[0]}" in told()
    table.rows = whole | {(OWNERS[2], 1): replace(whole[OWNERS[2], 1], under="7")}
    assert f"key 1 of {OWNERS[2]}: key-encryption key 7" in told()
    table.rows = {key: row for key, row in whole.items() if key[0] != HOUSE}
    assert told() == "the house secret does not open; restore the table of keys"
    table.rows = {key: row for key, row in whole.items() if key[0] != KEK}
    assert len(verify(store, table).problems) == 7
    assert verify(store, MemoryKeys()).problems == ["the house secret does not open; restore the table of keys"]

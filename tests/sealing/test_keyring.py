"""The keyring: which keys it makes, opens and refuses, alone and beside other keyrings on the same table."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from data.errors import BadFile, BadInput, NotFound, Unavailable
from data.sealing import keks, keyring, rotation
from data.sealing.keyring import HOUSE, KEK, Keyring
from data.sealing.sealing import Sealing
from data.sealing.wrapping import KeyRow, wrapped_row
from tests.sealing.tables import Crash, MemoryKeys, ProbedKeys, fresh_root

ANNA, BEN = "a" * 22, "b" * 22


@pytest.fixture
def root():
    return fresh_root()


@pytest.fixture
def table():
    return MemoryKeys()


def flipped(content, bit):
    altered = bytearray(content)
    altered[bit // 8] ^= 1 << bit % 8
    return bytes(altered)


# What is wrong is refused, and nothing is made anew over it.


def test_another_root_is_refused_and_nothing_is_written(root, table):
    Keyring(root, table).newest(ANNA)
    before = dict(table.rows)
    with pytest.raises(BadFile, match="root"):
        Keyring(fresh_root(), table)
    assert table.rows == before


def test_every_flipped_bit_of_a_wrapped_key_or_check_value_is_refused(root, table):
    ring = Keyring(root, table)
    number = ring.newest(ANNA)[0]
    for owner, generation in ((ANNA, number), (HOUSE, 1), (KEK, 1)):
        row = table.rows[owner, generation]
        for part in ("wrapped", "check"):
            for bit in range(len(getattr(row, part)) * 8):
                table.rows[owner, generation] = replace(row, **{part: flipped(getattr(row, part), bit)})
                with pytest.raises(BadFile):
                    Keyring(root, table).newest(ANNA)
        table.rows[owner, generation] = row
    Keyring(root, table).newest(ANNA)


@pytest.mark.parametrize("under", ["", "0", "2", "-1", "1 ", "one", "①", "999999"])
def test_a_row_under_something_else_is_refused(root, table, under):
    Keyring(root, table).newest(ANNA)
    table.rows[ANNA, 1] = replace(table.rows[ANNA, 1], under=under)
    with pytest.raises(BadFile):
        Keyring(root, table).newest(ANNA)


def test_swapped_wrapped_keys_are_refused(root, table):
    ring = Keyring(root, table)
    for owner in (ANNA, BEN):
        ring.newest(owner)
    ring.add(ANNA, 2)
    rows = dict(table.rows)
    for to, of in (((ANNA, 1), (BEN, 1)), ((ANNA, 2), (ANNA, 1)), ((ANNA, 1), (HOUSE, 1)), ((HOUSE, 1), (ANNA, 1))):
        for taken in ({"wrapped": rows[of].wrapped}, {"wrapped": rows[of].wrapped, "check": rows[of].check}):
            table.rows = {**rows, to: replace(rows[to], **taken)}
            with pytest.raises(BadFile):
                Keyring(root, table).key(*to)
    table.rows = rows


@pytest.mark.parametrize("lost", [HOUSE, KEK])
def test_a_table_restored_by_halves_is_refused(root, table, lost):
    Keyring(root, table).newest(ANNA)
    del table.rows[lost, 1]
    before = dict(table.rows)
    with pytest.raises(BadFile, match="missing"):
        Keyring(root, table)
    assert table.rows == before


def test_a_table_of_data_keys_alone_or_of_erased_owners_alone_is_refused(root, table):
    ring = Keyring(root, table)
    ring.newest(ANNA)
    ring.newest(BEN)
    ring.shred(BEN)
    for kept in (ANNA, BEN):
        part = MemoryKeys(table.keys_of(kept))
        before = dict(part.rows)
        with pytest.raises(BadFile, match="missing"):
            Keyring(root, part)
        assert part.rows == before


def test_a_house_secret_that_was_destroyed_or_doubled_is_refused(root, table):
    Keyring(root, table)
    house = table.rows[HOUSE, 1]
    for rows in ({(HOUSE, 0): replace(house, generation=0)}, {(HOUSE, 2): replace(house, generation=2)}):
        with pytest.raises(BadFile):
            Keyring(root, MemoryKeys(iter((*table.keys(), *rows.values()))))


@pytest.mark.parametrize("head", [b"\0", b"\1" + b"\0" * 16, b"\2", b""])
def test_a_key_encryption_key_that_somebody_else_made_is_refused(root, table, head):
    """For a key vault anyone with its public key can wrap: that alone must not make a key one of this record's."""
    at_work, key = Keyring(root, table), b"k" * 32
    wrapped = head + root.wrap(key, keks.context(2))
    while not head and wrapped[0] <= 2:
        # What the root gives begins with a random byte; one that looks like a mark of ours is the cases above.
        wrapped = root.wrap(key, keks.context(2))
    forged = KeyRow(owner=KEK, generation=2, under=root.active(), wrapped=wrapped, check=keyring.check_value(key))
    table.rows[KEK, 2] = forged
    with pytest.raises(BadFile, match="key-encryption key 2 was"):
        Keyring(root, table)
    assert any("key-encryption key 2 was" in problem for problem in rotation.verify(root, table).problems)
    # One that was at work before goes on with its own, and opens nothing that the forged one wraps.
    at_work.newest(ANNA)
    assert table.rows[ANNA, 1].under == "1"
    table.rows[BEN, 1] = wrapped_row(AESGCM(key), 2, BEN, 1, b"b" * 32)
    with pytest.raises(BadFile, match="key-encryption key 2 was"):
        at_work.newest(BEN)


def test_only_owners_that_are_people_get_and_lose_keys(root, table):
    ring = Keyring(root, table)
    for wrong in (lambda: ring.shred(HOUSE), lambda: ring.shred(KEK), lambda: ring.add(HOUSE, 2)):
        with pytest.raises(BadInput):
            wrong()
    for generation in (0, -1, 65_536):
        with pytest.raises(BadInput):
            ring.add(ANNA, generation)
    ring.add(ANNA, 65_535)
    assert ring.newest(ANNA)[0] == 65_535


# Erasing.


def test_an_erased_owner_never_gets_a_key_again(root, table):
    ring = Keyring(root, table)
    ring.newest(ANNA)
    ring.add(ANNA, 2)
    assert ring.shred(ANNA) == 2
    assert ring.shred(ANNA) == 0
    for again in (ring, Keyring(root, table)):
        for use in (lambda r: r.newest(ANNA), lambda r: r.key(ANNA, 1), lambda r: r.add(ANNA, 3)):
            with pytest.raises(NotFound, match="erased"):
                use(again)
    assert [row.generation for row in table.keys_of(ANNA)] == [0]


def test_a_keyring_that_had_the_key_at_work_loses_it_when_it_forgets(root, table):
    sealing, other = Sealing(root, table), Sealing(root, table)
    sealed = sealing.seal("note", ANNA, "1", b"x")
    assert other.unseal("note", ANNA, "1", sealed) == b"x"
    sealing.shred(ANNA)
    for forget in (lambda: other.keyring.forget(BEN), lambda: other.keyring.forget(ANNA)):
        forget()
    for use in (lambda: other.unseal("note", ANNA, "1", sealed), lambda: other.seal("note", ANNA, "1", b"")):
        with pytest.raises(NotFound):
            use()


def test_a_key_at_work_is_read_again_after_five_minutes(root, table):
    seconds = [0.0]
    ring = Keyring(root, table, monotonic=lambda: seconds[0])
    ring.newest(ANNA)
    table.shred(ANNA)
    seconds[0] = 299.0
    assert ring.newest(ANNA)[0] == 1
    seconds[0] = 300.0
    for use in (lambda: ring.newest(ANNA), lambda: ring.key(ANNA, 1)):
        with pytest.raises(NotFound, match="erased"):
            use()


def test_after_five_minutes_a_key_is_read_once_more_and_not_every_time(root, table):
    seconds, reads = [0.0], []
    ring = Keyring(root, ProbedKeys(table, reads.append), monotonic=lambda: seconds[0])
    ring.newest(ANNA)
    seconds[0] = 301.0
    reads.clear()
    for _ in range(3):
        ring.newest(ANNA)
        ring.key(ANNA, 1)
    assert len(reads) == 1


class ShreddingMeanwhile(Keyring):
    """Once armed, another thread shreds an owner while their row, read already, is being opened."""

    armed = False

    def open(self, row):
        key = super().open(row)
        if self.armed:
            self.shred(row.owner)
        return key


@pytest.mark.parametrize("use", [lambda ring: ring.newest(ANNA), lambda ring: ring.key(ANNA, 1)])
def test_a_key_destroyed_while_it_was_being_opened_is_not_put_to_work(root, table, use):
    ring = ShreddingMeanwhile(root, table)
    ring.newest(ANNA)
    ring.forget()
    ring.armed = True
    with pytest.raises(NotFound, match="erased"):
        use(ring)


# Beside others.


def test_only_so_many_keys_are_at_work(root, table, monkeypatch):
    monkeypatch.setattr(keyring, "_KEPT", 10)
    sealing = Sealing(root, table)
    sealed = {str(n): sealing.seal("note", str(n), "1", b"%d" % n) for n in range(40)}
    assert len(sealing.keyring._known) == 10
    assert all(sealing.unseal("note", owner, "1", value) == owner.encode() for owner, value in sealed.items())


def test_an_older_generation_that_is_broken_does_not_hold_up_the_newest(root, table):
    sealing = Sealing(root, table)
    sealing.seal("note", ANNA, "1", b"")
    sealing.keyring.add(ANNA, 2)
    table.rows[ANNA, 1] = replace(table.rows[ANNA, 1], check=b"12345678")
    again = Sealing(root, table)
    assert again.unseal("note", ANNA, "1", again.seal("note", ANNA, "1", b"x")) == b"x"
    with pytest.raises(BadFile, match=f"key 1 of {ANNA}"):
        again.keyring.key(ANNA, 1)


def test_many_threads_and_two_keyrings_make_one_key_of_an_owner(root, table):
    rings = [Sealing(root, table), Sealing(root, table)]
    start = Barrier(8)

    def work(n):
        start.wait()
        return [rings[n % 2].seal("note", owner, "1", owner.encode()) for owner in owners]

    owners = [f"owner{n}" for n in range(50)]
    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(work, range(8)))
    third = Sealing(root, table)
    for values in sealed:
        for owner, value in zip(owners, values, strict=True):
            assert third.unseal("note", owner, "1", value) == owner.encode()
    assert all(len(table.keys_of(owner)) == 1 for owner in owners)


def test_whatever_the_moment_two_who_open_an_empty_table_share_its_house(root):
    """B opens the whole table between any two calls of A."""
    moments = 0
    while True:
        table, calls, others = MemoryKeys(), 0, []

        def probe(step, table=table, moment=moments, others=others):
            nonlocal calls
            calls += 1
            if calls == moment + 1:
                others.append(Keyring(root, table))
                others[0].newest(ANNA)

        first = Keyring(root, ProbedKeys(table, probe))
        if not others:
            break
        assert first.house == others[0].house == Keyring(root, table).house
        assert len(table.keys_of(KEK)) == len(table.keys_of(HOUSE)) == 1
        moments += 1
    assert moments > 5


def test_whatever_write_crashes_an_empty_table_can_be_opened_again(root):
    for moment in range(100):
        table, calls = MemoryKeys(), 0

        def probe(step, moment=moment):
            nonlocal calls
            calls += 1
            if calls == moment + 1:
                raise Crash

        try:
            Keyring(root, ProbedKeys(table, probe))
        except Crash:
            assert Keyring(root, table).house == Keyring(root, table).house
            assert rotation.verify(root, table).problems == []
        else:
            break
    assert moment > 5


WORKER = """
import sys
from pathlib import Path
from data.record.sqlite_keys import SqliteKeys
from data.sealing.keyring import Keyring, check_value
from integrations.file_keystore import FileKeyStore
root, path = FileKeyStore.of_file(Path(sys.argv[1])), Path(sys.argv[2])
sys.stdin.read(1)
ring = Keyring(root, SqliteKeys(path))
ring.newest("a" * 22)
print(check_value(ring.house).hex())
"""


def test_processes_that_open_an_empty_table_at_once_share_its_house(tmp_path):
    from integrations.file_keystore import fresh_line
    from integrations.key_file import create

    create(tmp_path / "master.key", fresh_line()[1])
    for attempt in range(3):
        command = [sys.executable, "-c", WORKER, str(tmp_path / "master.key"), str(tmp_path / f"{attempt}.keys")]
        workers = [subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1, text=True) for _ in range(4)]
        for worker in workers:
            worker.stdin.write("x")
            worker.stdin.flush()
        told = [worker.communicate(timeout=60) for worker in workers]
        assert [worker.returncode for worker in workers] == [0] * 4, told
        assert len({out for out, _ in told}) == 1


def test_a_root_that_does_not_answer_is_unavailable_and_an_open_keyring_goes_on(root, table):
    class Away:
        def active(self):
            return root.active()

        def wrap(self, *told):
            raise Unavailable("the vault does not answer")

        unwrap = wrap

    ring = Keyring(root, table)
    with pytest.raises(Unavailable):
        Keyring(Away(), table)
    ring.keks.store = ring.store = Away()
    ring.forget()
    assert ring.newest(ANNA)[0] == 1
    assert table.keys_of(ANNA)[0].under == "1"

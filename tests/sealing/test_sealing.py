"""Sealed values open only with their key, unaltered, in their place; names and digests tell nothing and stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import BadFile, NotFound, PhmsError
from data.sealing import codec
from data.sealing.sealing import Sealing
from tests.sealing.tables import MemoryKeys, fresh_root

SEALING = Sealing(fresh_root(), MemoryKeys())
ANNA, BEN = SEALING.name("person", "anna"), SEALING.name("person", "ben")
PLACE = st.text(max_size=20)


@given(st.binary(max_size=400), PLACE, PLACE)
def test_what_is_sealed_opens_in_its_place(body, table, row):
    sealed = SEALING.seal(table, ANNA, row, body)
    assert SEALING.unseal(table, ANNA, row, sealed) == body
    assert len(sealed) == len(body) + codec.OVERHEAD


@given(st.binary(max_size=60), st.data())
def test_every_flipped_bit_is_refused(body, data):
    sealed = bytearray(SEALING.seal("note", ANNA, "1", body))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises((BadFile, NotFound)):
        SEALING.unseal("note", ANNA, "1", bytes(sealed))


def test_every_bit_of_one_value_is_refused_when_flipped():
    sealed = SEALING.seal("note", ANNA, "1", b"sugar 5.4")
    for bit in range(len(sealed) * 8):
        altered = bytearray(sealed)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises((BadFile, NotFound)):
            SEALING.unseal("note", ANNA, "1", bytes(altered))


@given(st.binary(max_size=80))
def test_what_was_never_sealed_is_refused_in_our_words(junk):
    with pytest.raises(PhmsError):
        SEALING.unseal("note", ANNA, "1", junk)


@pytest.mark.parametrize("cut", [0, 1, 2, 14, 15, 30, 31])
def test_a_value_cut_short_or_made_longer_is_refused(cut):
    sealed = SEALING.seal("note", ANNA, "1", b"x")
    for wrong in (sealed[:cut], sealed[:-1], sealed + b"\0"):
        with pytest.raises(BadFile):
            SEALING.unseal("note", ANNA, "1", wrong)


def test_a_value_moved_to_another_place_is_refused():
    SEALING.seal("note", BEN, "1", b"")
    sealed = SEALING.seal("note", ANNA, "1", b"for Anna only")
    for table, owner, row in (("note", BEN, "1"), ("note", ANNA, "2"), ("chart", ANNA, "1"), ("note1", ANNA, "")):
        with pytest.raises(BadFile):
            SEALING.unseal(table, owner, row, sealed)


def test_a_value_moved_to_another_generation_is_refused():
    sealing = Sealing(fresh_root(), MemoryKeys())
    owner = sealing.name("person", "anna")
    old = sealing.seal("note", owner, "1", b"old")
    sealing.keyring.add(owner, 2)
    new = sealing.seal("note", owner, "1", b"new")
    assert codec.generation_of(old), codec.generation_of(new) == (1, 2)
    assert sealing.unseal("note", owner, "1", old) == b"old"
    for sealed, wrong in ((old, 2), (new, 1), (old, 3)):
        with pytest.raises((BadFile, NotFound)):
            sealing.unseal("note", owner, "1", sealed[:1] + wrong.to_bytes(2, "big") + sealed[3:])


@given(st.lists(PLACE, min_size=4, max_size=4), st.lists(PLACE, min_size=4, max_size=4))
def test_no_two_places_look_alike(one, other):
    assert (codec.place(*one, 1) == codec.place(*other, 1)) == (one == other)


def test_a_nonce_never_comes_twice():
    nonces = {SEALING.seal("note", ANNA, "1", b"")[3:15] for _ in range(100_000)}
    assert len(nonces) == 100_000


def test_another_record_under_the_same_root_opens_nothing():
    root, first, second = fresh_root(), MemoryKeys(), MemoryKeys()
    one, other = Sealing(root, first), Sealing(root, second)
    owner = one.name("person", "anna")
    sealed = one.seal("note", owner, "1", b"x")
    other.seal("note", owner, "1", b"y")
    with pytest.raises(BadFile):
        other.unseal("note", owner, "1", sealed)
    assert one.name("person", "anna") != other.name("person", "anna")


def test_names_are_stable_and_differ_by_kind_and_value():
    root, table = fresh_root(), MemoryKeys()
    told = [("person", "anna"), ("person", "ben"), ("address", "anna"), ("person", "per son"), ("person per", "son")]
    names = [Sealing(root, table).name(kind, value) for kind, value in told]
    assert names == [Sealing(root, table).name(kind, value) for kind, value in told]
    assert len(set(names)) == len(told)
    assert all(len(name) == 22 and "~" not in name for name in names)


@given(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8), st.text(max_size=8))
def test_no_two_names_are_the_same(kind, value, other_kind, other):
    assert (SEALING.name(kind, value) == SEALING.name(other_kind, other)) == ((kind, value) == (other_kind, other))


@given(st.lists(st.text(max_size=6), max_size=4), st.lists(st.text(max_size=6), max_size=4))
def test_a_link_is_over_every_part_and_where_it_ends(one, other):
    assert (SEALING.link(b"", *one) == SEALING.link(b"", *other)) == (one == other)


def test_a_link_is_over_the_one_before():
    first = SEALING.link(b"", "a")
    assert SEALING.link(first, "b") != SEALING.link(b"", "b")
    assert SEALING.link(b"", first, "b") != SEALING.link(first, "b")
    assert SEALING.link(b"\0\0\0\1a", "b") != SEALING.link(b"", "a", "b")


def test_digests_change_with_the_body_and_with_the_record():
    other = Sealing(fresh_root(), MemoryKeys())
    assert SEALING.digest(b"a") == SEALING.digest(b"a") != SEALING.digest(b"b")
    assert other.digest(b"a") != SEALING.digest(b"a")


def test_half_a_character_can_be_named_linked_and_bound():
    half = "\ud83d"
    assert SEALING.name("address", half) != SEALING.name("address", "?")
    assert SEALING.link(b"", half) != SEALING.link(b"", "?")
    assert SEALING.unseal("note", ANNA, half, SEALING.seal("note", ANNA, half, b"x")) == b"x"

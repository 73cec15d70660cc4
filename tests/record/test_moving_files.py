"""What a move finds out: another file, other keys, one altered value, another order; and any history survives it."""

import sqlite3
from contextlib import closing, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.errors import BadFile
from data.model.chart import Changes
from data.model.communication import SendState
from data.record.moving import TABLES, compare, digest, move
from data.record.open_moving import movable
from data.record.sqlite_moving import SqliteMovable, SqliteTarget
from tests.record.examples import LEASE, MINUTE, NOW, due, message, person, put, reading, sms
from tests.record.filled import LATER, Sealed, fill
from tests.record.places import Places, same
from tests.record.stores import Crash, CrashAt


class TestFilesOfOtherKinds:
    def test_a_file_of_something_else_is_left_alone(self, places: Places) -> None:
        source = places.record("sqlite", "source")
        fill(source)
        with closing(sqlite3.connect(places.path("target"))) as other:
            other.execute("CREATE TABLE recipes (name TEXT)")
        before = places.path("target").read_bytes()
        with pytest.raises(BadFile, match="something else"):
            places.move(source, "sqlite", "target")
        assert places.path("target").read_bytes() == before

    def test_keys_of_another_record_beside_the_target(self, places: Places) -> None:
        source, other = places.record("sqlite", "source"), places.record("sqlite", "target")
        other.close()
        places.path("target").unlink()
        with pytest.raises(BadFile, match=r"target\.db\.keys: holds the keys of another record"):
            places.move(source, "sqlite", "target")

    def test_an_empty_record_is_moved_too(self, places: Places) -> None:
        assert same(places.move(places.record("sqlite", "source"), "sqlite", "target"))
        places.record("sqlite", "target")

    def test_the_copy_is_private(self, places: Places) -> None:
        places.move(places.record("sqlite", "source"), "sqlite", "target")
        modes = {path.name: path.stat().st_mode & 0o777 for path in places.path("target").parent.glob("target*")}
        assert modes == dict.fromkeys(modes, 0o600)


ALTERED = {
    "key": "UPDATE key SET wrapped = CAST(wrapped || x'00' AS BLOB) WHERE rowid = 2",
    "inbox": "UPDATE inbox SET attempt = attempt + 1 WHERE n = 1",
    "journal": "UPDATE journal SET body = CAST(body || x'00' AS BLOB) WHERE seq = 3",
    "chart": "UPDATE chart SET link = x'00' WHERE n = 1",
    "vitals": "UPDATE vitals SET band = band + 1 WHERE rowid = 1",
    "outbox": "UPDATE outbox SET not_before = not_before + 1 WHERE n = 2",
    "due": "UPDATE due SET due_at = due_at + 1 WHERE n = 1",
    "person": "UPDATE address SET address = 'x' WHERE place = 1",
    "code": "UPDATE code SET given_at = given_at + 1 WHERE n = 1",
    "access": "UPDATE access SET digest = x'01' WHERE n = 2",
    "anchor": "UPDATE anchor SET upto = '9/9' WHERE number = 1",
}
SWAPPED = {
    "inbox": "UPDATE inbox SET n = CASE n WHEN 4 THEN 99 ELSE n END",
    "journal": "UPDATE journal SET seq = CASE seq WHEN 2 THEN 99 ELSE seq END",
    "person": "UPDATE person SET n = CASE n WHEN 2 THEN 99 ELSE n END",
}


class TestTheDigest:
    @pytest.mark.parametrize("table", TABLES)
    def test_one_changed_value_shows_in_its_table_alone(self, table: str, places: Places) -> None:
        self.is_found(places, table, ALTERED[table])

    @pytest.mark.parametrize("table", SWAPPED)
    def test_another_order_shows(self, table: str, places: Places) -> None:
        self.is_found(places, table, SWAPPED[table])

    @staticmethod
    def is_found(places: Places, table: str, statement: str) -> None:
        source = places.record("sqlite", "source")
        fill(source)
        places.move(source, "sqlite", "target")
        path = places.path("target")
        path = path.with_name(f"{path.name}.keys") if table == "key" else path
        with closing(sqlite3.connect(path, isolation_level=None)) as file:
            assert file.execute(statement).rowcount >= 1
        target = SqliteTarget(places.path("target"))
        changed = [pair.source.table for pair in compare(SqliteMovable(source), target) if not pair.same]
        target.close()
        assert changed == [table]

    def test_a_missing_row_shows_even_with_an_equal_rest(self, places: Places) -> None:
        source = places.record("sqlite", "source")
        fill(source)
        before = digest(SqliteMovable(source), "code")
        source.reserve_code("clara", "esc-3", "anna", NOW)
        after = digest(SqliteMovable(source), "code")
        assert (after.rows, after.digest != before.digest) == (before.rows + 1, True)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["note", "sample", "send", "settle", "time", "hear", "claim", "finish", "code"]),
        st.sampled_from(["anna", "ben", "clara"]),
        st.integers(0, 5),
    ),
    max_size=25,
)


def play(record: Sealed, steps: list[tuple[str, str, int]]) -> None:
    """Any history of three people."""
    claims = []
    for number, (what, who, n) in enumerate(steps):
        event, at = f"{number}", NOW + number * MINUTE
        if what == "note":
            put(record, event, Changes(notes=(f"note {n}",), person=person(who, f"+{n}")), who, at)
        elif what == "sample":
            put(record, event, Changes(observations=(reading(60 * n, 90.0 + n),)), who, at)
        elif what in ("send", "settle"):
            state = SendState.QUEUED if what == "send" else SendState.DELIVERED
            put(record, event, Changes(communications=(sms(f"c{n}", who, state=state),)), who, at)
        elif what == "time":
            put(record, event, Changes(dues=(due(f"d{n}", who, n, done=n % 3 == 0),)), who, at)
        elif what == "hear":
            record.keep(message(f"sms:{n}", who))
        elif what == "claim":
            claims += [c[1] for c in (record.claim_message(at, LEASE), record.claim_outbox(at, LEASE)) if c]
        elif what == "finish" and claims:
            record.finish_message(claims.pop(), forget=n % 2 == 0)
        elif what == "code":
            record.reserve_code(who, f"esc-{n}", "anna", at)


@pytest.mark.usefixtures("small_pages")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, cut=st.integers(0, 60))
def test_any_history_moves_and_survives_a_crash(steps, cut, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("any")
    places = Places(folder)
    try:
        source = places.record("sqlite", "source")
        play(source, steps)
        target = places.target("sqlite", "target", movable(source), CrashAt(cut))
        with suppress(Crash):
            move(movable(source), target, LATER)
        target.close()
        assert same(places.move(source, "sqlite", "target"))
        copy = places.record("sqlite", "target")
        assert copy.digest() == source.digest()
        assert copy.next_at(LATER) == source.next_at(LATER)
    finally:
        places.close()

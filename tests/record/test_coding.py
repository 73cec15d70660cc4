"""Everything that is stored comes back exactly."""

import math
import subprocess
import sys
from dataclasses import is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import BadFile, BadInput
from data.model.audit import Entry
from data.model.chart import Changes, Chart
from data.model.communication import Communication
from data.model.conversation import RawMessage
from data.model.observation import Observation
from data.model.people import Person
from data.model.plan import Due
from data.record.coding import decode, decode_all, encode, encode_checked, instant, micros, span
from tests.record.examples import NOW, due, reading

INSTANTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=12),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    datetime: INSTANTS,
    date: st.dates(),
    time: st.times(),
    timedelta: st.timedeltas(timedelta(days=-400_000), timedelta(days=400_000)),
}


def anything(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a stored type, whatever its fields are."""
    origin, args = get_origin(kind), get_args(kind)
    if kind in SCALARS:
        return SCALARS[kind]
    if kind is NoneType:
        return st.none()
    if origin in (Union, UnionType):
        return st.one_of(*map(anything, args))
    if origin is tuple:
        return st.lists(anything(args[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(anything(args[0]), anything(args[1]), max_size=2)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    assert is_dataclass(kind), kind
    return st.builds(kind, **{name: anything(hint) for name, hint in get_type_hints(kind).items()})


@pytest.mark.parametrize("kind", [Entry, Chart, RawMessage, Due, Communication, Observation, Person])
def test_a_round_trip_is_exact(kind: type) -> None:
    @settings(max_examples=30, deadline=None)
    @given(thing=anything(kind))
    def check(thing: object) -> None:
        data = encode(thing)
        back = decode(data, kind)
        assert back == thing
        assert encode(back) == data
        assert encode_checked(thing) == (data, thing)

    check()


@settings(max_examples=50, deadline=None)
@given(INSTANTS, st.timedeltas(timedelta(days=-400_000), timedelta(days=400_000)))
def test_instants_and_durations_count_in_microseconds(at: datetime, duration: timedelta) -> None:
    assert instant(micros(at)) == at
    assert instant(micros(at)).tzinfo is UTC
    assert span(duration) * timedelta(microseconds=1) == duration


def test_instants_come_back_in_utc() -> None:
    assert decode(encode(due("d")), Due).due_at.tzinfo is UTC


def test_many_rows_at_once_are_the_rows_one_by_one() -> None:
    rows = (reading(0), reading(1))
    assert decode_all(map(encode, rows), Observation) == rows
    assert decode_all((), Observation) == ()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(BadInput, match="Changes could not be read back"):
        encode_checked(Changes(observations=(reading(value=value),)))


def test_an_error_never_quotes_what_was_to_be_stored() -> None:
    with pytest.raises(BadInput) as caught:
        encode(Changes(notes=("secret \ud800",)))
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(BadInput, match="time zone"):
        micros(NOW.replace(tzinfo=None))


def test_bytes_of_another_version_are_a_bad_file() -> None:
    with pytest.raises(BadFile, match="a stored Due cannot be read by this version"):
        decode(b'{"id": 7}', Due)
    with pytest.raises(BadFile):
        decode(b"\xff", Due)


AT_ONCE = """
import threading
from data.model.audit import Access, Entry
from data.model.chart import Chart
from data.model.communication import Communication
from data.model.conversation import RawMessage
from data.model.people import Person
from data.model.plan import Due
from data.record.coding import _decoder, _list_decoder

kinds = [Chart, Entry, Person, Due, Communication, RawMessage, Access]
start = threading.Barrier(2 * len(kinds))

def work(make, kind):
    start.wait()
    make(kind)

threads = [threading.Thread(target=work, args=(make, kind)) for kind in kinds for make in (_decoder, _list_decoder)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


@pytest.mark.parametrize("time", range(3))
def test_the_first_decodes_of_several_threads_at_once_do_not_crash_the_process(time: int) -> None:
    done = subprocess.run([sys.executable, "-c", AT_ONCE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

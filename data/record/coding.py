"""Stored words as JSON bytes, exact both ways, and instants as whole microseconds."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from threading import Lock
from typing import Any, TypeVar, cast

import msgspec

from data.errors import BadFile, BadInput
from data.model.people import Person

T = TypeVar("T")

# So much may come in at once: half of what MongoDB takes in one document, as it is stored in several places.
MOST = 8 * 2**20

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_encoder = msgspec.json.Encoder()


def encode(thing: object) -> bytes:
    """A stored dataclass as JSON. Raises `BadInput` for what JSON cannot hold, such as half a character."""
    try:
        return _encoder.encode(thing)
    except (TypeError, ValueError, OverflowError) as problem:
        # The exception's own words may quote the patient's, so only its kind is told.
        raise BadInput(f"a {type(thing).__name__} cannot be stored ({type(problem).__name__})") from None


def encode_input(thing: object) -> bytes:
    """As `encode`, for what comes in from outside. Raises `BadInput` for more than `MOST` bytes."""
    data = encode(thing)
    if len(data) > MOST:
        raise BadInput(
            f"a {type(thing).__name__} of {len(data):,} bytes is too large to be stored; "
            f"{MOST // 2**20} MiB are allowed: send less at a time"
        )
    return data


def decode(data: bytes, kind: type[T]) -> T:
    """The dataclass that `encode` wrote. Raises `BadFile` when this version cannot read it."""
    return cast(T, _read(data, _decoder(cast(Any, kind)), kind.__name__))


def decode_all(rows: Iterable[bytes], kind: type[T]) -> tuple[T, ...]:
    """Many rows of one kind in one go, in the order given."""
    return decode_list(b"[%b]" % b",".join(rows), kind)


def decode_list(data: bytes, kind: type[T]) -> tuple[T, ...]:
    """The rows that were encoded together. Raises `BadFile` when this version cannot read them."""
    return cast(tuple[T, ...], _read(data, _list_decoder(cast(Any, kind)), kind.__name__))


@lru_cache(maxsize=256)
def decode_known(data: bytes, kind: type[T]) -> T:
    """As `decode`, for rows that are read again and again: what the same bytes say needs working out only once."""
    return decode(data, kind)


@lru_cache(maxsize=2)
def decode_people(rows: tuple[bytes, ...]) -> tuple[Person, ...]:
    """Everyone of a clinic, for a record that was opened again; an open one remembers them (see `KnownPeople`)."""
    return decode_all(rows, Person)


def encode_checked(thing: T) -> tuple[bytes, T]:
    """The bytes, and what they will say when read back.

    What can be written but not read (a value that is not a number) would lock a chart for ever, so it is
    refused here. Raises `BadInput`, as `encode_input` does.
    """
    data = encode_input(thing)
    try:
        return data, cast(T, _decoder(cast(Any, type(thing))).decode(data))
    except msgspec.MsgspecError as problem:
        # Nor here: they quote what they could not read.
        raise BadInput(f"a {type(thing).__name__} could not be read back ({type(problem).__name__})") from None


def micros(at: datetime) -> int:
    """Microseconds since 1970 UTC: how instants are compared in tables. Raises `BadInput` without a time zone."""
    try:
        return (at - _EPOCH) // _MICROSECOND
    except TypeError:
        raise BadInput("an instant without a time zone cannot be stored") from None


def span(duration: timedelta) -> int:
    """A duration in microseconds."""
    return duration // _MICROSECOND


def instant(count: int) -> datetime:
    """The instant that is so many microseconds after 1970, in UTC."""
    return _EPOCH + timedelta(microseconds=count)


def _read(data: bytes, decoder: msgspec.json.Decoder[Any], name: str) -> Any:
    try:
        return decoder.decode(data)
    except msgspec.MsgspecError as problem:
        raise BadFile(f"a stored {name} cannot be read by this version ({type(problem).__name__})") from None


# msgspec crashes the process when several threads work out the same types at once (seen with 0.22.0).
_building = Lock()


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    with _building:
        return msgspec.json.Decoder(kind)


@cache
def _list_decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    with _building:
        return msgspec.json.Decoder(tuple[kind, ...])

"""The early-warning score as dataclasses that its file is read into: tables of bands, and what scores mean."""

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from itertools import product

from data.model.concern import Level
from risk.schema import check_age, check_code


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Points for values up to and including `at_most`; None: for every higher value."""

    points: int
    at_most: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One parameter of the early-warning score. `scale` and `on_oxygen` say for whom it is; None: for everyone."""

    code: str
    bands: tuple[Band, ...]
    max_age: timedelta
    scale: int | None = None
    on_oxygen: bool | None = None

    def __post_init__(self) -> None:
        check_code(self.code)
        check_age("max-age", self.max_age)
        edges = [band.at_most for band in self.bands]
        closed = [edge for edge in edges if edge is not None]
        if not edges or edges[-1] is not None or len(closed) != len(edges) - 1 or closed != sorted(set(closed)):
            raise ValueError("`bands` must rise by at-most and end with an open band")

    def points(self, value: float) -> int:
        """Points for a value, which must be rounded as the vocabulary says."""
        for band in self.bands:
            if band.at_most is None or value <= band.at_most:
                break
        return band.points

    def fits(self, scale: int, on_oxygen: bool) -> bool:
        """Whether it is for such a patient."""
        return self.scale in (None, scale) and self.on_oxygen in (None, on_oxygen)

    @property
    def fewest(self) -> int:
        """The fewest points any value gives."""
        return min(band.points for band in self.bands)

    @property
    def most(self) -> int:
        """The most points any value gives."""
        return max(band.points for band in self.bands)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a score, or the points of a single parameter, of `at_least` means."""

    id: str
    level: Level
    at_least: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class News2:
    """The early-warning score: its tables and what its values mean. `not_alert`: symptoms of who is not alert.

    Two are equal only if they are the same object.
    """

    name: str
    family: str
    source: str
    min_age: int
    oxygen_points: int
    consciousness_points: int
    not_alert: tuple[str, ...]
    alert_max_age: timedelta
    settle: timedelta
    response: tuple[Response, ...]
    single: Response
    table: tuple[Table, ...]

    def __post_init__(self) -> None:
        floors = [r.at_least for r in self.response]
        if floors != sorted(floors, reverse=True):
            raise ValueError("`response` must fall by at-least")
        _by_patient(self)

    @property
    def codes(self) -> tuple[str, ...]:
        """The vital signs that count, in the order of the tables."""
        return _by_patient(self)[0]

    def table_for(self, code: str, scale: int, on_oxygen: bool) -> Table:
        """The table for a vital sign of such a patient."""
        return _by_patient(self)[1][code, scale, on_oxygen]


@lru_cache(maxsize=64)
def _by_patient(news2: News2) -> tuple[tuple[str, ...], dict[tuple[str, int, bool], Table]]:
    """The vital signs of a score, and its table for each kind of patient. Raises `ValueError` unless there is one."""
    codes = tuple(dict.fromkeys(table.code for table in news2.table))
    tables = {}
    for code, scale, on_oxygen in product(codes, (1, 2), (False, True)):
        fitting = [t for t in news2.table if t.code == code and t.fits(scale, on_oxygen)]
        if len(fitting) != 1:
            raise ValueError(f"needs exactly one table for {code}, scale {scale}, on-oxygen {on_oxygen}")
        tables[code, scale, on_oxygen] = fitting[0]
    return codes, tables

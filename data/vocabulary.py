"""The vital signs we know, from `data/codes/vitals.toml`: LOINC code, UCUM unit and what is possible."""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from data.content import load


@dataclass(frozen=True, slots=True, kw_only=True)
class VitalSign:
    """One kind of measurement. Values are always in `unit` (UCUM); `possible` is (lowest, highest).

    `bands[i]` holds for values below `cuts[i]`, the last band for those above all cuts.
    """

    key: str
    loinc: str
    unit: str
    display: str
    unit_display: str
    possible: tuple[float, ...]
    decimals: int
    cuts: tuple[float, ...] = ()
    bands: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Raises `ValueError` for bands that do not fit their cuts."""
        if self.cuts and (len(self.bands) != len(self.cuts) + 1 or list(self.cuts) != sorted(set(self.cuts))):
            raise ValueError("needs one band more than cuts, and the cuts in ascending order")

    def band(self, value: float) -> int:
        """How far from usual, coarsely: 0 usual ... 3; always 0 for what has no bands."""
        return self.bands[bisect_right(self.cuts, value)] if self.cuts else 0

    def say(self, value: float) -> str:
        """The value with its unit for people: "150 mmHg", "37.4 °C"."""
        return f"{value:.{self.decimals}f} {self.unit_display}".replace(" %", "%")


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    vital: tuple[VitalSign, ...]


@cache
def vital_signs() -> dict[str, VitalSign]:
    """Every vital sign by key."""
    return {v.key: v for v in load(files("data.codes") / "vitals.toml", _File).vital}

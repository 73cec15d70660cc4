"""The vital signs we know, from `data/codes/vitals.toml`: LOINC code, UCUM unit and what is possible."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from data.content import load


@dataclass(frozen=True, slots=True, kw_only=True)
class VitalSign:
    """One kind of measurement. Values are always in `unit` (UCUM); `possible` is (lowest, highest)."""

    key: str
    loinc: str
    unit: str
    display: str
    unit_display: str
    possible: tuple[float, ...]
    decimals: int

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

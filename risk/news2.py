"""The early-warning score NEWS2 with exact bounds: what is certain, and what the missing inputs could make of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from data.model.concern import ScoreBounds
from data.vocabulary import vital_signs
from risk.readings import round_as_shown
from risk.score_schema import News2

OXYGEN_GIVEN = "supplemental-oxygen"
CONSCIOUSNESS = "consciousness"


@dataclass(frozen=True, slots=True)
class Scored:
    """A score: its bounds, and the points that each known input is certain to give."""

    bounds: ScoreBounds
    points: dict[str, int]


def score(
    news2: News2, values: Mapping[str, float], *, scale: int = 1, on_oxygen: bool | None, alert: bool | None
) -> Scored:
    """Score `values` (vocabulary key to value in its unit) of a patient on SpO2 `scale` 1 or 2.

    A vital sign that is not in `values`, and None for `on_oxygen` or `alert`, is missing: the bounds are the lowest
    and the highest score over everything it could be. Other keys are ignored. Published in: Royal College of
    Physicians, National Early Warning Score (NEWS) 2, 2017.
    """
    known = {code: round_as_shown(values[code], vital_signs()[code].decimals) for code in news2.codes if code in values}
    options = (False, True) if on_oxygen is None else (on_oxygen,)
    totals = [_with_oxygen(news2, known, scale, option) for option in options]
    low, high = min(t[0] for t in totals), max(t[1] for t in totals)
    points = {code: min(t[2][code] for t in totals) for code in known}
    if on_oxygen is not None:
        points[OXYGEN_GIVEN] = news2.oxygen_points if on_oxygen else 0
    if alert is not None:
        points[CONSCIOUSNESS] = 0 if alert else news2.consciousness_points
    low += points.get(CONSCIOUSNESS, 0)
    high += points.get(CONSCIOUSNESS, news2.consciousness_points)
    missing = tuple(name for name in (*news2.codes, OXYGEN_GIVEN, CONSCIOUSNESS) if name not in points)
    return Scored(ScoreBounds(name=news2.name, low=low, high=high, missing=missing), points)


def _with_oxygen(
    news2: News2, known: Mapping[str, float], scale: int, on_oxygen: bool
) -> tuple[int, int, dict[str, int]]:
    """Lowest and highest sum, and the known points, when it is settled whether oxygen is given."""
    low = high = news2.oxygen_points if on_oxygen else 0
    points = {}
    for code in news2.codes:
        table = news2.table_for(code, scale, on_oxygen)
        if code in known:
            points[code] = table.points(known[code])
            low += points[code]
            high += points[code]
        else:
            low += table.fewest
            high += table.most
    return low, high, points

"""One vital sign over time as a picture: values, personal limits, and when it was."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from threading import Lock
from zoneinfo import ZoneInfo

# matplotlib's figures may be drawn by one thread at a time only.
_drawing = Lock()
_WIDTH, _HEIGHT, _DPI = 7.2, 3.6, 110


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """What is drawn: `samples` as (instant, value in `unit`), limits where the person has some."""

    title: str
    unit: str
    samples: Sequence[tuple[datetime, float]]
    since: datetime
    until: datetime
    zone: str
    low: float | None = None
    high: float | None = None


def draw(trend: Trend) -> bytes:
    """The picture as PNG."""
    with _drawing:
        return _drawn(trend)


def _drawn(trend: Trend) -> bytes:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415 - takes half a second to load
    from matplotlib.figure import Figure  # noqa: PLC0415

    zone = ZoneInfo(trend.zone)
    figure = Figure(figsize=(_WIDTH, _HEIGHT), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    times = [_number(at) for at, _ in trend.samples]
    values = [value for _, value in trend.samples]
    axes.plot(times, values, marker="o", markersize=4, linewidth=1.2, color="#0b5394")
    outside = [(t, v) for t, v in zip(times, values, strict=True) if _outside(v, trend)]
    if outside:
        axes.scatter([t for t, _ in outside], [v for _, v in outside], color="#cc0000", zorder=3, s=36)
    for limit in (trend.low, trend.high):
        if limit is not None:
            axes.axhline(limit, color="#cc0000", linestyle="--", linewidth=1)
    axes.set_xlim(_number(trend.since), _number(trend.until))
    locator = AutoDateLocator(tz=zone)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone))  # type: ignore[no-untyped-call]
    axes.set_title(trend.title, fontsize=11)
    axes.set_ylabel(trend.unit)
    axes.grid(alpha=0.3)
    out = BytesIO()
    # No software name and no date in the file: the same values are the same picture.
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _outside(value: float, trend: Trend) -> bool:
    return (trend.low is not None and value < trend.low) or (trend.high is not None and value > trend.high)


def _number(at: datetime) -> float:
    """An instant as matplotlib counts: days since 1970, UTC."""
    return at.timestamp() / 86_400

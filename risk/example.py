"""Examples of a rule, in words a clinician can write, as charts: "oxygen-saturation 97 91 every 5 min, no cough"."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from data.durations import parse_duration
from data.errors import BadInput
from data.model.chart import Chart
from data.model.observation import Assertion, Observation, SymptomReport
from data.model.people import Limit, Person, Role
from data.vocabulary import vital_signs

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
GRAMMAR = (
    "an example is a list, parted by commas, of: a vital sign and a value; a vital sign and values `every` a duration; "
    "a symptom, with `no` or `past` before it where that is meant; `alarm` and a word rule; `scale 2`; `on oxygen`; "
    "`limit` a vital sign `from` a value `to` a value. `(3 h ago)` may follow a value, a symptom or an alarm"
)
_AGO = re.compile(r"^(.*?)\s*\(([^)]+) ago\)$")
_VALUES = re.compile(r"^([a-z-]+)((?: -?\d+(?:\.\d+)?)+)(?: every (.+))?$")
_LIMIT = re.compile(r"^limit ([a-z-]+)(?: from (\d+(?:\.\d+)?))?(?: to (\d+(?:\.\d+)?))?$")
_SYMPTOM = re.compile(r"^(no |past |alarm )?([a-z]+(?:-[a-z0-9]+)*)$")


@dataclass(slots=True)
class _Draft:
    observations: list[Observation] = field(default_factory=list)
    symptoms: list[SymptomReport] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    scale: int = 1
    on_oxygen: bool = False


def read_example(text: str, now: datetime = NOW) -> Chart:
    """The chart that an example describes, as of `now`. Raises `BadInput` with the grammar."""
    draft = _Draft()
    for part in text.split(","):
        _read_part(part.strip(), draft, now)
    person = Person(
        id="example",
        code="X-1",
        name="example",
        role=Role.PATIENT,
        title="patient",
        zone="UTC",
        limits=tuple(draft.limits),
        spo2_scale=draft.scale,
        on_oxygen=draft.on_oxygen,
    )
    observations = tuple(sorted(draft.observations, key=lambda o: o.effective_at))
    return Chart(subject="example", person=person, observations=observations, symptoms=tuple(draft.symptoms))


def _read_part(part: str, draft: _Draft, now: datetime) -> None:
    ago = _AGO.match(part)
    body, at = (ago[1], now - parse_duration(ago[2])) if ago else (part, now)
    if body in ("scale 1", "scale 2"):
        draft.scale = int(body[-1])
    elif body == "on oxygen":
        draft.on_oxygen = True
    elif found := _LIMIT.match(body):
        low, high = (float(n) if n else None for n in found.groups()[1:])
        draft.limits.append(Limit(code=_known(found[1], part), low=low, high=high))
    elif found := _VALUES.match(body):
        draft.observations += _samples(_known(found[1], part), found[2].split(), found[3], at)
    elif (found := _SYMPTOM.match(body)) and body not in vital_signs():
        draft.symptoms.append(_report(found[1] or "", found[2], at, len(draft.symptoms)))
    else:
        raise BadInput(f"cannot read {part!r}; {GRAMMAR}")


def _samples(code: str, values: list[str], every: str | None, at: datetime) -> list[Observation]:
    if (len(values) > 1) != (every is not None):
        raise BadInput(f"{code} {' '.join(values)}: several values need `every` a duration, and one has none")
    step = parse_duration(every) if every else timedelta()
    source = "device" if every else "patient"
    times = [at - step * back for back in reversed(range(len(values)))]
    return [
        Observation(
            id=f"example/{code}/{time.isoformat()}",
            code=code,
            value=float(value),
            unit=vital_signs()[code].unit,
            effective_at=time,
            received_at=time,
            source=source,
        )
        for value, time in zip(values, times, strict=True)
    ]


def _report(how: str, name: str, at: datetime, nth: int) -> SymptomReport:
    assertion = {"no ": Assertion.ABSENT, "past ": Assertion.PAST}.get(how, Assertion.PRESENT)
    return SymptomReport(
        id=f"example/{nth}",
        symptom=f"alarm:{name}" if how == "alarm " else name,
        assertion=assertion,
        words=name.replace("-", " "),
        reported_at=at,
        message_id=f"example:{nth}",
    )


def _known(code: str, part: str) -> str:
    if code not in vital_signs():
        raise BadInput(f"cannot read {part!r}: {code!r} is not a vital sign; known: {', '.join(vital_signs())}")
    return code

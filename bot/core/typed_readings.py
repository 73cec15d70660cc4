"""What a patient typed lately, by message, and what becomes of a reading that was wrong: corrected or withdrawn.

The row keeps its id and its time: the store lays the new value over the old one, and the journal has both. Readings
of devices are not among them, so nobody corrects those by chat.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.draft import Draft
from data.model.chart import Chart
from data.model.observation import Observation, Status
from data.vocabulary import vital_signs

# What somebody typed themselves; an older reading is corrected at the clinic.
TYPED = "patient"
LATELY = timedelta(hours=24)
SYSTOLIC, DIASTOLIC = "systolic-blood-pressure", "diastolic-blood-pressure"
_PRESSURE = {"blood-pressure": (SYSTOLIC, DIASTOLIC)}

Rows = tuple[Observation, ...]


def typed_lately(chart: Chart, at: datetime) -> tuple[Rows, ...]:
    """The readings typed within 24 hours before `at`, one group a message, the latest message last."""
    groups: dict[str, list[Observation]] = {}
    for row in chart.observations:
        if row.source == TYPED and row.effective_at > at - LATELY:
            # The id is the patient's, the message's, the code and a number: what stands before the code is one message.
            groups.setdefault(row.id.rsplit("/", 2)[0], []).append(row)
    return tuple(tuple(rows) for rows in groups.values())


def signs(codes: Iterable[str]) -> frozenset[str]:
    """The vital signs that names stand for: a blood pressure is two."""
    return frozenset(sign for code in codes for sign in _PRESSURE.get(code, (code,)))


def put_right(draft: Draft, values: dict[Observation, float], by: str) -> None:
    """Lay the right values over the wrong ones."""
    for row, value in values.items():
        draft.observations[row.id] = replace(row, value=value, received_at=draft.now)
        draft.notes.append(f"corrected by {by}: {row.id}")


def withdraw(draft: Draft, rows: Iterable[Observation], by: str) -> None:
    """Mark readings as entered in error: they count no more, and stay in the journal."""
    for row in rows:
        draft.observations[row.id] = replace(row, status=Status.ENTERED_IN_ERROR, received_at=draft.now)
        draft.notes.append(f"withdrawn as entered in error by {by}: {row.id}")


def can_be(values: dict[Observation, float], groups: tuple[Rows, ...]) -> bool:
    """Whether every message that is touched still says a possible blood pressure, if it says one."""
    for rows in groups:
        after = {row.code: values.get(row, row.value) for row in rows}
        if SYSTOLIC in after and DIASTOLIC in after and after[SYSTOLIC] <= after[DIASTOLIC]:
            return False
    return True


def say_values(values: dict[str, float], *, named: bool) -> str:
    """Values for people, with the English name or without: "oxygen 97%", "97%"; a blood pressure as "130/85 mmHg"."""
    known, said = vital_signs(), []
    pair = SYSTOLIC in values and DIASTOLIC in values
    for code, value in values.items():
        if pair and code == DIASTOLIC:
            continue
        sign = known[code]
        shown = sign.say(value)
        if pair and code == SYSTOLIC:
            said.append(f"{value:.{sign.decimals}f}/{known[DIASTOLIC].say(values[DIASTOLIC])}")
        else:
            said.append(f"{sign.display} {shown}" if named else shown)
    return ", ".join(said)

"""A message that its writer has edited: what it made of readings is put right, exactly that and nothing else. Pure.

As with a correction in words, what turns out harmless closes nothing, and whoever was told of the wrong value hears
that there was another.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.core.concern import weigh
from bot.core.correction import conclude
from bot.core.dialogue import noted
from bot.core.draft import Draft
from bot.core.facts import note_facts
from bot.core.kit import Kit, Team
from bot.core.respond import respond
from bot.core.typed_readings import TYPED, Rows, put_right, say_values, withdraw
from data.model.chart import Changes, Chart
from data.model.conversation import Parse, RawMessage, Reading
from data.model.observation import Observation
from data.model.people import ContactPoint


@dataclass(slots=True)
class _Difference:
    """What an edit makes of readings: another value, none any more, and such as are new."""

    changed: dict[Observation, float] = field(default_factory=dict)
    gone: Rows = ()
    fresh: list[Reading] = field(default_factory=list)


def readings_of(chart: Chart, messages: Iterable[RawMessage]) -> Rows:
    """What of the chart's readings was typed in these messages."""
    starts = tuple(f"{chart.subject}/{message.id}/" for message in messages)
    return tuple(row for row in chart.observations if row.source == TYPED and row.id.startswith(starts))


def says_the_same(parse: Parse, before: Parse) -> bool:
    """Whether two texts mean the same as far as we can tell."""
    return _meaning(parse) == _meaning(before)


def _meaning(parse: Parse) -> tuple[object, ...]:
    readings = tuple((r.code, r.value, r.problem) for r in parse.readings)
    return parse.intent, readings, _felt(parse)


def _felt(parse: Parse) -> tuple[object, ...]:
    return tuple((e.key, e.assertion) for e in parse.entities)


def respond_edit(
    chart: Chart,
    message: RawMessage,
    parse: Parse,
    before: Parse,
    edited: tuple[RawMessage, ...],
    kit: Kit,
    team: Team,
    now: datetime,
) -> Changes:
    """The changes of an edit without an emergency in it; `edited` is the message in its earlier forms, oldest first."""
    origin = ContactPoint(system=message.channel, value=message.address)
    draft = Draft(chart, kit, team, event_id=message.id, now=now, heard_from=origin)
    felt = _felt(parse) != _felt(before)
    new = replace(parse, entities=parse.entities if felt else ())
    found = _compare(readings_of(chart, edited), parse.readings)
    if any(reading.problem for reading in parse.readings) or not (found.changed or found.gone):
        # What cannot be told yet is asked about; until then what was noted stands.
        if found.fresh or new.entities:
            return respond(chart, message, replace(new, readings=tuple(found.fresh)), kit, team, now)
        draft.notes.append("an edit that changes nothing")
        return draft.changes()
    put_right(draft, found.changed, chart.subject)
    withdraw(draft, found.gone, chart.subject)
    fresh = replace(new, readings=tuple(found.fresh))
    note_facts(draft, message, fresh)
    codes = [row.code for row in (*found.changed, *found.gone)] + [reading.code for reading in found.fresh]
    also = noted(draft, fresh, weigh(draft))[1] if fresh.readings or fresh.entities else ""
    text = " ".join(part for part in (*_said(draft, found), also) if part)
    conclude(draft, message, "correction-done" if found.changed else "correction-withdrawn", codes, text)
    return draft.changes()


def _compare(rows: Rows, readings: tuple[Reading, ...]) -> _Difference:
    """Each reading against one of its kind, the equal ones first."""
    left, found = list(rows), _Difference()
    others: list[Reading] = []
    for reading in readings:
        same = [row for row in left if (row.code, row.value) == (reading.code, reading.value)]
        if same and reading.problem is None:
            left.remove(same[0])
        else:
            others.append(reading)
    for reading in others:
        row = next((row for row in left if row.code == reading.code and reading.problem is None), None)
        if row is None:
            found.fresh.append(reading)
        else:
            left.remove(row)
            found.changed[row] = reading.value
    found.gone = tuple(left)
    return found


def _said(draft: Draft, found: _Difference) -> list[str]:
    texts, language, said = draft.kit.texts, draft.subject.language, []
    named = language == "en"
    if found.changed:
        new = say_values({row.code: value for row, value in found.changed.items()}, named=named)
        old = say_values({row.code: row.value for row in found.changed}, named=False)
        what = texts.say("correction-item", language, what=new, before=old)
        said.append(texts.say("correction-done", language, what=what))
    if found.gone:
        what = say_values({row.code: row.value for row in found.gone}, named=named)
        said.append(texts.say("correction-withdrawn", language, what=what))
    return said

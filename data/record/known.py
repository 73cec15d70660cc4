"""Charts and people as a store last read or wrote them: nothing is decoded twice, and all of it is safe to lose."""

from collections.abc import Callable, Iterable

from data.model.audit import Entry
from data.model.chart import Chart, merge_observations
from data.model.people import Person
from data.record.coding import decode_people

# Charts of that many persons are remembered: those at work, not a whole clinic with a week of readings each.
_CHARTS = 1024
# And no more samples than that in all of them (they are what takes room, some 300 bytes each): a sensor may have left
# tens of thousands in one chart.
_SAMPLES = 200_000


class KnownCharts:
    """The latest charts. What a chart was at one revision never changes, so the revision tells if it still holds."""

    def __init__(self) -> None:
        self._bare: dict[str, Chart] = {}
        self._full: dict[str, Chart] = {}
        self._samples = 0

    def bare(self, subject: str, revision: int) -> Chart | None:
        """The chart without its observations, if known as of that revision."""
        return _at(self._bare, subject, revision)

    def full(self, subject: str, revision: int) -> Chart | None:
        """The chart with its observations, if known as of that revision."""
        return _at(self._full, subject, revision)

    def read(self, chart: Chart) -> None:
        """Remember a chart without observations that was read."""
        _put(self._bare, chart)

    def read_full(self, chart: Chart) -> None:
        """Remember a chart with its observations that was read."""
        self._put_full(chart)

    def subjects(self) -> tuple[str, ...]:
        """Whose charts are remembered."""
        return tuple({*self._bare, *self._full})

    def forget(self, subject: str) -> None:
        """Remember this person's chart no more."""
        self._bare.pop(subject, None)
        self._pop_full(subject)

    def moved(self, after: Chart, entry: Entry) -> None:
        """Remember that `entry` was written and led to `after` (without observations)."""
        _put(self._bare, after)
        before = self._pop_full(entry.subject)
        if before is not None and before.revision == entry.revision - 1:
            observations = merge_observations(before.observations, entry.changes.observations, after.observed_from)
            self._put_full(after.with_observations(observations) if observations else after)

    def _put_full(self, chart: Chart) -> None:
        self._pop_full(chart.subject)
        self._samples += len(chart.observations)
        while self._full and (len(self._full) >= _CHARTS or self._samples > _SAMPLES):
            self._pop_full(next(iter(self._full)))
        self._full[chart.subject] = chart

    def _pop_full(self, subject: str) -> Chart | None:
        chart = self._full.pop(subject, None)
        self._samples -= len(chart.observations) if chart is not None else 0
        return chart


def _at(charts: dict[str, Chart], subject: str, revision: int) -> Chart | None:
    known = charts.get(subject)
    return known if known is not None and known.revision == revision else None


def _put(charts: dict[str, Chart], chart: Chart) -> None:
    charts.pop(chart.subject, None)
    charts[chart.subject] = chart
    if len(charts) > _CHARTS:
        del charts[next(iter(charts))]


class KnownPeople:
    """Persons by the bytes that said them: of a clinic of thousands, only who changed is opened and decoded again."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[bytes, Person]] = {}

    def of(
        self,
        rows: Iterable[tuple[str, bytes]],
        opened: Callable[[str, bytes], bytes | None] = lambda name, body: body,
    ) -> tuple[Person, ...]:
        """The persons of these rows (name and stored bytes), in their order; `opened` unseals what is stored.

        Whomever it answers None for cannot be read and is left out.
        """
        rows, known = list(rows), self._known
        new = [row for row in rows if row[0] not in known or known[row[0]][0] != row[1]]
        if new:
            read = [(name, body, plain) for name, body in new if (plain := opened(name, body)) is not None]
            people = decode_people(tuple(plain for _, _, plain in read))
            for (name, body, _), person in zip(read, people, strict=True):
                known[name] = (body, person)
            if len(read) < len(new):
                return tuple([known[name][1] for name, body in rows if name in known and known[name][0] == body])
        return tuple([known[name][1] for name, _ in rows])

    def names(self) -> tuple[str, ...]:
        """Who is remembered."""
        return tuple(self._known)

    def items(self) -> tuple[tuple[str, Person], ...]:
        """Who is remembered, by name."""
        return tuple((name, person) for name, (_, person) in self._known.items())

    def forget(self, name: str) -> None:
        """Remember this person no more."""
        self._known.pop(name, None)

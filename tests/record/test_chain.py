"""The audit trail's chain: every attack on it is found and its first bad number told; what nobody touched is sound."""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from data.errors import BadInput, Conflict, Unavailable
from data.record.anchoring import anchor, anchor_outside, due, keep_line, line_of, read_line
from data.record.chain import ACCESS, ANCHOR, ERASE, FIRST, JOURNAL, Anchor, Chained, Head, Link
from data.record.verify import MOST_TOLD, verify
from data.record.verify_anchors import Furthest, Seen
from data.record.verify_row import link_after
from tests.record.chained import ChainInMemory, ChainInMongo, ChainInSqlite
from tests.record.examples import MINUTE, NOW

History = ChainInMemory | ChainInSqlite | ChainInMongo
Forge = Callable[[list[Link], list[Link]], list[Link]]
STREAMS = (JOURNAL, ACCESS)


@pytest.fixture(params=["memory", "sqlite", "mongo"])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[History]:
    """Two people, eight entries and eight looks each, of which an anchor saw six."""
    made = opened(request.param, tmp_path)
    for nth in range(8):
        for who in ("anna", "ben"):
            made.entry(who, ("message", "timer")[nth % 2], ("", "clock")[nth % 2], NOW + nth * MINUTE)
            made.look(who, ("nia", "mia")[nth % 2], permitted=nth != 3)
        if nth == 5:
            assert anchor(made.chain, NOW + nth * MINUTE)
    yield made
    made.close()


def opened(kind: str, folder: Path) -> History:
    if kind == "mongo":
        return ChainInMongo()
    return ChainInMemory() if kind == "memory" else ChainInSqlite(folder)


def name(history: History, who: str) -> str:
    return history.sealing.name("person", who)


def faults(history: History, outside: tuple[str, ...] = ()) -> list[tuple[str, str, int, str]]:
    found = verify(history.chain, outside).faults
    return [(f.stream, f.subject, f.number, f.what.split(":")[0]) for f in found]


# Nobody touched it.


@pytest.mark.parametrize("store", ["memory", "sqlite", "mongo"])
def test_an_empty_record_is_sound(store: str, tmp_path: Path) -> None:
    empty = opened(store, tmp_path)
    verdict = verify(empty.chain)
    assert verdict.sound
    assert (verdict.links, verdict.people, verdict.anchors, verdict.anchored_at) == (0, 0, 0, None)
    assert anchor(empty.chain, NOW) is None
    empty.close()


def test_what_nobody_touched_is_sound_and_the_limit_is_told(history: History) -> None:
    verdict = verify(history.chain, now=NOW + 8 * MINUTE)
    assert verdict.sound
    assert (verdict.links, verdict.people, verdict.anchors) == (32, 2, 1)
    assert verdict.anchored_at == NOW + 5 * MINUTE
    # Of each stream two rows came after the anchor; of looks the instant is always the same here.
    assert (verdict.loose, verdict.loose_since, verdict.overdue) == (8, NOW, False)
    assert verify(history.chain, now=NOW + 11 * MINUTE).overdue
    assert anchor(history.chain, NOW + 9 * MINUTE)
    later = verify(history.chain, now=NOW + 1000 * MINUTE)
    assert (later.sound, later.loose, later.loose_since, later.overdue) == (True, 0, None, False)


def test_a_store_is_chained(history: History) -> None:
    assert isinstance(history.chain, Chained)


def test_erased_and_relieved_people_are_sound(history: History) -> None:
    assert history.relieve("ben") >= 8
    assert faults(history) == []
    history.entry("anna", ERASE)
    assert [bool(link.body) for link in history.raw(JOURNAL, name(history, "anna"))] == [False] * 8 + [True]
    assert not any(link.body for link in history.raw(ACCESS, name(history, "anna")))
    assert faults(history) == []
    anchor(history.chain, NOW)
    assert faults(history) == []


def test_a_chart_that_is_behind_its_journal_is_no_fault(history: History) -> None:
    """A document store writes the journal first; a crash leaves the chart behind, or not there at all."""
    anna = name(history, "anna")
    history.forge_chart(anna, 5, history.raw(JOURNAL, anna)[4].link)
    assert faults(history) == []
    history.lose_chart(anna)
    assert faults(history) == []


# Attacks on the rows of one stream: what becomes of them, and the first bad number.


def edited(**changed: object) -> Forge:
    return lambda rows, others: [*rows[:3], replace(rows[3], **changed), *rows[4:]]


def flipped(column: str) -> Forge:
    def forge(rows: list[Link], others: list[Link]) -> list[Link]:
        value = getattr(rows[3], column)
        return [*rows[:3], replace(rows[3], **{column: bytes([value[0] ^ 1]) + value[1:]}), *rows[4:]]

    return forge


def taken(column: str) -> Forge:
    """One column from another row of the same stream."""
    return lambda rows, others: [*rows[:3], replace(rows[3], **{column: getattr(rows[6], column)}), *rows[4:]]


def renumbered(rows: list[Link]) -> list[Link]:
    return [replace(row, number=number) for number, row in enumerate(rows, start=1)]


def exchanged(rows: list[Link], first: int, second: int) -> list[Link]:
    rows = list(rows)
    rows[first], rows[second] = rows[second], rows[first]
    return renumbered(rows)


def forged_anew(rows: list[Link], others: list[Link]) -> list[Link]:
    """From the fourth on written again by somebody with keys of their own."""
    sealing, forged = ChainInMemory(seed=8).sealing, rows[:3]
    for row in rows[3:]:
        body = sealing.seal(row.stream, row.subject, str(row.number), b"what never was")
        new = replace(row, digest=sealing.digest(b"what never was"), body=body)
        forged.append(replace(new, link=link_after(sealing, forged[-1].link, new)))
    return forged


MOVED = {"subject": "nobody-knows-this-name"}
ATTACKS: dict[str, tuple[Forge, int, str]] = {
    "an edited kind": (edited(kind="nonsense"), 4, "edited"),
    "an edited kind that feigns an erasure": (edited(kind=ERASE, body=b""), 4, "swapped"),
    "an edited actor": (edited(actor="somebody-else"), 4, "edited"),
    "an edited instant": (edited(at=0), 4, "edited"),
    "an instant of another type": (edited(at=str(NOW)), 4, "edited"),
    "an edited number": (edited(number=44), 4, "deleted"),
    "another's name": (edited(**MOVED), 4, "deleted"),
    "an edited digest": (flipped("digest"), 4, "edited"),
    "an edited link": (flipped("link"), 4, "edited"),
    "an edited body": (flipped("body"), 4, "edited"),
    "a body that is text": (edited(body="text"), 4, "edited"),
    "a body cut short": (edited(body=b"\x01\x00\x01"), 4, "edited"),
    "a body taken away": (edited(body=b""), 4, "gone"),
    "the actor of another row": (taken("actor"), 4, "edited"),
    "the body of another row": (taken("body"), 4, "edited"),
    "the link of another row": (taken("link"), 4, "edited"),
    "a deleted row": (lambda rows, others: [*rows[:3], *rows[4:]], 4, "deleted"),
    "the first row deleted": (lambda rows, others: rows[1:], 1, "deleted"),
    "a deleted row and the rest moved up": (lambda rows, others: renumbered([*rows[:3], *rows[4:]]), 4, "deleted"),
    "two rows exchanged": (lambda rows, others: exchanged(rows, 3, 6), 4, "swapped"),
    "two neighbours exchanged": (lambda rows, others: exchanged(rows, 3, 4), 4, "swapped"),
    "a row of another person": (
        lambda rows, others: [*rows[:3], replace(others[3], subject=rows[3].subject), *rows[4:]],
        4,
        "swapped",
    ),
    "a copied row put in": (lambda rows, others: renumbered([*rows[:4], rows[1], *rows[4:]]), 5, "inserted"),
    "a row twice": (lambda rows, others: [*rows[:4], *rows[3:]], 4, "inserted"),
    "a copied row at the end": (lambda rows, others: renumbered([*rows, rows[1]]), 9, "swapped"),
    "cut off before the anchor": (lambda rows, others: rows[:4], 5, "truncated"),
    "all cut off": (lambda rows, others: [], 1, "truncated"),
    "written anew with other keys": (forged_anew, 4, "swapped"),
}


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_every_attack_is_found_at_its_first_bad_number(attack: str, stream: str, history: History) -> None:
    forge, number, what = ATTACKS[attack]
    anna, ben = name(history, "anna"), name(history, "ben")
    rows = history.raw(stream, anna)
    after = forge(rows, history.raw(stream, ben))
    history.forge(stream, anna, after)
    if stream == JOURNAL:
        # The forger is thorough and sets the chart to what is left.
        history.forge_chart(anna, after[-1].number, after[-1].link) if after else history.lose_chart(anna)
    found = [fault for fault in faults(history) if fault[1] != MOVED["subject"]]
    assert found == [(stream, anna, number, what)]


@pytest.mark.parametrize("stream", STREAMS)
def test_a_row_moved_to_another_person_is_found_there_too(stream: str, history: History) -> None:
    anna = name(history, "anna")
    rows = history.raw(stream, anna)
    history.forge(stream, anna, [replace(row, **MOVED) for row in rows[:1]] + rows[1:])
    assert sorted(faults(history)) == sorted([(stream, anna, 1, "deleted"), (stream, MOVED["subject"], 1, "swapped")])


@pytest.mark.parametrize("stream", STREAMS)
def test_rows_exchanged_between_people_are_found_in_both(stream: str, history: History) -> None:
    anna, ben = name(history, "anna"), name(history, "ben")
    hers, his = history.raw(stream, anna), history.raw(stream, ben)
    history.forge(stream, anna, [*hers[:3], replace(his[3], subject=anna), *hers[4:]])
    history.forge(stream, ben, [*his[:3], replace(hers[3], subject=ben), *his[4:]])
    assert faults(history) == [(stream, who, 4, "swapped") for who in sorted((anna, ben))]


def test_an_event_of_another_row_is_found(history: History) -> None:
    anna = name(history, "anna")
    history.forge(JOURNAL, anna, edited(event="somebody-else's")(history.raw(JOURNAL, anna), []))
    assert faults(history) == [(JOURNAL, anna, 4, "edited")]


# What charts and anchors know.


def test_a_journal_cut_off_behind_its_chart_is_found(history: History) -> None:
    anna = name(history, "anna")
    history.forge(JOURNAL, anna, history.raw(JOURNAL, anna)[:7])
    assert faults(history) == [(JOURNAL, anna, 8, "truncated")]


def test_the_honest_limit_is_what_came_after_the_last_anchor(history: History) -> None:
    anna = name(history, "anna")
    rows = history.raw(JOURNAL, anna)
    history.forge(JOURNAL, anna, rows[:6])
    history.forge_chart(anna, 6, rows[5].link)
    history.forge(ACCESS, anna, history.raw(ACCESS, anna)[:6])
    assert faults(history) == []
    history.forge(JOURNAL, anna, rows[:5])
    history.forge_chart(anna, 5, rows[4].link)
    assert faults(history) == [(JOURNAL, anna, 6, "truncated")]


@pytest.mark.parametrize(("number", "link"), [(9, b"x"), (8, b"x" * 32), (3, b"x" * 32), (-1, b""), ("x", b"x")])
def test_a_chart_that_says_otherwise_is_found(number: int, link: bytes, history: History) -> None:
    anna = name(history, "anna")
    history.forge_chart(anna, number, link)
    if isinstance(history, ChainInMongo) and number in (-1, "x"):
        # There such a chart is as good as none, which a crash can leave behind too.
        assert faults(history) == []
        return
    bad = {9: (9, "truncated"), 8: (8, "rewritten"), 3: (3, "rewritten")}.get(number, (1, "rewritten"))
    assert faults(history) == [(JOURNAL, anna, *bad)]


def test_a_whole_person_taken_away_is_found(history: History) -> None:
    anna = name(history, "anna")
    for stream in STREAMS:
        history.forge(stream, anna, [])
    history.lose_chart(anna)
    assert faults(history) == [(JOURNAL, anna, 1, "truncated"), (ACCESS, anna, 1, "truncated")]


def test_bodies_gone_without_an_erasure_are_found(history: History) -> None:
    anna = name(history, "anna")
    history.sealing.shred(anna)
    assert faults(history) == [(JOURNAL, anna, 1, "gone"), (ACCESS, anna, 1, "gone")]


def test_an_erased_person_is_watched_over_too(history: History) -> None:
    history.entry("anna", ERASE)
    anna = name(history, "anna")
    rows = history.raw(JOURNAL, anna)
    history.forge(JOURNAL, anna, [*rows[:3], replace(rows[3], at=rows[3].at + 1), *rows[4:]])
    looks = history.raw(ACCESS, anna)
    history.forge(ACCESS, anna, [*looks[:3], *looks[4:]])
    assert faults(history) == [(JOURNAL, anna, 4, "swapped"), (ACCESS, anna, 4, "deleted")]


def test_an_erasure_that_was_made_to_look_like_something_else_is_found(history: History) -> None:
    history.entry("anna", ERASE)
    anna = name(history, "anna")
    rows = history.raw(JOURNAL, anna)
    history.forge(JOURNAL, anna, [*rows[:-1], replace(rows[-1], kind="message")])
    assert faults(history) == [(JOURNAL, anna, 9, "swapped")]


def test_a_feigned_erasure_does_not_excuse_what_was_taken_away(history: History) -> None:
    anna = name(history, "anna")
    rows = [replace(row, body=b"") for row in history.raw(JOURNAL, anna)]
    history.forge(JOURNAL, anna, [*rows, replace(rows[-1], number=9, kind=ERASE, event="new")])
    history.forge_chart(anna, 9, rows[-1].link)
    assert faults(history) == [(JOURNAL, anna, 1, "gone")]


@pytest.mark.parametrize("number", [0, -3])
def test_a_row_before_the_first_is_found(number: int, history: History) -> None:
    anna = name(history, "anna")
    rows = history.raw(ACCESS, anna)
    history.forge(ACCESS, anna, [replace(rows[0], number=number), *rows])
    assert faults(history) == [(ACCESS, anna, 1, "inserted")]


def test_a_relieved_entry_is_watched_over_too(history: History) -> None:
    history.relieve("anna")
    anna = name(history, "anna")
    rows = history.raw(JOURNAL, anna)
    history.forge(JOURNAL, anna, flipped("body")(rows, []))
    assert faults(history) == [(JOURNAL, anna, 4, "edited")]
    history.forge(JOURNAL, anna, taken("body")(rows, []))
    assert faults(history) == [(JOURNAL, anna, 4, "edited")]


# Anchors.


@pytest.fixture
def anchored(history: History) -> tuple[History, list[Anchor], tuple[str, ...]]:
    """Five anchors, and their lines outside."""
    for nth in range(4):
        history.entry("anna", at=NOW + (10 + nth) * MINUTE)
        assert anchor(history.chain, NOW + (10 + nth) * MINUTE)
    anchors = list(history.chain.anchors())
    return history, anchors, tuple(line_of(one, history.sealing) for one in anchors)


def test_anchors_and_their_lines_agree(anchored: tuple[History, list[Anchor], tuple[str, ...]]) -> None:
    history, anchors, lines = anchored
    assert [one.number for one in anchors] == [1, 2, 3, 4, 5]
    assert faults(history, lines) == faults(history, lines[::2]) == faults(history, (*lines[::-1], *lines)) == []
    assert lines[1].startswith("phms-anchor 2 2026-03-03T21:20:00Z ")
    # A line without the mark of the record counts as this record's; one with another's does not.
    bare = tuple(line.rsplit(" ", 1)[0] for line in lines)
    assert faults(history, bare) == []
    foreign = line_of(replace(anchors[0], link=b"x" * 32), ChainInMemory(seed=9).sealing)
    verdict = verify(history.chain, (*lines, foreign, "", lines[0][:30]))
    assert (verdict.sound, verdict.foreign, verdict.unread) == (True, 1, 1)
    with pytest.raises(BadInput, match="begin with phms-anchor"):
        verify(history.chain, ("Dear diary,", "nothing happened"))


HEAD = Head(stream=JOURNAL, subject="nobody", number=1, link=b"x" * 32)
ON_ANCHORS: dict[str, tuple[Callable[[list[Anchor]], list[Anchor]], int]] = {
    "the last removed": (lambda a: a[:4], 5),
    "all removed": (lambda a: [], 1),
    "one removed": (lambda a: [*a[:2], *a[3:]], 3),
    "one removed and the rest moved up": (
        lambda a: [replace(one, number=n) for n, one in enumerate([*a[:2], *a[3:]], start=1)],
        3,
    ),
    "two exchanged": (lambda a: [*a[:2], replace(a[3], number=3), replace(a[2], number=4), a[4]], 3),
    "an instant edited": (lambda a: [*a[:2], replace(a[2], at=0), *a[3:]], 3),
    "a mark edited": (lambda a: [*a[:2], replace(a[2], upto="0/0"), *a[3:]], 3),
    "a link edited": (lambda a: [*a[:2], replace(a[2], link=b"x" * 32), *a[3:]], 3),
    "a head edited": (lambda a: [*a[:2], replace(a[2], heads=(replace(a[2].heads[0], number=1),)), *a[3:]], 3),
    "a head removed": (lambda a: [replace(a[0], heads=a[0].heads[1:]), *a[1:]], 1),
    "a head put in": (lambda a: [*a[:2], replace(a[2], heads=(*a[2].heads, HEAD)), *a[3:]], 3),
    "one put in at the end": (lambda a: [*a, replace(a[4], number=6)], 6),
}


@pytest.mark.parametrize("attack", ON_ANCHORS)
def test_every_attack_on_anchors_is_found(attack: str, anchored: tuple[History, list[Anchor], tuple[str, ...]]) -> None:
    history, anchors, lines = anchored
    forge, number = ON_ANCHORS[attack]
    history.forge_anchors(forge(anchors))
    found = verify(history.chain, lines).faults
    assert [(f.stream, f.subject, f.number) for f in found] == [(ANCHOR, "", number)]
    assert str(found[0]).startswith(f"anchor: {number}: ")


def test_anchors_that_cannot_be_read_are_found(tmp_path: Path) -> None:
    history = ChainInSqlite(tmp_path)
    for _ in range(3):
        history.entry("anna")
        anchor(history.chain, NOW)
    for forged in (b"not json", b'[{"stream": 1}]', b""):
        history.file.execute("UPDATE anchor SET heads = ? WHERE number = 2", (forged,))
        assert faults(history) == [(ANCHOR, "", 2, "edited")]
    history.close()


def test_a_holder_of_the_keys_who_writes_another_history_is_found_by_the_lines_outside() -> None:
    true, false = ChainInMemory(), ChainInMemory()
    false.sealing = true.sealing
    for nth in range(4):
        true.entry("anna", at=NOW + nth * MINUTE)
        anchor(true, NOW + nth * MINUTE)
        false.entry("anna", at=NOW + nth * MINUTE, kind="timer" if nth == 2 else "message")
        anchor(false, NOW + nth * MINUTE)
    lines = tuple(line_of(one, true.sealing) for one in true.kept)
    assert faults(true, lines) == faults(false) == []
    assert faults(false, lines) == [(ANCHOR, "", 3, "rewritten")]
    assert faults(false, lines[:2]) == []
    # A backup that was put back, and went on: two anchors have the same number.
    again = line_of(replace(true.kept[1], link=b"x" * 32), true.sealing)
    assert faults(true, (*lines, again)) == [(ANCHOR, "", 2, "rewritten")]


def test_an_anchor_knows_a_history_that_is_whole_but_another() -> None:
    """Rows that were all written with the keys, under anchors that saw others."""
    true, false = ChainInMemory(), ChainInMemory()
    false.sealing = true.sealing
    for chain, kind in ((true, "message"), (false, "timer")):
        chain.entry("anna")
        chain.entry("anna", kind=kind)
    anchor(true, NOW)
    false.forge_anchors(true.kept)
    assert faults(false) == [(JOURNAL, true.sealing.name("person", "anna"), 2, "rewritten")]


# Anchoring.


def test_when_an_anchor_is_due() -> None:
    assert due(None, NOW)
    assert not due(None, NOW, 0)
    assert not due(NOW, NOW + timedelta(seconds=59))
    assert due(NOW, NOW + timedelta(seconds=60))
    assert not due(NOW, NOW + timedelta(days=1), 0)
    assert due(NOW, NOW + timedelta(seconds=1), 1_000)
    assert due(NOW, NOW - timedelta(hours=1)), "the clock was set back"


def test_an_anchor_is_made_only_when_something_moved(history: History) -> None:
    first = anchor(history.chain, NOW)
    assert first is not None
    assert first.number == 2
    assert anchor(history.chain, NOW) is None
    history.look("anna")
    second = anchor(history.chain, NOW)
    assert second is not None
    # A document store may name what moved shortly before as well.
    anna = name(history, "anna")
    assert (ACCESS, anna, 9) in [(head.stream, head.subject, head.number) for head in second.heads]


def test_an_anchor_whose_number_another_process_took_is_made_again() -> None:
    class Busy(ChainInMemory):
        others = 3

        def put_anchor(self, anchor: Anchor) -> bool:
            if self.others:
                self.others -= 1
                self.entry("ben")
                heads, upto = self.heads_since("")
                theirs = replace(anchor, heads=heads, upto=upto)
                assert super().put_anchor(replace(theirs, link=_anchor_link(self, theirs)))
                self.entry("ben")
            return super().put_anchor(anchor)

    busy = Busy()
    busy.entry("anna")
    made = anchor(busy, NOW)
    assert made is not None
    assert made.number == 4
    assert faults(busy) == []
    busy.others = 10**9
    busy.entry("anna")
    with pytest.raises(Conflict, match="only one of them"):
        anchor(busy, NOW)


def _anchor_link(chain: ChainInMemory, anchor: Anchor) -> bytes:
    from data.record.chain import anchor_link

    previous = chain.kept[-1].link if chain.kept else FIRST
    told = {"number": anchor.number, "at": anchor.at, "upto": anchor.upto, "heads": anchor.heads}
    return anchor_link(chain.sealing, previous, **told)


def test_the_line_outside_is_kept_once_and_privately(history: History, tmp_path: Path) -> None:
    path = tmp_path / "far" / "anchors.log"
    line = anchor_outside(history.chain, path, NOW)
    assert line == anchor_outside(history.chain, path, NOW)
    assert path.read_text() == f"{line}\n"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    # A crash came between the record and the file, and another cut a line short.
    history.entry("anna")
    anchor(history.chain, NOW)
    with path.open("a") as file:
        file.write("phms-anch")
    again = anchor_outside(history.chain, path, NOW)
    assert path.read_text() == f"{line}\nphms-anch\n{again}\n"
    assert faults(history, tuple(path.read_text().splitlines())) == []
    assert [bool(read_line(text)) for text in path.read_text().splitlines()] == [True, False, True]


def test_a_file_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "anchors.log"):
        with pytest.raises(Unavailable, match="name a file that this user may write"):
            keep_line(path, "phms-anchor")


def test_nothing_written_leaves_no_line(tmp_path: Path) -> None:
    assert anchor_outside(ChainInMemory(), tmp_path / "anchors.log", NOW) is None
    assert not (tmp_path / "anchors.log").exists()


# Large and busy records.


def test_many_anchored_streams_are_sorted_outside_the_memory() -> None:
    furthest = Furthest(held=50)
    for number in range(1, 8):
        for who in range(0, 200, number):
            stream = STREAMS[who % 2]
            furthest.put(Seen(f"name-{who:03}", stream, number, bytes([number]), by=number))
    told = list(furthest)
    assert len(told) == 200
    assert told == sorted(told)
    for seen in told:
        who = int(seen.subject.removeprefix("name-"))
        assert seen.number == max(n for n in range(1, 8) if who % n == 0)
    furthest.close()


def test_writers_at_work_are_no_fault(history: History) -> None:
    """Everything that can happen between two pages of what is read."""
    chain = history.chain

    class Watched:
        sealing = chain.sealing

        def links(self, stream: str, subject: str | None = None) -> Iterator[Link]:
            rows = list(chain.links(stream, subject))
            if subject is None and stream == JOURNAL:
                history.entry("anna")
                history.look("anna")
                history.entry("ben", ERASE)
            return iter(rows)

        def __getattr__(self, asked: str) -> object:
            return getattr(chain, asked)

    assert verify(Watched()).sound  # type: ignore[arg-type]


@pytest.mark.parametrize("loose", [True, False])
def test_a_row_that_a_store_stumbles_over_is_found(loose: bool) -> None:
    made = ChainInMemory()
    for who in ("anna", "ben", "cleo"):
        for _ in range(4):
            made.entry(who)
            made.look(who)
    if not loose:
        anchor(made, NOW)
    ben = made.sealing.name("person", "ben")
    rows = made.raw(ACCESS, ben)
    made.forge(ACCESS, ben, [*rows[:2], replace(rows[2], kind="stumble"), rows[3]])

    class Stumbling(ChainInMemory):
        def __init__(self) -> None:
            self.__dict__ = made.__dict__

        def links(self, stream: str, subject: str | None = None) -> Iterator[Link]:
            for link in super().links(stream, subject):
                if link.kind == "stumble":
                    raise KeyError("kind")
                yield link

    found = verify(Stumbling()).faults
    if loose:
        assert [f.stream for f in found] == [ACCESS]
    else:
        assert [(f.stream, f.subject, f.number, f.what) for f in found] == [
            (ACCESS, ben, 3, "edited: the record cannot be read")
        ]


def test_of_a_record_that_is_all_wrong_the_first_thousand_are_told() -> None:
    made, other = ChainInMemory(), ChainInMemory(seed=8)
    for nth in range(MOST_TOLD + 5):
        made.entry(f"p{nth}")
    heard: list[int] = []
    assert verify(made, told=heard.append).sound
    assert heard == [500, 1000]
    made.sealing = other.sealing
    verdict = verify(made)
    assert (len(verdict.faults), verdict.more) == (MOST_TOLD, 5)


# Any history, any byte.

ACTS = st.one_of(
    st.tuples(st.sampled_from(["entry", "look", "relieve", "erase"]), st.sampled_from(["anna", "ben", "cleo"])),
    st.just(("anchor", "")),
)


def lived(acts: list[tuple[str, str]]) -> ChainInMemory:
    made, erased = ChainInMemory(), set()
    for nth, (act, who) in enumerate(acts):
        if act == "anchor":
            anchor(made, NOW + nth * MINUTE)
        elif who not in erased:
            {"entry": made.entry, "look": made.look, "relieve": made.relieve}.get(act, lambda who: None)(who)
            if act == "erase":
                made.entry(who, ERASE)
                erased.add(who)
    return made


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTS, max_size=25))
def test_any_history_is_sound(acts: list[tuple[str, str]]) -> None:
    made = lived(acts)
    assert verify(made, [line_of(one, made.sealing) for one in made.kept]).sound


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.lists(ACTS, min_size=1, max_size=15), st.data())
def test_any_byte_of_any_row_that_is_changed_is_found(acts: list[tuple[str, str]], data: st.DataObject) -> None:
    made = lived(acts)
    rows = [row.link for of_stream in made.streams.values() for row in of_stream]
    assume(rows)
    row = data.draw(st.sampled_from(rows))
    column = data.draw(st.sampled_from([f.name for f in fields(Link) if f.name != "stream"]))
    value = getattr(row, column)
    # What an erased person's last entry said, nobody can read, so nobody can tell.
    assume(column != "body" or row.kind != ERASE)
    changed = replace(row, **{column: _mutated(value, data)})
    mine = made.raw(row.stream, row.subject)
    mine[row.number - 1] = changed
    made.forge(row.stream, row.subject, sorted(mine, key=lambda link: link.number))
    found = verify(made).faults
    if column == "subject":
        # The last look that was given to somebody else is missed by no chart, but it does not belong there.
        assert changed.subject in {fault.subject for fault in found}
    elif column == "number":
        assert [(f.stream, f.subject) for f in found] == [(row.stream, row.subject)]
        assert found[0].number <= row.number
    else:
        assert [(f.stream, f.subject, f.number) for f in found] == [(row.stream, row.subject, row.number)]


def _mutated(value: str | int | bytes, data: st.DataObject) -> str | int | bytes:
    if isinstance(value, int):
        return value ^ (1 << data.draw(st.integers(0, 50)))
    told = bytearray(value if isinstance(value, bytes) else value.encode())
    if not told:
        told = bytearray(b"\0")
    else:
        told[data.draw(st.integers(0, len(told) - 1))] ^= 1 << data.draw(st.integers(0, 6))
    return bytes(told) if isinstance(value, bytes) else told.decode("utf-8", "surrogateescape")

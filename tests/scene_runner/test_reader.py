# ruff: noqa: E501 - scripts read better on one line
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.scene.grammar import (
    ClockJumps,
    Fault,
    FieldIs,
    FlagChange,
    FlagIs,
    Hears,
    HearsNothing,
    MayHear,
    NeverHears,
    NluIs,
    NothingElse,
    ProviderIs,
    RiskIs,
    Says,
    ServerRestarts,
    Streams,
    When,
    WithRule,
)
from bot.scene.reader import read
from data.errors import BadFile
from data.model.concern import Level
from data.model.people import ChannelKind, Purpose, QuietHours
from tests.scene_runner.scripts import EXAMPLE, HEAD, scene


def step(line: str):
    (only,) = read(scene(line), "x.scene")[0].lines
    return only.step


def problem(text: str) -> str:
    with pytest.raises(BadFile) as caught:
        read(text, "x.scene")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_example_of_the_reference_page_reads_verbatim():
    (night,) = read(EXAMPLE, "night.scene")
    assert night.start_at == datetime(2026, 3, 3, 21, 10, tzinfo=UTC)
    assert list(night.cast) == ["Anna", "Nia", "Dr Lee", "Mia"]
    assert night.cast["Dr Lee"].person.id == "dr-lee"
    assert night.cast["Anna"].person.quiet.start == time(21, 0)
    assert len(night.lines) == 18
    code = night.lines[5].step
    assert isinstance(code, Hears)
    assert (code.word, code.within, str(code.pattern)) == (
        "code",
        timedelta(seconds=10),
        r'"P1" "A-17" /Reply \d{3} OK/',
    )
    assert night.lines[-1].step == NothingElse(until=When(clock=time(6, 0)))


@pytest.mark.parametrize(
    ("line", "text", "channel"),
    [
        ("Anna: my chest hurts", "my chest hurts", None),
        ("Anna: my chest hurts   # at last", "my chest hurts", None),
        ("Anna: it's 5/10 today, room #4", "it's 5/10 today, room #4", None),
        ("Anna: is it: bad?", "is it: bad?", None),
        ('Anna: "bp 150/95"', "bp 150/95", None),
        ("Dr Lee: 427 ok", "427 ok", None),
        ("anna on telegram: hi", "hi", ChannelKind.TELEGRAM),
        ('Anna presses "I am fine"', "I am fine", None),
        ("Anna presses OK", "OK", None),
        ('Anna: ""', "", None),
        ("Nia: # 985 - OK", "# 985 - OK", None),
        ("Nia: ok  #985", "ok  #985", None),
        ("Nia: ok 985  # she is awake", "ok 985", None),
        ("Nia: ok 985\t# she is awake", "ok 985", None),
    ],
)
def test_says_and_presses(line, text, channel):
    said = step(line)
    assert isinstance(said, Says)
    assert (said.text, said.channel) == (text, channel)


def test_a_name_may_be_the_beginning_of_another():
    text = HEAD.replace("  Nia ", "  Dr Lee Junior  nurse  step 3\n  Nia ") + "Dr Lee Junior: hi\nDr Lee: ho\n"
    assert [line.step.person for line in read(text, "x")[0].lines] == ["Dr Lee Junior", "Dr Lee"]


def test_series_with_every_option():
    row = step("Anna's oxygen: 97 96 _ 90-1x2 every 5m from watch arriving 2h late sent twice")
    assert isinstance(row, Streams)
    assert [(s.offset, s.value) for s in row.samples] == [
        (timedelta(minutes=m), v) for m, v in [(0, 97.0), (5, 96.0), (15, 90.0), (20, 89.0), (25, 88.0)]
    ]
    assert (row.source, row.late, row.copies) == ("watch", timedelta(hours=2), 2)
    assert {s.code for s in row.samples} == {"oxygen-saturation"}


def test_a_blood_pressure_is_two_values_of_one_instant():
    row = step("Anna's bp: 150/95 _ 148/94")
    assert [(s.offset, s.code, s.value) for s in row.samples] == [
        (timedelta(0), "systolic-blood-pressure", 150.0),
        (timedelta(0), "diastolic-blood-pressure", 95.0),
        (timedelta(minutes=2), "systolic-blood-pressure", 148.0),
        (timedelta(minutes=2), "diastolic-blood-pressure", 94.0),
    ]


def test_hearing():
    heard = step('Nia hears on telegram: “P1” /a "quoted" b/ @page within 1h 30m as code  # why')
    assert isinstance(heard, Hears)
    assert [p.kind for p in heard.pattern.parts] == ["text", "regex", "key"]
    assert (heard.channel, heard.within, heard.word) == (ChannelKind.TELEGRAM, timedelta(minutes=90), "code")
    assert step('Nia hears: "a # b"').pattern.parts[0].source == "a # b"
    assert step("Nia hears: /a # b/").pattern.parts[0].source == "a # b"
    assert step("Nia hears nothing") == HearsNothing(person="Nia")
    assert step("Nia hears nothing for 4m") == HearsNothing(person="Nia", span=timedelta(minutes=4))
    assert isinstance(step('Nia may hear: "x"'), MayHear)
    assert isinstance(step('Nia never hears: "Anna" "chest"'), NeverHears)


@pytest.mark.parametrize(
    ("word", "level"),
    [("critical", Level.CRITICAL), ("EMERGENCY", Level.CRITICAL), ("Urgent", Level.HIGH), ("MEDIUM", Level.MODERATE),
     ("normal", Level.LOW), ("UNKNOWN", Level.UNKNOWN)],
)  # fmt: skip
def test_risk(word, level):
    assert step(f"risk of Anna is {word}") == RiskIs(person="Anna", level=level)


def test_risk_because():
    risk = step('risk of Anna is HIGH because "oxygen" /8\\d%/ within 5m')
    assert str(risk.because) == '"oxygen" /8\\d%/'
    assert risk.within == timedelta(minutes=5)
    assert str(step("risk of Anna is HIGH because chest hurts").because) == '"chest hurts"'


def test_flags():
    opens = step("flag Chest pain for Anna opens within 10s")
    assert opens == FlagIs(rule="chest-pain", person="Anna", change=FlagChange.OPENS, within=timedelta(seconds=10))
    assert step("flag chest-pain for Anna does not open").change is FlagChange.DOES_NOT_OPEN
    taken = step("flag chest-pain for Anna is acknowledged by Dr Lee")
    assert (taken.change, taken.by) == (FlagChange.IS_ACKNOWLEDGED, "Dr Lee")
    closed = step('flag chest-pain for Anna closes with outcome "ambulance"')
    assert (closed.change, str(closed.outcome)) == (FlagChange.CLOSES, '"ambulance"')
    assert str(step("flag chest-pain for Anna closes with called, all well").outcome) == '"called, all well"'


@pytest.mark.parametrize(
    ("line", "providers", "fault", "by"),
    [
        ("provider A goes down", ("A",), Fault.DOWN, 0),
        ("provider b comes back", ("B",), Fault.BACK, 0),
        ("provider twilio loses receipts", ("A",), Fault.LOSES_RECEIPTS, 0),
        ("provider sms delivers late 2m", ("A", "B"), Fault.LATE, 120),
        ("provider telegram reports undelivered", ("telegram",), Fault.UNDELIVERED, 0),
        ("provider A repeats the last message", ("A",), Fault.REPEATS, 0),
    ],
)
def test_providers(line, providers, fault, by):
    assert step(line) == ProviderIs(providers=providers, fault=fault, by=timedelta(seconds=by))


def test_the_house():
    assert step("server restarts") == ServerRestarts()
    assert step("NLU is down") == NluIs(True)
    assert step("NLU comes back") == NluIs(False)
    assert step("clock jumps 1h") == ClockJumps(timedelta(hours=1))
    assert step("clock jumps -1h") == ClockJumps(timedelta(hours=-1))
    assert step("clock jumps back 90s") == ClockJumps(timedelta(seconds=-90))


def test_nothing_else():
    assert step("nothing else happens") == NothingElse()
    assert step("nothing else happens for 2h") == NothingElse(span=timedelta(hours=2))
    until = step("nothing else happens until next day 06:00")
    assert until == NothingElse(until=When(clock=time(6, 0), days=1))


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("Anna's zone is Europe/Berlin", "zone", "Europe/Berlin"),
        ("Anna's lang is German", "language", "de"),
        ("Anna's quiet is none", "quiet", QuietHours(start=time(0), end=time(0))),
        ("Anna's profile is inactive", "status", False),
        ("Anna's profile is active", "status", True),
        ("Anna's step is 2", "step", 2),
        ("Anna's born is 1951-04-30", "born", date(1951, 4, 30)),
        ("Anna's oxygen scale is 2", "spo2 scale", 2),
        ("Anna's on oxygen is yes", "on oxygen", True),
        ("Anna's status is deceased", "status", False),
        ("Anna's consent is withdrawn", "consent", {Purpose.MONITORING: False, Purpose.MESSAGING: False}),
        ("Anna's consent is messaging withdrawn", "consent", {Purpose.MESSAGING: False}),
        ("Anna's messaging consent is given", "consent", {Purpose.MESSAGING: True}),
        ("Anna's research consent is given", "consent", {Purpose.RESEARCH: True}),
        ("Anna's consent is none", "consent", {Purpose.MONITORING: False, Purpose.MESSAGING: False}),
    ],
)
def test_fields(line, field, value):
    assert step(line) == FieldIs(person="Anna", field=field, value=value)


def test_a_plan():
    plan = step(
        'Anna\'s plan is "Check: your pressure" daily 08:00 until 2026-04-01 clears bp; "Weigh yourself" mon 07:00'
    )
    first, second = plan.value.activities
    assert (first.text, first.recurrence.times, first.until) == ("Check: your pressure", (time(8),), date(2026, 4, 1))
    assert first.clears == "systolic-blood-pressure"
    assert second.recurrence.weekdays == (0,)
    assert step("Anna's plan is none").value.activities == ()
    for line in ("weigh yourself daily 08:00", "daily 08:00 weigh yourself", 'daily 08:00 "weigh yourself"'):
        (only,) = step(f"Anna's plan is {line}").value.activities
        assert (only.text, only.recurrence.times) == ("weigh yourself", (time(8),))


@pytest.mark.parametrize(
    ("prefix", "when"),
    [
        ("+1m", When(after=timedelta(minutes=1))),
        ("+1h30m", When(after=timedelta(minutes=90))),
        ("+ 5 min", When(after=timedelta(minutes=5))),
        ("+1h 30m", When(after=timedelta(minutes=90))),
        ("23:10", When(clock=time(23, 10))),
        ("next day 08:00", When(clock=time(8), days=1)),
        ("in Europe/Berlin 08:00", When(clock=time(8), zone="Europe/Berlin")),
        ("next day in Europe/Berlin 08:00", When(clock=time(8), zone="Europe/Berlin", days=1)),
        ("2026-03-05 08:00", When(clock=time(8), on=date(2026, 3, 5))),
    ],
)
def test_times(prefix, when):
    spoken, alone = read(scene(f"{prefix}  Anna: hi\n{prefix}   # wait\n"), "x")[0].lines
    assert (spoken.when, spoken.step.text) == (when, "hi")
    assert (alone.when, alone.step) == (when, None)


def test_with_rule_on_one_line_and_on_indented_lines():
    body = "with rule low-oxygen below 95: flag low-oxygen for Anna opens\nwith rule x:\n   Nia hears nothing\n   risk of Anna is LOW\nAnna: hi\n"
    one, many, after = read(scene(body), "x")[0].lines
    assert isinstance(one.step, WithRule)
    assert (one.step.rule, len(one.step.lines)) == ("low-oxygen below 95", 1)
    assert [line.number for line in many.step.lines] == [11, 12]
    assert isinstance(after.step, Says)


def test_given_facts_with_and_without_bullets():
    text = HEAD.replace("---\n", "Given:\n  - provider A goes down\n  Anna's weight: 80 80.5 every 1d\n---\n")
    facts = read(text, "x")[0].facts
    assert [type(fact.step) for fact in facts] == [ProviderIs, Streams]
    assert "is not a fact" in problem(HEAD.replace("---\n", "Given:\n  risk of Anna is LOW\n---\n"))


def test_for_each_runs_the_whole_scene_once_per_row():
    body = "for each:\n  words | level\n  my chest hurts | CRITICAL\n  hello | LOW\n\nAnna: {words}\nrisk of Anna is {level}\n"
    one, two = read(scene(body), "x")
    assert (one.lines[0].step.text, one.lines[1].step.level) == ("my chest hurts", Level.CRITICAL)
    assert (two.lines[0].step.text, two.lines[1].step.level) == ("hello", Level.LOW)
    assert "words=hello" in two.title


def test_for_each_reaches_into_people_and_start():
    body = 'for each:\n  zone           say\n  Europe/Berlin  "hi, #1"\n  UTC            ho\nAnna: {say}\nAnna hears: {say}\n'
    text = scene(body).replace("Start: 2026-03-03 10:00 UTC", "Start: 2026-03-03 10:00 {zone}")
    with pytest.raises(BadFile):
        read(text, "x")  # a pattern needs its quotes in every row
    one, two = read(text.replace("hears: {say}", 'hears: "{say}"'), "x")
    assert (one.zone, two.zone) == ("Europe/Berlin", "UTC")
    assert (one.lines[0].step.text, one.lines[1].step.pattern.parts[0].source) == ("hi, #1", "hi, #1")


@pytest.mark.parametrize(
    "table",
    [
        "for each words:\n  my chest hurts\n  oh  no\n",
        "for each\n  words\n  my chest hurts\n  oh  no\n",
        "for each:\n| words |\n|---|\n| my chest hurts |\n| oh  no |\n",
        'for each words in "my chest hurts", "oh  no"\n',
    ],
)
def test_tables_of_one_column(table):
    assert [s.lines[0].step.text for s in read(scene(table + "Anna: {words}\n"), "x")] == ["my chest hurts", "oh  no"]


def test_crlf_bom_and_two_scenes_in_one_file():
    text = "\ufeff" + scene("Anna: hi\n").replace("\n", "\r\n")
    assert len(read(text, "x")) == 1
    two = read(scene("Anna: hi\n") + "\n" + scene("Anna: ho\n"), "x")
    assert [s.lines[0].step.text for s in two] == ["hi", "ho"]
    assert two[1].lines[0].number == 19


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("Nia heers: \"P1\"", ["x.scene:9:", "NAME hears"]),
        ("Ana: hello", ["x.scene:9:", "nobody here is called 'Ana'", "nearest: Anna"]),
        ("serve restarts", ["cannot read 'serve restarts'", "nearest: server restarts"]),
        ("provider A goes dawn", ["nearest: goes down"]),
        ("provider C goes down", ["'c' is not a provider", "allowed: A, B"]),
        ("Anna's oxigen: 97", ["oxygen"]),
        ("Anna's oxygen: 97 abc", ["'abc'", "allowed: numbers"]),
        ("Anna's oxygen: 97 every blue", ["every 5m"]),
        ("Anna's bp: 150", ["150/95"]),
        ("Anna's zome is UTC", ["'zome' is not a field", "nearest: zone", "allowed:"]),
        ("Anna's zone is Europe/Atlantis", ["not a time zone"]),
        ("risk of Anna is TERRIBLE", ["'TERRIBLE' is not a level", "CRITICAL"]),
        ("risk of Ana is LOW", ["nobody here is called 'Ana'"]),
        ("Nia hears: P1", ["cannot read 'P1'", '"quoted text"']),
        ("Nia hears: /(/", ["not a regular expression"]),
        ("Nia: {code} ok", ["{code}", "was not heard before"]),
        ("25:00 Anna: hi", ["not a time of day"]),
        ("next day Anna: hi", ["at what time"]),
        ("with rule x: Anna: hi", ["is not an expectation"]),
        ("with rule x:", ["needs an expectation"]),
        ("for each:", ["at least one row"]),
        ("Nia never hears:", ["never hears"]),
        ("Anna:", ["Anna says nothing"]),
        ("Anna:   ", ["Anna says nothing"]),
        ('Anna\'s plan is "weigh yourself daily 11:00"', ['"weigh yourself" daily 11:00']),
        ("Anna's sms is hello", ["'hello' is not a phone number"]),
        ("hello world", ["cannot read 'hello world'", "phms replay --help"]),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(line, parts):
    said = problem(scene(line))
    assert said.startswith("x.scene:9: ")
    for part in parts:
        assert part in said


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "x.scene:1: "),
        ("Scene: a\nStart: 2026-03-03 10:00 UTC\nPeople:\n Anna  patient\n", "the line ---"),
        ("Scene: a\nPeople:\n Anna  patient\n---\n", "lacks 'Start:'"),
        ("Scene: a\nStart: tomorrow\nPeople:\n Anna  patient\n---\n", "x.scene:2: cannot read the start 'tomorrow'"),
        ("Scene: a\nStart: 2026-02-30 10:00 UTC\nPeople:\n Anna  patient\n---\n", "is not a time"),
        ("Scene: a\nStart: 2026-03-03 10:00 UTC\nPeople:\n---\n", "nobody takes part"),
        ("Scene: a\nPoeple:\n---\n", "nearest: People"),
    ],
)
def test_a_broken_head_is_named(text, part):
    assert part in problem(text)


def test_the_zone_of_the_start_is_the_zone_of_its_people():
    (one,) = read(scene("").replace("10:00 UTC", "10:00 America/New_York"), "x")
    assert one.start_at.astimezone(ZoneInfo("America/New_York")).hour == 10
    assert one.cast["Anna"].person.zone == "America/New_York"


FRAGMENTS = st.sampled_from(
    ["Anna", "Nia", "Dr Lee", ":", "'s", " hears ", "hears:", '"', "/", "@key", "within", "10s", "as", "code", "{code}", "#",
     "+1m", "23:10", "next day", "in Europe/Berlin", "risk of ", "is", "CRITICAL", "because", "flag ", "chest-pain", "for",
     "opens", "closes", "with", "outcome", "provider A", "goes down", "clock jumps", "nothing else happens", "until",
     "for each:", "|", "with rule", "oxygen", "97", "96+1x3", "_x9", "99999999x999999", "every", "from", "  ", "\t", "\n",
     "\r\n", "---", "Scene:", "Given:", "People:", "plan", "quiet", "limits", "spo2<90", "\\", "(", "[", "é", "“", "９"]
)  # fmt: skip


@given(
    st.one_of(st.text(), st.lists(FRAGMENTS, max_size=14).map("".join), st.lists(FRAGMENTS, max_size=14).map(" ".join))
)
def test_any_text_reads_or_is_a_bad_file(text):
    for candidate in (text, scene(text), HEAD.replace("---", text), HEAD.replace("sms +15550001", text)):
        try:
            read(candidate, "x.scene")
        except BadFile as caught:
            assert str(caught).startswith("x.scene:")
            assert "\n" not in str(caught)

"""A roster's text: whole scene, block or bare lines; whatever a clinic's files come as; every mistake with its line."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.roster_file import decode, read_roster
from data.errors import BadFile
from data.model.people import Purpose, Role

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
LINES = "Anna  patient  sms +372 5555-0001  id A-17\nNia\tnurse\tsms +37255550002\tstep 1\n"
SCENE = (
    f"Scene: a night\nStart: 2026-03-03 23:10 Europe/Berlin\nPeople:\n{LINES}"
    'Given:\n  Anna\'s quiet is 21:00-08:00\n---\nAnna: hello\nAnna hears: "hi"\n'
)


def read(text):
    return read_roster(text, "roster.scene", "Europe/Tallinn", NOW)


def shape(text):
    lines, problems = read(text)
    assert problems == ()
    return [(one.person.name, one.person.role, [c.value for c in one.person.contacts], one.chosen) for one in lines]


@pytest.mark.parametrize(
    "text",
    [
        LINES,
        f"People:\n{LINES}",
        SCENE,
        SCENE.replace("\n", "\r\n"),
        f"# our people\n\n{LINES}   # and that is all",
        decode(f"\ufeff{LINES}".encode(), "x"),
        decode(LINES.encode("utf-16"), "x"),
        LINES.replace("\n", "\r"),
        f"people: {LINES}---\nnobody reads this\n",
    ],
)
def test_it_may_be_a_scene_a_block_or_lines_however_it_was_saved(text):
    assert shape(text) == [
        ("Anna", Role.PATIENT, ["+37255550001"], "A-17"),
        ("Nia", Role.CLINICIAN, ["+37255550002"], None),
    ]


def test_the_zone_is_the_lines_then_the_scenes_then_the_clinics():
    zones = [one.person.zone for one in read(f"{LINES}Ben  patient  zone Asia/Tokyo")[0]]
    assert zones == ["Europe/Tallinn", "Europe/Tallinn", "Asia/Tokyo"]
    assert {one.person.zone for one in read(SCENE)[0]} == {"Europe/Berlin"}


@pytest.mark.parametrize(
    ("said", "given"),
    [
        ("", {Purpose.MONITORING: True, Purpose.MESSAGING: True}),
        ("consent none", {Purpose.MONITORING: False, Purpose.MESSAGING: False}),
        ("consent messaging withdrawn", {Purpose.MONITORING: True, Purpose.MESSAGING: False}),
        (
            "consent research given",
            {Purpose.MONITORING: True, Purpose.MESSAGING: True, Purpose.RESEARCH: True},
        ),
    ],
)
def test_consent_is_the_usual_one_and_no_more_unless_the_line_says_so(said, given):
    assert read(f"Anna  patient  {said}")[0][0].consents == given


@pytest.mark.parametrize(
    ("line", "field", "part"),
    [
        ("Anna  patiemt", "role", "nearest: patient"),
        ("Anna  patient  sms 5550001", "sms", "is no international number"),
        ("Anna  patient  sms 0037255550001", "sms", "is no international number"),
        ("Anna  patient  sms stopped", "sms", "is no international number"),
        ("Anna  patient  whatsapp 5550001", "whatsapp", "is no international number"),
        ("Anna  patient  smss +1", "smss", "nearest: sms"),
        ("Anna  patient  telegram anna", "telegram", "is no chat"),
        ("Anna  patient  zone Europe/Talinn", "zone", "zone"),
        ("Anna  patient  quiet late", "quiet", "21:00-08:00"),
        ("Anna  patient  step 1", "step", "not for a patient"),
        ("Nia  nurse  consent yes", "consent", "only patients and proxies"),
        ("Anna  patient  id 427", "id", "reply to a page"),
        ("Anna  patient  id all", "id", "a meaning of its own"),
        ("Anna  patient  id A 17", "id", "is no code"),
        ("Anna  patient  sms +37255550001  sms +37255550002", "sms", "stands 2 times"),
        ("Sam  stranger", "role", "nobody to enrol"),
        ("12  patient", "name", "needs letters"),
        ("{name:x}  patient", "name", "no { or }"),
        ("A" * 101 + "  patient", "name", "at most 100"),
        ("Anna  patient  " + "x" * 5000, "", "longer than"),
    ],
)
def test_a_mistake_is_told_with_line_and_field_and_the_others_are_read_on(line, field, part):
    _, problems = read(f"Ok  patient\n{line}\nNia  nurse  step zero\n")
    assert [(p.line, p.field) for p in problems] == [(2, field), (3, "step")]
    assert part in problems[0].what


def test_every_mistake_of_a_line_is_told():
    _, problems = read("Anna  patient  sms 12  zone Nowhere  quiet late")
    assert sorted(p.field for p in problems) == ["quiet", "sms", "zone"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "nobody stands in it"),
        ("# only words\n", "nobody stands in it"),
        ("Scene: x\nStart: now\n---\n", "lacks 'People:'"),
        ("People:\nAnna  patient\nPeople:\nBen  patient\n", ":3: People: stands twice"),
        ("Scene: a\nPeople:\nAnna  patient\nScene: b\nPeople:\nBen  patient\n", ":4: a second scene begins"),
    ],
)
def test_what_is_no_roster_is_refused_with_its_line(text, part):
    with pytest.raises(BadFile, match=r"^roster.scene:\d+: ") as problem:
        read(text)
    assert part in str(problem.value)


def test_bytes_that_are_no_text_name_their_line():
    with pytest.raises(BadFile, match=r"^x:2: .*save the file as UTF-8"):
        decode(b"Anna  patient\nJ\xf6rg  patient\n", "x")


def test_names_of_any_script_stay_whole_however_their_accents_are_written():
    (one, two), problems = read("Jose\u0301 Pérez  patient\nМария Иванова  patient")
    assert problems == ()
    assert (one.person.name, one.person.id) == ("José Pérez", "josé-pérez")
    assert two.person.id == "мария-иванова"


@given(st.text(max_size=300))
def test_no_text_breaks_the_reader(text):
    try:
        lines, problems = read(text)
    except BadFile:
        return
    assert lines or problems

"""Issue 4, "Rights": correction. What a patient or the clinic mends reaches everything, and the old value is kept."""

import json
import os
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data.model.concern import FlagState
from data.model.observation import Observation, Status
from data.model.people import ChannelKind
from integrations.fhir_dossier import compile_dossier
from integrations.fhir_export import bundle_pieces
from tests.acceptance.access_clinic import ANNA, CLINIC, LEE, MIA, NIA, OUT, by_telegram, looks_of, writes
from tests.acceptance.crashing import START, World, compare
from tests.bot.clinic import heard, house, says
from tests.integrations.fhir_checks import problems

MINUTE = timedelta(minutes=1)
EVER = START - timedelta(days=1), START + timedelta(days=2)
CODE = "oxygen-saturation"


def clinic(**changes):
    return house(members=(replace(ANNA, **changes), NIA, LEE, MIA))


def tells(built, *texts, after=MINUTE):
    """Anna writes, a minute apart; what she hears last."""
    for text in texts:
        built.clock.move_to(built.now() + after)
        says(built, text)
    return heard(built, "A-17")[-1]


def nia_takes_it(built):
    code = built.record.codes_of("nia", START)[-1].code
    says(built, f"{code} ok", "+15550002")
    return code


def open_flags(built):
    return [f for f in built.record.chart("A-17").flags if f.state is not FlagState.CLOSED]


def values(built, code=CODE):
    return [row.value for row in built.record.observations("A-17", code, *EVER)]


def exported(built):
    """The readings of an export, as FHIR."""
    record = built.record
    dossier = compile_dossier(
        person=record.chart("A-17").person,
        chart=record.chart("A-17"),
        stored=record.observations("A-17", CODE, *EVER),
        messages=record.messages("A-17"),
        journal=record.journal("A-17"),
        accesses=record.accesses("A-17"),
        everyone=record.people(),
        now=built.now(),
    )
    bundle = json.loads(b"".join(bundle_pieces(dossier)))
    assert problems(bundle) == []
    found = (entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Observation")
    return [(one["status"], one["valueQuantity"]["value"]) for one in found if "valueQuantity" in one]


def test_a_corrected_value_reaches_everything_and_the_old_one_is_history():
    built = clinic()
    tells(built, "spo2 79", "sorry, i meant 97")
    assert values(built) == [97.0]
    assert [row.value for row in built.record.chart("A-17").observations] == [97.0]
    assert [hour.most for hour in built.record.hours("A-17", CODE, *EVER)] == [97.0]
    assert exported(built) == [("corrected", 97)]
    history = [row for entry in built.record.journal("A-17") for row in entry.changes.observations]
    assert [(row.value, row.status) for row in history] == [(79.0, Status.FINAL), (97.0, Status.FINAL)]
    assert len({(row.id, row.effective_at) for row in history}) == 1


def test_a_withdrawn_one_counts_no_more_and_stays_in_the_record_and_the_export():
    built = clinic()
    tells(built, "spo2 79", "that was not me")
    assert values(built) == []
    assert built.record.chart("A-17").observations == ()
    assert built.record.hours("A-17", CODE, *EVER) == ()
    assert built.record.bands(CODE, *EVER) == {}
    assert exported(built) == [("entered-in-error", 79)]
    *_, last = (entry for entry in built.record.journal("A-17") if entry.changes.observations)
    assert last.changes.notes == (f"withdrawn as entered in error by A-17: {last.changes.observations[0].id}",)
    assert last.actor == "A-17"


@pytest.mark.parametrize(
    ("language", "said", "told", "gone"),
    [
        ("en", "sorry, i meant 97", "oxygen 97% instead of 79%", "that was not me"),
        ("es", "perdón, quise decir 97", "97% en lugar de 79%", "no era yo"),
        ("de", "Entschuldigung, ich meinte 97", "97% statt 79%", "das war ich nicht"),
        ("fr", "pardon, je voulais dire 97", "97% au lieu de 79%", "ce n'était pas moi"),
        ("et", "vabandust, mõtlesin 97", "97%, mitte 79%", "see ei olnud mina"),
    ],
)
def test_in_every_language_it_is_said_back_with_both_values(language, said, told, gone):
    built = clinic(language=language)
    assert told in tells(built, "spo2 79", said)
    assert "97%" in tells(built, gone)
    assert values(built) == []


@pytest.mark.parametrize("text", ["sorry, i meant 97", "that was not me"])
def test_what_people_hold_stays_with_them_and_they_hear_of_it(text):
    built = clinic()
    tells(built, "spo2 79")
    code = nia_takes_it(built)
    assert "stays with them" in tells(built, text)
    assert heard(built, "nia")[-1] == "P1 A-17: the patient has corrected a reading. Please look again."
    (flag,) = open_flags(built)
    assert flag.owner == "nia"
    assert built.record.chart("A-17").escalation(flag.escalation_id).owner == "nia"
    says(built, f"{code} done a slip", "+15550002")
    assert open_flags(built) == []


def test_who_was_told_of_what_nobody_has_taken_hears_it_too_and_paging_goes_on():
    built = clinic()
    tells(built, "spo2 79", "97 not 79")
    assert "corrected a reading" in heard(built, "nia")[-1]
    built.clock.move_to(built.now() + 10 * MINUTE)
    built.settle()
    assert any(text.startswith("P1 A-17 needs a person") for text in heard(built, "dr-lee"))
    assert len(open_flags(built)) == 1


def test_whoever_holds_another_concern_is_left_in_peace():
    built = clinic()
    tells(built, "my chest hurts")
    nia_takes_it(built)
    tells(built, "pulse 70", "i meant 71")
    assert not [text for text in heard(built, "nia") if "corrected" in text]


def test_a_correction_to_a_dangerous_value_is_escalated():
    built = clinic()
    told = tells(built, "spo2 97", "sorry, i meant 79")
    assert "can be dangerous" in told
    assert "112" in told
    assert "oxygen 79% instead of 97%" in told
    assert heard(built, "nia")[-1].startswith("P1 A-17 needs a person")


def test_it_is_escalated_even_where_the_same_concern_was_closed_since_the_reading():
    built = clinic()
    tells(built, "spo2 79")
    code = nia_takes_it(built)
    tells(built, "spo2 97")
    built.clock.move_to(built.now() + MINUTE)
    says(built, f"{code} done ambulance", "+15550002")
    assert open_flags(built) == []
    tells(built, "79 not 97")
    assert len(open_flags(built)) == 1
    assert heard(built, "nia")[-1].startswith("P1 A-17 needs a person")


def test_readings_of_devices_stay_as_they_were_measured():
    built = clinic()
    row = Observation(id="A-17/watch/1", code=CODE, value=79.0, unit="%", effective_at=START, received_at=START,
                      source="watch")  # fmt: skip
    built.stream("A-17", (row,), batch_id="1")
    for text in ("spo2 96", "97 not 79", "i meant 97", "delete my last reading", "delete my last reading"):
        tells(built, text)
    assert built.record.observations("A-17", CODE, *EVER) == (row,)


# /correct


def test_the_clinic_corrects_it_and_the_journal_has_their_name():
    built = house(members=CLINIC)
    writes(built, "A-17", "spo2 79")
    built.clock.move_to(built.now() + MINUTE)
    assert writes(built, "nia", "/correct A-17 spo2 97") == (
        "A-17: oxygen 97% instead of 79%. The earlier value stays in the record's history."
    )
    assert writes(built, "mia", "/correct Anna oxygen 96%").startswith("A-17: oxygen 96% instead of 97%")
    assert values(built) == [96.0]
    assert "Mia has corrected a reading" in "".join(heard(built, "nia"))
    entries = [entry for entry in built.record.journal("A-17") if entry.changes.observations]
    assert [(e.actor, e.changes.observations[0].value) for e in entries] == [
        ("A-17", 79.0),
        ("nia", 97.0),
        ("mia", 96.0),
    ]
    assert entries[1].changes.notes == (f"corrected by nia: {entries[0].changes.observations[0].id}",)


def test_by_sms_no_value_is_said():
    built = clinic()
    tells(built, "bp 150/95")
    says(built, "/correct A-17 bp 130/85", "+15550002")
    assert "130" not in "".join(heard(built, "nia"))
    assert heard(built, "nia")[-1].startswith("A-17: the reading is corrected")
    assert (values(built, "systolic-blood-pressure"), values(built, "diastolic-blood-pressure")) == ([130.0], [85.0])


def test_to_a_dangerous_value_it_is_escalated_and_the_patient_warned():
    built = house(members=CLINIC)
    writes(built, "A-17", "spo2 97")
    writes(built, "mia", "/correct A-17 spo2 79")
    assert "can be dangerous" in heard(built, "A-17")[-1]
    assert heard(built, "nia")[-1].startswith("P1 A-17 needs a person")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/correct A-17", "/correct A-17 spo2 97"),
        ("/correct A-17 spo2", "/correct A-17 spo2 97"),
        ("/correct A-17 sugar 35", "/correct A-17 spo2 97"),
        ("/correct A-17 spo2 970", "/correct A-17 spo2 97"),
        ("/correct Q-99 spo2 97", "I know no patient Q-99."),
        ("/correct A-17 pulse 97", "has written no such reading"),
        ("/correct A-17 spo2 97 pulse 80", "has written no such reading"),
    ],
)
def test_what_cannot_be_corrected_changes_nothing(text, told):
    built = house(members=CLINIC)
    writes(built, "A-17", "spo2 79")
    assert told in writes(built, "nia", text)
    assert values(built) == [79.0]


def test_whose_patient_it_is_not_hears_the_same_as_of_nobody_and_it_is_written_down():
    built = house(members=CLINIC)
    writes(built, "A-17", "spo2 79")
    for code in ("A-17", "Q-99"):
        assert writes(built, OUT.id, f"/correct {code} spo2 97") == f"I know no patient {code}. /patients lists them."
    assert looks_of(built, OUT.id) == [(OUT.id, "correct", False, "")] * 2
    assert writes(built, "bea", "/correct A-17 spo2 97").startswith("I do not know /correct")
    assert values(built) == [79.0]


def test_of_a_name_with_spaces():
    anna = by_telegram(replace(ANNA, name="Anna Maria 17"))
    built = house(members=(anna, *CLINIC[1:]))
    writes(built, "A-17", "spo2 79")
    assert writes(built, "nia", "/correct Anna Maria 17 spo2 97").startswith("A-17: oxygen 97%")


# Killed at any write


def hear(text, number, who="+15550001"):
    return lambda world: world.house.hear(ChannelKind.SMS, who, text, f"M{number}")


STORIES = {
    "to harmless": ("spo2 79", hear("sorry, i meant 97", 2)),
    "to dangerous": ("spo2 97", hear("sorry, i meant 79", 2)),
    "withdrawn": ("spo2 79", hear("that was not me", 2)),
    "by the clinic": ("spo2 79", hear("/correct A-17 spo2 97", 2, "+15550002")),
}


def play(store, folder, story, crash_at):
    before, correction = STORIES[story]
    folder.mkdir(parents=True)
    world = World(store, folder)
    hear(before, 1)(world)
    world.live(timedelta(seconds=5))
    bomb = world.arm(crash_at)
    world.do(correction)
    world.live(timedelta(seconds=70))
    return world, bomb


@pytest.fixture
def folder():
    """A folder in memory where the machine has one."""
    where = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a folder of our own inside
    with tempfile.TemporaryDirectory(dir=where) as made:
        yield Path(made)


@pytest.mark.parametrize("store", ["memory", "sqlite"])
@pytest.mark.parametrize("story", STORIES)
def test_a_crash_between_commit_and_answer_is_healed(story, store, folder):
    calm, bomb = play(store, folder / "calm", story, 0)
    expected, facts, points = calm.sent(), calm.facts(), list(bomb.writes)
    assert any(key.startswith(("correct", "vital-critical")) for _, _, _, key in expected)
    found = []
    for point, write in enumerate(points, 1):
        world, _ = play(store, folder / f"{point}", story, point)
        found += [f"write {point} ({write}): {problem}" for problem in compare(world.sent(), expected)]
        found += [f"write {point} ({write}): ends elsewhere"] if world.facts() != facts else []
        old = [e for e in world.record.journal("A-17") if any(o.withdrawn or o.value for o in e.changes.observations)]
        found += [f"write {point} ({write}): {len(old)} versions"] if len(old) != 2 else []
    assert found == []


def test_an_hour_in_which_everything_was_withdrawn_is_no_hour_after_a_restart(tmp_path):
    world, _ = play("sqlite", tmp_path / "one", "withdrawn", 0)
    world.restart()
    assert world.record.chart("A-17").observations == ()
    assert world.record.hours("A-17", CODE, datetime(1970, 1, 1, tzinfo=UTC), EVER[1]) == ()

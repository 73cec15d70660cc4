"""A roster over a record: what changes, what stays, what clashes; and that the same file again changes nothing."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.consent import record as record_consent
from bot.operator import operator
from bot.roster import Outcome, apply, propose
from bot.roster_file import read_roster
from bot.roster_merge import Paper
from data.errors import BadInput
from data.model.chart import Changes
from data.model.people import ChannelKind, Consent, ContactPoint, ContactState, Person, Purpose, Role
from tests.acceptance.crashing import KIT, START
from tests.bot.clinic import heard, house, says

PAPER = Paper(at=START, source="paper form 12")
ROSTER = """
Anna Kask  patient  sms +37255550001  id A-17  lang en  quiet 21:00-08:00  plan "Weigh yourself" daily 09:00
Ben        patient  sms +37255550004
Nia        nurse    sms +37255550002  step 1
Mia        care manager  sms +37255550005
"""


def proposed(built, text, paper=PAPER):
    lines, problems = read_roster(text, "roster", "Europe/Tallinn", built.now())
    assert problems == ()
    return propose(lines, built.record, KIT, paper, built.now())


def load(built, text=ROSTER, paper=PAPER):
    proposal = proposed(built, text, paper)
    assert proposal.problems == ()
    return len(list(apply(proposal, built, operator(), paper)))


@pytest.fixture
def clinic():
    built = house(members=())
    assert load(built) == 4
    built.clock.move_to(datetime(2026, 3, 4, 8, 30, tzinfo=UTC))
    return built


def person(built, who="A-17"):
    return built.record.chart(who).person


def changed(built, who, **fields):
    """Somebody changes a profile by another way."""
    built.clock.move_to(built.now().replace(microsecond=built.now().microsecond + 1))
    chart = built.record.chart(who)
    changes = Changes(person=replace(chart.person, **fields))
    built.record.commit(chart, f"other:{built.now().isoformat()}", "message", "x", changes, built.now())


def told(proposal):
    return {s.person.code: [(c.field, c.old, c.new) for c in s.changes] for s in proposal.to_do}


def test_everybody_is_enrolled_as_the_line_says_and_consent_is_on_paper_at_its_day(clinic):
    anna = person(clinic)
    assert (anna.code, anna.name, anna.zone, anna.quiet.start.hour) == ("A-17", "Anna Kask", "Europe/Tallinn", 21)
    assert [(c.purpose, c.given, c.recorded_at, c.source) for c in anna.consents] == [
        (Purpose.MONITORING, True, START, "paper form 12"),
        (Purpose.MESSAGING, True, START, "paper form 12"),
    ]
    assert person(clinic, "ben").code == "P-1"
    assert [a.text for a in clinic.record.chart("A-17").activities] == ["Weigh yourself"]
    (entry,) = clinic.record.journal("A-17")
    assert (entry.kind, entry.actor) == ("enrol", operator().id)
    assert "consent to messaging given, by paper form 12" in entry.changes.notes


def test_the_same_file_again_changes_nothing(clinic):
    before = [e.event_id for e in clinic.record.journal()]
    assert proposed(clinic, ROSTER).to_do == ()
    assert load(clinic) == 0
    assert [e.event_id for e in clinic.record.journal()] == before


def test_what_the_line_says_anew_is_applied_and_what_it_does_not_say_stays(clinic):
    changed(clinic, "nia", language="et")
    text = "Anna Kaskova  patient  sms +37255550009  id A-17  zone Europe/Berlin\nNia  nurse  step 2"
    proposal = proposed(clinic, text)
    assert told(proposal) == {
        "A-17": [
            ("name", "Anna Kask", "Anna Kaskova"),
            ("zone", "Europe/Tallinn", "Europe/Berlin"),
            ("sms", "+37255550001", "+37255550009"),
        ],
        "nia": [("step", "1", "2")],
    }
    assert sorted(p.id for p in proposal.others) == ["ben", "mia"]
    assert load(clinic, text) == 2
    assert (person(clinic).quiet.start.hour, person(clinic, "nia").language) == (21, "et")
    assert [a.active for a in clinic.record.chart("A-17").activities] == [True]
    assert [c.value for c in person(clinic, "nia").contacts] == ["+37255550002"]
    assert load(clinic, text) == 0


@pytest.mark.parametrize("word", ["STOP", "PAUSE"])
def test_what_the_patient_wrote_is_not_undone(clinic, word):
    says(clinic, word, "+37255550001")
    before = person(clinic)
    assert before.contacts[0].state is ContactState.STOPPED or before.paused_until
    assert load(clinic) == 0
    assert load(clinic, ROSTER.replace("lang en", "lang et")) == 1
    assert person(clinic) == replace(before, language="et")


def test_a_language_that_was_changed_here_stays_until_the_line_changes(clinic):
    changed(clinic, "A-17", language="et")
    proposal = proposed(clinic, ROSTER)
    assert proposal.to_do == ()
    assert "language was changed here since" in proposal.steps[0].notes[0]
    # Another field of the line changes: the language still stays, now and the next time.
    assert load(clinic, ROSTER.replace("21:00", "22:00")) == 1
    assert (person(clinic).language, person(clinic).quiet.start.hour) == ("et", 22)
    assert load(clinic, ROSTER.replace("21:00", "22:00")) == 0
    assert load(clinic, ROSTER.replace("21:00", "22:00").replace("lang en", "lang de")) == 1
    assert person(clinic).language == "de"


def withdraw(built, given=False, who="A-17"):
    row = Consent(purpose=Purpose.MESSAGING, given=given, recorded_at=built.now(), source="chat")
    built.commit(
        who, f"consent:{given}", "consent", who, built.now(),
        lambda c, t: record_consent(c, "consent", (row,), KIT, t, built.now()),
    )  # fmt: skip


def test_consent_that_was_withdrawn_is_not_brought_back_by_any_date(clinic):
    withdraw(clinic)
    for paper in (PAPER, Paper(at=clinic.now(), source="paper")):
        proposal = proposed(clinic, ROSTER, paper)
        assert proposal.to_do == ()
        assert "their last word on messaging is not given" in proposal.steps[0].notes[0]
    assert not person(clinic).consents_to(Purpose.MESSAGING)


def test_consent_given_later_by_chat_is_not_taken_away_by_an_old_line(clinic):
    text = "Eva  patient  sms +37255550006  id E-1  consent none"
    load(clinic, text)
    withdraw(clinic, given=True, who="E-1")
    assert proposed(clinic, text, Paper(at=clinic.now(), source="paper")).to_do == ()
    assert person(clinic, "E-1").consents_to(Purpose.MESSAGING)


def test_a_new_form_counts_when_the_line_says_so_and_its_day_is_later(clinic):
    text = ROSTER.replace("lang en", "lang en  consent none")
    early = Paper(at=START.replace(hour=1), source="old form")
    assert proposed(clinic, text, early).to_do == ()
    assert told(proposed(clinic, text, Paper(at=clinic.now(), source="form 13")))["A-17"] == [
        ("consent monitoring", "given", "not given"),
        ("consent messaging", "given", "not given"),
    ]


def test_roles_and_panels_that_were_assigned_stay(clinic):
    changed(clinic, "nia", role=Role.CARE_MANAGER, panel=("A-17",))
    proposal = proposed(clinic, ROSTER)
    assert proposal.to_do == ()
    assert any("the role here is care manager and stays" in note for note in proposal.steps[2].notes)
    load(clinic, ROSTER.replace("step 1", "step 2"))
    assert (person(clinic, "nia").role, person(clinic, "nia").panel) == (Role.CARE_MANAGER, ("A-17",))


def test_an_address_that_sent_stop_is_silent_whoever_gets_it(clinic):
    says(clinic, "STOP", "+37255550001")
    load(clinic, "Anna Kask  patient  id A-17  sms +37255550008\nZoe  patient  id Z-1  sms +37255550001")
    assert [(c.value, c.state) for c in person(clinic, "Z-1").contacts] == [("+37255550001", ContactState.STOPPED)]


def test_a_second_address_of_a_kind_that_was_linked_stays(clinic):
    linked = ContactPoint(system=ChannelKind.SMS, value="+37255550077")
    changed(clinic, "A-17", contacts=(*person(clinic).contacts, linked))
    load(clinic, ROSTER.replace("+37255550001", "+37255550010"))
    assert [c.value for c in person(clinic).contacts] == ["+37255550010", "+37255550077"]


def test_reminders_follow_the_line_and_a_colleagues_stay(clinic):
    says(clinic, '/nudge A-17 "Walk a little" daily 17:00', "+37255550005")
    texts = {a.text for a in clinic.record.chart("A-17").activities}
    assert texts == {"Weigh yourself", "Walk a little"}
    assert load(clinic) == 0
    assert load(clinic, ROSTER.replace('plan "Weigh yourself" daily 09:00', "plan none")) == 1
    assert {a.text: a.active for a in clinic.record.chart("A-17").activities} == {
        "Weigh yourself": False,
        "Walk a little": True,
    }
    assert load(clinic, ROSTER.replace('plan "Weigh yourself" daily 09:00', "plan none")) == 0


@pytest.mark.parametrize(
    ("text", "line", "field", "part"),
    [
        ("Zoe  patient  id Z-1  sms +37255550002", 1, "sms", "nia of the record has the same sms address"),
        ("Zoe  nurse  sms +37255550071\nTom  nurse  sms +372 5555 0071", 2, "sms", "line 1 has the same sms address"),
        # One number at two doors is one phone.
        ("Zoe  patient  id Z-1  whatsapp +372 55 71 0071\nTom  nurse  sms +37255710071", 2, "sms", "line 1 has the"),
        ("Zoe  patient  id Z-1\nTom  patient  id z-1", 2, "id", "line 1 has the same id"),
        ("Zoe  patient\nZoe  patient", 2, "name", "line 1 has the same name"),
        ("Zoe  nurse\nzoe  doctor", 2, "name", "line 1 has the same name"),
        ("Anna Kask  patient", 1, "name", "A-17 of the record has the same name; if it is the same person, write"),
        ("Zoe  nurse  id A-17", 1, "role", "A-17 is in the record as patient, and cannot become clinician"),
        ("Nia  patient", 1, "role", "nia is in the record as clinician"),
        ("Zoe  nurse  id Q1\nTom  nurse  id q1", 2, "id", "line 1 has the code"),
        ("Clinic  nurse", 1, "id", "the house's own"),
    ],
)
def test_what_two_people_cannot_both_have_names_both_and_nothing_is_written(clinic, text, line, field, part):
    proposal = proposed(clinic, text)
    assert [(p.line, p.field) for p in proposal.problems] == [(line, field)]
    assert part in proposal.problems[0].what


def test_two_patients_may_share_a_phone_with_a_warning(clinic):
    proposal = proposed(clinic, "Zoe  patient  id Z-1  sms +37255550001\nTom  patient  id T-1  sms +37255550044")
    assert proposal.problems == ()
    assert proposal.warnings == (
        "A-17 of the record and line 1 share one sms address: each may read what the others are sent there",
    )
    assert told(proposal).keys() == {"Z-1", "T-1"}


def test_two_patients_of_one_name_are_told_apart_by_their_ids(clinic):
    assert load(clinic, "Anna Kask  patient  id A-18\nAnna Kask  patient  id A-19") == 2
    assert (person(clinic, "A-17").code, person(clinic, "A-19").name) == ("A-17", "Anna Kask")


def test_an_erased_id_is_refused_with_what_to_do(clinic):
    clinic.record.commit(clinic.record.chart("A-17"), "e", "erase", "x", Changes(erased=True), clinic.now())
    (problem,) = proposed(clinic, "Anna Kask  patient  id A-17").problems
    assert (problem.line, problem.field) == (1, "id")
    assert "was erased, and is never given again; write another id in the line, such as `id A-17-2`" in problem.what


def test_one_who_has_ended_comes_back_only_with_their_line(clinic):
    changed(clinic, "nia", active=False)
    assert told(proposed(clinic, ROSTER)) == {"nia": [("status", "ended", "active again")]}
    assert proposed(clinic, ROSTER.replace("step 1", "step 1  status left")).to_do == ()
    load(clinic)
    assert person(clinic, "nia").active


def test_what_comes_in_between_look_and_write_is_kept(clinic):
    text = ROSTER.replace("21:00", "22:00")
    proposal = proposed(clinic, text)
    says(clinic, "PAUSE", "+37255550001")
    changed(clinic, "A-17", language="et")
    assert len(list(apply(proposal, clinic, operator(), PAPER))) == 1
    now = person(clinic)
    assert (now.language, now.quiet.start.hour, now.paused_until is not None) == ("et", 22, True)


def test_cut_off_between_two_people_the_same_file_finishes():
    built = house(members=())
    writing = apply(proposed(built, ROSTER), built, operator(), PAPER)
    next(writing), next(writing)
    writing.close()
    assert len(built.record.people()) == 2
    proposal = proposed(built, ROSTER)
    assert [s.outcome for s in proposal.steps] == [Outcome.SAME, Outcome.SAME, Outcome.NEW, Outcome.NEW]
    assert load(built) == 2
    assert sorted(p.code for p in built.record.people()) == ["A-17", "P-1", "mia", "nia"]


def test_nobody_but_who_may_enrol_loads(clinic):
    nobody = Person(id="t", code="t", name="T", role=Role.TESTER, title="tester", zone="UTC")
    with pytest.raises(Exception, match="not the operator's to do"):
        list(apply(proposed(clinic, "Zoe  nurse"), clinic, nobody, PAPER))


def test_reminders_of_the_roster_go_out(clinic):
    clinic.clock.move_to(datetime(2026, 3, 5, 7, 1, tzinfo=UTC))
    clinic.settle()
    assert heard(clinic, "A-17") == ["Weigh yourself"]


def test_a_profile_that_cannot_be_worked_with_names_its_line(clinic, monkeypatch):
    def no(*args):
        raise BadInput("not so")

    monkeypatch.setattr("bot.roster.enrol", no)
    (problem,) = proposed(clinic, "Zoe  nurse").problems
    assert (problem.line, problem.what) == (1, "not so")


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "lang": st.sampled_from(["en", "et", "de"]),
        "zone": st.sampled_from(["Europe/Tallinn", "Asia/Tokyo"]),
        "quiet": st.sampled_from(["none", "21:00-08:00"]),
        "sms": st.sampled_from(["none", "+37255550001", "+37255550002", "+37255550003"]),
        "limits": st.sampled_from(["none", "spo2 below 90"]),
        "age": st.sampled_from(["70", "71"]),
        "born": st.sampled_from(["1951-04-30", "1960-01-01"]),
        "consent": st.sampled_from(["yes", "none", "research given", "messaging withdrawn"]),
        "status": st.sampled_from(["active", "left"]),
        "plan": st.sampled_from(["none", '"Weigh yourself" daily 09:00', '"Walk" daily 10:00; "Rest" daily 11:00']),
    },
)


@settings(max_examples=60, deadline=None)
@given(st.lists(FIELDS, min_size=1, max_size=4))
def test_whatever_files_come_one_after_another_each_is_at_rest_once_loaded(files):
    built = house(members=())
    for nth, fields in enumerate(files):
        built.clock.move_to(START.replace(hour=9 + nth))
        text = "Anna  patient  id A-1  " + "  ".join(f"{key} {value}" for key, value in fields.items())
        paper = Paper(at=built.now(), source="paper")
        load(built, text, paper)
        assert proposed(built, text, paper).to_do == ()
        anna = person(built, "A-1")
        if fields.get("sms", "none") != "none":
            assert fields["sms"] in [c.value for c in anna.contacts]
        if "lang" in fields:
            assert anna.language == fields["lang"]

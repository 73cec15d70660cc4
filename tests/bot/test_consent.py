"""Consent in the core: the last word counts, questions come and go, and safety comes before both."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.consent import in_force, latest, merged, put_down, record
from bot.core.consent_chat import needs_relatives
from bot.core.consent_question import Question, ask, note_offered, offered, standing, turn_to
from bot.core.draft import Draft
from bot.core.kit import Team
from data.errors import Unavailable
from data.model.chart import Chart
from data.model.conversation import Dialogue
from data.model.people import ChannelKind, Consent, ContactState, Purpose
from scheduler.courtesy import refused
from tests.acceptance.crashing import KIT, START, people
from tests.bot.clinic import heard, house, says

ANNA, *STAFF = people()
NOBODY_ASKED = replace(ANNA, consents=())
LATER = START + timedelta(hours=1)


def word(purpose, given_=True, at=START, recipient="", source="paper"):
    return Consent(purpose=purpose, given=given_, recorded_at=at, source=source, recipient=recipient)


def draft_of(person=NOBODY_ASKED, now=START, dialogue=None):
    chart = Chart(subject="A-17", revision=1, person=person, dialogue=dialogue or Dialogue())
    return Draft(chart, KIT, Team(tuple(STAFF)), event_id="e", now=now)


def agreed(built):
    person = built.record.chart("A-17").person
    return {p for p in Purpose if person.consents_to(p)}


def test_the_last_word_counts_for_each_purpose_and_recipient():
    rows = (
        word(Purpose.SHARING, at=START, recipient="olga"),
        word(Purpose.SHARING, given_=False, at=LATER, recipient="olga"),
        word(Purpose.SHARING, at=START, recipient="otto"),
    )
    person = replace(ANNA, consents=rows)
    assert in_force(person) == (rows[2],)
    assert latest(person, Purpose.SHARING, "olga") == rows[1]
    assert latest(person, Purpose.RESEARCH) is None
    assert not refused(person, Purpose.RESEARCH)


def test_a_word_said_after_the_clock_was_set_back_counts_all_the_same():
    draft = draft_of(replace(ANNA, consents=(word(Purpose.RESEARCH, at=LATER),)))
    put_down(draft, word(Purpose.RESEARCH, given_=False, at=START))
    assert not draft.subject.consents_to(Purpose.RESEARCH)
    assert len(draft.subject.consents) == 1


@given(st.lists(st.tuples(st.sampled_from(Purpose), st.booleans(), st.integers(0, 5)), max_size=8), st.integers(0, 8))
def test_merging_keeps_the_later_word_of_each_purpose(rows, cut):
    words = tuple(word(p, g, START + timedelta(hours=h)) for p, g, h in rows)
    before, new = words[:cut], words[cut:]
    found = merged(new, before)
    assert len({(c.purpose, c.recipient) for c in found}) == len(found)
    for row in found:
        of_purpose = [c for c in words if c.purpose == row.purpose]
        newest = max(c.recorded_at for c in of_purpose)
        assert row == [c for c in of_purpose if c.recorded_at == newest][-1]


def test_paper_is_recorded_like_a_word_by_chat():
    chart = draft_of(replace(ANNA, consents=(word(Purpose.MONITORING),))).chart
    no = word(Purpose.MONITORING, given_=False, at=LATER, source="form 3")
    changes = record(chart, "consent:1", (no, word(Purpose.RESEARCH, at=LATER)), KIT, Team(tuple(STAFF)), LATER)
    assert [(c.purpose, c.given) for c in changes.person.consents] == [
        (Purpose.MONITORING, False),
        (Purpose.RESEARCH, True),
    ]
    assert [(c.recipient, c.text_key) for c in changes.communications] == [("mia", "staff-consent-withdrawn")]
    assert all("Anna" not in c.text for c in changes.communications)


def test_a_question_is_kept_in_the_dialogue_and_read_back():
    draft = draft_of()
    question = Question(
        versions={(Purpose.SHARING, "olga:x"): "2026-01-15", (Purpose.RESEARCH, ""): "2026-02-01"},
        language="et",
        name="Olga",
        times=2,
        renewal=True,
    )
    ask(draft, question)
    assert standing(draft.dialogue) == replace(question, asked_at=START)
    assert standing(Dialogue(awaiting="reading-unit", slots={"words": "glucose 90"})) is None
    note_offered(draft, frozenset({"research:2026-02-01"}))
    turn_to(draft, Dialogue(awaiting="reading-unit"))
    assert offered(draft) == {"research:2026-02-01"}
    turn_to(draft)
    assert (draft.dialogue.awaiting, offered(draft)) == ("", {"research:2026-02-01"})


class Down:
    """A parser that is down."""

    def parse(self, text, language):
        raise Unavailable("down")


def test_consent_is_given_and_withdrawn_while_the_parser_is_down():
    built = house(Down(), members=(NOBODY_ASKED, *STAFF))
    says(built, "hello")
    says(built, "I agree")
    assert agreed(built) == {Purpose.MONITORING, Purpose.MESSAGING}
    says(built, "withdraw my consent")
    assert agreed(built) == set()


@pytest.mark.parametrize("text", ["share with heart attack", "share with sos"])
def test_a_name_that_is_an_emergency_is_an_emergency(text):
    built = house()
    says(built, text)
    assert "Call 112" in heard(built, "A-17")[-1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("wrong number, sorry", "may no longer have this number"),
        ("please stop texting me", "has asked for no more reminders"),
    ],
)
def test_before_consent_who_wants_silence_or_is_somebody_else_is_heard(text, told):
    built = house(members=(NOBODY_ASKED, *STAFF))
    says(built, text)
    assert told in heard(built, "mia")[-1]
    person = built.record.chart("A-17").person
    assert person.paused_until is not None or person.contacts[0].state is ContactState.UNVERIFIED


def test_stop_before_consent_is_kept_and_start_brings_the_question_back():
    built = house(members=(NOBODY_ASKED, *STAFF))
    for text in ("STOP", "START", "hello"):
        says(built, text)
    (answer,) = heard(built, "A-17")
    assert answer.startswith("Before I note anything")


def test_consent_on_paper_is_never_asked_to_be_renewed():
    built = house()
    for text in ("bp 120/80", "hello"):
        says(built, text)
    assert not any("new text" in text for text in heard(built, "A-17"))


def test_research_can_only_be_agreed_to_after_monitoring():
    built = house(members=(NOBODY_ASKED, *STAFF))
    says(built, "I agree to research")
    assert "Before I note anything" in heard(built, "A-17")[-1]
    says(built, "I agree")
    assert agreed(built) == {Purpose.MONITORING, Purpose.MESSAGING}


def test_one_of_two_can_be_agreed_to():
    built = house(members=(NOBODY_ASKED, *STAFF))
    says(built, "hello")
    says(built, "I agree to monitoring")
    assert agreed(built) == {Purpose.MONITORING}


def test_refusing_both_takes_back_what_paper_had_allowed():
    built = house(members=(replace(ANNA, consents=(word(Purpose.MESSAGING),)), *STAFF))
    says(built, '/nudge Anna "Weigh yourself" daily 12:00', "@mia", ChannelKind.TELEGRAM)
    says(built, "hello")
    says(built, "no")
    assert agreed(built) == set()
    built.clock.move_to(START + timedelta(hours=3))
    built.settle()
    assert "Weigh yourself" not in heard(built, "A-17")


def test_what_was_never_agreed_to_cannot_be_withdrawn_and_i_do_not_agree_shows_how_to_end():
    built = house(members=(replace(ANNA, consents=(word(Purpose.MONITORING),)), *STAFF))
    says(built, "withdraw research")
    assert "You do not agree to research at present" in heard(built, "A-17")[-1]
    says(built, "I do not agree")
    assert "What you agreed to: monitoring: yes" in heard(built, "A-17")[-1]
    assert agreed(built) == {Purpose.MONITORING}
    assert heard(built, "mia") == []


def test_no_to_research_is_remembered_and_changes_nothing_else():
    built = house(members=(replace(ANNA, consents=(word(Purpose.MONITORING),)), *STAFF))
    for text in ("I agree to research", "no"):
        says(built, text)
    person = built.record.chart("A-17").person
    assert refused(person, Purpose.RESEARCH)
    assert agreed(built) == {Purpose.MONITORING}
    assert heard(built, "mia") == []


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("share with Olga", True), ("stop sharing", True), ("my consents", True), ("withdraw my consent", True),
        ("I agree", False), ("bp 120/80", False), ("no", False),
    ],
)  # fmt: skip
def test_people_are_looked_up_only_for_what_may_be_about_them(text, needed):
    assert needs_relatives(text, "en") is needed


SAID = (
    "hello", "yes", "no", "I agree", "I do not agree", "bp 120/80", "consent", "withdraw messages", "ok",
    "stop monitoring me", "withdraw my consent", "I agree to research", "withdraw research", "pause", "my head hurts",
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(SAID), max_size=9))
def test_whatever_is_said_in_whatever_order(texts):
    """Nothing is noted without consent, nothing is given without a clear word, everybody is answered."""
    built = house(members=(NOBODY_ASKED, *STAFF))
    for n, text in enumerate(texts, 1):
        before, facts = agreed(built), _facts(built)
        says(built, text)
        assert len(heard(built, "A-17")) >= n
        if Purpose.MONITORING not in before:
            assert _facts(built) == facts
        if agreed(built) - before:
            assert text in ("yes", "I agree", "I agree to research")
        rows = built.record.chart("A-17").person.consents
        assert len({(c.purpose, c.recipient) for c in rows}) == len(rows)
        assert all(c.version for c in rows)


def _facts(built):
    chart = built.record.chart("A-17")
    return len(chart.observations), len(chart.symptoms)

"""Issue 4, "Consent, roles, audit", point 1, sentence by sentence."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.kit import Team
from bot.core.respond import respond
from data.errors import Unavailable
from data.model.chart import Changes, Chart
from data.model.communication import SendState
from data.model.conversation import RawMessage
from data.model.people import ChannelKind, Consent, ContactPoint, Person, Purpose, Role
from nlu.parse import parse
from tests.acceptance.crashing import KIT, START, people
from tests.bot.clinic import heard, house, says

VERSION = "2026-01-15"
ANNA, *STAFF = people()
NOBODY_ASKED = replace(ANNA, consents=())
# How each language agrees, and how it agrees to research.
AGREE = {
    "en": ("I agree", "I agree to research"),
    "es": ("Acepto", "Acepto la investigación"),
    "de": ("Ich stimme zu", "Ich stimme der Forschung zu"),
    "fr": ("J'accepte", "J'accepte la recherche"),
    "et": ("Olen nõus", "Olen nõus teadustööga"),
}


def given_to(*purposes, **more):
    """Anna, who agreed on paper to these and to nothing else."""
    consents = tuple(Consent(purpose=p, given=True, recorded_at=START, source="paper") for p in purposes)
    return replace(ANNA, consents=consents, **more)


def clinic(anna):
    return house(members=(anna, *STAFF))


def last(built):
    return heard(built, "A-17")[-1]


def consents(built):
    """Purposes that Anna agrees to now."""
    person = built.record.chart("A-17").person
    return {p for p in Purpose if person.consents_to(p)}


# "Consent per purpose (monitoring, messaging, sharing with a named person, research)"


@pytest.mark.parametrize("purpose", [p for p in Purpose if p is not Purpose.SHARING])
def test_each_purpose_is_agreed_to_by_itself(purpose):
    assert consents(clinic(given_to(purpose))) == {purpose}


@pytest.mark.parametrize("purpose", [Purpose.MONITORING, Purpose.MESSAGING, Purpose.RESEARCH])
def test_each_purpose_is_withdrawn_by_itself(purpose):
    usual = {Purpose.MONITORING, Purpose.MESSAGING, Purpose.RESEARCH}
    built = clinic(given_to(*usual))
    says(built, KIT.texts.consent(purpose, "en").end.capitalize())
    assert consents(built) == usual - {purpose}
    assert "A-17 no longer agrees" in heard(built, "mia")[-1]


OLGA = Person(id="olga", code="X-1", name="Olga Kask", role=Role.PROXY, title="daughter", zone="UTC",
              represents=("A-17",))  # fmt: skip
ALIEN = replace(OLGA, id="otto", name="Otto", represents=("B-04",))


def share(person, *texts, language="en", relatives=(OLGA, ALIEN)):
    """What Anna's chart holds and what she is answered when she writes these, one after the other."""
    chart, said = Chart(subject="A-17", revision=1, person=replace(person, language=language)), []
    for n, text in enumerate(texts):
        message = RawMessage(id=f"sms:{n}", channel=ChannelKind.SMS, address="+15550001", text=text, received_at=START)
        changes = respond(chart, message, parse(text, language), KIT, Team(tuple(STAFF)), START, relatives)
        said += [c.text for c in changes.communications if c.recipient == "A-17"]
        chart = chart.apply(changes, START)
    return chart.person, said


@pytest.mark.parametrize(
    ("language", "ask", "agree", "end"),
    [
        ("en", "Share with Olga", "I agree", "Stop sharing with Olga"),
        ("es", "Compartir con Olga Kask", "Acepto", "Dejar de compartir con Olga"),
        ("de", "Mit Olga teilen", "Ich stimme zu", "Nicht mehr mit Olga teilen"),
        ("fr", "Partager avec Olga", "J'accepte", "Ne plus partager avec Olga"),
        ("et", "Jaga Olgaga", "Olen nõus", "Ära jaga enam Olgaga"),
    ],
)
def test_sharing_is_with_one_named_person_who_speaks_for_the_patient(language, ask, agree, end):
    anna = given_to(Purpose.MONITORING)
    asked, said = share(anna, ask, language=language)
    assert not asked.consents_to(Purpose.SHARING, "olga")
    assert "Olga Kask" in said[-1]
    agreed, said = share(anna, ask, agree, language=language)
    assert agreed.consents_to(Purpose.SHARING, "olga")
    assert not agreed.consents_to(Purpose.SHARING, "otto")
    assert "Olga Kask" in said[-1]
    ended, _ = share(anna, ask, agree, end, language=language)
    assert not ended.consents_to(Purpose.SHARING, "olga")
    assert ended.consents_to(Purpose.MONITORING)


def test_unknown_people_and_other_patients_proxies_are_answered_alike():
    for words in ("Share with {}", "Stop sharing with {}"):
        anna = given_to(Purpose.MONITORING)
        answers = {tuple(share(anna, words.format(name))[1]) for name in ("Otto", "Zoe", "Mia", "Nia")}
        assert len(answers) == 1
    untouched, _ = share(anna, "Share with Otto", "I agree", "yes")
    assert {c.purpose for c in untouched.consents} == {Purpose.MONITORING}


def test_everybody_shared_with_can_be_ended_at_once_also_who_speaks_for_nobody_any_more():
    anna = given_to(Purpose.MONITORING)
    ended, _ = share(anna, "Share with Olga", "I agree", "Withdraw sharing")
    assert not ended.consents_to(Purpose.SHARING, "olga")
    chart_before, _ = share(anna, "Share with Olga", "I agree")
    later, _ = share(chart_before, "Share with nobody", relatives=())
    assert not later.consents_to(Purpose.SHARING, "olga")


# "versioned text in the patient's language, given and withdrawn by chat"


@pytest.mark.parametrize("language", sorted(AGREE))
def test_the_text_is_asked_in_the_patients_language_and_its_version_is_kept(language):
    built = clinic(replace(NOBODY_ASKED, language=language))
    says(built, "hello")
    for purpose in (Purpose.MONITORING, Purpose.MESSAGING):
        assert KIT.texts.consent(purpose, language).say() in last(built)
    says(built, AGREE[language][0])
    rows = built.record.chart("A-17").person.consents
    assert {(c.purpose, c.given, c.version, c.language, c.source) for c in rows} == {
        (Purpose.MONITORING, True, VERSION, language, "chat:sms"),
        (Purpose.MESSAGING, True, VERSION, language, "chat:sms"),
    }
    assert all(c.recorded_at == built.now() for c in rows)
    says(built, AGREE[language][1])
    says(built, AGREE[language][0])
    assert consents(built) == {Purpose.MONITORING, Purpose.MESSAGING, Purpose.RESEARCH}
    for purpose in (Purpose.RESEARCH, Purpose.MESSAGING, Purpose.MONITORING):
        says(built, KIT.texts.consent(purpose, language).end)
        assert purpose not in consents(built)


def test_a_yes_counts_while_asked_and_at_no_other_time():
    built = clinic(NOBODY_ASKED)
    says(built, "yes")
    assert consents(built) == set()
    says(built, "yes please")
    assert consents(built) == {Purpose.MONITORING, Purpose.MESSAGING}
    late = clinic(NOBODY_ASKED)
    says(late, "hello")
    late.clock.move_to(START + timedelta(days=3))
    says(late, "yes")
    assert consents(late) == set()
    says(late, "I agree")
    assert Purpose.MONITORING in consents(late)


@pytest.mark.parametrize("text", ["ok", "maybe", "yes but why", "I agree?", "do I agree", "I do not agree", "👍", "no"])
def test_what_is_no_clear_yes_gives_nothing(text):
    built = clinic(NOBODY_ASKED)
    says(built, "hello")
    says(built, text)
    assert consents(built) == set()


def test_it_is_asked_again_but_not_endlessly_and_never_with_silence():
    built = clinic(NOBODY_ASKED)
    for n in range(8):
        says(built, f"marzipan {n}")
    texts = heard(built, "A-17")
    assert len(texts) == 8
    assert sum("Write I AGREE or NO" in text for text in texts) == 3
    assert texts[3:] == [texts[3]] * 5
    says(built, "I agree")
    assert Purpose.MONITORING in consents(built)


def test_a_refusal_is_written_down_and_not_asked_about_again():
    built = clinic(NOBODY_ASKED)
    for text in ("hello", "no", "hello", "hello"):
        says(built, text)
    rows = built.record.chart("A-17").person.consents
    assert {(c.purpose, c.given, c.version) for c in rows} == {
        (Purpose.MONITORING, False, VERSION),
        (Purpose.MESSAGING, False, VERSION),
    }
    assert not any("Write I AGREE" in text for text in heard(built, "A-17")[1:])
    says(built, "consent")
    assert "Write I AGREE" in last(built)


def test_a_new_text_leaves_the_old_consent_valid_and_is_offered_once(tmp_path):
    built = clinic(NOBODY_ASKED)
    for text in ("hello", "I agree"):
        says(built, text)
    built.kit = newer_kit(tmp_path)
    says(built, "bp 120/80")
    assert "I have noted" in heard(built, "A-17")[-2]
    assert "There is a new text about monitoring" in last(built)
    count = len(heard(built, "A-17"))
    for text in ("pulse 70", "pulse 71", "hello"):
        says(built, text)
    assert len(heard(built, "A-17")) == count + 3
    assert consents(built) == {Purpose.MONITORING, Purpose.MESSAGING}
    says(built, "I agree to monitoring")
    says(built, "yes")
    rows = {c.purpose: c.version for c in built.record.chart("A-17").person.consents}
    assert rows == {Purpose.MONITORING: "2026-10-01", Purpose.MESSAGING: VERSION}


def test_no_to_a_new_text_keeps_what_was_agreed_to_before(tmp_path):
    built = clinic(NOBODY_ASKED)
    for text in ("hello", "I agree"):
        says(built, text)
    built.kit = newer_kit(tmp_path)
    for text in ("bp 120/80", "no"):
        says(built, text)
    assert consents(built) == {Purpose.MONITORING, Purpose.MESSAGING}
    assert "Nothing changes" in last(built)


def newer_kit(folder):
    """The handbook with a newer text about monitoring in every language."""
    from importlib.resources import files

    from bot.words.texts import load_texts

    own = folder / "words" / "consent"
    own.mkdir(parents=True)
    for language in AGREE:
        text = (files("bot.words.consent") / f"{language}.toml").read_text(encoding="utf-8")
        (own / f"{language}.toml").write_text(text.replace(VERSION, "2026-10-01", 1), encoding="utf-8")
    return replace(KIT, texts=load_texts(folder / "words"))


# "effective before the next send"


def with_reminder(anna=ANNA):
    """A house where a reminder has been queued and every provider is down."""
    built = clinic(anna)
    says(built, '/nudge Anna "Weigh yourself" daily 12:00', "@mia", ChannelKind.TELEGRAM)
    for carrier in built.carriers:
        carrier.down = True
    built.clock.move_to(START + timedelta(hours=2))
    built.settle()
    assert [c.state for c in queued(built)] == [SendState.QUEUED]
    return built


def queued(built):
    return [c for c in built.record.chart("A-17").communications if c.text == "Weigh yourself"]


def back(built):
    for carrier in built.carriers:
        carrier.down = False
    built.clock.move_to(built.now() + timedelta(minutes=2))
    built.settle()


@pytest.mark.parametrize("order", ["withdraw messages", "stop monitoring me", "withdraw my consent"])
def test_what_was_queued_before_a_withdrawal_is_taken_back_in_the_same_commit(order):
    built = with_reminder()
    says(built, order)
    assert [c.state for c in queued(built)] == [SendState.DROPPED]
    back(built)
    assert "Weigh yourself" not in heard(built, "A-17")
    assert "no longer agree" in last(built)


@pytest.mark.parametrize("purpose", [Purpose.MESSAGING, Purpose.MONITORING])
def test_the_check_at_send_time_stops_it_by_itself(purpose):
    """The withdrawal is committed after the reminder was queued, by somebody who takes nothing back."""
    built = with_reminder(given_to(Purpose.MESSAGING, Purpose.MONITORING))
    chart = built.record.chart("A-17")
    no = Consent(purpose=purpose, given=False, recorded_at=built.now(), source="test")
    person = replace(chart.person, consents=(*(c for c in chart.person.consents if c.purpose != purpose), no))
    assert built.record.commit(chart, "withdrawn", "test", "test", Changes(person=person), built.now())
    assert [c.state for c in queued(built)] == [SendState.QUEUED]
    back(built)
    assert [c.state for c in queued(built)] == [SendState.DROPPED]
    assert heard(built, "A-17") == []


def test_without_a_withdrawal_the_same_reminder_is_sent():
    built = with_reminder()
    back(built)
    assert heard(built, "A-17") == ["Weigh yourself"]


def test_a_profile_written_before_a_withdrawal_does_not_undo_it():
    built = clinic(given_to(Purpose.MONITORING, Purpose.MESSAGING))
    profile = built.record.chart("A-17").person
    built.clock.move_to(START + timedelta(minutes=1))
    says(built, "withdraw messages")
    built.enrol(replace(profile, name="Anna K."), event_id="late profile")
    assert consents(built) == {Purpose.MONITORING}
    assert built.record.chart("A-17").person.name == "Anna K."


def test_withdrawing_monitoring_stops_noting_closes_nothing_and_is_told():
    built = clinic(ANNA)
    for text in ("my chest hurts", "stop monitoring me", "bp 150/95 and a headache"):
        says(built, text)
    chart = built.record.chart("A-17")
    assert chart.observations == ()
    assert [s.symptom for s in chart.symptoms if not s.symptom.startswith("alarm")] == ["chest-pain"]
    assert [f.state.value for f in chart.flags if f.rule == "chest-pain"] == ["open"]
    assert any(
        "no longer agrees to: monitoring" in text and "Nothing was closed" in text for text in heard(built, "mia")
    )


def test_stop_and_start_keep_their_meaning_and_a_reading_is_never_stolen():
    built = clinic(given_to(Purpose.MONITORING, Purpose.MESSAGING))
    for text in ("STOP", "START"):
        says(built, text)
    assert consents(built) == {Purpose.MONITORING, Purpose.MESSAGING}
    says(built, "withdraw research, bp 120/80")
    assert "I have noted" in last(built)


@pytest.mark.parametrize("text", ["stop monitoring me, my chest hurts", "I agree. i cant breathe", "no my chest hurts"])
def test_an_emergency_is_never_stolen(text):
    for anna in (NOBODY_ASKED, ANNA):
        built = clinic(anna)
        says(built, "hello")
        says(built, text)
        assert "Call 112" in last(built)
        assert heard(built, "nia")[-1].startswith("P1 A-17")


# "nothing is stored beyond the address before consent"

WORDS = "marzipan zeppelin headache 150/95 dizzy"


def everything(built):
    """The whole record as it is kept, folded."""
    return built.record.dump().decode("utf-8", "replace").casefold()


@pytest.mark.parametrize("address", ["+15550001", "+19990000"])
def test_no_word_of_a_message_stays_before_consent(address):
    built = clinic(NOBODY_ASKED)
    for text in (WORDS, f"{WORDS} again", "who is zeppelin?", "share with Zeppelin", "/nudge zeppelin"):
        says(built, text, address)
    kept = everything(built)
    assert not any(word in kept for word in ("marzipan", "zeppelin", "headache", "150/95", "dizzy"))
    assert address in kept
    assert list(built.record.messages("A-17")) == []


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(st.sampled_from("qxzjvw"), min_size=5, max_size=9), min_size=1, max_size=6))
def test_no_word_at_all_stays_before_consent(words):
    built = clinic(NOBODY_ASKED)
    says(built, " ".join(words))
    says(built, " ".join(words), "+19990000")
    assert not any(word in everything(built) for word in words)


def test_of_a_stranger_nothing_but_the_address_stays():
    built = clinic(ANNA)
    says(built, WORDS, "+19990000")
    (stranger,) = [p for p in built.record.people() if p.role is Role.STRANGER]
    assert stranger == Person(
        id=stranger.id,
        code="unknown",
        name="unknown",
        role=Role.STRANGER,
        title="unknown",
        zone="UTC",
        contacts=(ContactPoint(system=ChannelKind.SMS, value="+19990000"),),
    )
    chart = built.record.chart(stranger.id)
    assert (chart.observations, chart.symptoms, chart.flags, chart.assessment) == ((), (), (), None)


def test_what_a_patient_who_agreed_and_what_staff_write_is_kept():
    built = clinic(ANNA)
    says(built, WORDS)
    says(built, "list of zeppelins", "+15550002")
    assert [m.text for m in built.record.messages("A-17")] == [WORDS]
    assert [m.text for m in built.record.messages("nia")] == ["list of zeppelins"]


def test_the_same_message_again_is_still_known_after_its_words_went():
    built = clinic(NOBODY_ASKED)
    for _ in range(3):
        built.hear(ChannelKind.SMS, "+15550001", WORDS, "SM1")
        built.settle()
    assert len(heard(built, "A-17")) == 1


@pytest.mark.parametrize(
    ("anna", "text", "kept"), [(NOBODY_ASKED, "I agree", False), (ANNA, "stop monitoring me", True)]
)
def test_what_was_agreed_to_when_it_was_written_counts_also_after_a_crash(anna, text, kept, monkeypatch):
    """The worker dies between the answer, which changes the consent, and the end of its work."""
    built = clinic(anna)
    says(built, "hello")
    built.hear(ChannelKind.SMS, "+15550001", text, "SM9")
    with monkeypatch.context() as patched:
        patched.setattr(built.record, "finish_message", dies)
        with pytest.raises(Unavailable):
            built.settle()
    built.clock.move_to(START + timedelta(minutes=5))
    built.settle()
    assert (text in [m.text for m in built.record.messages("A-17")]) is kept
    assert (Purpose.MONITORING in consents(built)) is not kept


def dies(claim, *, forget=False):
    raise Unavailable("the worker is gone")


# "except that the safety screen always answers an emergency"


def test_an_emergency_of_a_stranger_is_answered_and_leaves_no_word():
    built = clinic(ANNA)
    says(built, "i cant breathe, zeppelin", "+19990000")
    (stranger,) = [p.id for p in built.record.people() if p.role is Role.STRANGER]
    assert "Call 112" in heard(built, stranger)[-1]
    assert not any(word in everything(built) for word in ("zeppelin", "breathe"))


def test_an_emergency_of_a_patient_is_escalated_and_keeps_only_the_words_that_raised_it():
    built = clinic(NOBODY_ASKED)
    says(built, "the zeppelin came and my chest hurts, and a headache")
    assert "Call 112" in last(built)
    assert heard(built, "nia")[-1].startswith("P1 A-17")
    kept = everything(built)
    assert "chest hurts" in kept
    assert not any(word in kept for word in ("zeppelin", "headache"))
    assert consents(built) == set()
    # The text that is agreed to says so, in every language.
    assert "whatever you answer, with the words that raised it" in KIT.texts.consent(Purpose.MONITORING, "en").say()


@pytest.mark.parametrize("before", [("hello",), ("hello", "no"), ("hello", "hm", "hm", "hm", "hm")])
def test_wherever_the_question_stands_an_emergency_is_heard(before):
    built = clinic(NOBODY_ASKED)
    for text in before:
        says(built, text)
    says(built, "my chest hurts")
    assert "Call 112" in last(built)
    assert heard(built, "nia")[-1].startswith("P1 A-17")
    says(built, "yes")
    assert consents(built) == set()

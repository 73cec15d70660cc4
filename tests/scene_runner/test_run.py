# ruff: noqa: E501 - scripts read better on one line
from datetime import timedelta

import pytest

from bot.scene.backstage import SwitchedParser
from bot.scene.reader import read
from bot.scene.report import junit, say, summary, to_json
from bot.scene.run import run
from bot.scene.stage import Stage
from data.errors import BadFile
from tests.scene_runner.fake_house import EchoParser, FakeKeeping, kit
from tests.scene_runner.scripts import scene

KIT = kit()


def played(body: str, *, head=lambda text: text, **options):
    (script,) = read(head(scene(body)), "x.scene")
    return run(script, KIT, EchoParser(), FakeKeeping(), **options)


def passes(body: str, **options):
    result = played(body, **options)
    assert result.passed, say(result)


def fails(body: str, line: int, part: str, **options):
    result = played(body, **options)
    assert not result.passed, "the scene should have failed"
    assert result.failure.number == line, say(result)
    assert part in say(result)
    return result


NIGHT = """\
Anna: my chest hurts
Anna hears: "Call 112"
Nia hears: "P1" "A-17" /Reply \\d{3} OK/ as code
"""


def test_a_whole_story():
    passes(
        NIGHT
        + """\
risk of Anna is CRITICAL because "chest hurts"
flag chest-pain for Anna opens
Nia hears nothing for 4m
Dr Lee hears: "P1" within 90s as code2
Dr Lee: {code2} ok
Dr Lee hears: "is yours"
flag chest-pain for Anna is acknowledged by Dr Lee
Dr Lee: {code2} done called, ambulance sent
flag chest-pain for Anna closes with outcome "ambulance"
Nia never hears: "Anna" "chest"
nothing else happens until next day 06:00
"""
    )


def test_every_message_must_be_expected():
    result = fails("Anna: hello\n", 9, "Anna hears what no line expects")
    assert [s.mark for s in result.failure.inbox] == ["unexpected"]
    passes('Anna: hello\nAnna hears: "noted hello"\n')


def test_order_matters_per_person_only():
    passes('Anna: one\nAnna: two\nAnna hears: "one"\nAnna hears: "two"\n')
    fails('Anna: one\nAnna: two\nAnna hears: "two"\n', 11, "next message is another one")
    passes('Anna: my chest hurts\nNia hears: "P1"\nAnna hears: "112"\n')


def test_a_claimed_message_is_claimed_once():
    fails('Anna: one\nAnna hears: "one"\nAnna hears: "one"\n', 11, "Anna hears nothing new")


def test_hears_on_a_channel():
    fails(NIGHT.replace("Nia hears:", "Nia hears on telegram:"), 11, "on telegram")
    passes(NIGHT.replace("Nia hears:", "Nia hears on sms:"))


def test_within_moves_time_only_as_far_as_needed():
    body = NIGHT + 'Dr Lee hears: "P1" within 10m\n10:05 Nia: 421 ok\nNia hears: "yours"\n'
    passes(body)
    fails(NIGHT + 'Dr Lee hears: "P1" within 4m\n', 12, "within 4 min")


def test_time_moves_only_where_a_line_says_so():
    fails(NIGHT + 'Dr Lee hears: "P1"\n', 12, "hears nothing new")
    passes(NIGHT + '+5m Dr Lee hears: "P1"\n')
    passes(NIGHT + 'next day 10:00   # a line without a step\nDr Lee hears: "P1"\n')


def test_hears_nothing_and_may_hear():
    fails(NIGHT + "Dr Lee hears nothing for 5m\n", 12, "Dr Lee hears something")
    passes(NIGHT + "Dr Lee hears nothing for 4m\n")
    passes('Dr Lee may hear: "P1"\n' + NIGHT + "Dr Lee hears nothing for 1h\n")
    passes('Anna: one\nAnna: two\nAnna may hear: "one"\nAnna hears: "two"\n')
    passes("Anna: one\nAnna may hear: anything\n")


def test_never_hears_is_checked_to_the_end():
    fails('Dr Lee never hears: "P1"\n' + NIGHT + '+5m Dr Lee hears: "P1"\n', 9, "never should")


def test_risk_of_low_accepts_unknown():
    passes("risk of Anna is LOW\nAnna: better\nrisk of Anna is UNKNOWN\n")
    result = fails(NIGHT + "risk of Anna is LOW\n", 12, "is not LOW")
    assert any("CRITICAL chest-pain" in fact for fact in result.failure.facts)
    fails(NIGHT + 'risk of Anna is CRITICAL because "fever"\n', 12, 'because "fever"')


def test_flags_are_claimed_once_each():
    passes(NIGHT + "flag chest-pain for Anna opens\n")
    fails(NIGHT + "flag chest-pain for Anna opens\nflag chest-pain for Anna opens\n", 13, "no flag chest-pain")
    passes(NIGHT + "flag chest-pain for Anna opens\nflag chest-pain for Anna does not open\n")
    fails(NIGHT + "flag chest-pain for Anna does not open\n", 12, "opens")
    passes(
        "flag chest-pain for Anna does not open\n" + NIGHT + "flag chest-pain for Anna opens\n"
    )  # at its line, no longer
    fails(NIGHT + "flag chest-pain for Anna closes\n", 12, "no flag chest-pain for Anna closes")
    fails(NIGHT + "flag chest-pain for Anna is acknowledged by Nia\n", 12, "acknowledged by Nia")


def test_a_flag_that_opens_later_comes_within():
    body = 'Anna\'s oxygen: 97 96 80 every 5m\nflag low-oxygen for Anna opens within 10m\nNia hears: "P1"\n'
    passes(body)
    fails(body.replace("10m", "9m"), 10, "no flag low-oxygen")


def test_an_unknown_rule_names_the_nearest():
    with pytest.raises(BadFile, match=r"x.scene:9: 'chest-pian' is not a rule; nearest: chest-pain"):
        played("flag chest-pian for Anna opens\n")


def test_a_closing_confirmation_needs_no_line_but_may_have_one():
    body = NIGHT + "Nia: 421 done all well\nflag chest-pain for Anna closes\n"
    passes(body)
    passes(body + 'Nia hears: "closed"\n')
    fails(NIGHT + "Nia: 421 done all well\n", 12, "hears what no line expects")


def test_series_arrive_as_time_moves_and_late_and_twice():
    passes('Anna\'s oxygen: 80\nflag low-oxygen for Anna opens\nNia hears: "P1"\n')
    passes("Anna's oxygen: 97 80 every 1h\nflag low-oxygen for Anna does not open\n")
    late = "Anna's oxygen: 80 arriving 2h late sent twice\nflag low-oxygen for Anna does not open\n"
    passes(late)
    fails(late + "+2h\n", 11, "Tue 12:00:00: something else happens")


def test_provider_faults():
    passes('provider A goes down\nAnna: hi\nAnna hears: "hi"\n')
    fails('provider sms goes down\nAnna: hi\nAnna hears: "hi" within 1h\n', 11, "hears nothing new")
    passes('provider sms goes down\nprovider B comes back\nAnna: hi\nAnna hears: "hi"\n')
    passes('provider sms delivers late 2m\nAnna: hi\nAnna hears nothing for 119s\nAnna hears: "hi" within 1s\n')
    passes("provider sms reports undelivered\nAnna: hi\nAnna hears nothing for 1h\n")
    passes('Anna: hi\nAnna hears: "hi"\nprovider A repeats the last message\nAnna hears nothing for 1m\n')
    with pytest.raises(BadFile, match=r"x.scene:9: no message has come in"):
        played("provider A repeats the last message\n")


def test_receipts_come_two_seconds_later_unless_lost():
    (script,) = read(scene('Anna: hi\nAnna hears: "hi"\n+2s\n'), "x")
    for lost, receipts in (("", 1), ("provider sms loses receipts\n", 0)):
        keeping = FakeKeeping()
        (script,) = read(scene(lost + 'Anna: hi\nAnna hears: "hi"\n+2s\nserver restarts\n'), "x")
        seen = []
        keeping.reload = lambda record, seen=seen: seen.append(len(record.receipts)) or record
        assert run(script, KIT, EchoParser(), keeping).passed
        assert max(seen) == receipts


def test_the_parser_goes_down_and_comes_back():
    passes(
        'NLU is down\nAnna: hi\nAnna hears: "did not understand"\nNLU comes back\nAnna: hi\nAnna hears: "noted hi"\n'
    )


def test_the_record_is_reloaded_between_steps():
    (script,) = read(scene(NIGHT + "server restarts\n"), "x")
    keeping = FakeKeeping()
    assert run(script, KIT, EchoParser(), keeping).passed
    assert keeping.reloads >= 2
    once = FakeKeeping()
    assert run(script, KIT, EchoParser(), once, reload=False).passed
    assert once.reloads == 1


def test_the_clock_jumps():
    passes(NIGHT + 'clock jumps 1h\nDr Lee hears: "P1"\n11:00 Anna: hi\nAnna hears: "hi"\n')
    passes(NIGHT + 'clock jumps -1h\n+64m Dr Lee hears nothing\n+1m Dr Lee hears: "P1"\n')


def test_fields_change_the_person():
    passes(
        "Anna's sms is +1999\nAnna: hi\nAnna hears: \"hi\"\nAnna's name is Ann\nAnna's step is none\nAnna's consent is withdrawn\n"
    )


def test_what_if_runs_the_same_events_under_other_rules():
    body = 'Anna\'s oxygen: 93\nflag low-oxygen for Anna does not open\nwith rule low-oxygen at most 95:\n  flag low-oxygen for Anna opens\n  Nia hears: "P1"\n'
    passes(body)
    fails(body.replace("at most 95", "at most 91"), 11, "with rule 'low-oxygen at most 91': no flag low-oxygen")
    passes(
        'Anna\'s oxygen: 80\nNia hears: "P1"\nwith rule without low-oxygen: Nia hears: "P1"\n'.replace(
            "without low-oxygen", "low-oxygen at most 90"
        )
    )
    with pytest.raises(BadFile, match=r"x.scene:9: "):
        played("with rule nonsense: Nia hears nothing\n")


def test_given_history_ends_before_the_start():
    text = scene("").replace("---", "Given:\n - Anna's oxygen: 96 _ 94 every 1d\n---")
    (script,) = read(text, "x.scene")
    stage = Stage(script, KIT, SwitchedParser(EchoParser()), FakeKeeping())
    stage.open()
    history = [(o.value, script.start_at - o.effective_at) for o in stage.chart("Anna").observations]
    assert history == [(96, timedelta(days=3)), (94, timedelta(days=1))]
    assert stage.now == script.start_at


def test_whoever_speaks_without_an_address_gets_one():
    passes('Anna: hi\nAnna hears: "hi"\n', head=lambda text: text.replace("sms +15550001  ", ""))


def test_an_endless_house_is_stopped():
    fails("Anna: loop\n+1m\n", 10, "again and again")


def test_a_broken_house_is_a_failure_with_its_place():
    result = fails("Anna: boom\n", 9, "the house broke: RuntimeError: a fuse has blown")
    assert any("fake_house.py" in fact for fact in result.failure.facts)


def test_reports():
    good, bad = played(NIGHT), played("Anna: <b>\x07\n")
    assert say(good) == "passed  x.scene: a test"
    text = say(bad)
    assert "FAILED  x.scene:9: a test" in text
    assert ">> Tue 10:00:00 sms: Thank you. I have noted <b>\x07.   [unexpected]" in text
    assert summary([good, bad], 1) == "2 scenes: 1 passed, 1 failed; 1 could not be read or played"
    assert '"passed": false' in to_json([good, bad])
    xml = junit([good, bad], ["y.scene:1: cannot read"])
    assert 'tests="3" failures="1" errors="1"' in xml
    import xml.etree.ElementTree as ElementTree

    assert len(ElementTree.fromstring(xml)) == 3  # noqa: S314 - our own text


def test_the_transcript_tells_who_heard_what_in_order():
    result = played(NIGHT + "provider A goes down\n", transcript=True)
    assert result.transcript.splitlines() == [
        "Scene: a test",
        "--- 2026-03-03 UTC",
        "10:00:00  Anna writes on sms: my chest hurts",
        "10:00:00  risk of Anna is CRITICAL because says “my chest hurts” (chest-pain)",
        "10:00:00  flag chest-pain for Anna opens at CRITICAL",
        "10:00:00  Anna hears on sms: This may be an emergency. Call 112 now.",
        "10:00:00  Nia hears on sms: P1 A-17 needs a person. Reply 421 OK or NO.",
        "10:00:00  [provider A goes down]",
    ]

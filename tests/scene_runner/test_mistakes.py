"""Mistakes in a script are errors with their place, short enough to read; a failure says what happened instead."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cli.main import main
from bot.scene.forms import FORMS
from bot.scene.rasa import read_rasa
from bot.scene.reader import read
from bot.scene.replay import Company, replay
from bot.scene.run import run
from bot.scene.sentences import Sentences
from bot.scene.series import read_series
from data.errors import BadFile, BadInput
from tests.scene_runner.fake_house import EchoParser, FakeKeeping, kit
from tests.scene_runner.scripts import HEAD, scene
from tests.scene_runner.test_rasa import STORIES
from tests.scene_runner.test_run import NIGHT, fails, passes, played

NAMES = ("Anna", "Nia", "Dr Lee", "Mia")


@pytest.mark.parametrize(
    ("line", "known"),
    [
        ("Anna hears: @greting", "@greting is no text of the bot; nearest: @greeting"),
        ("Anna never hears: @emergncy", "@emergncy is no text of the bot; nearest: @emergency"),
        ("Anna may hear: @nothing_like_it_at_all", "@nothing_like_it_at_all is no text of the bot"),
        ("with rule low-oxygen below 95: Anna hears: @greting", "nearest: @greeting"),
    ],
)
def test_an_unknown_text_key_is_a_bad_file(line, known):
    with pytest.raises(BadFile) as caught:
        played(f"+1m\n{line}\n")
    assert str(caught.value).startswith("x.scene:10: ")
    assert known in str(caught.value)


def test_a_known_text_key_is_fine():
    passes("Anna never hears: @emergency @Emergency\n")


def test_two_people_with_one_number():
    with pytest.raises(BadFile, match=r"x:5: Nia and Anna have the same sms address"):
        read(HEAD.replace("+15550002", "+1 555-0001"), "x")
    with pytest.raises(BadFile, match=r"x:4: 'hello' is not a phone number"):
        read(HEAD.replace("+15550001", "hello"), "x")


def test_a_number_can_still_be_given_up_or_stopped():
    passes("Anna's sms is stopped\nAnna's sms is none\n")


@given(
    st.text(
        alphabet=st.characters(blacklist_characters="\r\n#:'’\"“/", blacklist_categories=["Cs", "Cc"]), max_size=2000
    )
)
def test_a_sentence_that_cannot_be_read_is_one_short_line(text):
    try:
        Sentences(NAMES).read_step(text)
    except BadInput as problem:
        assert "\n" not in str(problem)
        assert len(str(problem)) <= 300


def test_an_unknown_sentence_shows_the_nearest_form_with_an_example():
    with pytest.raises(BadInput) as caught:
        Sentences(NAMES).read_step('Anna hers: "Call 112"')
    assert str(caught.value) == (
        'cannot read \'Anna hers: "Call 112"\'; nearest: NAME hears: "text" /regex/ @text_key within 10s as word '
        '(such as: Nia hears: "P1" /Reply \\d{3}/ within 10s as code); all forms: phms replay --help'
    )


@pytest.mark.parametrize("example", list(FORMS.values()))
def test_every_form_has_an_example_that_can_be_read(example):
    body = example if not example.startswith("for each") else f"{example}\nAnna: {{word}}"
    assert read(scene(f'Nia hears: "x" as code\n{body}\n'), "x")


def test_the_help_of_the_command_lists_the_forms(capsys):
    with pytest.raises(SystemExit):
        main(["replay", "--help"])
    said = capsys.readouterr().out
    assert all(form in said for form in FORMS)
    assert "Example: phms replay" in said


def test_a_negative_step_may_follow_a_plus():
    assert read_series("96+-1x3") == read_series("96-1x3") == ((96.0,), (95.0,), (94.0,), (93.0,))


def test_a_wrong_outcome_names_the_real_one():
    story = NIGHT + 'Nia: {code} ok\nNia hears: "is yours"\nNia: {code} done phoned her\n'
    fails(
        story + 'flag chest-pain for Anna closes with outcome "ambulance"\n', 15, 'it closed with outcome "phoned her"'
    )
    twice = story + "flag chest-pain for Anna closes\nflag chest-pain for Anna closes\n"
    fails(twice, 16, "which line 15 has claimed already")


def test_after_the_clock_jumped_back_the_transcript_stays_in_order():
    result = played(
        NIGHT + "+10m clock jumps -1h\n+1m Anna: quiet\n",
        head=lambda t: t.replace("10:00 UTC", "10:00 Europe/Tallinn").replace(
            "Dr Lee  doctor        sms +15550003  step 2", "Dr Lee  doctor        sms +15550003"
        ),
        transcript=True,
    )
    assert result.transcript.splitlines()[-4:] == [
        "10:00:00  Nia hears on sms: P1 A-17 needs a person. Reply 421 OK or NO.",
        "10:10:00  [clock jumps -1h]",
        "--- the clock is set to 2026-03-03 09:10:00 Europe/Tallinn",
        "09:11:00  Anna writes on sms: quiet",
    ]


def test_a_failure_tells_times_in_the_zone_of_the_scene():
    (script,) = read(scene("Anna: hello\n").replace("10:00 UTC", "10:00 Europe/Tallinn"), "x.scene")
    failure = run(script, kit(), EchoParser(), FakeKeeping()).failure
    assert (failure.at.hour, failure.inbox[0].at.hour) == (10, 10)
    assert failure.at.utcoffset().total_seconds() == 2 * 3600


def test_a_directory_holds_rasa_stories_too(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("test_stories.yml", "deep/more_stories_2.yml", "stories.yaml"):
        (tmp_path / name).write_text(STORIES, encoding="utf-8")
    (tmp_path / "other.yml").write_text("a: 1", encoding="utf-8")
    out = io.StringIO()
    assert replay([tmp_path], out=out, company=Company(kit(), EchoParser(), FakeKeeping())) == 1
    assert "6 scenes: " in out.getvalue()


def test_a_limit_that_holds_a_key_word_is_read_whole():
    text = "Scene: x\nStart: 2026-03-03 10:00 UTC\nPeople:\n  Anna  patient  sms +1  limits oxygen below 90\n---\n"
    (read_one,) = read(text, "x.scene")
    assert [(limit.code, limit.low) for limit in read_one.cast["Anna"].person.limits] == [("oxygen-saturation", 90.0)]


def test_a_misspelt_step_of_a_rasa_story_is_an_error():
    text = "stories:\n- story: a\n  steps:\n  - usr: hi\n"
    with pytest.raises(BadFile, match=r"x.yml:4: a story has no step 'usr'; did you mean 'user'"):
        read_rasa(text, "x.yml", lambda key: True)

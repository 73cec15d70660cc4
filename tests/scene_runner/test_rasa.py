import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.scene.grammar import Hears, MayHear, Says
from bot.scene.rasa import is_rasa, read_rasa
from bot.scene.run import run
from data.errors import BadFile
from tests.scene_runner.fake_house import EchoParser, FakeKeeping, kit

STORIES = """\
version: "3.1"
stories:
- story: a greeting
  steps:
  - user: |
      hello [Anna](name), no 12:30
    intent: greet
  - action: utter_greeting
  - action: action_listen
- story: another bot's
  steps:
  - user: |
      [tomorrow]{"entity": "date"}
    intent: nlu_fallback
  - slot_was_set:
    - date: tomorrow
  - action: action_book_table
  - bot: "Booked: \\"tomorrow\\""
"""


def knows(key):
    return key == "greeting"


def test_each_story_becomes_a_scene_with_one_patient():
    assert is_rasa(STORIES)
    one, two = read_rasa(STORIES, "t.yml", knows)
    assert (one.title, one.number, list(one.cast)) == ("a greeting", 3, ["User"])
    says, hears = one.lines
    assert (says.step, says.number) == (Says(person="User", text="hello Anna, no 12:30"), 5)
    assert isinstance(hears.step, Hears)
    assert str(hears.step.pattern) == "@greeting"
    assert [type(line.step) for line in two.lines] == [Says, MayHear, Hears]
    assert two.lines[0].step.text == "tomorrow"
    assert any("action_book_table" in note for note in two.notes)
    assert any("slot_was_set" in note for note in two.notes)


def test_a_foreign_story_runs_and_what_it_says_is_allowed():
    _, two = read_rasa(STORIES.replace('  - bot: "Booked: \\"tomorrow\\""\n', ""), "t.yml", knows)
    assert run(two, kit(), EchoParser(), FakeKeeping()).passed


def test_an_answer_that_does_not_come_fails_on_its_line():
    one, _ = read_rasa(STORIES, "t.yml", knows)
    result = run(one, kit(), EchoParser(), FakeKeeping())
    assert (result.failure.number, result.failure.line) == (8, "action: utter_greeting")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("stories: 3", "t.yml:1: has no list `stories:`"),
        ("stories:\n- story: x\n", "t.yml:2: a story needs `steps:`"),
        ("stories:\n- story: x\n  steps:\n  - [a]\n", "t.yml:4: a step is"),
        ("stories: [", "t.yml:1: not YAML"),
    ],
)
def test_mistakes(text, part):
    with pytest.raises(BadFile) as caught:
        read_rasa(text, "t.yml", knows)
    assert part in str(caught.value)


@given(st.one_of(st.text(), st.text(alphabet="stories:- \n[]{}&*!|>ub\"'a\t#%")))
def test_any_text_reads_or_is_a_bad_file(text):
    for candidate in (text, "stories:\n" + text, "stories:\n- story: x\n  steps:\n" + text):
        try:
            read_rasa(candidate, "t.yml", knows)
        except BadFile as caught:
            assert str(caught).startswith("t.yml:")


def test_a_foreign_action_permits_only_until_the_user_writes_again():
    text = (
        "stories:\n- story: x\n  steps:\n  - user: one\n  - action: action_other\n  - user: two\n"
        '  - bot: "noted two"\n  - user: three\n'
    )
    (one,) = read_rasa(text, "t.yml", knows)
    result = run(one, kit(), EchoParser(), FakeKeeping())
    assert [(s.mark, s.text) for s in result.failure.inbox if s.mark == "unexpected"] == [
        ("unexpected", "Thank you. I have noted three.")
    ]
    (shorter,) = read_rasa(text.removesuffix("  - user: three\n"), "t.yml", knows)
    assert run(shorter, kit(), EchoParser(), FakeKeeping()).passed

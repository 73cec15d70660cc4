"""Flags: one per family while open and half an hour after, worse breaks it, silence closes nothing."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from data.model.chart import Changes, Chart
from data.model.concern import Flag, FlagState, Level
from risk.assess import assess
from risk.decide import decide
from risk.example import NOW, read_example
from risk.rulebook import load_rules

RULES = load_rules()


class Story:
    """A patient over time: each event brings what an example describes and moves the flags."""

    def __init__(self) -> None:
        self.now = NOW
        self.chart = Chart(subject="anna", person=read_example("headache").person)
        self.events = 0

    def later(self, **span: float) -> "Story":
        self.now += timedelta(**span)
        return self

    def event(self, text: str = "") -> tuple[Flag, ...]:
        """What is new or changed after this event; a second look must find nothing more."""
        self.events += 1
        event_id = f"e{self.events}"
        brought = read_example(text, self.now) if text else Chart(subject="anna")
        symptoms = tuple(replace(s, id=f"{event_id}/{s.id}") for s in brought.symptoms)
        self._apply(Changes(observations=brought.observations, symptoms=symptoms))
        assessment = assess(self.chart, RULES, self.now, event_id=event_id)
        flags = decide(self.chart, assessment, RULES, self.now, event_id=event_id)
        self._apply(Changes(assessment=assessment, flags=flags))
        assert decide(self.chart, assessment, RULES, self.now, event_id=event_id) == ()
        return flags

    def acknowledge(self, family: str) -> None:
        self._set(family, state=FlagState.ACKNOWLEDGED, owner="lee")

    def close(self, family: str) -> None:
        self._set(family, state=FlagState.CLOSED, closed_at=self.now, outcome="seen")

    def flag(self, family: str) -> Flag:
        return [f for f in self.chart.flags if f.family == family][-1]

    def _set(self, family: str, **change: object) -> None:
        self._apply(Changes(flags=(replace(self.flag(family), **change),)))  # type: ignore[arg-type]

    def _apply(self, changes: Changes) -> None:
        self.chart = self.chart.apply(changes, self.now)


def test_a_concern_opens_one_flag_that_does_not_repeat() -> None:
    story = Story()
    (flag,) = story.event("oxygen-saturation 90")
    assert flag.id == "anna/flag/oxygen/e1"
    assert (flag.rule, flag.level, flag.state) == ("low-oxygen", Level.HIGH, FlagState.OPEN)
    assert flag.opened_at == flag.seen_at == NOW
    assert story.later(minutes=3).event("oxygen-saturation 89") == ()
    assert story.later(minutes=3).event() == ()


def test_what_only_informs_opens_nothing() -> None:
    assert Story().event("systolic-blood-pressure 135, oxygen-saturation 94") == ()


def test_a_worse_level_raises_the_flag_and_takes_it_from_its_owner() -> None:
    story = Story()
    story.event("oxygen-saturation 90")
    story.acknowledge("oxygen")
    assert story.later(minutes=2).event("oxygen-saturation 89") == ()
    (flag,) = story.later(minutes=2).event("oxygen-saturation 85")
    assert (flag.rule, flag.level, flag.state) == ("very-low-oxygen", Level.CRITICAL, FlagState.OPEN)
    assert flag.owner == "lee"
    assert flag.id == "anna/flag/oxygen/e1"
    assert flag.episode == 1


def test_a_better_level_lowers_nothing() -> None:
    story = Story()
    story.event("oxygen-saturation 85")
    assert story.later(minutes=5).event("oxygen-saturation 91") == ()
    assert story.flag("oxygen").level is Level.CRITICAL


def test_urgent_flags_are_marked_normal_but_stay_open() -> None:
    story = Story()
    story.event("oxygen-saturation 90")
    (flag,) = story.later(minutes=5).event("oxygen-saturation 97")
    assert (flag.state, flag.normal_since) == (FlagState.OPEN, story.now)
    assert story.later(minutes=40).event("oxygen-saturation 97") == ()
    (flag,) = story.later(minutes=5).event("oxygen-saturation 91")
    assert (flag.normal_since, flag.level) == (None, Level.HIGH)


def test_a_routine_flag_closes_by_itself_after_a_normal_quarter_of_an_hour() -> None:
    story = Story()
    (flag,) = story.event("body-temperature 38.4")
    assert flag.level is Level.MODERATE
    story.later(minutes=10).event("body-temperature 37.2")
    assert story.later(minutes=14).event("body-temperature 37.1") == ()
    (flag,) = story.later(minutes=1).event("body-temperature 37.0")
    assert (flag.state, flag.outcome, flag.closed_at) == (FlagState.CLOSED, "back to normal", story.now)


def test_silence_and_stale_values_close_nothing() -> None:
    story = Story()
    story.event("body-temperature 38.4")
    for hours in (1, 5, 12):
        assert story.later(hours=hours).event("heart-rate 70") == ()
    assert story.flag("fever").normal_since is None


def test_one_normal_half_of_a_blood_pressure_is_not_back_to_normal() -> None:
    story = Story()
    story.event("systolic-blood-pressure 130, diastolic-blood-pressure 105")
    assert story.later(hours=5).event("systolic-blood-pressure 130") == ()
    assert story.event("diastolic-blood-pressure 80")[0].normal_since == story.now


def test_a_score_is_back_to_normal_when_even_its_upper_bound_is() -> None:
    story = Story()
    story.event("heart-rate 112, respiratory-rate 22, body-temperature 38.5")
    calm = "heart-rate 70, respiratory-rate 14, body-temperature 37.0"
    assert story.later(minutes=5).event(calm) == ()  # two signs are still missing
    (flag,) = story.later(minutes=5).event(f"{calm}, oxygen-saturation 98, systolic-blood-pressure 120")
    assert (flag.family, flag.normal_since) == ("early-warning", story.now)


def test_a_personal_limit_is_back_to_normal_within_it() -> None:
    story = Story()
    story.chart = replace(story.chart, person=read_example("limit heart-rate to 110").person)
    story.event("heart-rate 115")
    assert story.later(minutes=5).event("oxygen-saturation 98") == ()
    (flag,) = story.later(minutes=5).event("heart-rate 100")
    assert (flag.rule, flag.normal_since) == ("personal-limit", story.now)


def test_a_weight_is_back_to_normal_when_the_next_days_are_level() -> None:
    story = Story()
    story.event("body-weight 80 81.5 every 1 d")
    assert story.later(days=2).event("body-weight 81.5") == ()  # no weight of the day before to tell
    (flag,) = story.later(days=1).event("body-weight 81.4")
    assert (flag.family, flag.normal_since) == ("weight", story.now)


def test_a_flag_of_a_rule_that_is_gone_waits_for_a_person() -> None:
    story = Story()
    story.event("body-temperature 38.4")
    story._set("fever", rule="retired")
    assert story.later(minutes=5).event("body-temperature 37.0") == ()


def test_an_alarm_in_the_patients_words_never_closes_by_itself() -> None:
    story = Story()
    story.event("alarm chest-pain")
    assert story.later(hours=1).event("no chest-pain") == ()
    assert story.later(hours=30).event("no chest-pain") == ()
    assert story.flag("chest-pain").state is FlagState.OPEN


def test_a_denied_symptom_is_back_to_normal() -> None:
    story = Story()
    story.event("ankle-swelling")
    (flag,) = story.later(hours=1).event("no ankle-swelling")
    assert flag.normal_since == story.now


def test_the_same_condition_soon_after_closing_is_the_same_episode() -> None:
    story = Story()
    story.event("oxygen-saturation 90")
    story.later(minutes=10).close("oxygen")
    assert story.later(minutes=1).event() == ()  # the old value is still fresh, but the clinician saw it
    (flag,) = story.later(minutes=18).event("oxygen-saturation 90")
    assert (flag.id, flag.episode, flag.state) == ("anna/flag/oxygen/e1", 2, FlagState.OPEN)
    assert (flag.owner, flag.outcome, flag.closed_at, flag.escalation_id) == (None, None, None, None)


def test_later_or_worse_is_a_flag_of_its_own() -> None:
    story = Story()
    story.event("oxygen-saturation 90")
    story.close("oxygen")
    (later,) = story.later(minutes=31).event("oxygen-saturation 90")
    assert (later.id, later.episode) == ("anna/flag/oxygen/e2", 1)
    story.close("oxygen")
    (worse,) = story.later(minutes=5).event("oxygen-saturation 84")
    assert (worse.id, worse.level) == ("anna/flag/oxygen/e3", Level.CRITICAL)


def test_a_worse_value_from_before_the_closing_that_came_late_still_opens_one() -> None:
    story = Story()
    story.event("oxygen-saturation 90 (5 min ago)")
    story.close("oxygen")
    (flag,) = story.later(minutes=2).event("oxygen-saturation 80 (4 min ago)")
    assert flag.level is Level.CRITICAL


def test_words_said_after_a_closing_count_and_words_before_it_do_not() -> None:
    story = Story()
    story.event("alarm chest-pain")
    story.later(minutes=15).close("chest-pain")
    assert story.later(minutes=1).event("headache") == ()
    assert story.chart.assessment is not None
    assert story.chart.assessment.findings == ()
    (flag,) = story.later(minutes=1).event("alarm chest-pain")
    assert (flag.episode, flag.state) == (2, FlagState.OPEN)


def test_words_of_the_very_instant_of_the_closing_are_not_lost() -> None:
    story = Story()
    story.event("alarm chest-pain")
    story.later(minutes=15).close("chest-pain")
    (flag,) = story.event("alarm chest-pain")
    assert flag.episode == 2


def test_closing_in_the_instant_of_opening_stays_closed() -> None:
    story = Story()
    story.event("alarm chest-pain")
    story.close("chest-pain")
    assert story.event() == ()


def test_different_concerns_are_different_flags() -> None:
    flags = Story().event("alarm chest-pain, oxygen-saturation 90")
    assert {f.family for f in flags} == {"chest-pain", "oxygen"}


def test_parts_of_a_graver_whole_make_no_pages_of_their_own() -> None:
    assert [f.rule for f in Story().event("body-temperature 38.6, confusion")] == ["fever-with-confusion"]
    grave = Story().event("heart-rate 135, respiratory-rate 28, oxygen-saturation 90")
    assert [f.rule for f in grave] == ["early-warning-score"]
    worse = Story().event("heart-rate 135, respiratory-rate 28, oxygen-saturation 85")
    assert [f.rule for f in worse] == ["very-low-oxygen"]


def test_a_score_that_says_no_more_than_an_open_flag_pages_nobody() -> None:
    story = Story()
    assert [f.rule for f in story.event("oxygen-saturation 90")] == ["low-oxygen"]
    assert story.later(minutes=1).event("heart-rate 112") == ()  # NEWS2 is 5 now, and HIGH is told already
    story.later(minutes=1).close("oxygen")
    assert story.later(minutes=1).event() == ()
    (flag,) = story.later(minutes=1).event("body-temperature 38.2")  # new evidence, and nobody has the patient now
    assert (flag.rule, flag.level) == ("early-warning-score", Level.HIGH)


def test_evidence_from_before_the_closing_opens_nothing_however_long_after() -> None:
    story = Story()
    story.event("body-weight 80 82 every 1 d")
    story.later(hours=1).close("weight")
    assert story.later(hours=5).event("heart-rate 70") == ()


TEXTS = [
    "",
    "oxygen-saturation 97",
    "oxygen-saturation 90",
    "oxygen-saturation 84",
    "body-temperature 38.5",
    "body-temperature 37.0",
    "alarm chest-pain",
    "breathlessness",
    "no breathlessness",
    "heart-rate 140",
    "confusion",
]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(TEXTS), st.sampled_from([0, 1, 16, 45, 300]), st.sampled_from(["", "ack", "close"])),
        max_size=8,
    )
)
def test_invariants_over_any_story(steps: list[tuple[str, int, str]]) -> None:
    story = Story()
    for text, minutes, deed in steps:
        before = {f.id: f for f in story.chart.flags}
        for flag in story.later(minutes=minutes).event(text):
            old = before.get(flag.id)
            if old and old.state is not FlagState.CLOSED and flag.level != old.level:
                assert flag.level.rank > old.level.rank
                assert flag.state is FlagState.OPEN
            if flag.state is FlagState.CLOSED:
                assert flag.level is Level.MODERATE
        running = [f.family for f in story.chart.flags if f.state is not FlagState.CLOSED]
        assert len(running) == len(set(running))
        levels = [f.level.rank for f in story.chart.flags if f.state is not FlagState.CLOSED]
        if text in ("alarm chest-pain", "oxygen-saturation 84"):
            assert Level.CRITICAL.rank in levels
        story.later(seconds=30 if deed else 0)  # the very same row in the very instant of its closing is no news
        for flag in story.chart.flags if deed else ():
            if flag.state is not FlagState.CLOSED:
                (story.acknowledge if deed == "ack" else story.close)(flag.family)


def test_a_typed_reading_that_is_corrected_after_a_closing_is_news_and_a_devices_is_not() -> None:
    for source, opens in (("patient", True), ("watch", False)):
        story = Story()
        story.event("oxygen-saturation 85")
        story.later(minutes=1).event("oxygen-saturation 96")
        newest = replace(max(story.chart.observations, key=lambda o: o.effective_at), source=source)
        story.later(minutes=1).close("oxygen")
        story.later(minutes=1)
        story._apply(Changes(observations=(replace(newest, value=85.0, received_at=story.now),)))
        assert bool(story.event()) is opens
        assert story.later(minutes=1).event() == ()

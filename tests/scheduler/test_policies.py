"""The policy file says what the clinic agreed, and an overlay changes no more than it names."""

from datetime import time, timedelta

import pytest

from data.errors import BadFile
from data.model.concern import Priority
from scheduler.policies import load_policies
from tests.scheduler.clinic import P1, P2, P3, P4

MIN, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def test_the_agreed_numbers():
    rows = [(p.receipt_timer, p.ack_timer, p.lease, p.repeat_every, p.tell_patient_after) for p in (P1, P2, P3, P4)]
    assert rows == [
        (MIN, 5 * MIN, 15 * MIN, 5 * MIN, 10 * MIN),
        (3 * MIN, 15 * MIN, HOUR, HOUR, 30 * MIN),
        (None, 4 * HOUR, DAY, DAY, DAY),
        (None, DAY, DAY, 7 * DAY, None),
    ]
    assert (P1.lease_grace, P1.ask_silence, P1.renewals, P1.rounds) == (timedelta(seconds=30), 5 * MIN, 3, 2)
    courtesy = load_policies().courtesy
    assert (courtesy.default_quiet.start, courtesy.default_quiet.end) == (time(21), time(8))
    assert courtesy.taken_expires_after == HOUR


def test_every_number_has_its_source():
    assert {name for name, source in load_policies().sources if source} == {*Priority, "courtesy"}


def test_an_overlay_changes_what_it_names_and_the_hash(tmp_path):
    plain = load_policies()
    file = tmp_path / "clinic.toml"
    file.write_text('[[policy]]\npriority = "P1"\nack-timer = "3 min"\n[courtesy]\nnudges-per-day = 2\n')
    changed = load_policies(file)
    p1 = changed.for_priority(Priority.P1)
    assert (p1.ack_timer, p1.lease) == (3 * MIN, 15 * MIN)
    assert changed.for_priority(Priority.P2) == plain.for_priority(Priority.P2)
    assert changed.courtesy.nudges_per_day == 2 and changed.courtesy.default_quiet == plain.courtesy.default_quiet
    assert changed.hash != plain.hash == load_policies().hash
    file.write_text("# nothing\n")
    assert load_policies(file) == plain


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            '[[policy]]\npriority = "P1"\nack-timmer = "3 min"\n',
            "clinic.toml:3: .*ack-timmer.*did you mean 'ack-timer'",
        ),
        ('[[policy]]\npriority = "P5"\n', "clinic.toml:2: .*P5.*allowed: P1"),
        ('[[policy]]\npriority = "P1"\nack-timer = "soon"\n', "clinic.toml:3: .*soon"),
        ('[[policy]]\npriority = "P1"\nack-timer = "0 s"\n', "clinic.toml: of P1: ack-timer must be longer"),
        ('[[policy]]\npriority = "P2"\nrounds = 0\n', "clinic.toml: of P2: rounds must be 1"),
        ("[courtesy]\nnudges-per-day = -1\n", "clinic.toml: must have nudges-per-day"),
        ("[courtesy.default-quiet]\nstart = 21:00:00\n", "lacks 'end'"),
        ("nonsense", "clinic.toml: not TOML"),
    ],
)
def test_a_mistake_is_named(tmp_path, text, names):
    file = tmp_path / "clinic.toml"
    file.write_text(text)
    with pytest.raises(BadFile, match=names) as raised:
        load_policies(file)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(BadFile, match="cannot be read"):
        load_policies(tmp_path / "none.toml")

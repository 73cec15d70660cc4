"""`phms consent`: shows, records what came on paper, and says clearly what it cannot do."""

import json
from dataclasses import replace

import pytest

from bot.cli.main import main
from bot.house import House
from bot.kept import open_kept
from bot.settings import read_settings
from data.clock import SystemClock
from data.model.people import Person, Purpose, Role
from tests.acceptance.crashing import KIT, PARSER, people

ANNA, *STAFF = people()
OLGA = Person(id="olga", code="X-1", name="Olga", role=Role.PROXY, title="daughter", zone="UTC", represents=("A-17",))
OTTO = replace(OLGA, id="otto", code="X-2", name="Otto", represents=("B-04",))


@pytest.fixture(autouse=True)
def clinic(tmp_path, monkeypatch):
    """A record of its own with Anna, who agreed to nothing yet, and two proxies."""
    for name in ("PHMS_STORE", "PHMS_HANDBOOK", "PHMS_ZONE", "PHMS_LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PHMS_HOME", str(tmp_path))
    record = open_kept(read_settings(), make=True)
    house = House(record, SystemClock(), (), KIT, PARSER)
    for person in (replace(ANNA, consents=()), OLGA, OTTO, *STAFF):
        house.enrol(person, event_id=f"enrol:{person.id}")
    record.close()


def kept(look):
    """What `look` finds in the record."""
    record = open_kept(read_settings())
    try:
        return look(record)
    finally:
        record.close()


def consents():
    return kept(lambda record: record.chart("A-17").person.consents)


def phms(*arguments):
    return main(["consent", "--patient", "A-17", *arguments])


def test_nothing_is_shown_of_who_was_never_asked(capsys):
    assert phms() == 0
    assert "nothing was ever asked" in capsys.readouterr().out


def test_paper_is_recorded_once_shown_and_withdrawn(capsys):
    for _ in range(2):
        assert phms("--give", "monitoring", "--give", "research", "--source", "paper form 12") == 0
    given = [(c.purpose, c.given, c.source, c.version) for c in consents()]
    assert given == [
        (Purpose.MONITORING, True, "paper form 12", ""),
        (Purpose.RESEARCH, True, "paper form 12", ""),
    ]
    assert "paper form 12" in capsys.readouterr().out
    assert phms("--withdraw", "research", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["patient"] == "A-17"
    assert [(c["purpose"], c["given"]) for c in told["consents"]] == [("monitoring", True), ("research", False)]
    # Given again after a withdrawal, with the same words, it is a new event.
    assert phms("--give", "research", "--source", "paper form 12") == 0
    assert [c.given for c in consents()] == [True, True]
    entries = kept(lambda record: [e for e in record.journal("A-17") if e.kind == "consent"])
    assert len(entries) == 4
    assert all(e.actor.startswith("operator:") for e in entries)


def test_a_withdrawal_on_paper_tells_the_care_manager_and_the_look_is_audited():
    phms("--give", "messaging")
    phms("--withdraw", "messaging")
    chart = kept(lambda record: record.chart("A-17"))
    assert [(c.recipient, c.text_key) for c in chart.communications] == [("mia", "staff-consent-withdrawn")]
    looks = kept(lambda record: [a.action for a in record.accesses("A-17")])
    assert looks == ["read-audit", "give-consent", "read-audit", "withdraw-consent"]


def test_sharing_is_with_a_recorded_proxy_only(capsys):
    for name in ("X-2", "Otto", "mia", "nobody"):
        assert phms("--give", "sharing", "--with", name) == 2
        assert f"nobody called {name!r} is recorded as speaking for this patient" in capsys.readouterr().err
    assert phms("--give", "sharing", "--with", "X-1") == 0
    assert [(c.purpose, c.recipient) for c in consents()] == [(Purpose.SHARING, "olga")]
    assert "sharing with olga" in capsys.readouterr().out
    assert phms("--withdraw", "sharing") == 0
    assert [(c.given, c.recipient) for c in consents()] == [(False, "olga")]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--patient", "Z-9"], "there is no patient 'Z-9'"),
        (["--patient", "nia"], "there is no patient 'nia'"),
        (["--give", "research", "--withdraw", "research"], "cannot be given and withdrawn at once"),
        (["--give", "sharing"], "add --with"),
        (["--give", "research", "--with", "X-1"], "--with goes with"),
        (["--give", "research", "--source", " "], "--source must say"),
    ],
)
def test_mistakes_are_one_line_and_change_nothing(arguments, told, capsys):
    assert phms(*arguments) == 2
    problem = capsys.readouterr().err.strip()
    assert told in problem
    assert "\n" not in problem
    assert consents() == ()


def test_an_unknown_purpose_is_bad_usage(capsys):
    with pytest.raises(SystemExit) as left:
        phms("--give", "tea")
    assert left.value.code == 2
    assert "'monitoring', 'messaging', 'sharing', 'research'" in capsys.readouterr().err

"""`phms erase`: says what goes, asks, certifies; what it refuses changes nothing."""

import io
import json
from dataclasses import replace

import pytest

from bot.cli.main import main
from bot.erasure import CLINIC, pseudonym
from bot.house import House
from bot.kept import open_kept
from bot.settings import read_settings
from data.clock import SystemClock
from data.model.people import ChannelKind, ContactPoint, Role
from tests.acceptance.crashing import KIT, PARSER, people

ANNA, *STAFF = people()
BEN = replace(ANNA, id="p-22", code="B-22", name="Ben", contacts=(ContactPoint(system=ChannelKind.SMS, value="+1555"),))


@pytest.fixture(autouse=True)
def clinic(tmp_path, monkeypatch):
    """A record of its own with two patients; Anna has told of a reading, and it was answered."""
    for name in ("PHMS_STORE", "PHMS_HANDBOOK", "PHMS_ZONE", "PHMS_LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PHMS_HOME", str(tmp_path))
    for person in (ANNA, BEN, *STAFF):
        at_work(lambda house, person=person: house.enrol(person, event_id=f"enrol:{person.id}"), make=True)
    at_work(says("bp 120/80"))


def at_work(what, *, make=False):
    record = open_kept(read_settings(), make=make)
    house = House(record, SystemClock(), (), KIT, PARSER)
    try:
        return what(house)
    finally:
        record.close()


def says(text):
    def said(house):
        house.hear(ChannelKind.SMS, "+15550001", text, text)
        house.settle()

    return said


def digest():
    return at_work(lambda house: house.record.digest())


def types(monkeypatch, text):
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def named(person_id):
    return at_work(lambda house: pseudonym(house.record, person_id))


def phms(*arguments):
    return main(["erase", "--patient", *arguments])


def test_what_goes_is_said_and_the_code_must_be_typed(monkeypatch, capsys):
    types(monkeypatch, "A-17\n")
    assert phms("A-17", "--reason", "asked for by letter") == 0
    out, err = capsys.readouterr()
    assert "A-17, patient: 4 entries, 1 message, 1 look will go" in err
    assert "Type A-17 to go on: " in err
    assert out.startswith("Erased. The certificate, as it stands in the audit:")
    assert f"{named('A-17')}  4 entries, 1 message, 1 look erased, keys destroyed; asked for by letter" in out
    assert "Anna" not in out + err
    assert at_work(lambda house: house.record.chart("A-17").erased)
    assert at_work(lambda house: not house.record.chart("p-22").erased)


@pytest.mark.parametrize("typed", ["", "\n", "a-17\n", "yes\n", "B-22\n"])
def test_anything_else_typed_erases_nothing(monkeypatch, capsys, typed):
    before = at_work(lambda house: list(house.record.journal()))
    types(monkeypatch, typed)
    assert phms("A-17") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("phms: nothing was erased\n")
    assert at_work(lambda house: list(house.record.journal())) == before
    # But somebody looked, and that stands with the patient.
    (look,) = at_work(lambda house: list(house.record.accesses("A-17")))
    assert (look.action, look.permitted, look.via) == ("erase", True, "command line")


def test_the_second_time_it_says_so(capsys):
    assert phms("A-17", "--yes", "--reason", "asked for by letter") == 0
    first = capsys.readouterr().out
    before = digest()
    for more in ((), ("--yes",), ("--force", "--reason", "again")):
        assert phms("A-17", *more) == 0
        out, err = capsys.readouterr()
        assert out == first.replace("Erased.", "Erased already: nothing was left to erase.")
        assert err == ""
    assert digest() == before


def test_by_code_where_it_is_not_the_id_and_afterwards_by_the_id(capsys):
    assert phms("b-22", "--yes", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["pseudonym"], told["erased"]) == (named("p-22"), True)
    assert told["what"] == "1 entry, 0 messages, 0 looks erased, keys destroyed"
    assert told["by"].startswith("operator:")
    assert phms("p-22", "--json") == 0
    assert json.loads(capsys.readouterr().out) == told | {"erased": False}
    assert phms("B-22", "--yes") == 2
    assert "of somebody who was erased, the id" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("A-99", "--yes"), "there is no patient 'A-99' in this record"),
        (("nia", "--yes"), "nia works here"),
        (("A-17", "--yes", "--reason", "Anna wants it"), "leave out the person's name, code and addresses"),
    ],
)
def test_what_it_refuses_changes_nothing(capsys, arguments, told):
    before = digest()
    assert phms(*arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert told in err
    assert digest() == before


def test_an_emergency_must_be_over_or_it_is_forced(monkeypatch, capsys):
    at_work(says("my chest hurts"))
    before = digest()
    assert phms("A-17", "--yes") == 2
    assert "an escalation of this person is open" in capsys.readouterr().err
    assert digest() == before
    types(monkeypatch, "A-17")
    assert phms("A-17", "--force") == 0
    assert "Careful: an escalation of this person is open" in capsys.readouterr().err


def test_a_code_that_several_have_is_not_guessed(capsys):
    at_work(lambda house: house.enrol(replace(BEN, id="p-23", contacts=()), event_id="twin"))
    assert phms("B-22", "--yes") == 2
    assert "give one of the ids p-22, p-23" in capsys.readouterr().err


def test_a_proxy_is_erased_by_code_too(capsys):
    olga = replace(BEN, id="olga", code="X-1", name="Olga", role=Role.PROXY, contacts=(), represents=("A-17",))
    at_work(lambda house: house.enrol(olga, event_id="olga"))
    assert phms("X-1", "--yes") == 0
    assert at_work(lambda house: house.record.chart("olga").erased)


def test_every_attempt_and_every_certificate_stands_in_the_audit(capsys):
    phms("A-17", "--yes")
    phms("B-22", "--yes")
    lines = at_work(lambda house: list(house.record.accesses(CLINIC)))
    assert [(line.action, line.reason.partition(":")[0]) for line in lines] == [
        ("erase", named("A-17")),
        ("erasure-certificate", named("A-17")),
        ("erase", named("p-22")),
        ("erasure-certificate", named("p-22")),
    ]
    capsys.readouterr()
    assert main(["audit", "verify"]) == 0
    assert main(["audit", "trail", "A-17"]) == 0
    assert "changed: erase" in capsys.readouterr().out
    assert main(["keys", "status"]) == 0
    assert "erased owners: 2" in capsys.readouterr().out


def test_its_help_has_an_example(capsys):
    with pytest.raises(SystemExit):
        main(["erase", "--help"])
    assert 'phms erase --patient A-17 --reason "asked for by letter"' in capsys.readouterr().out


def test_without_a_record_there_is_nothing_to_erase(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PHMS_HOME", str(tmp_path / "new"))
    assert phms("A-17", "--yes") == 2
    assert "there is no record yet" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()

"""The clinic of the tests about access: who works there, who looks after whom, and how they write."""

from dataclasses import replace
from datetime import timedelta

from data.model.people import ChannelKind, Consent, ContactPoint, Purpose, Role
from tests.acceptance.crashing import START, people
from tests.bot.clinic import heard, says

ANNA, NIA, LEE, MIA = people()
SMS, TELEGRAM = ChannelKind.SMS, ChannelKind.TELEGRAM


def by_telegram(person, **changes):
    """The same person, who writes from a chat of the same name as their id."""
    return replace(person, contacts=(ContactPoint(system=TELEGRAM, value=f"@{person.id}"),), **changes)


BEN = replace(ANNA, id="B-22", code="B-22", name="Ben", contacts=(ContactPoint(system=SMS, value="+15550009"),))
BEA = replace(by_telegram(MIA, panel=()), id="bea", code="bea", name="Bea", role=Role.ADMINISTRATOR, title="director",
              contacts=(ContactPoint(system=TELEGRAM, value="@bea"),))  # fmt: skip
OUT = replace(by_telegram(LEE), panel=("B-22",))  # Anna is none of Dr Lee's patients.
CLINIC = (by_telegram(ANNA), BEN, by_telegram(NIA), OUT, MIA, BEA)
REASON = "collapsed at home, no other clinician reachable"


def writes(built, who, text):
    """Somebody writes from their chat; what they hear in answer, whole."""
    before = len(heard(built, who))
    says(built, text, f"@{who}", TELEGRAM)
    return "\n".join(heard(built, who)[before:])


def looks_of(built, subject):
    return [(a.actor, a.action, a.permitted, a.reason) for a in built.record.accesses(subject)]


def with_worries(built):
    """Anna has told of readings and a fever; everybody's pages have come and are dealt with."""
    writes(built, "A-17", "bp 165/100 and a fever")
    code = built.record.codes_of("nia", START - timedelta(days=1))[-1].code
    writes(built, "nia", f"{code} ok")
    return built


def son(**changes):
    one = replace(by_telegram(ANNA), id="son", code="X-1", name="Sam", role=Role.PROXY, title="son")
    return by_telegram(one, represents=("A-17",), **changes)


def shared(given=True, recipient="son"):
    consent = Consent(purpose=Purpose.SHARING, given=given, recorded_at=START, recipient=recipient)
    return by_telegram(ANNA, consents=(*ANNA.consents, consent))

# ruff: noqa: E501 - scripts read better on one line
from datetime import UTC, date, datetime, time

import pytest

from bot.scene.people import read_person
from data.errors import BadInput
from data.model.people import ChannelKind, Limit, Purpose, QuietHours, Role

START = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)


def person(line: str, cast=None):
    return read_person(line, 4, cast or {}, START, "Europe/Tallinn").person


def test_every_key():
    anna = person(
        "Anna Kask  patient  sms +1555  telegram @anna  id A-17  lang et  zone Europe/Berlin  quiet 21:00-08:00  step 1  "
        "limits spo2 below 90, heart rate above 120  born 1951-04-30  scale 2  consent messaging"
    )
    assert (anna.id, anna.code, anna.name, anna.role, anna.title) == (
        "A-17",
        "A-17",
        "Anna Kask",
        Role.PATIENT,
        "patient",
    )
    assert [(c.system, c.value) for c in anna.contacts] == [(ChannelKind.SMS, "+1555"), (ChannelKind.TELEGRAM, "@anna")]
    assert (anna.language, anna.zone, anna.step, anna.spo2_scale) == ("et", "Europe/Berlin", 1, 2)
    assert anna.quiet == QuietHours(start=time(21), end=time(8))
    assert anna.limits == (Limit(code="oxygen-saturation", low=90), Limit(code="heart-rate", high=120))
    assert anna.born_on == date(1951, 4, 30)
    assert (anna.consents_to(Purpose.MONITORING), anna.consents_to(Purpose.MESSAGING)) == (False, True)


@pytest.mark.parametrize(
    ("line", "role", "title"),
    [
        ("Nia  nurse", Role.CLINICIAN, "nurse"),
        ("Nia  night nurse  sms +1", Role.CLINICIAN, "night nurse"),
        ("Dr Lee  doctor", Role.CLINICIAN, "doctor"),
        ("Mia  care manager  telegram @mia", Role.CARE_MANAGER, "care manager"),
        ("Ada  admin", Role.ADMINISTRATOR, "admin"),
        ("Ops  operations", Role.OPERATIONS, "operations"),
        ("Tom  tester", Role.TESTER, "tester"),
        ("Pia  proxy", Role.PROXY, "proxy"),
        ("- Nia\tNurse\tsms +1", Role.CLINICIAN, "Nurse"),
        ("Dr Lee doctor sms +15550003 step 2", Role.CLINICIAN, "doctor"),
        ("Mia care manager", Role.CARE_MANAGER, "care manager"),
    ],
)
def test_roles(line, role, title):
    read = person(line)
    assert (read.role, read.title) == (role, title)
    assert read.id == {"D": "dr-lee"}.get(read.name[0], read.name.lower())
    assert read.code == ("X-1" if read.role is Role.PROXY else read.id)


def test_one_space_between_keys_is_read_too():
    read = person("Dr Lee doctor sms +15550003 step 2 quiet 22:00-06:00")
    assert (read.name, read.contacts[0].value, read.step, read.quiet.end) == ("Dr Lee", "+15550003", 2, time(6))


def test_patients_without_id_get_a_code_that_carries_no_name():
    cast = {}
    for line in ("Anna  patient", "Ben  patient"):
        role = read_person(line, 4, cast, START, "UTC")
        cast[role.person.name] = role
    assert [(r.person.id, r.person.code) for r in cast.values()] == [("anna", "P-1"), ("ben", "P-2")]
    assert person("Anna  patient").consents_to(Purpose.MESSAGING)
    assert not person("Anna  patient  consent none").consents_to(Purpose.MESSAGING)
    assert person("Nia  nurse").consents == ()


@pytest.mark.parametrize(
    ("written", "given"),
    [
        ("", {Purpose.MONITORING, Purpose.MESSAGING}),
        ("consent yes", {Purpose.MONITORING, Purpose.MESSAGING}),
        ("consent none", set()),
        ("consent no", set()),
        ("consent research", {Purpose.RESEARCH}),
        ("consent monitoring, research", {Purpose.MONITORING, Purpose.MESSAGING, Purpose.RESEARCH}),
        ("consent messaging withdrawn", {Purpose.MONITORING}),
    ],
)
def test_what_a_patient_of_a_scene_agrees_to(written, given):
    anna = person(f"Anna  patient  {written}".strip())
    assert {p for p in Purpose if anna.consents_to(p)} == given


@pytest.mark.parametrize(
    ("value", "limit"),
    [
        ("spo2<90", Limit(code="oxygen-saturation", low=90)),
        ("spo2 88-92", Limit(code="oxygen-saturation", low=88, high=92)),
        ("pulse between 50 and 110", Limit(code="heart-rate", low=50, high=110)),
        ("temperature above 38.5", Limit(code="body-temperature", high=38.5)),
    ],
)
def test_limits(value, limit):
    assert person(f"Anna  patient  limits {value}").limits == (limit,)


def test_a_blood_pressure_limit_is_two():
    assert [(x.code[:4], x.high) for x in person("Anna  patient  limits bp above 150/95").limits] == [
        ("syst", 150),
        ("dias", 95),
    ]


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("Anna  patient  smss +1", "nearest: sms; allowed: sms, telegram"),
        ("Anna  patiemt", "nearest: patient"),
        ("Anna", "roles: patient"),
        ("Anna  patient  quiet late", "21:00-08:00"),
        ("Anna  patient  quiet 25:00-08:00", "quiet hours"),
        ("Anna  patient  step zero", "step"),
        ("Anna  patient  limits oxygen", "spo2 below 90"),
        ("Anna  patient  limits foo below 3", "'foo'"),
        ("Anna  patient  lang klingon!", "language"),
        ("Anna  patient  age old", "age"),
        ("Anna  patient  sms", "address"),
        ("Anna  patient  pigeon +1", "allowed: sms, telegram, whatsapp"),
        ("Anna  patient  plan weigh", "daily 08:00"),
    ],
)
def test_mistakes(line, part):
    with pytest.raises(BadInput, match=part):
        person(line)


def test_nobody_is_introduced_twice():
    cast = {"Anna": read_person("Anna  patient  id A-1", 4, {}, START, "UTC")}
    with pytest.raises(BadInput, match="twice"):
        person("anna  nurse", cast)
    with pytest.raises(BadInput, match="'A-1' is given twice"):
        person("Ben  patient  id A-1", cast)

"""The bundle of one patient: valid R4, complete, closed in itself, and of nobody else."""

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from data.errors import BadFile
from data.model.audit import Access, Entry
from data.model.chart import Changes, Chart
from data.model.communication import SendState
from data.model.observation import Assertion, SymptomReport
from data.model.people import ChannelKind, Consent, ContactPoint, ContactState, Limit, Purpose, Role
from data.model.plan import Activity
from integrations.fhir_dossier import compile_dossier, history, read_dossier, write_dossier
from integrations.fhir_export import bundle_pieces
from scheduler.recurrence import read_recurrence
from tests.integrations.fhir_checks import problems
from tests.integrations.generated import CANARY, dossiers, people
from tests.record.examples import MINUTE, NOW, flag, message, person, reading, sms

SLOW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def bundle(dossier):
    return json.loads(b"".join(bundle_pieces(dossier)))


def of_kind(made, kind):
    return [entry["resource"] for entry in made["entry"] if entry["resource"]["resourceType"] == kind]


def dossier(*changes, who=None, stored=(), messages=(), accesses=(), actor="clock", kind="timer"):
    """The dossier of Anna, to whom `changes` happened a minute apart."""
    patient = who or person("A-17")
    journal = [
        Entry(
            subject="A-17", revision=nth, event_id=f"e{nth}", kind=kind, actor=actor, at=NOW + nth * MINUTE, changes=one
        )
        for nth, one in enumerate(changes, start=1)
    ]
    return compile_dossier(
        person=patient,
        chart=Chart(subject="A-17", revision=len(journal), person=patient),
        stored=stored,
        messages=messages,
        journal=journal,
        accesses=accesses,
        everyone=(patient, *people()),
        now=NOW,
    )


@SLOW
@given(dossiers())
def test_whatever_the_record_holds_the_bundle_is_valid_and_closed(made):
    assert problems(bundle(made)) == []


@SLOW
@given(dossiers())
def test_nothing_is_missing_and_nothing_is_twice(made):
    past, found = history(made), bundle(made)
    counted = Counter(entry["resource"]["resourceType"] for entry in found["entry"])
    changes = [entry.changes for entry in made.journal]
    ids = {kind: {row.id for one in changes for row in getattr(one, kind)} for kind in
           ("observations", "symptoms", "communications", "flags", "escalations")}  # fmt: skip
    given_ever = {c for who in [made.person, *(one.person for one in changes if one.person)] for c in who.consents}
    assert counted["Observation"] == len(ids["observations"]) + len(ids["symptoms"])
    assert counted["Communication"] == len(made.messages) + len(ids["communications"])
    assert counted["Consent"] == len(given_ever)
    assert counted["RiskAssessment"] == len({one.assessment.id for one in changes if one.assessment})
    assert counted["Flag"] == len(ids["flags"])
    assert counted["Task"] == len(ids["escalations"])
    assert counted["AuditEvent"] == len(made.journal) + len(made.accesses)
    assert counted["Patient"] == 1
    assert counted["CarePlan"] == bool(past.activities or made.person.limits)


@SLOW
@given(dossiers())
def test_no_other_patient_appears_in_either_format(made):
    assert CANARY not in json.dumps(bundle(made))
    assert CANARY.encode() not in write_dossier(made)


@SLOW
@given(dossiers())
def test_our_own_json_reads_back_as_the_same_rows(made):
    assert read_dossier(write_dossier(made)) == made


@SLOW
@given(dossiers())
def test_the_same_record_gives_the_same_bytes(made):
    assert list(bundle_pieces(made)) == list(bundle_pieces(read_dossier(write_dossier(made))))


def test_json_of_something_else_is_refused():
    with pytest.raises(BadFile, match="Dossier"):
        read_dossier(b'{"person": 3}')


def test_a_reading_carries_loinc_ucum_and_both_its_times():
    late = replace(reading(), received_at=NOW + 5 * MINUTE)
    made = bundle(dossier(Changes(observations=(late,))))
    (found,) = of_kind(made, "Observation")
    assert [(c["system"], c["code"]) for c in found["code"]["coding"]] == [
        ("http://loinc.org", "59408-5"),
        ("http://loinc.org", "2708-6"),
        ("urn:phms:vital", "oxygen-saturation"),
    ]
    assert found["valueQuantity"] == {"value": 97, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
    assert found["effectiveDateTime"] == "2026-03-03T21:10:00Z"
    assert found["issued"] == "2026-03-03T21:15:00Z"
    assert found["status"] == "final"
    assert found["category"][0]["coding"][0]["code"] == "vital-signs"
    (device,) = [one for one in of_kind(made, "Device") if "patient" in one]
    assert found["device"]["reference"] == f"urn:uuid:{device['id']}"
    assert "performer" not in found


def test_what_the_patient_typed_has_no_device():
    (found,) = of_kind(bundle(dossier(Changes(observations=(replace(reading(), source="patient"),)))), "Observation")
    assert found["performer"][0]["type"] == "Patient"
    assert "device" not in found


def test_a_correction_replaces_the_value_and_says_so():
    right = replace(reading(value=91.0), received_at=NOW + MINUTE)
    (found,) = of_kind(
        bundle(dossier(Changes(observations=(reading(),)), Changes(observations=(right,)), stored=[reading()])),
        "Observation",
    )
    assert found["status"] == "corrected"
    assert found["valueQuantity"]["value"] == 91


def test_readings_that_the_journal_was_relieved_of_are_there_from_the_vitals_table():
    made = bundle(dossier(Changes(), stored=[reading(), reading(5, 93)]))
    assert [o["valueQuantity"]["value"] for o in of_kind(made, "Observation")] == [97, 93]


def test_a_symptom_keeps_the_patients_words_and_their_message_points_to_it():
    report = SymptomReport(id="s", symptom="chest-pain", assertion=Assertion.ABSENT, words="no chest pain",
                           reported_at=NOW, message_id="sms:1")  # fmt: skip
    made = bundle(dossier(Changes(symptoms=(report,)), messages=[message("sms:1", "A-17")]))
    (found,), (told,) = of_kind(made, "Observation"), of_kind(made, "Communication")
    assert found["note"][0]["text"] == "no chest pain"
    assert found["valueCodeableConcept"]["text"] == "not present"
    assert told["about"] == [{"reference": f"urn:uuid:{found['id']}", "type": "Observation"}]
    assert told["sender"]["type"] == "Patient"
    assert told["received"] == "2026-03-03T21:10:00Z"


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (SendState.QUEUED, "preparation"),
        (SendState.ACCEPTED, "in-progress"),
        (SendState.SENT, "in-progress"),
        (SendState.DELIVERED, "completed"),
        (SendState.READ, "completed"),
        (SendState.UNDELIVERED, "not-done"),
        (SendState.FAILED, "not-done"),
        (SendState.DROPPED, "not-done"),
        (SendState.UNKNOWN, "unknown"),
    ],
)
def test_what_became_of_a_message(state, status):
    rows = (sms("c", "A-17"), replace(sms("c", "A-17"), state=state, recipient="nia"))
    (found,) = of_kind(bundle(dossier(*[Changes(communications=(row,)) for row in rows])), "Communication")
    assert found["status"] == status
    assert found["statusReason"]["coding"][0]["code"] == state
    assert found["recipient"][0]["display"] == "Nia"
    assert found["payload"] == [{"contentString": "Thank you."}]


def test_consents_tell_their_text_and_which_is_in_force():
    yes = Consent(purpose=Purpose.RESEARCH, given=True, recorded_at=NOW, source="chat", version="3", language="et")
    no = replace(yes, given=False, recorded_at=NOW + MINUTE)
    shared = Consent(purpose=Purpose.SHARING, given=True, recorded_at=NOW, recipient="pia")
    before, after = (person("A-17", consents=consents) for consents in [(yes, shared), (no, shared)])
    made = bundle(dossier(Changes(person=before), Changes(person=after), who=after))
    told = {(c["provision"]["type"], c["scope"]["coding"][0]["code"]): c for c in of_kind(made, "Consent")}
    assert told["permit", "research"]["status"] == "inactive"
    assert told["deny", "research"]["status"] == "rejected"
    assert told["permit", "patient-privacy"]["status"] == "active"
    assert told["deny", "research"]["policyRule"]["coding"][0]["version"] == "3"
    assert told["deny", "research"]["policyRule"]["text"] == "research, text 3 (et)"
    (related,) = of_kind(made, "RelatedPerson")
    assert told["permit", "patient-privacy"]["provision"]["actor"][0]["reference"]["reference"].endswith(related["id"])


def test_the_plan_says_when():
    row = Activity(id="a", text="Weigh yourself", recurrence=read_recurrence("mon, thu 06:30"), by="nia")
    limited = person("A-17", limits=(Limit(code="oxygen-saturation", low=90),))
    made = bundle(dossier(Changes(activities=(row,)), Changes(activities=(replace(row, active=False),)), who=limited))
    (plan,), (goal,) = of_kind(made, "CarePlan"), of_kind(made, "Goal")
    (activity,) = plan["activity"]
    assert activity["detail"]["scheduledTiming"]["repeat"] == {"dayOfWeek": ["mon", "thu"], "timeOfDay": ["06:30:00"]}
    assert activity["detail"]["status"] == "stopped"
    assert plan["goal"][0]["reference"] == f"urn:uuid:{goal['id']}"
    assert goal["target"][0]["detailRange"]["low"]["value"] == 90
    assert plan["contributor"][0]["display"] == "Nia"


def test_a_flag_closed_by_a_clock_set_back_does_not_end_before_it_began():
    row = replace(flag(subject="A-17"), closed_at=NOW - timedelta(hours=1))
    (found,) = of_kind(bundle(dossier(Changes(flags=(row,)))), "Flag")
    assert found["period"] == {"start": "2026-03-03T21:10:00Z"}


def test_the_patient_has_addresses_with_their_state():
    contacts = (
        ContactPoint(system=ChannelKind.SMS, value="+15550001", state=ContactState.STOPPED),
        ContactPoint(system=ChannelKind.TELEGRAM, value="@anna"),
    )
    (found,) = of_kind(bundle(dossier(who=replace(person("A-17"), contacts=contacts))), "Patient")
    assert [(t["system"], t["value"], t["extension"][0]["valueCode"]) for t in found["telecom"]] == [
        ("sms", "+15550001", "stopped"),
        ("other", "@anna", "active"),
    ]
    assert found["identifier"][0] == {"system": "urn:phms:code", "value": "A-17"}
    assert found["communication"][0]["language"]["coding"][0]["code"] == "en"


def test_another_patient_on_the_same_phone_is_another_person():
    look = Access(subject="A-17", actor=CANARY, role=Role.PATIENT, action="read-chart", at=NOW, permitted=False)
    made = dossier(Changes(), actor=CANARY, kind="message", accesses=[look])
    entry, access = of_kind(bundle(made), "AuditEvent")
    assert entry["agent"][0]["who"] == access["agent"][0]["who"] == {"display": "another person"}
    assert access["outcome"] == "4"
    assert made.journal[0].actor == "another person"


def test_somebody_erased_since_is_another_person_too():
    assert dossier(Changes(), actor="erased-1", kind="message").journal[0].actor == "another person"
    assert dossier(Changes(), actor="clock", kind="timer").journal[0].actor == "clock"


def test_two_looks_that_differ_in_nothing_are_two():
    look = Access(subject="A-17", actor="nia", role=Role.CLINICIAN, action="read-chart", at=NOW)
    made = bundle(dossier(accesses=[look, look]))
    assert len({one["id"] for one in of_kind(made, "AuditEvent")}) == 2
    assert problems(made) == []

"""A line of the audit trail as an AuditEvent: who, what, when, with what outcome, and no value."""

import json
from dataclasses import replace

import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from hypothesis import given, settings

from data.model.audit import Access, Entry
from data.model.chart import Changes
from integrations.fhir_audit import audit_event
from tests.integrations.generated import dossiers
from tests.record.examples import NOW, person, reading, sms

ENTRY = Entry(subject="A-17", revision=2, event_id="sms:1", kind="message", actor="A-17", at=NOW, changes=Changes())
LOOK = Access(subject="A-17", actor="nia", role="clinician", action="read-chart", at=NOW, reason="panel", via="sms")


def test_a_change_says_how_much_of_what_and_never_what():
    changes = Changes(person=person("A-17"), observations=(reading(value=88.5),), communications=(sms("c", "A-17"),))
    event = audit_event(replace(ENTRY, changes=changes))
    assert event["type"]["code"] == "110110"
    assert event["subtype"] == [{"system": "urn:phms:event-kind", "code": "message"}]
    assert event["recorded"] == "2026-03-03T21:10:00Z"
    assert event["outcome"] == "0"
    assert event["agent"][0]["who"]["identifier"]["value"] == "A-17"
    assert event["agent"][0]["requestor"] is True
    assert event["entity"][0]["what"]["identifier"]["value"] == "A-17"
    assert {d["type"]: d["valueString"] for d in event["entity"][1]["detail"]} == {
        "person": "1",
        "observations": "1",
        "communications": "1",
    }
    for value in ("88", "Thank you", "Anna"):
        assert value not in json.dumps(event)


@pytest.mark.parametrize(
    ("row", "action"),
    [
        (replace(ENTRY, revision=1), "C"),
        (ENTRY, "U"),
        (replace(ENTRY, changes=Changes(erased=True)), "D"),
        (LOOK, "R"),
        (replace(LOOK, action="list-patients"), "R"),
        (replace(LOOK, action="export"), "R"),
        (replace(LOOK, action="set-nudge"), "U"),
        (replace(LOOK, action="erase"), "D"),
        (replace(LOOK, action="break-glass"), "E"),
    ],
)
def test_the_action(row, action):
    assert audit_event(row)["action"] == action


def test_a_look_says_why_in_which_role_and_whether_it_was_permitted():
    event = audit_event(LOOK)
    assert event["outcome"] == "0"
    assert event["purposeOfEvent"] == [{"text": "panel"}]
    assert event["agent"][0]["role"] == [{"coding": [{"system": "urn:phms:role", "code": "clinician"}]}]
    assert event["source"]["site"] == "sms"
    refused = audit_event(replace(LOOK, permitted=False))
    assert (refused["outcome"], refused["outcomeDesc"]) == ("4", "refused")
    assert refused["id"] != event["id"]


def test_broken_glass_is_told_apart():
    broken = audit_event(replace(LOOK, action="break-glass", reason="found unconscious"))
    assert broken["type"]["display"] == "Security Alert"
    look = audit_event(replace(LOOK, reason="break-glass: found unconscious"))
    assert look["type"]["display"] == "Patient Record"
    for event in (broken, look):
        assert event["purposeOfEvent"][0]["coding"][0]["code"] == "BTG"


def test_the_role_of_who_changed_something_comes_from_the_asker():
    event = audit_event(replace(ENTRY, actor="nia"), role={"nia": "clinician"}.get)
    assert event["agent"][0]["role"][0]["coding"][0]["code"] == "clinician"


@settings(max_examples=40, deadline=None)
@given(dossiers())
def test_any_line_is_a_valid_audit_event(made):
    for row in (*made.journal, *made.accesses):
        AuditEvent.model_validate(audit_event(row))

"""Readings and symptoms as FHIR R4 Observations: LOINC code, UCUM unit, when, from what, in whose words."""

from functools import cache

from data.model.observation import Assertion, Observation, SymptomReport
from data.vocabulary import vital_signs
from integrations.fhir_people import TYPED
from integrations.fhir_terms import (
    HL7,
    LOINC,
    UCUM,
    Element,
    Who,
    code_text,
    coding,
    concept,
    identifier,
    instant,
    number,
    reference,
    resource,
)

# R4 asks for the general code beside that of a pulse oximeter (hl7.org/fhir/R4/oxygensat.html).
_ALSO = {"59408-5": "2708-6"}
# A glucose meter is a laboratory and counted steps are an activity; everything else here is a vital sign.
_CATEGORY = {"blood-glucose": ("laboratory", "Laboratory"), "steps": ("activity", "Activity")}
_VITAL = ("vital-signs", "Vital Signs")
_SAYS = {
    Assertion.PRESENT: "present",
    Assertion.ABSENT: "not present",
    Assertion.PAST: "in the past",
    Assertion.POSSIBLE: "possible",
    Assertion.SOMEONE_ELSE: "of someone else",
}


def reading(row: Observation, subject: str, who: Who, *, corrected: bool) -> Element:
    """One measured value. `corrected`: another value stood here before. One entered in error says so instead."""
    measured_by = who(subject if row.source == TYPED else row.source) if row.source.strip() else {}
    by_device = measured_by.get("type") == "Device"
    elements = {
        "identifier": [identifier("observation", row.id)],
        "status": "corrected" if corrected and not row.withdrawn else row.status.value,
        "category": [_category(row.code)],
        "code": vital_code(row.code),
        "subject": who(subject),
        "effectiveDateTime": instant(row.effective_at),
        "issued": instant(row.received_at),
        "performer": [] if by_device else [measured_by],
        "valueQuantity": quantity(row.code, row.value, row.unit),
        "device": measured_by if by_device else None,
    }
    return resource("Observation", ("reading", subject, row.id), elements)


def reading_reference(row: Observation, subject: str) -> Element:
    """A reference to the Observation that `reading` makes."""
    return reference("Observation", "reading", subject, row.id)


def symptom(row: SymptomReport, subject: str, who: Who) -> Element:
    """One symptom, whether the patient has it, and the words they said so in."""
    said = {"authorReference": who(subject), "time": instant(row.reported_at), "text": row.words}
    elements = {
        "identifier": [identifier("symptom-report", row.id)],
        "status": "final",
        "code": concept(coding("symptom", row.symptom), text=row.symptom.replace(":", ": ").replace("-", " ")),
        "subject": who(subject),
        "effectiveDateTime": instant(row.reported_at),
        "issued": instant(row.reported_at),
        "performer": [who(subject)],
        "valueCodeableConcept": concept(coding("assertion", row.assertion), text=_SAYS[row.assertion]),
        "note": [said] if row.words.strip() else [],
    }
    return resource("Observation", ("symptom", subject, row.id), elements)


def symptom_reference(row: SymptomReport, subject: str) -> Element:
    """A reference to the Observation that `symptom` makes."""
    return reference("Observation", "symptom", subject, row.id)


@cache
def _category(key: str) -> Element:
    return concept(coding(f"{HL7}observation-category", *_CATEGORY.get(key, _VITAL)))


@cache
def vital_code(key: str) -> Element:
    """The LOINC code of a vital sign, with our own key beside it; one no longer in the vocabulary has only its key."""
    sign = vital_signs().get(key)
    loinc = [code for code in (sign.loinc, _ALSO.get(sign.loinc)) if code] if sign else []
    codings = [coding(LOINC, code) for code in loinc]
    return concept(*codings, coding("vital", key), text=sign.display if sign else key)


def quantity(key: str, value: float | None, unit: str) -> Element | None:
    """A value in its UCUM unit."""
    if value is None:
        return None
    sign = vital_signs().get(key)
    shown = sign.unit_display if sign and sign.unit == unit else unit
    return {"value": number(value), "unit": shown, "system": UCUM if unit else None, "code": code_text(unit)}

"""What the patient agreed to as FHIR R4 Consents: one for every word they gave, the latest of each purpose in force."""

from collections.abc import Sequence

from data.model.people import Consent, Person, Purpose
from integrations.fhir_terms import HL7, LOINC, Element, Who, code_text, coding, concept, instant, resource

_SCOPE = {
    Purpose.MONITORING: "treatment",
    Purpose.MESSAGING: "patient-privacy",
    Purpose.SHARING: "patient-privacy",
    Purpose.RESEARCH: "research",
}


def consents(given: Sequence[Consent], person: Person, who: Who) -> list[Element]:
    """Every consent in the order it was given. What was replaced since is inactive."""
    return [_consent(row, person, who, in_force=row is _in_force(row, given, person)) for row in given]


def _in_force(row: Consent, given: Sequence[Consent], person: Person) -> Consent | None:
    """The word that counts for this purpose and recipient, as `Person.consents_to` has it."""
    now = [one for one in person.consents if (one.purpose, one.recipient) == (row.purpose, row.recipient)]
    latest = max(now, key=lambda one: one.recorded_at, default=None)
    return next((one for one in given if one == latest), None)


def _consent(row: Consent, person: Person, who: Who, *, in_force: bool) -> Element:
    # R4 calls a refusal in force "rejected"; the provision says permit or deny in any case.
    status = ("active" if row.given else "rejected") if in_force else "inactive"
    text = f"{row.purpose}, text {row.version or 'without version'}" + (f" ({row.language})" if row.language else "")
    rule = {**coding("consent", row.purpose), **({"version": row.version} if row.version else {})}
    actor = {
        "role": concept(coding(f"{HL7}v3-ParticipationType", "IRCP", "information recipient")),
        "reference": who(row.recipient),
    }
    elements = {
        "status": status,
        "scope": concept(coding(f"{HL7}consentscope", _SCOPE[row.purpose])),
        "category": [concept(coding(LOINC, "59284-0"), coding("purpose", row.purpose))],
        "patient": who(person.id),
        "dateTime": instant(row.recorded_at),
        "performer": [who(person.id)],
        "sourceAttachment": {"language": code_text(row.language), "title": row.source},
        # Which text was agreed to: R4 asks for a policy or a rule (ppc-1).
        "policyRule": concept(rule, text=text),
        "provision": {
            "type": "permit" if row.given else "deny",
            "actor": [actor] if row.recipient else [],
            "purpose": [coding("purpose", row.purpose)],
        },
    }
    parts = (row.purpose, row.recipient, str(row.recorded_at), str(row.given), row.version, row.language, row.source)
    return resource("Consent", (person.id, *parts), elements)

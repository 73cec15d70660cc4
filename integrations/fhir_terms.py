"""How FHIR R4 writes things down: ids, references, codes, instants and periods, and nothing that is empty."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid5

# A resource or a part of one, as JSON has it.
Element = dict[str, Any]
# From the id of a person, or the name of a device or part of the house, to a FHIR Reference.
Who = Callable[[str], Element]

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
LANGUAGE = "urn:ietf:bcp:47"
HL7 = "http://terminology.hl7.org/CodeSystem/"
# Whatever only this house has a name for stands in a system of its own: "urn:phms:rule", "urn:phms:channel" ...
OURS = "urn:phms:"

# The house itself, which sends messages, assesses and keeps the audit trail.
HOUSE = "phms"
# Who is not the patient's to know, such as another patient on the same phone.
ANOTHER = "another person"

# Up to here every whole number is a float of its own.
_EXACT = 2.0**53
_NAMESPACE = UUID("6f0c4f1e-8d0b-5c55-9d4e-2f6f0a3b7c11")
# What FHIR's string may not hold (R4, 2.24.0.1): control characters but for tab and line ends.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


def resource_id(kind: str, *parts: str) -> str:
    """The id of our row as a FHIR resource: a UUIDv5, the same in every export.

    >>> resource_id("Patient", "A-17") == resource_id("Patient", "A-17") != resource_id("Patient", "A-18")
    True
    """
    return str(uuid5(_NAMESPACE, "\0".join((kind, *parts))))


def resource(kind: str, parts: tuple[str, ...], elements: Element) -> Element:
    """A resource of that kind whose id derives from `parts`; empty elements are left out."""
    return {"resourceType": kind, "id": resource_id(kind, *parts), **(_filled(elements) or {})}


def reference(kind: str, *parts: str, display: str = "") -> Element:
    """A reference to the resource of these parts in the same bundle."""
    return part({"reference": f"urn:uuid:{resource_id(kind, *parts)}", "type": kind, "display": display})


def logical(name: str) -> Element:
    """A reference to someone or something that has no resource here: by our own id alone."""
    return part({"identifier": identifier("actor", name), "display": name})


def identifier(system: str, value: str) -> Element:
    """One of our ids as a FHIR Identifier."""
    return {"system": OURS + system, "value": value}


def part(elements: Element) -> Element:
    """A part of a resource without its empty elements; what they hold is looked at when the resource is made."""
    return {key: item for key, item in elements.items() if item}


def coding(system: str, code: str, display: str = "") -> Element:
    """A code of a system: ours by its short name, others by their address. A code is words with single spaces."""
    return part({"system": system if ":" in system else OURS + system, "code": code_text(code), "display": display})


def concept(*codings: Element, text: str = "") -> Element:
    """A CodeableConcept."""
    return part({"coding": [one for one in codings if one.get("code")], "text": text})


def instant(at: datetime | None) -> str | None:
    """An instant or dateTime with its zone, which is UTC.

    >>> instant(datetime(2026, 3, 3, 22, 30, tzinfo=UTC))
    '2026-03-03T22:30:00Z'
    """
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def day(on: date | None) -> str | None:
    """A date."""
    return on.isoformat() if on else None


def period(start: datetime | None, end: datetime | None) -> Element:
    """A Period. An end before the start, as a clock that was set back leaves it, may not be told (R4, per-1)."""
    if start and end and end < start:
        end = None
    return part({"start": instant(start), "end": instant(end)})


def number(value: float) -> float:
    """A decimal with no more digits than were measured: 150, not 150.0."""
    return int(value) if float(value).is_integer() and abs(value) < _EXACT else value


def code_text(text: str) -> str:
    """`text` as FHIR's code: words with single spaces between them."""
    return " ".join(_CONTROL.sub(" ", text).split())


def _filled(value: Any) -> Any:
    """`value` without what is empty, and with texts that FHIR can hold; None when nothing is left.

    FHIR knows no empty element (R4, ele-1). Every part of every resource comes through here once.
    """
    if isinstance(value, str):
        return _CONTROL.sub("\ufffd", value) if value.strip() else None
    if isinstance(value, dict):
        kept = {key: left for key, item in value.items() if (left := _filled(item)) is not None}
        return kept or None
    if isinstance(value, list):
        return [left for item in value if (left := _filled(item)) is not None] or None
    return value

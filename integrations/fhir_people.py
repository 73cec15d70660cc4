"""People and devices in FHIR R4: Patient, Practitioner, RelatedPerson, Device, and how all others refer to them."""

from collections.abc import Iterator

from data.model.people import ChannelKind, ContactPoint, ContactState, Role
from integrations.fhir_dossier import Dossier, Named
from integrations.fhir_terms import (
    ANOTHER,
    HOUSE,
    LANGUAGE,
    Element,
    code_text,
    coding,
    concept,
    day,
    identifier,
    logical,
    part,
    reference,
    resource,
)

# What the patient typed has no device.
TYPED = "patient"


class Cast:
    """Everyone and everything that a dossier's rows name, each as one resource."""

    def __init__(self, dossier: Dossier) -> None:
        self._patient = dossier.person
        self._people = {one.id: one for one in dossier.people}
        sources = dict.fromkeys(row.source for row in dossier.observations)
        persons = {TYPED, HOUSE, self._patient.id, *self._people}
        self._devices = dict.fromkeys(name for name in sources if name.strip() and name not in persons)
        self._known: dict[str, Element] = {}
        self._addresses = {f"{point.system}:{point.value}" for point in dossier.person.contacts}

    def who(self, name: str) -> Element:
        """A reference to the patient, a member of staff, a proxy, a device or the house; else by name alone."""
        if name not in self._known:
            self._known[name] = self._refer(name)
        return self._known[name]

    def _refer(self, name: str) -> Element:
        if name == HOUSE:
            return reference("Device", HOUSE, display="PHMS")
        if name == self._patient.id or name in self._addresses:
            return reference("Patient", self._patient.id)
        if one := self._people.get(name):
            return reference(_kind(one), *self._parts(one), display=one.name)
        if name in self._devices:
            return reference("Device", self._patient.id, name, display=name)
        return {"display": ANOTHER} if name == ANOTHER else logical(name)

    def role(self, name: str) -> str:
        """What somebody is here, empty for what is no person."""
        one = self._people.get(name)
        return one.role if one else self._patient.role if name in (self._patient.id, *self._addresses) else ""

    def resources(self) -> Iterator[Element]:
        """The patient first, then whoever is named, then the devices."""
        yield self._patient_resource()
        for one in self._people.values():
            yield self._named(one)
        yield resource("Device", (HOUSE,), {"status": "active", "deviceName": [_device_name("PHMS")]})
        for name in self._devices:
            elements = {
                "identifier": [identifier("source", name)],
                "deviceName": [_device_name(name)],
                "patient": self.who(self._patient.id),
            }
            yield resource("Device", (self._patient.id, name), elements)

    def _patient_resource(self) -> Element:
        person = self._patient
        elements = {
            "identifier": [identifier("code", person.code), identifier("person", person.id)],
            "active": person.active,
            "name": [{"text": person.name}],
            "telecom": [_telecom(point) for point in person.contacts],
            "birthDate": day(person.born_on),
            "communication": [_language(person.language)] if code_text(person.language) else [],
        }
        return resource("Patient", (person.id,), elements)

    def _named(self, one: Named) -> Element:
        elements: Element = {
            "identifier": [identifier("code", one.code), identifier("person", one.id)],
            "active": one.active,
            "name": [{"text": one.name}],
        }
        if one.role is Role.PROXY:
            elements |= {"patient": self.who(self._patient.id), "relationship": [concept(text=one.title)]}
        else:
            elements |= {"qualification": [{"code": concept(text=one.title.strip() or one.role)}]}
        return resource(_kind(one), self._parts(one), elements)

    def _parts(self, one: Named) -> tuple[str, ...]:
        """A member of staff is the same in every patient's export; a proxy is somebody's."""
        return (self._patient.id, one.id) if one.role is Role.PROXY else (one.id,)


def _kind(one: Named) -> str:
    return "RelatedPerson" if one.role is Role.PROXY else "Practitioner"


def _language(code: str) -> Element:
    return {"language": concept(coding(LANGUAGE, code)), "preferred": True}


def _telecom(point: ContactPoint) -> Element:
    """An address; one that is stopped or dead says so (R4 has no word for STOP)."""
    sms = point.system is ChannelKind.SMS
    return part(
        {
            "extension": [
                {"url": "urn:phms:contact-state", "valueCode": point.state},
                {"url": "urn:phms:channel", "valueCode": point.system},
            ],
            "system": "sms" if sms else "other",
            "value": point.value,
            "use": "old" if point.state is ContactState.DEAD else "mobile" if sms else None,
        }
    )


def _device_name(name: str) -> Element:
    return {"name": name, "type": "user-friendly-name"}

"""What FHIR R4 asks of a bundle: the models of `fhir.resources`, required codes, references, and its written rules."""

from fhir.resources.R4B import get_fhir_model_class
from fhir_core.fhirabstractmodel import FHIRAbstractModel

# The models tell these lists only in part (hl7.org/fhir/R4/valueset-observation-status.html).
_MORE = {("Observation", "status"): {"registered", "preliminary", "final", "amended", "corrected", "cancelled",
                                      "entered-in-error", "unknown"}}  # fmt: skip


def problems(bundle):
    """Everything that is wrong with a bundle, in words; nothing is fine."""
    found = [f"empty: {path}" for path in _empty(bundle, "Bundle")]
    kinds = {entry["fullUrl"]: entry["resource"]["resourceType"] for entry in bundle["entry"]}
    if len(kinds) != len(bundle["entry"]):
        found.append("bdl-7: two entries have one fullUrl")
    for entry in bundle["entry"]:
        one = entry["resource"]
        if entry["fullUrl"] != f"urn:uuid:{one['id']}":
            found.append(f"{one['resourceType']} stands under another id than its own")
        model = get_fhir_model_class(one["resourceType"]).model_validate(one)
        found += [f"{one['resourceType']} {problem}" for problem in (*_codes(model, kinds), *_rules(one))]
    get_fhir_model_class("Bundle").model_validate({**bundle, "entry": []})
    return found


def _codes(model, kinds):
    """Codes outside a required value set, and references to nothing or to a kind that may not stand there."""
    for name, field in type(model).model_fields.items():
        value, says = getattr(model, name), field.json_schema_extra or {}
        rows = value if isinstance(value, list) else [value]
        allowed = _MORE.get((model.get_resource_type(), name), set(says.get("enum_values", ())))
        for row in rows:
            if isinstance(row, str) and allowed and row not in allowed and "+" not in allowed:
                yield f"{name}: {row!r} is none of {sorted(allowed)}"
            if isinstance(row, FHIRAbstractModel):
                if row.get_resource_type() == "Reference" and row.reference:
                    targets = says.get("enum_reference_types", ["Resource"])
                    kind = kinds.get(row.reference)
                    if kind is None:
                        yield f"{name}: {row.reference} is not in the bundle"
                    elif kind != row.type or not {kind, "Resource"} & set(targets):
                        yield f"{name}: a {kind} may not stand here ({targets})"
                yield from _codes(row, kinds)


def _rules(one):
    """The invariants of R4 that the models do not know."""
    for path, period in _named(one, ("period", "executionPeriod", "boundsPeriod")):
        if period.get("start", "") > period.get("end", "~"):
            yield f"per-1: {path} ends before it starts"
    for path, ranged in _named(one, ("detailRange",)):
        low, high = (ranged.get(end, {}).get("value") for end in ("low", "high"))
        if low is not None and high is not None and low > high:
            yield f"rng-2: {path} is upside down"
    for path, repeat in _named(one, ("repeat",)):
        if "timeOfDay" in repeat and {"when", "frequency", "period"} & repeat.keys():
            yield f"tim-10: {path}.timeOfDay goes with nothing else"
    if broken := _BROKEN.get(one["resourceType"], lambda one: "")(one):
        yield broken


_BROKEN = {
    "Consent": lambda one: "" if "policy" in one or "policyRule" in one else "ppc-1: neither policy nor rule",
    "Observation": lambda one: "" if any(key.startswith("value") for key in one) else "has no value",
    "Task": lambda one: "" if one["lastModified"] >= one["authoredOn"] else "inv-1: modified before it was made",
    "AuditEvent": lambda one: "" if [a["requestor"] for a in one["agent"]] == [True] else "nobody asked for it",
}


def _named(value, names, path=""):
    if isinstance(value, dict):
        for key, item in value.items():
            if key in names:
                yield f"{path}.{key}", item
            yield from _named(item, names, f"{path}.{key}")
    elif isinstance(value, list):
        for nth, item in enumerate(value):
            yield from _named(item, names, f"{path}[{nth}]")


def _empty(value, path):
    if value is None or value in ("", [], {}):
        yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _empty(item, f"{path}.{key}")
    elif isinstance(value, list):
        for nth, item in enumerate(value):
            yield from _empty(item, f"{path}[{nth}]")

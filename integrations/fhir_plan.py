"""A patient's plan in FHIR R4: one CarePlan with an activity per reminder, and one Goal per personal limit."""

from collections.abc import Sequence

from data.model.people import Limit, Person
from data.model.plan import Activity
from data.vocabulary import vital_signs
from integrations.fhir_observations import quantity, vital_code
from integrations.fhir_terms import Element, Who, concept, day, part, reference, resource, resource_id

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def care_plan(activities: Sequence[Activity], person: Person, who: Who) -> Element | None:
    """Every reminder the patient ever had, and what their values should stay within; None when there was none."""
    if not activities and not person.limits:
        return None
    going_on = bool(person.limits) or any(row.active for row in activities)
    elements = {
        "status": "active" if going_on else "completed",
        "intent": "plan",
        "subject": who(person.id),
        "contributor": [who(by) for by in dict.fromkeys(row.by for row in activities) if by],
        "goal": [reference("Goal", *_goal(limit, person)) for limit in person.limits],
        "activity": [_activity(row, person, who) for row in activities],
    }
    return resource("CarePlan", (person.id,), elements)


def goal(limit: Limit, person: Person, who: Who) -> Element:
    """A personal limit of one vital sign."""
    sign = vital_signs().get(limit.code)
    unit = sign.unit if sign else ""
    bounds = part({"low": quantity(limit.code, limit.low, unit), "high": quantity(limit.code, limit.high, unit)})
    elements = {
        "lifecycleStatus": "active",
        "description": concept(text=f"{sign.display if sign else limit.code} stays within the personal limits"),
        "subject": who(person.id),
        "target": [{"measure": vital_code(limit.code), "detailRange": bounds}] if bounds else [],
    }
    return resource("Goal", _goal(limit, person), elements)


def _goal(limit: Limit, person: Person) -> tuple[str, ...]:
    return person.id, limit.code, str(limit.low), str(limit.high)


def _activity(row: Activity, person: Person, who: Who) -> Element:
    """One reminder. `times` are of the patient's zone, as R4's timeOfDay is of the place where it happens."""
    repeat = {
        "boundsPeriod": {"end": day(row.until)},
        "dayOfWeek": [_WEEKDAYS[nth] for nth in row.recurrence.weekdays],
        "timeOfDay": [at.isoformat() for at in row.recurrence.times],
    }
    detail = {
        "status": "scheduled" if row.active else "stopped",
        "scheduledTiming": {"repeat": repeat},
        "performer": [who(person.id)],
        "description": row.text,
    }
    return {"id": resource_id("Activity", person.id, row.id), "detail": detail}

"""What was measured or reported about a patient, in FHIR's words with LOINC codes and UCUM units."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Assertion(StrEnum):
    """How the words stand to the fact: only PRESENT counts as happening now to this patient."""

    PRESENT = "present"
    ABSENT = "absent"
    PAST = "past"
    POSSIBLE = "possible"
    SOMEONE_ELSE = "someone else"


class Status(StrEnum):
    """Whether a value counts (FHIR R4: Observation.status). Values are its codes."""

    FINAL = "final"
    ENTERED_IN_ERROR = "entered-in-error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One measured value. `code` is a vocabulary key ("heart-rate"); `value` is in the code's UCUM unit.

    `id` derives from source, code and sample time, so the same sample arriving twice is one row; another
    value for the same id is a correction. `effective_at` is when it was measured, `received_at` when we learned it.
    With the status ENTERED_IN_ERROR the same id is withdrawn: it leaves the chart and the hours of vitals, so that
    nothing is reckoned from it, and stays in the journal and in an export.
    """

    id: str
    code: str
    value: float
    unit: str
    effective_at: datetime
    received_at: datetime
    source: str
    status: Status = Status.FINAL

    @property
    def withdrawn(self) -> bool:
        """Whether it was entered in error."""
        return self.status is Status.ENTERED_IN_ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class SymptomReport:
    """One symptom in the patient's own words. `symptom` is a lexicon key ("chest-pain")."""

    id: str
    symptom: str
    assertion: Assertion
    words: str
    reported_at: datetime
    message_id: str

"""What several tests of the record in MongoDB do: look at somebody's data, and erase them."""

from data.model.audit import Access
from data.model.chart import Changes
from data.ports import Record
from data.record.chain import ERASE
from tests.record.examples import NOW

LOOK = Access(subject="anna", actor="clara", role="clinician", action="read chart", at=NOW)
ERASED = Changes(erased=True)


def put_erasure(record: Record, subject: str = "anna", event_id: str = "erase") -> bool:
    return record.commit(record.chart(subject), event_id, ERASE, "operator:eva", ERASED, NOW)

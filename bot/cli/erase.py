"""`phms erase`: everything the record holds about one patient goes for good, and a certificate says so."""

import argparse
import json
import sys
from typing import TYPE_CHECKING

from bot.settings import Settings
from data.errors import BadInput, NotFound

if TYPE_CHECKING:
    from data.model.audit import Access
    from data.model.people import Person
    from data.ports import Record

HELP = "Erase a patient for good: destroy their keys, delete their rows, print the certificate. Safe to repeat."
EXAMPLE = 'phms erase --patient A-17 --reason "asked for by letter"'


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--patient", required=True, metavar="CODE", help="the patient or proxy, by code or id")
    parser.add_argument(
        "--reason", default="", metavar="TEXT", help="why; it stays in the audit, so it must not name the patient"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask for the code to be typed")
    parser.add_argument(
        "--force", action="store_true", help="even while an escalation is open or a message is unanswered"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Say what goes, ask, erase, print the certificate; exit code 1 when it is not confirmed.

    Raises `NotFound` for somebody unknown, `BadInput` for what `bot.erasure.erase` refuses; nothing is erased then.
    """
    from bot.erasure import Request, erase
    from bot.kept import close_kept, open_kept
    from bot.operator import VIA, operator
    from data.clock import SystemClock

    clock = SystemClock()
    record = open_kept(settings)
    try:
        record.recover()
        person = _find(record, options.patient)
        if person is not None and not _confirmed(options, record, person):
            sys.stderr.write("phms: nothing was erased\n")
            return 1
        request = Request(
            subject=person.id if person else options.patient,
            who=operator(),
            now=clock.now(),
            reason=options.reason.strip(),
            via=VIA,
            force=options.force,
        )
        certificate, erased = erase(record, request)
    finally:
        close_kept(record, settings)
    sys.stdout.write(_told(options, certificate, erased=erased))
    return 0


def _find(record: "Record", name: str) -> "Person | None":
    """Whoever has this id, else the only patient of this code; None for the id of somebody who was erased."""
    from bot.erasure import ERASABLE

    known = record.chart(name, observations=False)
    if known.person is not None or known.erased:
        return known.person
    wanted = name.strip().casefold()
    found = [one for one in record.people() if one.code.casefold() == wanted and one.role in ERASABLE]
    if not found:
        raise NotFound(
            f"there is no patient {name!r} in this record; give the code, such as A-17, or the id; "
            "of somebody who was erased, the id"
        )
    if len(found) > 1:
        ids = ", ".join(one.id for one in found)
        raise BadInput(f"several people have the code {name!r}; give one of the ids {ids}")
    return found[0]


def _confirmed(options: argparse.Namespace, record: "Record", person: "Person") -> bool:
    """Whether the code was typed. The look that this needs is written down before anything is shown."""
    from bot.core.access import Action
    from bot.erasure import held, obstacle
    from bot.operator import note_operator
    from data.clock import SystemClock

    if options.yes:
        return True
    note_operator(record, Action.ERASE, person, SystemClock().now(), options.reason)
    told = sys.stderr.write
    told(f"{person.code}, {person.role}: {held(record, person.id)} will go, with readings, reminders and addresses.\n")
    told("Nothing brings them back: their keys are destroyed. Backups of the keys must be destroyed too.\n")
    against = obstacle(record, person)
    if against and options.force:
        told(f"Careful: {against}.\n")
    told(f"Type {person.code} to go on: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == person.code


def _told(options: argparse.Namespace, certificate: "Access", *, erased: bool) -> str:
    name, _, what = certificate.reason.partition(": ")
    at = f"{certificate.at:%Y-%m-%dT%H:%M:%SZ}"
    if options.json:
        row = {"pseudonym": name, "erased": erased, "what": what, "at": at, "by": certificate.actor}
        return json.dumps(row, ensure_ascii=False) + "\n"
    first = "Erased." if erased else "Erased already: nothing was left to erase."
    return f"{first} The certificate, as it stands in the audit:\n  {name}  {what}\n  at {at} by {certificate.actor}\n"

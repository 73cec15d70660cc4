"""`phms assess`: how worried to be about some readings or a recorded patient, and why."""

import argparse
import sys
from datetime import datetime

from bot.settings import Settings
from data.model.chart import Chart
from data.model.concern import RiskAssessment
from data.model.people import Person

HELP = "Assess readings and words, or a recorded patient: level, reasons, early-warning score with exact bounds."
EXAMPLE = 'phms assess "hr 135, rr 28, spo2 90"      phms assess --patient A-17 --as nia'


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "text", nargs="?", help="readings and symptoms as a patient would write them; - reads standard input"
    )
    parser.add_argument("--patient", metavar="CODE", help="a patient of the record instead, by code or name")
    parser.add_argument("--as", dest="reader", metavar="WHO", help="with --patient: who looks; it is written down")
    parser.add_argument("--lang", default="en", help="language of the text (default: en)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Assess and print."""
    from bot.wire import standard_kit
    from data.clock import SystemClock
    from data.errors import BadInput
    from risk.assess import assess

    if (options.text is None) == (options.patient is None):
        raise BadInput('give either a text or --patient CODE, for example: phms assess "spo2 90"')
    now = SystemClock().now()
    if options.patient and not options.reader:
        raise BadInput("say who looks: --as and the name of somebody who looks after the patient")
    chart = _recorded(options, settings, now) if options.patient else _from_text(options, now)
    result = assess(chart, standard_kit(settings.handbook_path).rules, now, event_id="phms-assess")
    if options.json:
        import msgspec

        sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
    else:
        sys.stdout.write(describe(result, chart))
    return 0


def _recorded(options: argparse.Namespace, settings: Settings, now: datetime) -> Chart:
    """The chart, if the reader may see it: the look is written down first, and so is one that is refused."""
    from bot.core.access import Action, Asker
    from bot.kept import close_kept, open_kept
    from bot.operator import VIA, operator
    from data.errors import NotFound

    record = open_kept(settings)
    try:
        people = record.people()
        reader, patient = _called(people, options.reader), _called(people, options.patient)
        if reader is None:
            raise NotFound(f"nobody here is called {options.reader!r}; `phms people` lists everyone")
        asker, via = Asker(reader, now), f"{VIA} of {operator().id}"
        permitted = patient is not None and asker.may(Action.READ_CHART, patient)
        stream = patient.id if patient is not None and permitted else reader.id
        reason = asker.why(patient) if patient is not None and permitted else ""
        record.note_access(asker.look(Action.READ_CHART, stream, via, permitted=permitted, reason=reason))
        if patient is None or not permitted:
            raise NotFound(f"there is no patient {options.patient!r} that {options.reader!r} looks after")
        return record.chart(patient.id)
    finally:
        close_kept(record, settings)


def _called(people: tuple[Person, ...], name: str) -> Person | None:
    """The one person of that code, name or id; None when it is nobody or could be two."""
    wanted = name.casefold()
    found = [p for p in people if wanted in (p.code.casefold(), p.name.casefold(), p.id.casefold())]
    return found[0] if len(found) == 1 else None


def _from_text(options: argparse.Namespace, now: datetime) -> Chart:
    """A chart that holds only what the text says: the same path from words to facts as a message takes."""
    from bot.core.draft import Draft
    from bot.core.facts import note_alarms, note_facts
    from bot.core.kit import Team
    from bot.wire import standard_kit
    from data.model.conversation import RawMessage
    from data.model.people import ChannelKind, Person, Role
    from nlu.parse import parse
    from nlu.safety import screen

    text = sys.stdin.read() if options.text == "-" else options.text
    person = Person(id="text", code="text", name="text", role=Role.PATIENT, title="patient", zone="UTC")
    chart = Chart(subject="text", person=person)
    message = RawMessage(id="text:1", channel=ChannelKind.CONSOLE, address="-", text=text, received_at=now)
    draft = Draft(chart, standard_kit(), Team((person,)), event_id=message.id, now=now)
    note_alarms(draft, message, screen(text))
    note_facts(draft, message, parse(text, options.lang))
    return draft.current()


def describe(result: RiskAssessment, chart: Chart) -> str:
    """An assessment as lines for people: level, each finding with its reason and source, score with bounds."""
    unsure = " (too little is known to call it low)" if result.level == "unknown" else ""
    lines = [f"risk: {result.level.upper()}{unsure}"]
    lines += [f"  {f.level.upper():9} {f.rule}: {f.reason}  [{f.source}]" for f in result.findings]
    if not result.findings:
        lines.append("  no rule fired")
    if score := result.score:
        span = f"{score.low}" if score.low == score.high else f"{score.low} to {score.high}"
        missing = f", missing: {', '.join(score.missing)}" if score.missing else ""
        lines.append(f"  {score.name} {span}{missing}")
    lines.append(f"  from {len(chart.observations)} readings and {len(chart.symptoms)} reported symptoms")
    return "\n".join(lines) + "\n"

"""`phms parse`: what a message is understood to say, and what the safety screen makes of it."""

import argparse
import sys

from bot.settings import Settings

HELP = "Show what a message is understood to say, and whether the safety screen would raise an alarm."
EXAMPLE = 'phms parse "bp 150/95, dizzy but no chest pain"'


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("text", help="the message; - reads one message per line from standard input")
    parser.add_argument("--lang", default="en", help="the patient's language (default: en)")
    parser.add_argument("--json", action="store_true", help="print one JSON object per message")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Parse and print each message."""
    from data.errors import BadInput
    from nlu.files import LANGUAGES

    if options.lang not in LANGUAGES:
        raise BadInput(f"--lang {options.lang!r} is not known; allowed: {', '.join(LANGUAGES)}")
    if options.text != "-":
        _print_one(options.text, options)
        return 0
    for line in sys.stdin:
        if line.strip():
            _print_one(line.rstrip("\n"), options)
    return 0


def _print_one(text: str, options: argparse.Namespace) -> None:
    import msgspec

    from nlu.parse import parse
    from nlu.safety import screen

    parsed, alarms = parse(text, options.lang), screen(text)
    if options.json:
        document = msgspec.to_builtins(parsed) | {"alarms": msgspec.to_builtins(alarms)}
        sys.stdout.write(msgspec.json.encode(document).decode() + "\n")
        return
    say = sys.stdout.write
    say(f"{text}\n")
    for alarm in alarms:
        say(f'  ALARM    {alarm.rule}: "{alarm.words}" ({alarm.language})\n')
    understood = parsed.intent if parsed.understood else "not understood"
    say(f"  intent   {understood} ({parsed.confidence:.2f})\n")
    for reading in parsed.readings:
        problem = f"  asks back: {reading.problem}" if reading.problem else ""
        say(f'  reading  {reading.code} {reading.value:g} {reading.unit} from "{reading.words}"{problem}\n')
    for entity in parsed.entities:
        say(f'  symptom  {entity.key} ({entity.assertion}) from "{entity.words}"\n')

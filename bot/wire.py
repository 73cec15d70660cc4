"""The one place where the parts are put together."""

from pathlib import Path

from bot.core.kit import Kit
from bot.words.texts import load_texts
from nlu.parse import LexiconParser
from risk.rulebook import load_rules
from scheduler.policies import load_policies


def standard_kit(handbook: Path | None = None) -> Kit:
    """The packaged handbook, with files of the clinic's own `handbook` directory in place of ours. Raises `BadFile`."""
    return Kit(rules=load_rules(handbook), policies=load_policies(handbook), texts=load_texts(handbook))


def standard_parser() -> LexiconParser:
    """The deterministic parser over the packaged lexicons."""
    return LexiconParser()

"""The one place where the parts are put together."""

from pathlib import Path

from bot.core.kit import Kit
from bot.words.texts import load_texts
from data.errors import BadFile
from nlu.parse import LexiconParser
from nlu.safety import alarm_rules
from risk.rulebook import load_rules
from scheduler.policies import load_policies

# What a clinic's own handbook directory may hold.
PARTS = ("policies.toml", "rules", "words")


def standard_kit(handbook: Path | None = None) -> Kit:
    """The packaged handbook, with files of the clinic's own `handbook` directory in place of ours. Raises `BadFile`."""
    if handbook is None:
        return _sound(Kit(rules=load_rules(), policies=load_policies(), texts=load_texts()))
    unknown = sorted(p.name for p in handbook.iterdir() if p.name not in PARTS and not p.name.startswith("."))
    if unknown:
        raise BadFile(f"{handbook / unknown[0]}: is not part of a handbook; allowed: {', '.join(PARTS)}")
    rules, policies, words = handbook / "rules", handbook / "policies.toml", handbook / "words"
    return _sound(
        Kit(
            rules=load_rules(rules if rules.exists() else None),
            policies=load_policies(policies if policies.exists() else None),
            texts=load_texts(words if words.exists() else None),
        )
    )


def _sound(kit: Kit) -> Kit:
    """An alarm without a rule would be answered and told to nobody, so start refuses."""
    missing = sorted(alarm_rules() - kit.rules.word_rule_ids())
    if missing:
        raise BadFile(
            f"rules/words.toml: lacks {', '.join(missing)}: the safety screen raises it and nobody would be told"
        )
    return kit


def standard_parser() -> LexiconParser:
    """The deterministic parser over the packaged lexicons."""
    return LexiconParser()

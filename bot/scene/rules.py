"""Which rule and rule-family names a scene's `flag` lines may use."""

from functools import lru_cache

from bot.core.kit import Kit
from risk.rulebook import Rules


def rule_names(kit: Kit) -> frozenset[str]:
    """Every rule id and family of the kit, in lower case."""
    return _names(kit.rules)


@lru_cache(maxsize=8)
def _names(rules: Rules) -> frozenset[str]:
    ids = rules.ids()
    families = {str(getattr(rules.rule(rule_id), "family", rule_id)) for rule_id in ids}
    families.add(rules.news2.family)
    return frozenset(name.casefold() for name in {*ids, *families})

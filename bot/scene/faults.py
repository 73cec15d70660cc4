"""Sentences about providers and what befalls them."""

import re
from datetime import timedelta

from bot.scene.grammar import Fault, ProviderIs
from bot.scene.hints import nearest
from bot.scene.when import DURATION, read_duration
from data.errors import BadInput

_PROVIDERS = {
    "a": ("A",), "b": ("B",), "1": ("A",), "2": ("B",), "first": ("A",), "second": ("B",), "twilio": ("A",),
    "sms": ("A", "B"), "telegram": ("telegram",), "all": ("A", "B", "telegram"),
}  # fmt: skip
_FAULTS = (
    (re.compile(r"(?:goes|go|is|are) down"), Fault.DOWN),
    (re.compile(r"(?:comes|come|is|are) (?:back|up)(?: again)?|recovers?"), Fault.BACK),
    (re.compile(r"loses? (?:all )?receipts"), Fault.LOSES_RECEIPTS),
    (re.compile(rf"delivers? (?:late (?:by )?)?(?P<by>{DURATION})(?: late)?"), Fault.LATE),
    (re.compile(r"reports? undelivered"), Fault.UNDELIVERED),
    (re.compile(r"repeats? the last message"), Fault.REPEATS),
)


def read_provider(folded: str) -> ProviderIs:
    """The whole sentence, in lower case with single spaces. Raises `BadInput`."""
    head = re.match(
        r"providers?\s+(.+?)\s+((?:go|come|lose|deliver|report|repeat|recover)\w*\b.*|(?:is|are)\s.*)$", folded
    )
    verbs = [fault.value for fault in Fault]
    if head is None:
        near = nearest(" ".join(folded.split()[2:]), verbs)
        raise BadInput(f"cannot read {folded!r}{near}; allowed: provider P, then one of: {', '.join(verbs)}")
    names: list[str] = []
    for word in re.split(r"\s*(?:,|\band\b)\s*", head[1]):
        if word not in _PROVIDERS:
            raise BadInput(
                f"{word!r} is not a provider{nearest(word, list(_PROVIDERS))}; allowed: A, B, sms, telegram, twilio"
            )
        names.extend(_PROVIDERS[word])
    for regex, fault in _FAULTS:
        if found := regex.fullmatch(head[2].strip()):
            by = read_duration(found["by"]) if fault is Fault.LATE else timedelta()
            return ProviderIs(providers=tuple(dict.fromkeys(names)), fault=fault, by=by)
    raise BadInput(
        f"cannot read {head[2]!r}{nearest(head[2], verbs)}; a provider {', '.join(verbs)} (such as: delivers late 2m)"
    )

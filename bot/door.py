"""What a door takes in: any text at all, made so that every store can keep it; words are never refused."""

from hashlib import sha256

from nlu.windows import LONGEST

# Longer than any address or id of a provider.
_LONGEST_NAME = 320
# Where the middle of an endless text was left out.
_CUT = " […] "


def kept_text(text: str) -> str:
    """The words as they are kept: half a character becomes U+FFFD, and of an endless text the middle goes.

    A chat message has at most 4,096 characters and an SMS far fewer; the head and the tail that are kept of more are
    what the safety screen reads (`nlu.windows`), so that no emergency is cut away.

    >>> kept_text("my chest hurts \\ud83d")
    'my chest hurts \\ufffd'
    """
    if len(text) > 2 * LONGEST:
        # First roughly: to mend millions of halves takes seconds.
        text = text[:LONGEST] + _CUT + text[-LONGEST:]
    whole, half = _whole(text), LONGEST // 2
    return whole if len(whole) <= LONGEST else whole[: half - len(_CUT)] + _CUT + whole[-half:]


def kept_address(address: str) -> str:
    """The address as it is kept; one that no store could keep is nobody's, and still somebody wrote from it."""
    return _whole(address[:_LONGEST_NAME]).strip()


def kept_id(provider_message_id: str) -> str:
    """A provider's id as it is kept: two that differ still do, so that no message passes for one sent before."""
    plain = _whole(provider_message_id[:_LONGEST_NAME])
    if plain == provider_message_id:
        return plain
    return f"{plain}~{sha256(provider_message_id.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def _whole(text: str) -> str:
    """Halves of a character that belong together joined, others replaced."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

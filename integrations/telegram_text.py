"""A text in parts that Telegram takes: what is cut, and where, is `data.text_parts`' to say."""

from telegram.constants import MessageLimit

from data import text_parts

MOST, MOST_UNDER_PICTURE = int(MessageLimit.MAX_TEXT_LENGTH), int(MessageLimit.CAPTION_LENGTH)


def parts(text: str, most: int = MOST) -> tuple[str, ...]:
    """The text in parts of at most `most` UTF-16 units (at least 2); one part when it fits, none when it is blank.

    >>> parts("First. Second one.", 10)
    ('First.', 'Second', 'one.')
    """
    return tuple(part for part in text_parts.parts(sendable(text), most) if part.strip())


def sendable(text: str) -> str:
    """Half characters, which no provider takes, replaced."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

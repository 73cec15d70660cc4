"""A link that opens the chat with the bot and carries a one-time token: the person has only to press Start."""

import re

from data.errors import BadInput

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_USERNAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{3,31}")


def deep_link(username: str, token: str) -> str:
    """The link for a bot's username; pressing Start there sends "/start TOKEN" (core.telegram.org/bots/features).

    >>> deep_link("@ward_bot", "Zk3-x")
    'https://t.me/ward_bot?start=Zk3-x'
    """
    name = username.removeprefix("@")
    if not _USERNAME.fullmatch(name):
        raise BadInput("the bot's username is none")
    if not _TOKEN.fullmatch(token):
        raise BadInput("a token in a link has 1 to 64 of A-Z a-z 0-9 _ -")
    return f"https://t.me/{name}?start={token}"

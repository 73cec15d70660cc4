"""What a text costs as an SMS (GSM-7, segments), and the same text in signs that cost least, with no letter lost."""

import unicodedata

# 3GPP TS 23.038, https://www.3gpp.org/dynareport/23038.htm: the default alphabet, and the signs that need an escape
# before them, so two places.
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPED = frozenset("\f^{}\\[~]|€")

# Septets, or UTF-16 units, in a message alone and in each of several, which need a header.
# https://www.twilio.com/docs/glossary/what-sms-character-limit
_GSM_ALONE, _GSM_EACH = 160, 153
_UCS2_ALONE, _UCS2_EACH = 70, 67

# Typography, which nobody misses.
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4`", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2022\u2023\u25aa\u25cf", "-"),
        **dict.fromkeys("\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f", " "),
        **dict.fromkeys("\u200b\u2060\ufeff\u00ad", ""),
        "\u2026": "...",
        "\t": " ",
    }
)
# Signs replaced only where that makes the whole text GSM-7; otherwise it would cost as much as before. Not here: what
# could be misread as another dose or number (µ, ½, ² and the like).
_SIGNS = {"°C": "C", "°F": "F", "×": "x", "≥": ">=", "≤": "<=", "→": "->", "O₂": "O2"}


def is_gsm7(text: str) -> bool:
    """Whether every sign is in the alphabet of 7 bits; if not, the whole text is sent as UCS-2.

    >>> is_gsm7("Größe: 5 €"), is_gsm7("Tere õhtust")
    (True, False)
    """
    return all(char in _BASIC or char in _ESCAPED for char in text)


def plain(text: str) -> str:
    """The text composed (NFC) and with typewriter's quotes, dashes and spaces. Letters always stay as they are.

    >>> plain("“Hello” – 38.5 °C…"), plain("õhk 38 °C")
    ('"Hello" - 38.5 C...', 'õhk 38 °C')
    """
    composed = unicodedata.normalize("NFC", text).translate(_PLAIN)
    simpler = composed
    for sign, instead in _SIGNS.items():
        simpler = simpler.replace(sign, instead)
    return simpler if is_gsm7(simpler) else composed


def segments(text: str) -> int:
    """How many messages a carrier sends and bills for. Neither an escaped sign nor half a character crosses over.

    >>> segments("a" * 160), segments("a" * 161), segments("õ" * 71)
    (1, 2, 2)
    """
    if is_gsm7(text):
        return _count([2 if char in _ESCAPED else 1 for char in text], _GSM_ALONE, _GSM_EACH)
    return _count([2 if char > "\uffff" else 1 for char in text], _UCS2_ALONE, _UCS2_EACH)


def _count(widths: list[int], alone: int, each: int) -> int:
    if sum(widths) <= alone:
        return 1
    count, room = 1, each
    for width in widths:
        if width > room:
            count, room = count + 1, each
        room -= width
    return count

"""What may not stand in a log is taken out of its text: addresses, tokens, keys, passwords; our own ids stay."""

import re
from collections.abc import Callable

HIDDEN = "***"

# Characters of a text that are looked at, and those that are left of it.
_LOOKED_AT, _LEFT = 8_000, 4_000

_Hide = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]


def redacted(text: str) -> str:
    """The text on one line, with whatever looks like an address of a person or a secret replaced by "***".

    >>> redacted("message sms:SM1 of +49 170 1234567 refused")
    'message sms:SM1 of *** refused'
    """
    text = text[:_LOOKED_AT]
    for pattern, put in _HIDE:
        text = pattern.sub(put, text)
    return text if len(text) <= _LEFT else f"{text[:_LEFT]} (and more)"


def _key(found: re.Match[str]) -> str:
    """Random bytes in base64 mix their letters; ids and paths of that length do not."""
    told = found[0]
    random = sum(c.isupper() for c in told) >= 6 and sum(c.islower() for c in told) >= 6
    return HIDDEN if random else told


def _phone(found: re.Match[str]) -> str:
    return found["keep"] or HIDDEN


# In this order: what names a secret first, then what looks like one by itself.
_HIDE: tuple[_Hide, ...] = (
    # One record is one line: nobody writes a line of the log by writing to us.
    (re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+"), " "),
    (re.compile(r"""\bb(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""), HIDDEN),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20}://)\S{0,500}@"), rf"\1{HIDDEN}@"),
    (re.compile(r"(?i)\b(bearer|basic|digest)\s+[\w.~+/=-]{6,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"""(?i)(authorization["']?\s*[:=]\s*)["']?[^"',;]+"""), rf"\1{HIDDEN}"),
    (
        re.compile(
            r"""(?ix) ( (?: secret | token | passw(?:or)?d | passphrase | signature | api[_-]?key
            | credential ) [\w-]{0,40} ["']? \s* [:=] \s* ) (?: "[^"]*" | '[^']*' | [^\s"',;&}]+ )"""
        ),
        rf"\1{HIDDEN}",
    ),
    # A bot token of Telegram: core.telegram.org/bots/api#authorizing-your-bot.
    (re.compile(r"(?<!\d)\d{6,12}(?::|%3A)[\w-]{30,}"), HIDDEN),
    (re.compile(r"[\w.+%-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"), HIDDEN),
    # 32 bytes or more, in hexadecimal or base64.
    (re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{64,}(?![0-9A-Za-z])"), HIDDEN),
    (re.compile(r"(?<![\w+/-])[\w+/-]{43,}={0,2}", re.ASCII), _key),
    # 7 to 15 digits (ITU-T E.164), with a plus or alone; dates, addresses of machines and ids such as telegram:1234567
    # are let through.
    (
        re.compile(
            r"""(?ix) (?P<keep> (?<!\d) \d{4}-\d\d-\d\d
            (?: [T\ ] \d\d:\d\d (?: :\d\d (?:\.\d+)? )? (?: Z | [+-]\d\d:?\d\d )? )? (?!\d)
            | (?<![\d.]) \d{1,3} (?: \.\d{1,3} ){3} (?![\d.]) )
            | (?: \+ | %2B ) \s? \(? \d (?: [\s().\-/]{0,2} \d ){6,14} (?!\d)
            | (?: (?<= sms:) | (?<= tel:) | (?<= phone:) | (?<= number:) | (?<= to:) | (?<= from:) | (?<= address:)
            | (?<= chat:) | (?<= chat_id:) | (?<! [\w:#@.+-] ) )
            \(? \d (?: [\s().\-/]{0,2} \d ){6,14} (?! \w )"""
        ),
        _phone,
    ),
)

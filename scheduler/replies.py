"""Clinicians' replies as they type them: "427", "ok 427", "#427 OK.", "427 done called her", "427 later 30", "list"."""

import re
import unicodedata
from dataclasses import dataclass

from scheduler.orders import Verb

_VERBS = {
    "ok": Verb.OK, "okay": Verb.OK, "mine": Verb.OK, "👍": Verb.OK, "👌": Verb.OK, "🆗": Verb.OK, "✅": Verb.OK,
    "no": Verb.NO, "nope": Verb.NO, "pass": Verb.NO,
    "up": Verb.UP, "escalate": Verb.UP,
    "done": Verb.DONE, "closed": Verb.DONE, "resolved": Verb.DONE,
    "later": Verb.LATER, "snooze": Verb.LATER,
    "list": Verb.LIST,
    "?": Verb.DETAILS, "details": Verb.DETAILS,
}  # fmt: skip
_FILLERS = {"please", "pls", "thanks", "thx", "code", "reply"}
_UNITS = {"m": 1, "min": 1, "mins": 1, "minute": 1, "minutes": 1, "h": 60, "hr": 60, "hour": 60, "hours": 60}
_AMOUNT = re.compile(r"([0-9]{1,4})([a-z]*)")
_CODE = re.compile(r"[0-9]{3}")
_THUMBS = re.compile("[\ufe0f\U0001f3fb-\U0001f3ff]")  # what gives an emoji its colour
_EDGES = "\"'`´.,;:!#()[]{}<>*_/\\|-–—“”„‘’‚«»‹›…¡¿"
_ENDS = tuple(",.;:!-–—")  # what ends a clause
# Words around a clear OK or NO. What denies, asks, hedges or names somebody else is not taken for either.
_DENIALS = set(
    "not no nor never none nothing nobody cannot cant wont dont doesnt didnt isnt arent wasnt couldnt wouldnt shouldnt"
    " havent hasnt unable nope".split()
)
_HEDGES = _DENIALS | set(
    "but unless if wait except until only instead back off busy away sorry unavailable who when what why where how"
    " which someone somebody anyone else ask tell".split()
)
_AFTER_NO = {"i", "im", "ive", "am", "we", "not", "cant", "cannot", "sorry", "off", "busy", "on", "thanks", "thank"}
_TAKES = {"take", "taking", "taken", "mine", "ok", "okay", "got"}
_OBJECTS = {"it", "this", "that", "one", "her", "him"}
_NOT_YET = {"if", "when", "once", "after", "unless", "until", "not", "almost", "nearly"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply in the grammar. `code` is None for a bare word; `minutes` belongs to LATER, `text` to DONE.

    `ambiguous`: it names two codes or asks for two things, so nothing may be done on it but asking back.
    """

    code: str | None
    verb: Verb
    minutes: int | None = None
    text: str = ""
    ambiguous: bool = False


def read_reply(text: str) -> Reply | None:
    """What a clinician's reply asks for, or None when it is not in the grammar. Never raises.

    Case, quotes, dots, "#", spaces and order are forgiven. With a code, so are words after a clear OK or NO
    ("427 ok thanks, on my way") and an outcome ahead of DONE ("called her, done 427"), as long as nothing in them
    denies, asks or hedges: "427 not ok" takes nothing.

    >>> read_reply('"ok" #427.')
    Reply(code='427', verb=<Verb.OK: 'ok'>, minutes=None, text='', ambiguous=False)
    """
    words = unicodedata.normalize("NFKC", text).split()
    tokens = [(token, place) for place, word in enumerate(words) for token in _tokens(word)]
    order = _done(tokens, words) or _order([token for token, _ in tokens])
    return order or _outcome_first(tokens, words) or _with_words(tokens, words)


def _tokens(word: str) -> list[str]:
    """A word without its dress: "#427?" is "427" and "?"; "O.K." is "ok"."""
    bare = _THUMBS.sub("", word.lower()).strip(_EDGES)
    asks = bare.startswith("?") or bare.endswith("?")
    bare = bare.strip("?" + _EDGES)
    glued = re.fullmatch(r"([0-9]{3})[-:.,;/#]?([a-z]+)", bare) or re.fullmatch(r"([a-z]+)[-:.,;/#]?([0-9]{3})", bare)
    if glued is not None and (glued[1] in _VERBS or glued[2] in _VERBS):
        parts = [glued[1], glued[2]]
    elif bare[:1] in _VERBS and not bare.strip(bare[:1]):
        parts = [bare[:1]]  # one thumb or five
    else:
        parts = [bare.replace(".", "") if bare.replace(".", "").isalpha() else bare]
    return [part for part in parts if part] + (["?"] if asks else [])


def _done(tokens: list[tuple[str, int]], words: list[str]) -> Reply | None:
    """DONE takes the rest as its text, as written; the code stands before it or right after it."""
    head = [token for token, _ in tokens]
    at = 0
    while at < len(head) and (_CODE.fullmatch(head[at]) or head[at] in _FILLERS):
        at += 1
    if at == len(head) or _VERBS.get(head[at]) is not Verb.DONE:
        return None
    if head[at + 1 : at + 2] == ["?"] and tokens[at + 1][1] == tokens[at][1]:
        return None  # "done?" asks
    codes = [token for token in head[:at] if _CODE.fullmatch(token)]
    end = at + 1
    if not codes and end < len(head) and _CODE.fullmatch(head[end]):
        codes, end = [head[end]], end + 1
    used = tokens[end - 1][1]  # the word in which code and verb end
    return _reply(codes, {Verb.DONE}, None, _outcome(words[used + 1 :]))


def _outcome(words: list[str]) -> str:
    """What was done, as written; nothing when it is no more than thanks or a thumb."""
    says = any(token not in _FILLERS and any(map(str.isalnum, token)) for word in words for token in _tokens(word))
    return " ".join(words).strip(" \"'“”„‘’:;,-–—") if says else ""


def _outcome_first(tokens: list[tuple[str, int]], words: list[str]) -> Reply | None:
    """The outcome as a clause of its own and DONE after it, with a code at either end: "called her, done 427"."""
    heads = [token for token, _ in tokens]
    start = next((at for at, token in enumerate(heads) if _VERBS.get(token) is Verb.DONE), 0)
    tail = [token for token in heads[start + 1 :] if token not in _FILLERS]
    if start and _CODE.fullmatch(heads[start - 1]):
        start -= 1
        tail.append(heads[start])
    place = tokens[start][1] if tokens else 0
    if start == 0 or place == 0 or not words[place - 1].endswith(_ENDS) or "?" in heads:
        return None
    leading = _CODE.fullmatch(heads[0]) is not None
    codes = tail + heads[:1] if leading else tail
    text = _outcome(words[1 if leading else 0 : place])
    first = _plain(heads[1 if leading else 0])
    if not text or not codes or not all(_CODE.fullmatch(token) for token in codes) or first in _NOT_YET:
        return None
    return _reply(codes, {Verb.DONE}, None, text)


def _with_words(tokens: list[tuple[str, int]], words: list[str]) -> Reply | None:
    """A code and a clear OK, "I take" or NO at the beginning, and more words that do not take it back."""
    heads = [_plain(token) for token, _ in tokens]
    start = _skip(heads, 0)
    verb, end = _opening(heads, start)
    end = _skip(heads, end) if verb else end
    codes = [token for token in heads[:end] if _CODE.fullmatch(token)]
    rest = heads[end:]
    if verb is None or not codes:
        return None
    others = [token for token in rest if _CODE.fullmatch(token)]
    if others:
        return _reply(codes + others, {verb}, None, "")
    if "?" in rest:
        return _reply(codes, {Verb.DETAILS}, None, "")
    if any(_VERBS.get(token, verb) is not verb for token in rest):
        return None
    if verb is Verb.OK:
        return None if _HEDGES.intersection(rest) else _reply(codes, {verb}, None, "")
    paused = any(words[place].endswith(_ENDS) for _, place in tokens[start:end])
    clear = "no" not in heads[start:end] or paused or bool(_AFTER_NO.intersection(rest[:1]))
    taken_after_all = _TAKES.intersection(rest) and not _DENIALS.intersection(rest)
    return None if taken_after_all or not clear else _reply(codes, {verb}, None, "")


def _opening(heads: list[str], at: int) -> tuple[Verb | None, int]:
    """The verb that a reply begins with, and where it ends."""
    verb = _VERBS.get(heads[at]) if at < len(heads) else None
    if verb in (Verb.OK, Verb.NO):
        return verb, at + 1
    subject = at
    while at < len(heads) and heads[at] in ("i", "ill", "im", "am", "will", "can"):
        at += 1
    takes = heads[at : at + 1] == ["taking"] or (heads[at : at + 1] == ["take"] and at > subject)
    following = heads[at + 1 : at + 2]
    if not takes or not (following == [] or following[0] in _OBJECTS or _CODE.fullmatch(following[0])):
        return None, at
    return Verb.OK, at + 1 + (following != [] and following[0] in _OBJECTS)


def _skip(heads: list[str], at: int) -> int:
    """Past a code, one at most, and words that mean nothing here."""
    codes = sum(1 for token in heads[:at] if _CODE.fullmatch(token))
    while at < len(heads) and (heads[at] in _FILLERS or (_CODE.fullmatch(heads[at]) and not codes)):
        codes += heads[at] not in _FILLERS
        at += 1
    return at


def _plain(token: str) -> str:
    return token.replace("'", "").replace("’", "")


def _order(tokens: list[str]) -> Reply | None:
    """Every other verb: codes, verbs, minutes and nothing else, in any order."""
    codes: list[str] = []
    verbs: list[Verb] = []
    minutes: list[int] = []
    for token in tokens:
        after_later = bool(verbs) and verbs[-1] is Verb.LATER and bool(codes)
        amount = _AMOUNT.fullmatch(token)
        if token in _VERBS:
            verbs.append(_VERBS[token])
        elif _CODE.fullmatch(token) and not (after_later and not minutes):
            codes.append(token)
        elif amount is not None and amount[2] in (*_UNITS, ""):
            minutes.append(int(amount[1]) * _UNITS.get(amount[2], 1))
        elif token in _UNITS and minutes:
            minutes[-1] *= _UNITS[token]
        elif token not in _FILLERS:
            return None
    asked = set(verbs)
    if "?" in tokens and len(asked) > 1:  # "427 ok?" asks
        return _reply(codes, {Verb.LIST if Verb.LIST in asked else Verb.DETAILS}, None, "")
    if (minutes and asked != {Verb.LATER}) or len(set(minutes)) > 1 or not (codes or verbs):
        return None
    return _reply(codes, asked or {Verb.OK}, minutes[0] if minutes else None, "")


def _reply(codes: list[str], verbs: set[Verb], minutes: int | None, text: str) -> Reply:
    return Reply(
        code=codes[0] if codes else None,
        verb=min(verbs),
        minutes=minutes,
        text=text,
        ambiguous=len(set(codes)) > 1 or len(verbs) > 1,
    )

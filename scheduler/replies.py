"""Clinicians' replies as they type them: "427", "ok 427", "#427 OK.", "427 done called her", "427 later 30", "list"."""

import re
import unicodedata
from dataclasses import dataclass

from scheduler.orders import Verb

_VERBS = {
    "ok": Verb.OK, "okay": Verb.OK, "mine": Verb.OK,
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
_EDGES = "\"'`´.,;:!#()[]{}<>*_/\\|-–—“”„‘’‚«»‹›…¡¿"


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

    Case, quotes, dots, "#", spaces and order are forgiven; words outside the grammar are not, so that
    "427 not ok" takes nothing.

    >>> read_reply('"ok" #427.')
    Reply(code='427', verb=<Verb.OK: 'ok'>, minutes=None, text='', ambiguous=False)
    """
    words = unicodedata.normalize("NFKC", text).split()
    tokens = [(token, place) for place, word in enumerate(words) for token in _tokens(word)]
    done = _done(tokens, words)
    return done if done is not None else _order([token for token, _ in tokens])


def _tokens(word: str) -> list[str]:
    """A word without its dress: "#427?" is "427" and "?"; "O.K." is "ok"."""
    bare = word.lower().strip(_EDGES)
    asks = bare.startswith("?") or bare.endswith("?")
    bare = bare.strip("?" + _EDGES)
    glued = re.fullmatch(r"([0-9]{3})[-:.,;/#]?([a-z]+)", bare) or re.fullmatch(r"([a-z]+)[-:.,;/#]?([0-9]{3})", bare)
    if glued is not None and (glued[1] in _VERBS or glued[2] in _VERBS):
        parts = [glued[1], glued[2]]
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
    codes = [token for token in head[:at] if _CODE.fullmatch(token)]
    end = at + 1
    if not codes and end < len(head) and _CODE.fullmatch(head[end]):
        codes, end = [head[end]], end + 1
    used = tokens[end - 1][1]  # the word in which code and verb end
    outcome = " ".join(words[used + 1 :]).strip(" \"'“”„‘’:;,-–—")
    return _reply(codes, {Verb.DONE}, None, outcome)


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

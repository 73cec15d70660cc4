"""/panel: an administrator sees and sets which patients a clinician or care manager looks after."""

from dataclasses import replace

from bot.core.desk import tell
from bot.core.draft import Draft
from data.errors import BadInput
from data.model.conversation import RawMessage
from data.model.people import Person, Role

PRACTITIONERS = (Role.CLINICIAN, Role.CARE_MANAGER)
# So many codes are said; a panel may hold hundreds.
_MOST = 20


def practitioners(people: tuple[Person, ...]) -> tuple[Person, ...]:
    """Who can have a panel."""
    return tuple(p for p in people if p.active and p.role in PRACTITIONERS)


def find_colleague(rest: str, people: tuple[Person, ...]) -> Person | None:
    """Whose panel a command is about: the longest beginning of `rest` that is a practitioner's name, code or id."""
    words = rest.split()
    for length in range(len(words), 0, -1):
        wanted = " ".join(words[:length]).casefold()
        found = [p for p in practitioners(people) if wanted in _names(p)]
        if len(found) == 1:
            return found[0]
    return None


def _names(person: Person) -> tuple[str, str, str]:
    return person.name.casefold(), person.code.casefold(), person.id.casefold()


def read_panel(words: list[str], people: tuple[Person, ...]) -> tuple[str, ...] | None:
    """The ids that codes stand for; None for "all", no ids for "none". Raises `BadInput` for an unknown code."""
    if _is(words, "all"):
        return None
    if (unknown := unknown_code(words, people)) is not None:
        raise BadInput(f"there is no patient with the code {unknown!r}; write codes of patients, all or none")
    ids = _ids(people)
    return () if _is(words, "none") else tuple(dict.fromkeys(ids[word.casefold()] for word in words))


def unknown_code(words: list[str], people: tuple[Person, ...]) -> str | None:
    """The first word that is no patient's code, unless all or nobody is meant."""
    if _is(words, "all") or _is(words, "none"):
        return None
    ids = _ids(people)
    return next((word for word in words if word.casefold() not in ids), None)


def _is(words: list[str], word: str) -> bool:
    return [w.casefold() for w in words] == [word]


def _ids(people: tuple[Person, ...]) -> dict[str, str]:
    return {p.code.casefold(): p.id for p in people if p.active and p.role is Role.PATIENT}


def panel(
    draft: Draft, message: RawMessage, who: Person, colleague: Person | None, rest: str, people: tuple[Person, ...]
) -> None:
    """Say or set a panel; without a name, say how many patients everybody has."""
    if not rest:
        items = ", ".join(f"{p.name} ({_size(draft, who, p)})" for p in practitioners(people))
        tell(draft, who, message, "panels" if items else "panels-none", items=items)
        return
    if colleague is None:
        tell(draft, who, message, "command-staff", name=rest.split()[0])
        return
    words = _after_name(rest, colleague).replace(",", " ").split()
    if words:
        if (unknown := unknown_code(words, people)) is not None:
            tell(draft, who, message, "command-who", name=unknown)
            return
        draft.person = replace(draft.subject, panel=read_panel(words, people))
    shown = draft.subject
    key = "panel-set" if words else "panel"
    tell(draft, who, message, key, owner=shown.name, items=_said(draft, who, shown, people))


def _after_name(rest: str, colleague: Person) -> str:
    """What stands behind the colleague's name, code or id."""
    words = rest.split()
    length = next(n for n in range(len(words), 0, -1) if " ".join(words[:n]).casefold() in _names(colleague))
    return " ".join(words[length:])


def _size(draft: Draft, who: Person, person: Person) -> str:
    return draft.kit.texts.say("panel-all", who.language) if person.panel is None else str(len(person.panel))


def _said(draft: Draft, who: Person, person: Person, people: tuple[Person, ...]) -> str:
    if person.panel is None:
        return draft.kit.texts.say("panel-all", who.language)
    codes = {p.id: p.code for p in people}
    said = [codes.get(patient, patient) for patient in person.panel]
    more = f" (+{len(said) - _MOST})" if len(said) > _MOST else ""
    return ", ".join(said[:_MOST]) + more if said else draft.kit.texts.say("panel-nobody", who.language)

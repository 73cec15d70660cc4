"""Commands of staff, which begin with a slash: read, checked against the policy, carried out on one chart."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.core.access import Action, Asker, could
from bot.core.break_glass import break_glass, with_reason
from bot.core.chart_shown import show_chart
from bot.core.correct_reading import correct_reading, splits, with_reading
from bot.core.desk import tell
from bot.core.draft import Draft
from bot.core.invite import invite, invited_name
from bot.core.invite_codes import Invitation
from bot.core.kit import Kit, Team
from bot.core.nudges import end_nudge, list_nudges, set_nudge, well_formed
from bot.core.panels import find_colleague, panel
from bot.named import name_mark
from data.model.audit import Access
from data.model.chart import Changes, Chart
from data.model.conversation import RawMessage
from data.model.people import Person, Role

# What each command asks for; the example is what somebody hears who writes it wrongly.
_ACTIONS = {
    "/patients": Action.LIST_PATIENTS,
    "/chart": Action.READ_CHART,
    "/nudges": Action.READ_NUDGES,
    "/nudge": Action.SET_NUDGE,
    "/unnudge": Action.SET_NUDGE,
    "/correct": Action.CORRECT,
    "/breakglass": Action.BREAK_GLASS,
    "/panel": Action.ASSIGN_PANEL,
    "/invite": Action.CHANGE_CONTACT,
}
_EXAMPLES = {
    "/chart": "/chart A-17",
    "/nudge": '/nudge Anna "Check your blood pressure" daily 08:00',
    "/correct": "/correct A-17 spo2 97",
    "/breakglass": "/breakglass A-17 collapsed at home, no other clinician reachable",
    "/invite": "/invite A-17",
}
_FORMS: dict[str, Callable[[str], bool]] = {
    "/chart": bool,
    "/nudge": well_formed,
    "/correct": with_reading,
    "/breakglass": with_reason,
    "/invite": bool,
}
# These are about one patient, and answered alike whether there is no such patient or it is none of the asker's.
_ABOUT_ONE = ("/chart", "/nudges", "/nudge", "/unnudge", "/correct", "/breakglass", "/invite")
_READS = (Action.READ_CHART, Action.READ_NUDGES, Action.BREAK_GLASS)
_HELP = {Role.CLINICIAN: "help-clinician", Role.CARE_MANAGER: "help-manager", Role.ADMINISTRATOR: "help-admin"}


@dataclass(frozen=True, slots=True)
class Command:
    """A command as written: `name` with its slash and the `rest`.

    `patient` is whom it is about (None: nobody, or nobody whom the asker may do this to), `colleague` whose panel.
    `codes` are those that /invite gives out, and no other command has any.
    """

    name: str
    rest: str
    patient: Person | None = None
    colleague: Person | None = None
    codes: Invitation | None = None

    @property
    def action(self) -> Action | None:
        """What it asks for; None when there is no such command."""
        return _ACTIONS.get(self.name)

    def chart_of(self, asker: Asker) -> str:
        """Whose chart it changes: the patient's, a colleague's, or the asker's own."""
        if self.colleague is not None:
            return self.colleague.id
        return self.patient.id if self.patient and self.name != "/breakglass" else asker.person.id


def read_command(text: str, asker: Asker, people: tuple[Person, ...]) -> Command | None:
    """The command in a text, or None when it is none. The patient is found by whole name or code, never by a part.

    Only among those whom the asker may do it to: so no work, answer or record tells a patient of others from none.
    """
    if not text.startswith("/"):
        return None
    name, _, rest = text.strip().partition(" ")
    command = Command(name.lower().split("@")[0], rest.strip())
    if command.action is None or not could(asker.person, command.action):
        return command
    if command.name == "/panel":
        return Command(command.name, command.rest, colleague=find_colleague(command.rest, people))
    if command.name not in _ABOUT_ONE:
        return command
    # An address can be linked to a colleague too.
    about = _everyone(people) if command.name == "/invite" else patients_of(people)
    permitted = tuple(p for p in about if asker.may(command.action, p))
    return Command(command.name, command.rest, patient=_named(command, permitted))


def is_command(text: str) -> bool:
    """Whether a text is a command there is; /help and lists take nothing after their name, so more is no command."""
    name, _, rest = text.strip().partition(" ")
    name = name.lower().split("@")[0]
    if name in ("/help", "/start", "/patients"):
        return not rest.strip()
    return name in _ACTIONS


def patients_of(people: tuple[Person, ...]) -> tuple[Person, ...]:
    """Everyone who is cared for: an emergency may be a relative's too."""
    return tuple(p for p in people if p.active and p.role in (Role.PATIENT, Role.PROXY))


def _everyone(people: tuple[Person, ...]) -> tuple[Person, ...]:
    return tuple(p for p in people if p.active and p.role is not Role.STRANGER)


def _named(command: Command, patients: tuple[Person, ...]) -> Person | None:
    if command.name == "/breakglass":
        # By code alone: a name could not be told from the reason's first words.
        code = command.rest.partition(" ")[0].casefold()
        return _only([p for p in patients if p.code.casefold() == code])
    if command.name == "/invite":
        return _patient(invited_name(command.rest), patients)
    if command.name == "/correct":
        return next((p for who, _ in splits(command.rest) if (p := _patient(who, patients))), None)
    who = re.split(r"[\"“„«]", command.rest)[0].strip()
    return _patient(who, patients) or _patient(re.sub(r"\s+[0-9]{1,3}$", "", who), patients)


def _patient(who: str, patients: tuple[Person, ...]) -> Person | None:
    """The one patient of that name or code; None when it is nobody or could be two."""
    wanted = who.casefold()
    return _only([p for p in patients if wanted in (p.name.casefold(), p.code.casefold())])


def _only(found: list[Person]) -> Person | None:
    return found[0] if len(found) == 1 else None


def looks(command: Command, asker: Asker, via: str) -> tuple[Access, ...]:
    """What of a command must stand in the audit before it is answered: every look at a patient, and every refusal.

    A refused look stands with the asker, never with the patient: the same is written when there is no such patient.
    A list stands with the asker too. What a command changes stands in the journal by itself.
    """
    action, patient = command.action, command.patient
    if action is None:
        return ()
    if not could(asker.person, action):
        return (asker.look(action, asker.person.id, via, permitted=False),)
    if not _is_formed(command):
        return ()
    if command.name in _ABOUT_ONE and patient is None:
        return (asker.look(action, asker.person.id, via, permitted=False),)
    if action is Action.LIST_PATIENTS:
        return (asker.look(action, asker.person.id, via),)
    if patient is None or action not in _READS or (action is Action.BREAK_GLASS and asker.looks_after(patient)):
        return ()
    reason = _reason(command) if action is Action.BREAK_GLASS else asker.why(patient)
    return (asker.look(action, patient.id, via, reason=reason),)


def _reason(command: Command) -> str:
    """Why the glass is broken: what stands behind the patient's code."""
    return command.rest.partition(" ")[2].strip()


def _is_formed(command: Command) -> bool:
    return command.name not in _FORMS or _FORMS[command.name](command.rest)


def obey(
    chart: Chart,
    message: RawMessage,
    asker: Asker,
    command: Command,
    people: tuple[Person, ...],
    kit: Kit,
    team: Team,
    now: datetime,
) -> Changes:
    """The changes a command makes on `chart` (see `Command.chart_of`). Pure.

    Whoever may not hears what they can write instead, as for a command that does not exist; nothing is half applied.
    """
    draft = Draft(chart, kit, team, event_id=message.id, now=now)
    who = asker.person
    help_key = _HELP.get(who.role, "help-staff")
    if command.name in ("/help", "/start"):
        tell(draft, who, message, help_key)
    elif command.action is None or not could(who, command.action):
        aid = kit.texts.say(help_key, who.language)
        tell(draft, who, message, "command-unknown", command=command.name, help=aid)
    elif not _is_formed(command):
        tell(draft, who, message, "command-form", form=_EXAMPLES[command.name])
    elif command.name in _ABOUT_ONE and command.patient is None:
        first = command.name in ("/correct", "/breakglass")
        name = command.rest.partition(" ")[0] if first else command.rest.split('"')[0].strip()
        tell(draft, who, message, "command-who", name=name or "of that name")
    else:
        _carry_out(draft, message, asker, command, people)
    return draft.changes()


def _carry_out(draft: Draft, message: RawMessage, asker: Asker, command: Command, people: tuple[Person, ...]) -> None:
    who, patient = asker.person, command.patient
    if command.name == "/patients":
        _list_patients(draft, message, asker, people)
    elif command.name == "/panel":
        panel(draft, message, who, command.colleague, command.rest, people)
    elif command.name == "/breakglass" and patient is not None:
        break_glass(draft, message, asker, patient, _reason(command))
    elif command.codes is not None:
        invite(draft, message, who, command.rest, command.codes)
    elif command.name == "/correct":
        correct_reading(draft, message, who, command.rest)
    elif command.name == "/chart":
        show_chart(draft, message, who)
    elif command.name == "/nudges":
        list_nudges(draft, message, who)
    elif command.name == "/nudge":
        set_nudge(draft, message, who, command.rest)
    else:
        end_nudge(draft, message, who, command.rest)


def _list_patients(draft: Draft, message: RawMessage, asker: Asker, people: tuple[Person, ...]) -> None:
    # An SMS may name a patient by code only.
    by_code = message.channel.discreet
    listed = [p for p in patients_of(people) if p.role is Role.PATIENT and asker.may(Action.LIST_PATIENTS, p)]
    items = ", ".join(p.code if by_code else f"{p.code} {name_mark(p)}" for p in listed)
    tell(draft, asker.person, message, "patients" if items else "patients-none", items=items)

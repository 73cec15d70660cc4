"""Whoever types at the clinic's command line: they act as an administrator, and what they look at is written down."""

import os
from datetime import datetime

from bot.core.access import OPERATOR, Action, Asker, may
from data.errors import NotFound
from data.model.people import Person, Role
from data.ports import Record

VIA = "command line"


def operator() -> Person:
    """The operator as a person: of the record they are not, so their id is their login name behind "operator:"."""
    name = _login()
    return Person(id=f"{OPERATOR}{name}", code=name, name=name, role=Role.ADMINISTRATOR, title="operator", zone="UTC")


def note_operator(record: Record, action: Action, subject: Person | None, now: datetime, reason: str = "") -> None:
    """Write the operator's look at `subject` (None: at no one patient) into the audit, before anything is shown.

    Raises `NotFound`, with the refusal written down, for what an administrator may not do; `Unavailable` when it
    cannot be written: then nothing may be shown.
    """
    who = operator()
    permitted = may(who, action, subject, now)
    stream = subject.id if permitted and subject is not None else who.id
    look = Asker(who, now).look(action, stream, VIA, permitted=permitted, reason=reason)
    record.note_access(look)
    if not permitted:
        raise NotFound(f"{action.value} is not the operator's to do; ask somebody who looks after the patient")


def _login() -> str:
    """The login name as the system knows it, not as the environment tells it: that anybody can set."""
    try:
        import pwd  # noqa: PLC0415 - there is none on Windows
    except ImportError:
        return os.getlogin()
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"

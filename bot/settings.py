"""Settings: one frozen dataclass, one field per variable, read once, all problems reported together."""

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from zoneinfo import available_timezones

from data.errors import BadFile

_MOST_DAYS = 109_500


def _setting(variable: str, default: str, help_text: str, *, secret: bool = False) -> str:
    """A field read from `variable`; the metadata is what `phms settings` and the README's table print."""
    metadata = {"variable": variable, "help": help_text, "secret": secret}
    value: str = field(default=default, metadata=metadata, repr=not secret and variable != "PHMS_STORE")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What differs between machines. Clinical choices are never here: they are files of the handbook."""

    home: str = _setting("PHMS_HOME", "~/.local/share/phms", "directory of the embedded record (made with mode 0700)")
    store: str = _setting(
        "PHMS_STORE",
        "",
        "where the record is kept: memory:, sqlite:PATH or mongodb://USER:PASSWORD@HOST/DATABASE; empty: a file in "
        "PHMS_HOME",
    )
    master_key_file: str = _setting(
        "PHMS_MASTER_KEY_FILE",
        "",
        "private file (mode 0600) of root keys, `id:base64` of 32 bytes a line, the first in use; see `phms keys`",
    )
    master_key: str = _setting(
        "PHMS_MASTER_KEY",
        "",
        "the root keys themselves, parted by commas, where a file cannot be had",
        secret=True,
    )
    key_vault: str = _setting(
        "PHMS_KEY_VAULT",
        "",
        "the root key in Azure Key Vault, https://NAME.vault.azure.net/keys/KEY; needs `pip install 'phms[azure]'`",
    )
    vitals_full_days: str = _setting(
        "PHMS_VITALS_FULL_DAYS",
        "90",
        "days for which every sample of a vital sign is kept; of an older hour `phms store tend` leaves first, least, "
        "most, last, count and mean",
    )
    vitals_keep_days: str = _setting(
        "PHMS_VITALS_KEEP_DAYS", "3650", "days for which vitals are kept at all; `phms store tend` removes older ones"
    )
    anchors: str = _setting(
        "PHMS_ANCHORS",
        "",
        "file for the audit trail's anchors, best on another machine's disk; empty: anchors.log in PHMS_HOME",
    )
    handbook: str = _setting("PHMS_HANDBOOK", "", "directory whose files replace packaged rules, policies and texts")
    zone: str = _setting("PHMS_ZONE", "UTC", "time zone of the clinic, for people who have none of their own")
    log_level: str = _setting("PHMS_LOG_LEVEL", "WARNING", "DEBUG, INFO, WARNING or ERROR; logs carry ids, never words")

    @property
    def home_path(self) -> Path:
        """PHMS_HOME with `~` spelled out."""
        return Path(self.home).expanduser()

    @property
    def store_url(self) -> str:
        """PHMS_STORE, or the file in PHMS_HOME."""
        return self.store or f"sqlite:{self.home_path / 'record.sqlite'}"

    @property
    def store_path(self) -> Path | None:
        """The file of an embedded record; None when the record is kept elsewhere."""
        kind, _, path = self.store_url.partition(":")
        return Path(path).expanduser() if kind == "sqlite" else None

    @property
    def store_shown(self) -> str:
        """`store_url` without a password, as it may be printed."""
        return shown(self.store_url)

    @property
    def key_file_path(self) -> Path:
        """PHMS_MASTER_KEY_FILE, or the file of root keys in PHMS_HOME."""
        return Path(self.master_key_file).expanduser() if self.master_key_file else self.home_path / "master.key"

    @property
    def vitals_full(self) -> timedelta:
        """PHMS_VITALS_FULL_DAYS."""
        return timedelta(days=int(self.vitals_full_days))

    @property
    def vitals_keep(self) -> timedelta:
        """PHMS_VITALS_KEEP_DAYS."""
        return timedelta(days=int(self.vitals_keep_days))

    @property
    def anchors_path(self) -> Path:
        """PHMS_ANCHORS, or the file in PHMS_HOME."""
        return Path(self.anchors).expanduser() if self.anchors else self.home_path / "anchors.log"

    @property
    def handbook_path(self) -> Path | None:
        """PHMS_HANDBOOK as a path, None for the packaged handbook alone."""
        return Path(self.handbook).expanduser() if self.handbook else None


def shown(url: str) -> str:
    """An URL without who logs in, as it may be printed."""
    return re.sub(r"(?<=://)[^@]*@", "***@", url)


@dataclass(frozen=True, slots=True)
class Variable:
    """One setting as printed: variable, default, help, whether its value must not be shown."""

    name: str
    field: str
    default: str
    help: str
    secret: bool


def variables() -> tuple[Variable, ...]:
    """Every setting, in the order of the dataclass."""
    return tuple(
        Variable(f.metadata["variable"], f.name, str(f.default), f.metadata["help"], f.metadata["secret"])
        for f in fields(Settings)
    )


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from `environ` (the process environment by default). Raises `BadFile` naming every problem at once."""
    env = os.environ if environ is None else environ  # noqa: TID251 - the one place
    known = {v.name: v for v in variables()}
    problems = []
    for name in sorted(n for n in env if n.startswith("PHMS_") and n not in known):
        if name != "PHMS_CACHE" and not name.startswith("PHMS_TEST_"):
            close = difflib.get_close_matches(name, known, n=1)
            problems.append(f"{name} is not a setting" + (f"; did you mean {close[0]}?" if close else ""))
    settings = Settings(**{v.field: env[v.name] for v in known.values() if env.get(v.name)})
    problems += _problems(settings)
    if problems:
        raise BadFile("settings: " + "; ".join(problems) + "; see `phms settings`")
    return settings


def _problems(settings: Settings) -> list[str]:
    problems = []
    if settings.zone not in available_timezones():
        close = difflib.get_close_matches(settings.zone, available_timezones(), n=1)
        problems.append(
            f"PHMS_ZONE {settings.zone!r} is no time zone" + (f"; did you mean {close[0]}?" if close else "")
        )
    if settings.log_level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        problems.append(f"PHMS_LOG_LEVEL {settings.log_level!r} must be DEBUG, INFO, WARNING or ERROR")
    if settings.store and not settings.store.startswith(("memory:", "sqlite:", "mongodb://", "mongodb+srv://")):
        said = settings.store.split(":")[0]
        problems.append(f"PHMS_STORE {said!r} is not known; write memory:, sqlite:PATH or mongodb://HOST/DATABASE")
    sources = {
        "PHMS_MASTER_KEY_FILE": settings.master_key_file,
        "PHMS_MASTER_KEY": settings.master_key,
        "PHMS_KEY_VAULT": settings.key_vault,
    }
    given = [name for name, value in sources.items() if value]
    if len(given) > 1:
        problems.append(f"{' and '.join(given)} are both set; keep the one where the root keys are")
    problems += _problems_of_days(settings)
    if settings.handbook and not Path(settings.handbook).expanduser().is_dir():
        problems.append(f"PHMS_HANDBOOK {settings.handbook!r} is not a directory")
    return problems


def _problems_of_days(settings: Settings) -> list[str]:
    """Vitals stay whole for longer than the 8 days that a chart looks back, and for at most 300 years."""
    days = {"PHMS_VITALS_FULL_DAYS": settings.vitals_full_days, "PHMS_VITALS_KEEP_DAYS": settings.vitals_keep_days}
    wrong = [
        f"{name} {text!r} must be a whole number from 9 to {_MOST_DAYS}"
        for name, text in days.items()
        if not re.fullmatch("[0-9]{1,6}", text) or not 9 <= int(text) <= _MOST_DAYS
    ]
    if not wrong and settings.vitals_keep < settings.vitals_full:
        wrong.append("PHMS_VITALS_KEEP_DAYS must not be less than PHMS_VITALS_FULL_DAYS")
    return wrong

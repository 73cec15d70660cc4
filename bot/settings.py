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
    telegram_token: str = _setting(
        "PHMS_TELEGRAM_TOKEN", "", "the bot's token from @BotFather; empty: no Telegram", secret=True
    )
    telegram_base_url: str = _setting(
        "PHMS_TELEGRAM_BASE_URL",
        "",
        "scheme and host in place of https://api.telegram.org, for a local server or a test",
    )
    telegram_webhook_secret: str = _setting(
        "PHMS_TELEGRAM_WEBHOOK_SECRET",
        "",
        "what Telegram sends back with every update, at least 32 random characters of A-Z a-z 0-9 _ -; without it, or "
        "without PHMS_PUBLIC_URL, Telegram is polled",
        secret=True,
    )
    twilio_account_sid: str = _setting("PHMS_TWILIO_ACCOUNT_SID", "", "account of Twilio, AC...; empty: no SMS")
    twilio_auth_token: str = _setting(
        "PHMS_TWILIO_AUTH_TOKEN", "", "its auth token: sends, and proves that a webhook is Twilio's", secret=True
    )
    twilio_from: str = _setting("PHMS_TWILIO_FROM", "", "the number that SMS come from, +15550001")
    twilio_messaging_service_sid: str = _setting(
        "PHMS_TWILIO_MESSAGING_SERVICE_SID", "", "messaging service, MG..., in place of one number"
    )
    twilio_whatsapp_from: str = _setting(
        "PHMS_TWILIO_WHATSAPP_FROM", "", "WhatsApp sender, +15550001; empty: no WhatsApp"
    )
    twilio_base_url: str = _setting(
        "PHMS_TWILIO_BASE_URL", "", "scheme and host in place of https://api.twilio.com, for a test"
    )
    twilio_2_account_sid: str = _setting(
        "PHMS_TWILIO_2_ACCOUNT_SID", "", "a second account, used when the first refuses or fails"
    )
    twilio_2_auth_token: str = _setting("PHMS_TWILIO_2_AUTH_TOKEN", "", "its auth token", secret=True)
    twilio_2_from: str = _setting("PHMS_TWILIO_2_FROM", "", "its number")
    twilio_2_messaging_service_sid: str = _setting("PHMS_TWILIO_2_MESSAGING_SERVICE_SID", "", "its messaging service")
    twilio_2_base_url: str = _setting("PHMS_TWILIO_2_BASE_URL", "", "as PHMS_TWILIO_BASE_URL, for the second account")
    twilio_per_second: str = _setting(
        "PHMS_TWILIO_PER_SECOND",
        "10",
        "messages a second that the number carries; reminders and notices take 60 % of it at most, answers and pages "
        "never wait for them",
    )
    public_url: str = _setting(
        "PHMS_PUBLIC_URL",
        "",
        "https address under which providers reach `phms serve`; signatures are checked against it. Empty: Telegram is "
        "polled and Twilio cannot reach us",
    )
    wearable_secrets: str = _setting(
        "PHMS_WEARABLE_SECRETS",
        "",
        "what wearables' clouds sign with, VENDOR=SECRET parted by commas, such as oura=...; others are turned away",
        secret=True,
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
    def per_second(self) -> float:
        """PHMS_TWILIO_PER_SECOND."""
        return float(self.twilio_per_second)

    @property
    def wearables(self) -> dict[str, str]:
        """PHMS_WEARABLE_SECRETS by vendor."""
        return dict(_VENDOR.findall(self.wearable_secrets))

    @property
    def public(self) -> str:
        """PHMS_PUBLIC_URL without a slash at its end."""
        return self.public_url.rstrip("/")

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
    problems += _problems_of_doors(settings)
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


def _problems_of_doors(settings: Settings) -> list[str]:
    """Half a provider is none: what belongs together is asked for together, and what is written must be possible."""
    problems = [*_problems_of_twilio(settings, ""), *_problems_of_twilio(settings, "2_")]
    if (settings.twilio_2_account_sid or settings.twilio_whatsapp_from) and not settings.twilio_account_sid:
        problems.append("PHMS_TWILIO_ACCOUNT_SID is missing: the second account and WhatsApp stand beside a first")
    if settings.telegram_token and not _BOT_TOKEN.fullmatch(settings.telegram_token):
        problems.append("PHMS_TELEGRAM_TOKEN is no token; @BotFather gives one like 123456:AbC...")
    if settings.telegram_webhook_secret and not _WEBHOOK_SECRET.fullmatch(settings.telegram_webhook_secret):
        problems.append("PHMS_TELEGRAM_WEBHOOK_SECRET must be at most 256 characters of A-Z a-z 0-9 _ -")
    if not re.fullmatch(rf"({_VENDOR.pattern},?)*", settings.wearable_secrets):
        problems.append(
            "PHMS_WEARABLE_SECRETS must be VENDOR=SECRET parted by commas; secrets have 16 characters or more"
        )
    for name in ("PUBLIC_URL", "TELEGRAM_BASE_URL", "TWILIO_BASE_URL", "TWILIO_2_BASE_URL"):
        if (url := getattr(settings, name.lower())) and not _URL.fullmatch(url):
            problems.append(f"PHMS_{name} {shown(url)!r} is no address; write for example https://phms.example.org")
    rate = settings.twilio_per_second
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,3})?", rate) or not settings.per_second:
        problems.append(f"PHMS_TWILIO_PER_SECOND {rate!r} must be a number such as 1, 10 or 0.5")
    return problems


def _problems_of_twilio(settings: Settings, which: str) -> list[str]:
    """Of the first account ("") or the second ("2_")."""
    sid, token, sender, service = (
        getattr(settings, f"twilio_{which}{field}")
        for field in ("account_sid", "auth_token", "from", "messaging_service_sid")
    )
    name, problems = f"PHMS_TWILIO_{which}", []
    if (sid or token or sender or service) and not (sid and token):
        problems.append(f"{name}ACCOUNT_SID and {name}AUTH_TOKEN go together")
    if sid and not (sender or service or (settings.twilio_whatsapp_from and not which)):
        problems.append(f"{name}FROM or {name}MESSAGING_SERVICE_SID is missing: SMS need a sender")
    if sid and not _ACCOUNT.fullmatch(sid):
        problems.append(f"{name}ACCOUNT_SID is no account; it begins with AC")
    if service and not _SERVICE.fullmatch(service):
        problems.append(f"{name}MESSAGING_SERVICE_SID is no messaging service; it begins with MG")
    return problems


# Twilio's ids, Telegram's token and secret (core.telegram.org/bots/api#setwebhook), and an address without a query.
_ACCOUNT, _SERVICE = re.compile("AC[0-9a-zA-Z]{1,64}"), re.compile("MG[0-9a-zA-Z]{1,64}")
_BOT_TOKEN, _WEBHOOK_SECRET = re.compile("[0-9]{1,20}:[A-Za-z0-9_-]{1,100}"), re.compile("[A-Za-z0-9_-]{1,256}")
_VENDOR = re.compile(r"([a-z][a-z0-9-]{0,30})=([^\s,]{16,200})")
_URL = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")

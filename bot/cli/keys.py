"""`phms keys`: make root keys, see what they wrap, change them under a record at work, and check every key."""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from bot.cli.actions import add_action
from bot.settings import Settings
from data.errors import BadInput, NotFound

if TYPE_CHECKING:
    from bot.keys import RootKeys
    from data.sealing.rotation import Status, Step
    from data.sealing.wrapping import KeyTable

HELP = "Make root keys (create), see what they wrap (status), change them (rotate, rewrap) and check all keys (verify)."
EXAMPLE = "phms keys create && phms keys status        Later: phms keys rotate && phms keys rewrap && phms keys verify"


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = add_action(actions, "create", "make a file with one fresh root key", "phms keys create")
    create.add_argument("file", nargs="?", type=Path, metavar="FILE", help="where (default: the file in the settings)")
    create.add_argument("--show", action="store_true", help="make no file: print a key for PHMS_MASTER_KEY")
    add_action(
        actions, "status", "which roots and key-encryption keys there are, and what they wrap", "phms keys status"
    )
    rotate = add_action(actions, "rotate", "a new root and key-encryption key for what comes", "phms keys rotate")
    rotate.add_argument("--patient", metavar="ID", help="instead: a new data key of this patient for what comes")
    rotate.add_argument("--show", action="store_true", help="print the new value of PHMS_MASTER_KEY even on a terminal")
    rewrap = add_action(
        actions, "rewrap", "move every key under the newest and remove the old ones", "phms keys rewrap --limit 500"
    )
    rewrap.add_argument("--limit", type=_positive, metavar="N", help="at most N keys a second")
    add_action(actions, "verify", "open every key; exit code 1 when one is wrong", "phms keys verify --json")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Do what is asked; exit code 1 when keys are wrong."""
    if options.action == "create":
        return _create(options, settings)
    from bot.keys import key_table, root_keys

    store = root_keys(settings, make=False)
    with key_table(settings, store) as table:
        if options.action == "status":
            return _status(options, store, table)
        if options.action == "rotate":
            return _rotate(options, settings, store, table)
        if options.action == "rewrap":
            return _rewrap(options, store, table)
        return _verify(options, settings, store, table)


def _create(options: argparse.Namespace, settings: Settings) -> int:
    from bot.keys import create_key_file
    from integrations.file_keystore import fresh_line

    if options.show:
        name, line = fresh_line()
        _print(options, {"id": name, "key": line}, [line])
        return 0
    if options.file is None and (settings.master_key or settings.key_vault):
        raise BadInput("the root keys are not in a file here; name one, or print a key with --show")
    path = options.file or settings.key_file_path
    name = create_key_file(path)
    advice = "Back it up apart from the record: without it, nothing in the record can be read again."
    _print(options, {"id": name, "file": str(path)}, [f"{path}: holds the new root key {name}", advice])
    return 0


def _status(options: argparse.Namespace, store: "RootKeys", table: "KeyTable") -> int:
    from data.sealing.rotation import status

    found = status(table)
    spare = _spare(store, found)
    lines = [f"root keys: {store.source}"]
    for root in dict.fromkeys((*store.roots(), *found.roots)):
        wraps = ", ".join(str(kek.number) for kek in found.keks if kek.root == root)
        active = ", active" if root == store.active() else ""
        idle = "; its line may be removed" if root in spare else ""
        lines.append(f"  {root}{active}: wraps {f'key-encryption key {wraps}' if wraps else 'nothing'}{idle}")
    lines += [f"key-encryption key {kek.number} under {kek.root}: wraps {kek.wraps} keys" for kek in found.keks]
    lines.append(f"data keys: {found.data_keys} of {found.owners} owners; erased owners: {found.erased}")
    if found.waiting:
        lines.append(f"{found.waiting} keys are not under the newest yet; run `phms keys rewrap`")
    told = {
        "source": store.source,
        "active": store.active(),
        "roots": list(store.roots()),
        "needed_roots": list(found.roots),
        "removable_roots": spare,
        "key_encryption_keys": [{"number": k.number, "root": k.root, "wraps": k.wraps} for k in found.keks],
        "house_secret": found.house,
        "owners": found.owners,
        "data_keys": found.data_keys,
        "erased": found.erased,
        "waiting": found.waiting,
    }
    _print(options, told, lines)
    return 0


def _rotate(options: argparse.Namespace, settings: Settings, store: "RootKeys", table: "KeyTable") -> int:
    from bot.keys import renew
    from data.sealing.rotation import rotate_owner, status
    from data.sealing.sealing import Sealing

    sealing = Sealing(store, table)
    if options.patient is not None:
        owner = sealing.name("person", options.patient)
        if not table.keys_of(owner):
            raise NotFound(f"nothing is sealed for {options.patient!r}; give the id of a patient as in `phms people`")
        generation = rotate_owner(sealing.keyring, owner)
        told = {"owner": owner, "generation": generation}
        _print(options, told, [f"{owner}: key {generation} seals from now on; what is sealed already stays as it is"])
        return 0
    if settings.master_key and store.active() in status(table).roots:
        return _to_be_set(options, settings)
    root, number, new = renew(store, sealing.keyring)
    lines = [f"key-encryption key {number} under {'the new ' if new else ''}root {root} wraps from now on"]
    if not new:
        lines.append(f"{store.source} has no newer version; make one there, and rotate again to leave the old root")
    lines.append("`phms keys rewrap` moves what is under older keys; both read until then")
    _print(options, {"root": root, "new_root": new, "key_encryption_key": number}, lines)
    return 0


def _to_be_set(options: argparse.Namespace, settings: Settings) -> int:
    """The variable is the operator's to change; what it must be is shown only where it was asked for."""
    from integrations.file_keystore import fresh_line

    if sys.stdout.isatty() and not options.show:
        raise BadInput("the new value of PHMS_MASTER_KEY holds keys; add --show, or send it to a private file")
    name, line = fresh_line()
    value = f"{line},{settings.master_key}"
    _print(options, {"root": name, "set": {"PHMS_MASTER_KEY": value}}, [f"PHMS_MASTER_KEY={value}"])
    sys.stderr.write("phms: set this for every process, restart them, then run `phms keys rotate` again and rewrap\n")
    return 0


def _rewrap(options: argparse.Namespace, store: "RootKeys", table: "KeyTable") -> int:
    from data.sealing.keyring import Keyring
    from data.sealing.rotation import rewrap, status

    before = status(table)
    moved, problems = 0, dict[str, str]()
    for step in _paced(rewrap(Keyring(store, table)), options.limit, before.waiting):
        if step.problem:
            problems[step.moved] = step.problem
        else:
            moved += 1
    after = status(table)
    spare = _spare(store, after, before.roots)
    lines = [f"{moved} keys were moved; key-encryption keys: {', '.join(str(k.number) for k in after.keks)}"]
    lines += [f"WRONG {problem}" for problem in problems.values()]
    lines += [f"root {root} wraps nothing any more: remove it once no backup of the keys needs it" for root in spare]
    told = {"moved": moved, "waiting": after.waiting, "removable_roots": spare}
    _print(options, told | {"problems": list(problems.values())}, lines)
    return 1 if problems else 0


def _paced(steps: Iterable["Step"], limit: int | None, total: int) -> Iterator["Step"]:
    """The steps, at most `limit` a second, counted on standard error when that is a terminal."""
    told, began, wait = 0.0, time.monotonic(), Event().wait
    shows = sys.stderr.isatty()
    for done, step in enumerate(steps, 1):
        yield step
        now = time.monotonic()
        if limit and done / limit > now - began:
            wait(done / limit - (now - began))
        if shows and now - began > 2 and now - told > 0.2:
            told = now
            sys.stderr.write(f"\r  {done} of {max(total, done)} keys")
    if told:
        sys.stderr.write("\r\x1b[K")


def _verify(options: argparse.Namespace, settings: Settings, store: "RootKeys", table: "KeyTable") -> int:
    from bot.keys import unkeyed
    from data.sealing.rotation import verify

    found = verify(store, table)
    # A record whose keys do not open cannot be asked whom it has.
    if not found.problems and (count := unkeyed(settings, store)):
        found.problems.append(
            f"{count} persons have no key: the table of keys is older than the record; restore the latest"
        )
    lines = [f"WRONG {problem}" for problem in found.problems]
    lines.append(f"{found.tried} keys were tried: {len(found.problems) or 'nothing'} wrong")
    _print(options, {"tried": found.tried, "problems": found.problems}, lines)
    return 1 if found.problems else 0


def _spare(store: "RootKeys", found: "Status", before: tuple[str, ...] = ()) -> list[str]:
    """Roots, at hand or in use before, that wrap nothing and will wrap nothing."""
    known = dict.fromkeys((*store.roots(), *before))
    return [root for root in known if root != store.active() and root not in found.roots]


def _print(options: argparse.Namespace, told: dict[str, Any], lines: list[str]) -> None:
    if options.json:
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(lines) + "\n")

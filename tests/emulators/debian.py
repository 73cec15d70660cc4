"""redis-server out of Debian's packages, unpacked into a folder: no root, nothing installed on the machine."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

FIRST = ("redis-server", "redis-tools")
ROUNDS = 4  # of looking for libraries of libraries
NO_LISTS = ("Unable to locate package", "No packages found", "no installation candidate", "Can't select")


def debian_redis(draft: Path, call: Callable[..., str]) -> None:
    """Fetch and unpack the server, then whatever shared library this machine lacks for it."""
    debs = draft / "debs"
    debs.mkdir()
    options = _fetch(debs, FIRST, call)
    seen = set(FIRST)
    for _ in range(ROUNDS):
        for deb in debs.glob("*.deb"):
            call(["dpkg-deb", "-x", deb, draft], draft)
        if not _missing(draft, call):
            break
        wanted = {name for deb in debs.glob("*.deb") for name in _libraries(deb, call)} - seen
        _get(debs, sorted(wanted), options, call)
        seen |= wanted
    libraries = _library_path(draft)
    call([draft / "usr/bin/redis-server", "--version"], draft, LD_LIBRARY_PATH=libraries)
    shutil.rmtree(debs)


def _fetch(debs: Path, names: tuple[str, ...], call: Callable[..., str]) -> list[str]:
    """Download with the machine's package lists, or with lists fetched into the draft where it has none."""
    try:
        _get(debs, names, [], call)
    except RuntimeError as problem:
        if not any(sign in str(problem) for sign in NO_LISTS):
            raise
    else:
        return []
    own = debs / "apt"
    for part in ("lists/partial", "cache/archives/partial"):
        (own / part).mkdir(parents=True)
    options = ["-o", f"Dir::State::Lists={own / 'lists'}", "-o", f"Dir::Cache={own / 'cache'}"]
    try:
        call(["apt-get", *options, "update"], debs)
        _get(debs, names, options, call)
    except RuntimeError as problem:
        hint = "run `apt-get update` as root once, or put redis-server on the PATH"
        raise type(problem)(f"Debian's redis-server could not be fetched: {hint}\n{problem}") from None
    return options


def _get(debs: Path, names: tuple[str, ...] | list[str], options: list[str], call: Callable[..., str]) -> None:
    call(["apt-get", *options, "download", *names], debs)


def _library_path(draft: Path) -> str:
    return os.pathsep.join(sorted({str(found.parent) for found in draft.rglob("*.so.*")}))


def _missing(draft: Path, call: Callable[..., str]) -> bool:
    return "not found" in call(["ldd", draft / "usr/bin/redis-server"], draft, LD_LIBRARY_PATH=_library_path(draft))


def _libraries(deb: Path, call: Callable[..., str]) -> set[str]:
    """The libraries that a package depends on, less the C library: the one in use must match the machine's loader."""
    depends = call(["dpkg-deb", "-f", deb, "Depends"], deb.parent)
    names = {part.split("|")[0].split("(")[0].strip().split(":")[0] for part in depends.split(",")}
    return {name for name in names if name.startswith("lib") and not name.startswith(("libc6", "libgcc"))}

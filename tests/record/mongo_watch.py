"""What a record may say to MongoDB: a short list of commands and operators, so that every compatible server will do."""

from collections.abc import Mapping
from typing import Any

from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

COMMANDS = {"hello", "isMaster", "ismaster", "ping", "buildInfo", "endSessions", "saslStart", "saslContinue"}
COMMANDS |= {"insert", "update", "delete", "find", "getMore", "killCursors", "aggregate"}
COMMANDS |= {"createIndexes", "listIndexes"}
STAGES = {"$match", "$group", "$sort", "$project", "$limit"}
CHANGES = {"$set", "$unset", "$setOnInsert"}
OPERATORS = {"$and", "$or", "$in", "$ne", "$gt", "$gte", "$lt", "$lte", "$exists", "$max", "$sum"}
CONFIRMED = {"w": "majority", "j": True, "wtimeout": 5_000}
# Collections that are not of a person, or whose shard key is the `_id` itself.
BY_ID = {"inbox", "meta", "anchor"}


class Watch(CommandListener):
    """Notes whatever is not allowed. `take` hands it over and begins anew."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._wrong: list[str] = []

    def take(self) -> list[str]:
        wrong, self._wrong = self._wrong, []
        return wrong

    def started(self, event: CommandStartedEvent) -> None:
        # A listener's exceptions are swallowed by the driver, hence a list.
        try:
            self.seen.add(event.command_name)
            self._wrong += [f"{event.command_name}: {problem}" for problem in problems(event.command)]
        except Exception as problem:
            self._wrong.append(f"{event.command_name}: {problem!r}")

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


def problems(command: Mapping[str, Any]) -> list[str]:
    """What of a command is not allowed."""
    name = next(iter(command))
    found = [] if name in COMMANDS else ["is not on the list"]
    if name in ("find", "aggregate") and command.get("readConcern", {}).get("level") != "majority":
        found.append("reads what a majority has not confirmed")
    if name in ("insert", "update", "delete") and dict(command.get("writeConcern", {})) != CONFIRMED:
        found.append(f"writes with {command.get('writeConcern')}")
    if {"lsid", "txnNumber"} <= set(command) and "startTransaction" in command:
        found.append("begins a transaction")
    if "collation" in str(command):
        found.append("uses a collation")
    found += [f"stage {key}" for stage in command.get("pipeline", ()) for key in stage if key not in STAGES]
    for change in command.get("updates", ()):
        found += _update(command["update"], change)
    for removal in command.get("deletes", ()):
        if removal["limit"] == 1:
            found += _single(command["delete"], removal["q"])
    if name == "find":
        if isinstance(command.get("filter", {}).get("_id"), str):
            found += _single(command["find"], command["filter"])
        found += _operators(command.get("filter", {}))
    return found


def _update(collection: str, change: Mapping[str, Any]) -> list[str]:
    if isinstance(change["u"], list):
        return ["an update pipeline"]
    found = [f"update operator {key}" for key in change["u"] if key not in CHANGES]
    found += [] if change.get("multi") else _single(collection, change["q"])
    return found + _operators(change["q"])


def _single(collection: str, wanted: Mapping[str, Any]) -> list[str]:
    if "s" in wanted or (collection in BY_ID and "_id" in wanted):
        return []
    return [f"one document of {collection!r} without its shard key"]


def _operators(wanted: Any) -> list[str]:
    if isinstance(wanted, Mapping):
        found = [f"operator {key}" for key in wanted if key.startswith("$") and key not in OPERATORS]
        return found + [problem for value in wanted.values() for problem in _operators(value)]
    if isinstance(wanted, list):
        return [problem for value in wanted for problem in _operators(value)]
    return []

"""The one strict loader of content files: TOML into frozen dataclasses, every mistake named by file, line and key."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, time, timedelta
from enum import Enum
from importlib.resources.abc import Traversable
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from data.durations import parse_duration
from data.errors import BadFile, BadInput

T = TypeVar("T")


def load(file: Path | Traversable, schema: type[T]) -> T:
    """Read a TOML file as `schema`, a dataclass. Keys are written with `-` or `_`.

    Raises `BadFile` with one line: file, line where it can be told, key, and what is allowed.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise BadFile(f"{file}: cannot be read: {problem}") from problem
    return loads(text, schema, str(file))


def loads(text: str, schema: type[T], name: str) -> T:
    """Read TOML text as `schema`; `name` stands for the file in errors."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise BadFile(f"{name}: not TOML: {problem}") from None
    return cast(T, _Reader(name, text).table(table, schema, ""))


class _Reader:
    """Turns plain tables into dataclasses and knows where in which file it is."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.lines = text.splitlines()

    def table(self, raw: object, schema: type, where: str) -> object:
        if not isinstance(raw, dict):
            raise self.error(where, f"must be a table with {_list(f.name for f in fields(schema))}")
        known = {f.name: f for f in fields(schema)}
        given = {key.replace("-", "_"): key for key in raw}
        for field_name, key in given.items():
            if field_name not in known:
                raise self.error(
                    _join(where, key), "is not known here" + _nearest(key, [k.replace("_", "-") for k in known])
                )
        hints = get_type_hints(schema)
        values = {}
        for field_name, field in known.items():
            if field_name in given:
                key = given[field_name]
                values[field_name] = self.value(raw[key], hints[field_name], _join(where, key))
            elif field.default is MISSING and field.default_factory is MISSING:
                raise self.error(where, f"lacks {field_name.replace('_', '-')!r}")
        try:
            return schema(**values)
        except (ValueError, BadInput) as problem:
            raise self.error(where, str(problem)) from None

    def value(self, raw: object, kind: Any, where: str) -> object:
        origin = get_origin(kind)
        if origin in (Union, UnionType):
            (inner,) = [arg for arg in get_args(kind) if arg is not NoneType]
            return self.value(raw, inner, where)
        if origin is tuple:
            if not isinstance(raw, list):
                raise self.error(where, "must be a list")
            return tuple(self.value(item, get_args(kind)[0], f"{where}[{i}]") for i, item in enumerate(raw))
        if origin is dict:
            if not isinstance(raw, Mapping):
                raise self.error(where, "must be a table")
            return {key: self.value(item, get_args(kind)[1], _join(where, key)) for key, item in raw.items()}
        if is_dataclass(kind):
            return self.table(raw, cast(type, kind), where)
        return self.scalar(raw, kind, where)

    def scalar(self, raw: object, kind: type, where: str) -> object:
        if issubclass(kind, Enum):
            try:
                return kind(raw)
            except ValueError:
                raise self.error(where, f"is {raw!r}; allowed: {_list(str(m.value) for m in kind)}") from None
        if kind is timedelta and isinstance(raw, str):
            try:
                return parse_duration(raw)
            except BadInput as problem:
                raise self.error(where, str(problem)) from None
        if kind is float and isinstance(raw, int) and not isinstance(raw, bool):
            return float(raw)
        if type(raw) is kind:
            return raw
        raise self.error(where, f"is {raw!r}; must be {_KINDS.get(kind, kind.__name__)}")

    def error(self, where: str, what: str) -> BadFile:
        line = self.line_of(where)
        return BadFile(f"{self.name}{f':{line}' if line else ''}: {where or 'the file'} {what}")

    def line_of(self, where: str) -> int | None:
        """The line on which the last key of `where` is set, after the headers of the keys before it."""
        start = 0
        found = None
        for part in re.findall(r"[^.\[\]]+|\[\d+\]", where):
            if part.startswith("["):
                if found is not None:
                    nth = int(part[1:-1])
                    heads = [i for i in range(start, len(self.lines)) if self.lines[i].startswith(self.lines[found])]
                    if self.lines[found].startswith("[[") and nth < len(heads):
                        found = start = heads[nth]
                continue
            key = re.compile(rf'^\s*(?:\[+[^\]]*\b{re.escape(part)}"?\]+|"?{re.escape(part)}"?\s*=)')
            hit = next((i for i in range(start, len(self.lines)) if key.match(self.lines[i])), None)
            if hit is not None:
                found = start = hit
        return None if found is None else found + 1


_KINDS = {
    str: "a text in quotes",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    timedelta: 'a duration such as "5 min"',
    time: "a time such as 08:00:00",
    date: "a date such as 2026-03-03",
}


def _nearest(key: str, allowed: list[str]) -> str:
    close = difflib.get_close_matches(key, allowed, n=1)
    return (f"; did you mean {close[0]!r}?" if close else "") + f"; allowed: {_list(allowed)}"


def _list(items: Any) -> str:
    return ", ".join(items)


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key

"""Rasa's `test_stories.yml` as scenes: one user, no clock; each story becomes a scene with one patient."""

import difflib
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import yaml

from bot.scene.grammar import Hears, Line, MayHear, Role, Says, Scene, Step
from bot.scene.pattern import Pattern, read_pattern
from bot.scene.people import usual_consents
from data.errors import BadFile
from data.model.people import ChannelKind, ContactPoint, Person
from data.model.people import Role as PersonRole

USER = "User"
# What a step of a Rasa story may be; those without words or messages mean nothing here.
_STEP_KEYS = (
    "user", "bot", "action", "intent", "entities", "or",
    "slot_was_set", "active_loop", "checkpoint", "sender", "metadata",
)  # fmt: skip
_START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
# "[tomorrow](date)" and "[tomorrow]{"entity": "date"}" mark an entity; the user wrote "tomorrow".
_ENTITY = re.compile(r"\[([^\]\[]+)\](?:\([^)]*\)|\{[^}]*\})")
_SILENT = {"action_listen", "action_restart", "action_session_start", "action_back"}


def is_rasa(text: str) -> bool:
    """Whether a text looks like Rasa stories and not like a scene."""
    return re.search(r"^stories\s*:", text, re.MULTILINE) is not None and not re.search(
        r"^\s*scene\s*:", text, re.MULTILINE | re.IGNORECASE
    )


def read_rasa(text: str, name: str, knows: Callable[[str], bool]) -> list[Scene]:
    """A scene for each story. `knows` tells which text keys the bot has. Raises `BadFile`, nothing else."""
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        raise BadFile(f"{name}:{line}: not YAML: {problem.problem}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as problem:
        raise BadFile(f"{name}:1: not YAML: {str(problem).splitlines()[0]}") from None
    stories = _get(root, "stories")
    if not isinstance(stories, yaml.SequenceNode):
        raise BadFile(f"{name}:1: has no list `stories:`")
    return [_scene(story, i, name, knows) for i, story in enumerate(stories.value, 1)]


def _scene(story: yaml.Node, nth: int, name: str, knows: Callable[[str], bool]) -> Scene:
    steps = _get(story, "steps")
    number = story.start_mark.line + 1
    if not isinstance(steps, yaml.SequenceNode):
        raise BadFile(f"{name}:{number}: a story needs `steps:`, a list of user:, bot: and action: steps")
    notes: list[str] = []
    lines = tuple(line for step in steps.value for line in _lines(step, name, knows, notes))
    title = _scalar(_get(story, "story")) or f"story {nth}"
    return Scene(
        file=name, number=number, title=title, start_at=_START, zone="UTC", cast={USER: _patient(number)},
        lines=lines, notes=tuple(dict.fromkeys(notes)),
    )  # fmt: skip


def _lines(step: yaml.Node, name: str, knows: Callable[[str], bool], notes: list[str]) -> Iterator[Line]:
    number = step.start_mark.line + 1
    if isinstance(step, yaml.ScalarNode):
        notes.append(f"line {number}: a step without value is left out")
        return
    if not isinstance(step, yaml.MappingNode):
        raise BadFile(f"{name}:{number}: a step is `user:`, `bot:` or `action:` with a value")
    known = False
    for key in ("user", "bot", "action"):
        if (node := _get(step, key)) is not None:
            known = True
            yield from _made(key, _scalar(node), number, knows, notes)
    if not known:
        keys = [_scalar(k) for k, _ in step.value]
        for key in keys:
            if key not in _STEP_KEYS:
                near = difflib.get_close_matches(key, _STEP_KEYS, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise BadFile(f"{name}:{number}: a story has no step {key!r}{hint}; allowed: {', '.join(_STEP_KEYS)}")
        notes.append(f"line {number}: `{', '.join(keys)}` has no meaning here and is left out")


def _made(key: str, value: str, number: int, knows: Callable[[str], bool], notes: list[str]) -> Iterator[Line]:
    value = value.strip()
    made: Step
    if key == "user":
        if value.startswith("/"):
            notes.append(f"line {number}: the intent {value!r} stands for no words and is left out")
            return
        said = " ".join(_ENTITY.sub(r"\1", value).split())
        made = Says(person=USER, text=said.replace("{", "(").replace("}", ")"))
    elif key == "bot":
        quoted = " ".join(value.split()).replace("\\", "").replace('"', '\\"')
        made = Hears(person=USER, pattern=read_pattern(f'"{quoted}"')[0])
    else:
        if value in _SILENT:
            return
        text_key = value.removeprefix("utter_").replace("_", "-")
        if value.startswith("utter_") and knows(text_key):
            made = Hears(person=USER, pattern=read_pattern(f"@{text_key}")[0])
        else:
            notes.append(
                f"line {number}: the action {value!r} is not ours; what is heard until the next user: is allowed"
            )
            made = MayHear(person=USER, pattern=Pattern(), until_next=True)
    yield Line(number=number, text=f"{key}: {value}", step=made)


def _patient(number: int) -> Role:
    person = Person(
        id="user", code="P-1", name=USER, role=PersonRole.PATIENT, title="patient", zone="UTC",
        contacts=(ContactPoint(system=ChannelKind.SMS, value="+15550001"),),
        consents=usual_consents(_START),
    )  # fmt: skip
    return Role(person=person, number=number)


def _get(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if isinstance(name, yaml.ScalarNode) and name.value == key), None)


def _scalar(node: yaml.Node | None) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""

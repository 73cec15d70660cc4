"""Plays one scene and says how it went."""

import traceback
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.core.kit import Kit
from bot.scene.backstage import Housekeeping, SceneStuck, SwitchedParser
from bot.scene.grammar import EVENTS, Event, Line, Says, Scene, WithRule
from bot.scene.judge import Judge, Unmet, due_at
from bot.scene.keys import check_keys
from bot.scene.pattern import Heard
from bot.scene.rules import rule_names
from bot.scene.stage import Stage
from bot.scene.transcript import write_transcript
from data.errors import BadFile, BadInput, PhmsError
from data.ports import Parser
from risk.what_if import change


@dataclass(frozen=True, slots=True)
class Shown:
    """One message of an inbox in a report: `mark` says why it is shown as it is, `at` is in the scene's zone."""

    person: str
    at: datetime
    channel: str
    text: str
    mark: str


@dataclass(frozen=True, slots=True)
class Failure:
    """The first expectation that did not come true; `at` is in the scene's zone."""

    number: int
    line: str
    what: str
    at: datetime
    inbox: tuple[Shown, ...] = ()
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """How one scene went. `transcript` is empty unless it was wanted."""

    scene: Scene
    failure: Failure | None = None
    transcript: str = ""

    @property
    def passed(self) -> bool:
        """Whether every expectation came true."""
        return self.failure is None


def run(
    scene: Scene,
    kit: Kit,
    parser: Parser,
    keeping: Housekeeping,
    *,
    reload: bool = True,
    transcript: bool = False,
) -> Result:
    """Play a scene. `reload` dumps and reloads the record between steps.

    Raises `BadFile` for a script that cannot be played.
    """
    failure, stage = perform(scene, kit, parser, keeping, reload=reload)
    return Result(scene, failure, write_transcript(stage) if transcript else "")


def perform(
    scene: Scene, kit: Kit, parser: Parser, keeping: Housekeeping, *, reload: bool = True
) -> tuple[Failure | None, Stage]:
    """Play a scene and leave the stage as it stands at the end, for whoever wants to go on from there."""
    performance = _Performance(scene, kit, parser, keeping, reload)
    failure = performance.play()
    return failure, performance.stage


@dataclass(slots=True)
class _Performance:
    """The one-time state of a run: a stage, a judge, the words kept, and the tape of events for what-ifs."""

    scene: Scene
    kit: Kit
    parser: Parser
    keeping: Housekeeping
    reload: bool
    stage: Stage = field(init=False)
    judge: Judge = field(init=False)
    words: dict[str, str] = field(default_factory=dict)
    tape: list[tuple[datetime, Event, int, dict[str, str]]] = field(default_factory=list)
    reloaded_at: tuple[datetime, int] | None = None

    def __post_init__(self) -> None:
        """Build the stage. Raises `BadFile` for a script that names texts there are none of."""
        check_keys(self.scene, self.kit.texts)
        self.stage = Stage(self.scene, self.kit, SwitchedParser(self.parser), self.keeping)
        self.judge = Judge(self.stage, rule_names(self.kit))

    def play(self) -> Failure | None:
        """Every line in order, then what holds for the whole; the first failure, or None."""
        line = Line(number=self.scene.number, text="(the start)")
        try:
            self.stage.open()
            for line in self.scene.lines:
                self._line(line)
            line = Line(number=line.number, text="(the end: nothing else happens)")
            self.judge.finish()
        except Unmet as unmet:
            return self._failure(line, unmet)
        except BadFile as problem:
            raise BadFile(f"{self.scene.file}:{line.number}: {problem}") from None
        except SceneStuck as problem:
            return self._failure(line, Unmet(str(problem)))
        except Exception as problem:
            what = f"the house broke: {type(problem).__name__}: {problem}"
            frames = () if isinstance(problem, PhmsError) else _frames(problem)
            return self._failure(line, Unmet(what, facts=frames))
        return None

    def _line(self, line: Line) -> None:
        if line.when is not None:
            self.stage.advance_to(due_at(line.when, self.stage.now, self.scene))
        self._reload()
        step = line.step
        if step is None:
            return
        if isinstance(step, EVENTS):
            if isinstance(step, Says):
                self.judge.turn(step.person)
            self.tape.append((self.stage.now, step, line.number, dict(self.words)))
            self.stage.do(step, line.number, self.words, line.text)
        elif isinstance(step, WithRule):
            self._what_if(step)
        else:
            self.judge.check(step, line.number, self.words)

    def _reload(self) -> None:
        """Dump and reload, unless nothing can have changed since the last time."""
        mark = (self.stage.now, len(self.tape))
        if self.reload and mark != self.reloaded_at:
            self.stage.reload()
            self.reloaded_at = mark

    def _what_if(self, step: WithRule) -> None:
        """The same events again under changed rules; only this step's expectations are judged."""
        try:
            kit = replace(self.kit, rules=change(self.kit.rules, step.rule))
        except BadInput as problem:
            raise BadFile(str(problem)) from None
        stage = Stage(self.scene, kit, SwitchedParser(self.parser), self.keeping)
        stage.open()
        for at, event, number, words in self.tape:
            stage.advance_to(at)
            stage.do(event, number, words)
        stage.advance_to(self.stage.now)
        judge = Judge(stage, rule_names(kit) | rule_names(self.kit), loose=True, permits=dict(self.judge.permits))
        for line in step.lines:
            if line.step is None or isinstance(line.step, (*EVENTS, WithRule)):
                continue
            try:
                judge.check(line.step, line.number, dict(self.words))
            except Unmet as unmet:
                what = f"with rule {step.rule!r}: {unmet}"
                raise Unmet(what, unmet.people, unmet.marked, [*unmet.facts, *_inboxes(stage, unmet)]) from None

    def _failure(self, line: Line, unmet: Unmet) -> Failure:
        people, zone = unmet.people, ZoneInfo(self.scene.zone)
        line = next((one for one in self.scene.lines if one.number == unmet.number), line)
        shown = tuple(
            Shown(
                h.person,
                h.at.astimezone(zone),
                str(h.communication.channel),
                h.communication.text,
                self._mark(h, unmet),
            )
            for h in self.stage.inbox
            if h.person in people
        )
        return Failure(line.number, line.text, str(unmet), self.stage.now.astimezone(zone), shown, unmet.facts)

    def _mark(self, heard: Heard, unmet: Unmet) -> str:
        if any(heard is one for one in unmet.marked):
            return "unexpected"
        if heard.claimed_by is not None:
            return f"line {heard.claimed_by}"
        return "not yet expected" if heard in self.judge.unexpected(heard.person) else "permitted"


def _inboxes(stage: Stage, unmet: Unmet) -> list[str]:
    return [
        f"{h.person} {h.communication.channel}: {h.communication.text}" for h in stage.inbox if h.person in unmet.people
    ]


def _frames(problem: Exception) -> tuple[str, ...]:
    frames = traceback.extract_tb(problem.__traceback__)[-4:]
    return tuple(f"at {frame.name} ({frame.filename.rsplit('/', 1)[-1]}:{frame.lineno})" for frame in frames)

"""How scenes went: text for people, JSON, and JUnit XML for a build server."""

import json
import re
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape, quoteattr

from bot.scene.run import Failure, Result, Shown

# XML 1.0 has no place for control characters, but a message may hold them.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def say(result: Result) -> str:
    """One line for a scene that passed; else the failure and the inbox, with what was unexpected marked."""
    scene = result.scene
    if result.failure is None:
        notes = "".join(f"\n        note: {note}" for note in scene.notes)
        return f"passed  {scene.file}: {scene.title}{notes}"
    failure = result.failure
    head = f"FAILED  {scene.file}:{failure.number}: {scene.title}"
    lines = [head, f"        {failure.line}", f"        {failure.at:%a %H:%M:%S}: {failure.what}"]
    lines += [f"          {fact}" for fact in failure.facts]
    lines += _inbox(failure)
    lines += [f"        note: {note}" for note in scene.notes]
    return "\n".join(lines)


def summary(results: Sequence[Result], unreadable: int = 0) -> str:
    """The last line."""
    failed = sum(not result.passed for result in results)
    noun = "scene" if len(results) == 1 else "scenes"
    text = f"{len(results)} {noun}: {len(results) - failed} passed, {failed} failed"
    return text + (f"; {unreadable} could not be read or played" if unreadable else "")


def to_json(results: Iterable[Result], problems: Iterable[str] = ()) -> str:
    """Everything as JSON, with an ending newline."""
    rows = [_row(result) for result in results]
    problems = list(problems)
    passed = not problems and all(row["passed"] for row in rows)
    return json.dumps({"passed": passed, "scenes": rows, "errors": problems}, ensure_ascii=False, indent=2) + "\n"


def junit(results: Sequence[Result], problems: Sequence[str] = ()) -> str:
    """A JUnit report: one test case for each scene, one error for each file that cannot be read or played."""
    failed = sum(not result.passed for result in results)
    total = len(results) + len(problems)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuite name="scenes" tests="{total}" failures="{failed}" errors="{len(problems)}">',
    ]
    for result in results:
        head = f"  <testcase classname={_attribute(result.scene.file)} name={_attribute(result.scene.title)}"
        if result.failure is None:
            lines.append(head + "/>")
        else:
            what = _attribute(f"line {result.failure.number}: {result.failure.what}")
            lines += [head + ">", f"    <failure message={what}>{_text(say(result))}</failure>", "  </testcase>"]
    for problem in problems:
        file = problem.split(":", 1)[0]
        lines.append(f"  <testcase classname={_attribute(file)} name={_attribute(file)}>")
        lines.append(f"    <error message={_attribute(problem)}/>")
        lines.append("  </testcase>")
    return "\n".join([*lines, "</testsuite>"]) + "\n"


def _inbox(failure: Failure) -> list[str]:
    lines = []
    for person in dict.fromkeys(shown.person for shown in failure.inbox):
        lines.append(f"        what {person} heard:")
        lines += [_message(shown) for shown in failure.inbox if shown.person == person]
    return lines


def _message(shown: Shown) -> str:
    pointer = ">>" if shown.mark == "unexpected" else "  "
    text = " / ".join(shown.text.splitlines())
    return f"      {pointer} {shown.at:%a %H:%M:%S} {shown.channel}: {text}   [{shown.mark}]"


def _row(result: Result) -> dict[str, object]:
    scene = result.scene
    row: dict[str, object] = {"file": scene.file, "line": scene.number, "title": scene.title, "passed": result.passed}
    if scene.notes:
        row["notes"] = list(scene.notes)
    if (failure := result.failure) is not None:
        row["failure"] = {
            "line": failure.number,
            "sentence": failure.line,
            "what": failure.what,
            "at": failure.at.isoformat(),
            "facts": list(failure.facts),
            "inbox": [
                {"person": s.person, "at": s.at.isoformat(), "channel": s.channel, "text": s.text, "mark": s.mark}
                for s in failure.inbox
            ],
        }
    if result.transcript:
        row["transcript"] = result.transcript.splitlines()
    return row


def _attribute(text: str) -> str:
    return quoteattr(_CONTROL.sub("?", text))


def _text(text: str) -> str:
    return escape(_CONTROL.sub("?", text))

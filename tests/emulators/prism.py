"""Twilio's own OpenAPI file as a judge: prism (npm) between client and emulator refuses what breaks the contract.

The file is Twilio's, out of its npm package @twilio-alpha/mcp, with one mend: it asks for whole URIs where Twilio's API
(and emulate) answers with a path, in the addresses of pages. A request that breaks the contract gets prism's 4xx and
never reaches the emulator; an answer of the emulator that breaks it gets 500. `violations` says both in words.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.emulators.faulty_proxy import FaultyProxy, faulty_proxy
from tests.emulators.install import node, node_folder
from tests.emulators.running import Running, accepts, running

PATHS = "/Accounts/{AccountSid}/Messages"
PAGES = ("uri", "first_page_uri", "next_page_uri", "previous_page_uri")
JUDGED = "https://stoplight.io/prism/errors#"


@dataclass(frozen=True)
class Contract:
    """A running judge; clients talk to `base_url`."""

    base_url: str
    process: Running
    front: FaultyProxy  # hears what prism answers

    def violations(self) -> list[str]:
        """What broke the contract so far, requests and answers, one line for each."""
        answers = [one.answer for one in self.front.seen if isinstance(one.answer, dict)]
        judged = [answer for answer in answers if str(answer.get("type", "")).startswith(JUDGED)]
        return [line for answer in judged for line in _lines(answer)]


@contextmanager
def prism(upstream: str) -> Iterator[Contract]:
    """A judge of requests for messages, in front of `upstream`."""
    modules = node_folder() / "node_modules"
    with TemporaryDirectory(prefix="phms-prism-") as folder:
        contract = Path(folder) / "twilio.json"
        contract.write_text(json.dumps(_messages_only(modules)), "utf-8")
        command: list[str | Path] = [
            node(),
            modules / "@stoplight/prism-cli/dist/index.js",
            "proxy",
            "--errors",
            "-h",
            "127.0.0.1",
            "-p",
        ]
        with (
            running("prism", lambda port: [*command, str(port), contract, upstream], answered=accepts) as process,
            faulty_proxy(process.url) as front,
        ):
            yield Contract(front.url, process, front)


def _lines(answer: dict[str, Any]) -> list[str]:
    found = [f"{'.'.join(one['location'])}: {one['message']}" for one in answer.get("validation", [])]
    return found or [f"{answer['title']}: {answer.get('detail', '')}"]


def _messages_only(modules: Path) -> dict[str, Any]:
    """Twilio's file less the hundreds of paths that we never ask: prism reads all that it is given."""
    whole = json.loads((modules / "@twilio-alpha/mcp/twilio-oai/spec/json/twilio_api_v2010.json").read_text("utf-8"))
    whole["paths"] = {path: what for path, what in whole["paths"].items() if PATHS in path}
    assert whole["paths"], "Twilio's file has no paths of messages"
    for path in whole["paths"].values():
        for name, page in _properties(path):
            if name in PAGES and page.get("format") == "uri":
                page["format"] = "uri-reference"
    return dict(whole)


def _properties(part: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every named property of every schema written out below `part`."""
    if isinstance(part, dict):
        properties = part.get("properties")
        if isinstance(properties, dict):
            yield from properties.items()
        for inner in part.values():
            yield from _properties(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _properties(inner)

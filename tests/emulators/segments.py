"""How many SMS a text is, by Twilio's own calculator (npm: sms-segments-calculator): an oracle for ours."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.emulators.install import node, node_folder

SCRIPT = Path(__file__).with_name("segments.js")


@dataclass(frozen=True)
class Counted:
    """What a text costs."""

    encoding: str  # "GSM-7" or "UCS-2"
    segments: int


def segments(texts: Sequence[str]) -> list[Counted]:
    """Each text counted, all in one process: give it many at once."""
    done = subprocess.run(
        [node(), SCRIPT, node_folder() / "node_modules"],
        input=json.dumps(list(texts)),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [Counted(**one) for one in json.loads(done.stdout)]

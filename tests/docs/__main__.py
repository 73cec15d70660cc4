"""`python -m tests.docs --write`: bring the README's generated parts up to date."""

import sys

from tests.docs.generate import README, generated

if "--write" in sys.argv:
    README.write_text(generated(README.read_text(encoding="utf-8")), encoding="utf-8")

"""The demo's clinic: the people of its one night, so that `phms chat` has someone to talk to."""

from importlib.resources import files

from bot.scene.reader import read
from data.model.people import Person

SCENE = "one_night.scene"


def clinic() -> tuple[Person, ...]:
    """The people of the demo's scene."""
    text = (files("bot.demo") / SCENE).read_text(encoding="utf-8")
    return tuple(role.person for role in read(text, SCENE)[0].cast.values())

"""Every crash point of every event type, on both stores: nothing lost, nothing doubled, the same end."""

import os
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest

from data.model.observation import Observation
from data.model.people import ChannelKind
from tests.acceptance.crashing import START, World, compare, people, plan

MINUTE = timedelta(minutes=1)


def hear(text, number, who="+15550001", kind=ChannelKind.SMS):
    """A message that the provider sends again, under the same id, until it is taken in."""

    def action(world):
        said = text(world) if callable(text) else text
        world.house.hear(kind, who, said, f"M{number}")

    return action


def code(world):
    return world.record.codes_of("nia", START)[0].code


def oxygen(world):
    at = world.clock.now()
    rows = tuple(
        Observation(
            id=f"A-17/watch/oxygen-saturation/{minute}",
            code="oxygen-saturation",
            value=80.0,
            unit="%",
            effective_at=at - minute * MINUTE,
            received_at=at,
            source="watch",
        )
        for minute in range(20, -1, -1)
    )
    world.house.stream("A-17", rows, batch_id="oxygen")


def undelivered(world):
    world.providers[0].undelivered = True


# name -> (what happens before, calmly; what happens while the process may die at any write; how long one then lives)
STORIES = {
    "an emergency in words": ([], [hear("my chest hurts", 1)], MINUTE),
    "a reading in words": ([], [hear("bp 120/80", 1)], MINUTE),
    "a reading that opens a flag": ([], [hear("bp 150/95", 1)], MINUTE),
    "words that nobody understands": ([], [hear("zxcv qwerty", 1)], MINUTE),
    "stop": ([], [hear("STOP", 1)], MINUTE),
    "pause": ([], [hear("PAUSE", 1)], MINUTE),
    "a stranger": ([], [hear("hello", 1, "+19990000")], MINUTE),
    "streamed oxygen": ([], [oxygen], MINUTE),
    "a reminder": ([lambda w: w.live(timedelta(minutes=9))], [], 2 * MINUTE),
    "an escalation's next step": (
        [hear("my chest hurts", 1), lambda w: w.live(timedelta(minutes=4, seconds=50))],
        [],
        2 * MINUTE,
    ),
    "a bad receipt": ([], [undelivered, hear("my chest hurts", 1)], MINUTE),
    "a clinician takes it": (
        [hear("my chest hurts", 1), lambda w: w.live(MINUTE)],
        [hear(lambda w: f"{code(w)} ok", 2, "+15550002")],
        MINUTE,
    ),
    "a clinician closes it": (
        [hear("my chest hurts", 1), lambda w: w.live(MINUTE)],
        [hear(lambda w: f"{code(w)} done phoned", 2, "+15550002")],
        MINUTE,
    ),
    "a clinician asks for the list": ([], [hear("list", 2, "+15550002")], MINUTE),
    "a care manager's command": (
        [],
        [hear('/nudge Anna "Weigh yourself" daily 09:00', 3, "@mia", ChannelKind.TELEGRAM)],
        MINUTE,
    ),
    "a changed profile": (
        [],
        [lambda w: w.house.enrol(people()[0], plan(people()[0]), event_id="changed")],
        MINUTE,
    ),
}


def play(store, folder, story, crash_at):
    """Live through a story with the process dying at write number `crash_at`; the world and its bomb."""
    before, during, lived = STORIES[story]
    folder.mkdir(parents=True)
    world = World(store, folder)
    for action in before:
        action(world)
        world.live(timedelta(seconds=5))
    bomb = world.arm(crash_at)
    for action in during:
        world.do(action)
    world.live(lived)
    # Leases lapse and everything comes to rest; the clock is the same in every run.
    world.live(timedelta(seconds=70))
    return world, bomb


@pytest.fixture
def folder():
    """A folder in memory where the machine has one: thousands of synced commits, and no disk can be pulled anyway."""
    where = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a folder of our own inside
    with tempfile.TemporaryDirectory(dir=where) as made:
        yield Path(made)


@pytest.mark.parametrize("store", ["memory", "sqlite"])
@pytest.mark.parametrize("story", STORIES)
def test_every_crash_point(story, store, folder):
    calm, bomb = play(store, folder / "calm", story, 0)
    expected, facts, writes = calm.sent(), calm.facts(), list(bomb.writes)
    assert writes, "a story without a write tests nothing"
    problems = []
    for point, write in enumerate(writes, 1):
        world, _ = play(store, folder / f"{point}", story, point)
        problems += [f"write {point} ({write}): {p}" for p in compare(world.sent(), expected)]
        if world.facts() != facts:
            problems.append(f"write {point} ({write}): ends elsewhere: {differences(world.facts(), facts)}")
    assert problems == []


def differences(ours, theirs):
    return [
        (key, ours.get(key), theirs.get(key)) for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)
    ]

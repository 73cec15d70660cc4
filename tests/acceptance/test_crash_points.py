"""Every crash point of every event type, on both stores: nothing lost, nothing doubled, the same end."""

import os
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from data.model.conversation import MessageKind
from data.model.inbound import Inbound
from data.model.observation import Observation
from data.model.people import ChannelKind, ContactPoint, ContactState
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


def take(kind, text, number, channel=ChannelKind.TELEGRAM, address="1001", ref=""):
    """A message of any kind, as a door reads it."""

    def action(world):
        said = text(world) if callable(text) else text
        one = Inbound(channel=channel, address=address, text=said, provider_message_id=f"M{number}", kind=kind, ref=ref)
        world.house.take_in((one,))

    return action


def chats(person_id, chat):
    """Somebody of the clinic is on Telegram too, and would rather be written to there."""

    def action(world):
        person = world.house.person(person_id)
        point = ContactPoint(system=ChannelKind.TELEGRAM, value=chat)
        changed = replace(person, contacts=(point, *person.contacts))
        world.house.enrol(changed, event_id=f"{person_id} chats")

    return action


def ben_shares_the_phone(world):
    ben = replace(people()[0], id="B-22", code="B-22", name="Ben")
    world.house.enrol(ben, event_id="ben")


def ok_button(world):
    """What stands behind OK under the page that the nurse has."""
    pages = (a.communication for p in world.providers for a in p.accepted if a.communication.recipient == "nia")
    return next(button.data for page in pages for button in page.buttons if button.says == "ok")


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
    "a reading edited": (
        [chats("A-17", "1001"), take(MessageKind.TEXT, "bp 120/80", 1, ref="7")],
        [take(MessageKind.EDIT, "bp 130/85", 2, ref="7")],
        MINUTE,
    ),
    "an emergency edited into a message": (
        [chats("A-17", "1001"), take(MessageKind.TEXT, "hello", 1, ref="7")],
        [take(MessageKind.EDIT, "my chest hurts", 2, ref="7")],
        MINUTE,
    ),
    "a button under a page": (
        [chats("nia", "2001"), hear("my chest hurts", 1), lambda w: w.live(MINUTE)],
        [take(MessageKind.BUTTON, ok_button, 2, address="2001", ref="q")],
        MINUTE,
    ),
    "an emergency in a group": (
        [chats("A-17", "1001")],
        [take(MessageKind.GROUP, "my chest hurts", 1, address="-100", ref="1001")],
        MINUTE,
    ),
    "an emergency forwarded": ([chats("A-17", "1001")], [take(MessageKind.FORWARDED, "my chest hurts", 1)], MINUTE),
    "the bot is blocked": ([chats("A-17", "1001")], [take(MessageKind.BLOCKED, "", 1)], MINUTE),
    "an emergency by whatsapp from a phone that two share": (
        [ben_shares_the_phone],
        [hear("my chest hurts", 1, kind=ChannelKind.WHATSAPP)],
        MINUTE,
    ),
    "a deadly reading from a phone that two share": ([ben_shares_the_phone], [hear("spo2 80", 1)], MINUTE),
    "who it was, answered from a phone that two share": (
        [ben_shares_the_phone, hear("bp 120/80", 1), lambda w: w.live(MINUTE)],
        [hear("B-22", 2)],
        MINUTE,
    ),
    "a code for another phone": (
        [],
        [take(MessageKind.TEXT, "/invite A-17", 1, address="@mia")],
        MINUTE,
    ),
    "a changed profile": (
        [],
        [lambda w: w.house.enrol(people()[0], plan(people()[0]), event_id="changed")],
        MINUTE,
    ),
}


# Stories with more than one good end.
OTHERS = {
    "a stop of the clinic's own words, and an emergency": (
        [],
        [take(MessageKind.STOPPED, "basta, my chest hurts", 1, ChannelKind.SMS, "+15550001")],
        MINUTE,
    ),
}


def play(store, folder, story, crash_at):
    """Live through a story with the process dying at write number `crash_at`; the world and its bomb."""
    before, during, lived = (STORIES | OTHERS)[story]
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


def test_a_stop_in_an_emergency_is_kept_and_a_person_comes_whenever_the_process_dies(folder):
    """Whether the text still goes or a person is asked to phone depends on what a crash let through first."""
    story = "a stop of the clinic's own words, and an emergency"
    _, bomb = play("sqlite", folder / "calm", story, 0)
    for point in range(len(bomb.writes) + 1):
        world, _ = play("sqlite", folder / f"{point}", story, point)
        sent = {(category, recipient, key): n for (category, recipient, _, key), n in world.sent().items()}
        assert sent["page", "nia", "page"] in (1, 2)
        assert ("safety", "A-17", "emergency") in sent or ("operations", "mia", "unreachable") in sent
        assert [c.state for c in world.house.person("A-17").contacts] == [ContactState.STOPPED]


def differences(ours, theirs):
    return [
        (key, ours.get(key), theirs.get(key)) for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)
    ]

"""The sender keeps on: through a store that fails midway, through what cannot be recorded, and through a stop."""

from collections.abc import Iterator
from datetime import timedelta
from threading import Event, Thread

import pytest

from bot.house import House
from bot.serve.metrics import Metrics
from bot.serve.sending import Sending
from data.errors import Unavailable
from data.model.people import ChannelKind
from tests.acceptance.crashing import people
from tests.bot.clinic import heard, house
from tests.serving.served import eventually


@pytest.fixture
def stopping() -> Iterator[Event]:
    event = Event()
    yield event
    event.set()


def begin(built: House, stopping: Event) -> Thread:
    sender = Thread(target=Sending(built, Metrics(), stopping).run, daemon=True)
    sender.start()
    return sender


def asked(built: House, *texts: str) -> None:
    """Messages answered, their answers in the outbox."""
    for text in texts:
        built.hear(ChannelKind.SMS, "+15550001", text, f"id of {text}")
    while built.work_message():
        pass


def test_what_was_claimed_goes_though_the_store_fails_at_the_next(stopping: Event, monkeypatch) -> None:
    """Else an emergency would wait for its lease."""
    built = house()
    asked(built, "my chest hurts")
    claim, calls = built.record.claim_outbox, []

    def failing(*args, **more):
        calls.append(1)
        if len(calls) == 2:
            raise Unavailable("gone for a moment")
        return claim(*args, **more)

    monkeypatch.setattr(built.record, "claim_outbox", failing)
    begin(built, stopping)
    eventually(lambda: heard(built, "A-17") and heard(built, "nia"), within=5)


def test_an_outcome_that_cannot_be_recorded_holds_up_nobody_else(stopping: Event, monkeypatch) -> None:
    built = house(members=people())
    receive, broken = built.receive, []

    def failing(subject, event, now):
        if not broken:
            broken.append(event)
            raise ValueError("my chest hurts")
        receive(subject, event, now)

    monkeypatch.setattr(built, "receive", failing)
    asked(built, "hello")
    sender = begin(built, stopping)
    eventually(lambda: broken, within=5)
    built.clock.move_to(built.now() + timedelta(seconds=1))
    asked(built, "bp 120/80", "pulse 70")
    eventually(lambda: len(heard(built, "A-17")) >= 3, within=5)
    stopping.set()
    sender.join(5)
    assert not sender.is_alive()

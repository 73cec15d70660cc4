"""The sender keeps on: through a store that fails midway, through what cannot be recorded, and through a stop."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread, current_thread

import pytest

from bot.house import House
from bot.serve.guarded import GuardedChannel
from bot.serve.metrics import Metrics
from bot.serve.pacing import Pace
from bot.serve.sending import Sending
from data.errors import Unavailable
from data.model.chart import Changes
from data.model.communication import Category, SendState
from data.model.people import ChannelKind, ContactPoint
from integrations.simulator_channel import SimulatedProvider
from tests.acceptance.crashing import START, World, people
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


def test_what_was_claimed_is_not_forgotten_when_the_sync_fails(stopping: Event, tmp_path: Path, monkeypatch) -> None:
    """Else a page would wait for its lease, and a reminder would be taken for one that may have gone."""
    world, failed = World("sqlite", tmp_path), []
    asked(world.house, "my chest hurts")

    def probe(name: str) -> None:
        if name == "sync" and current_thread().name == "outbox" and not failed:
            failed.append(name)
            raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(world.record, "_probe", probe)
    sender = Thread(target=Sending(world.house, Metrics(), stopping).run, daemon=True, name="outbox")
    sender.start()
    eventually(lambda: world.sent().get(("page", "nia", "sms", "page")) == 1, within=5)
    assert failed
    stopping.set()
    sender.join(5)
    assert all(count == 1 for count in world.sent().values())


@pytest.mark.parametrize("category", [Category.NUDGE, Category.NOTICE, Category.SAFETY])
def test_a_look_that_fails_before_the_hand_over_loses_nothing(stopping: Event, monkeypatch, category: Category) -> None:
    """Nothing has gone: it is no attempt whose outcome nobody knows."""
    built = house()
    asked(built, "hello")
    chart, failed = built.record.chart, []
    row = replace(
        chart("A-17").communications[0], id="A-17/test/1", category=category, expires_at=START + timedelta(hours=5)
    )
    built.settle()
    built.record.commit(chart("A-17"), "t", "test", "t", Changes(communications=(row,)), built.now())

    def failing(*args, **more):
        if current_thread().name.startswith("send") and not failed:
            failed.append(args)
            raise Unavailable("the primary stepped down")
        return chart(*args, **more)

    monkeypatch.setattr(built.record, "chart", failing)
    begin(built, stopping)
    eventually(lambda: failed, within=5)
    built.clock.move_to(built.now() + timedelta(seconds=2))
    eventually(lambda: len(heard(built, "A-17")) == 2, within=5)
    eventually(lambda: chart("A-17").communications[-1].state is SendState.ACCEPTED, within=5)


@pytest.mark.parametrize(("text", "goes"), [("my chest hurts", True), ("pulse 70", False)])
def test_what_is_urgent_does_not_wait_out_a_flood_where_there_is_another_way(text: str, goes: bool) -> None:
    """An ordinary answer does."""
    anna, *others = people()
    chat = ContactPoint(system=ChannelKind.TELEGRAM, value="555")
    built = house(members=(replace(anna, contacts=(chat, *anna.contacts)), *others))
    provider = SimulatedProvider("telegram", ChannelKind.TELEGRAM)
    telegram = GuardedChannel(provider, Pace())
    telegram._pacer.close(built.now() + timedelta(hours=1))
    built.carriers = (built.carriers[0], telegram)
    built.hear(ChannelKind.TELEGRAM, "555", text, "x1")
    built.settle()
    assert not provider.accepted
    assert any(a.communication.recipient == "A-17" for a in built.carriers[0].accepted) is goes

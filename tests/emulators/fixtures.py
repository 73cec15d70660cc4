"""Pytest fixtures for the peers, to import in a conftest. They skip only where a registry is out of reach."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import TypeVar

import pytest

from tests.emulators.install import OutOfReachError
from tests.emulators.receiver import Receiver, receiver
from tests.emulators.telegram_polling import TelegramPolling, telegram_polling
from tests.emulators.telemelya import Telemelya, telemelya
from tests.emulators.twilio_emulator import Twilio, twilio

T = TypeVar("T")


def or_skip(start: Callable[[], AbstractContextManager[T]]) -> Iterator[T]:
    """What `start` gives; the test is skipped where what it needs can be had from nowhere."""
    with ExitStack() as stack:
        try:
            peer = stack.enter_context(start())
        except OutOfReachError as problem:
            pytest.skip(f"a package registry is out of reach: {str(problem).splitlines()[0]}")
        yield peer


@pytest.fixture
def twilio_peer() -> Iterator[Twilio]:
    yield from or_skip(twilio)


@pytest.fixture
def telegram_peer() -> Iterator[TelegramPolling]:
    yield from or_skip(telegram_polling)


@pytest.fixture(scope="module")
def telemelya_peer() -> Iterator[Telemelya]:
    yield from or_skip(telemelya)


@pytest.fixture
def door() -> Iterator[Receiver]:
    with receiver() as taking:
        yield taking

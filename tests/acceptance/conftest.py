"""Fixtures of the acceptance tests: the providers at loopback that the doors are tested against."""

from collections.abc import Iterator

import pytest

from tests.emulators.fixtures import or_skip, telegram_peer, telemelya_peer, twilio_peer
from tests.emulators.telegram_polling import TelegramPolling, telegram_polling
from tests.emulators.twilio_emulator import Twilio, twilio

__all__ = ["telegram_peer", "telemelya_peer", "twilio_peer"]


@pytest.fixture(scope="module")
def telegram_here() -> Iterator[TelegramPolling]:
    """One for all tests of a module, as `twilio_here`."""
    yield from or_skip(telegram_polling)


@pytest.fixture(scope="module")
def twilio_here() -> Iterator[Twilio]:
    yield from or_skip(twilio)

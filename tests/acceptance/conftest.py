"""Fixtures of the acceptance tests: the providers at loopback that the doors are tested against."""

from tests.emulators.fixtures import telegram_peer, telemelya_peer, twilio_peer

__all__ = ["telegram_peer", "telemelya_peer", "twilio_peer"]

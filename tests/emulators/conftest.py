"""The fixtures of the peers, for the tests beside this file. Other folders do the same in a conftest of their own."""

from tests.emulators.fixtures import door, telegram_peer, telemelya_peer, twilio_peer

__all__ = ["door", "telegram_peer", "telemelya_peer", "twilio_peer"]

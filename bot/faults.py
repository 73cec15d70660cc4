"""What a provider's fault means beyond the one message: committed before the receipt itself, and safe to repeat."""

import logging
from datetime import datetime
from typing import TYPE_CHECKING

from bot.core.fault import FILTERED, REFUSED_US, TELLING, address_failed, provider_fails
from bot.core.patience import OUR_FAULT
from bot.erasure import CLINIC
from data.errors import BadFile, BadInput, NotFound
from data.model.communication import SendState
from data.model.event import ReceiptArrived

if TYPE_CHECKING:
    from bot.house import House

log = logging.getLogger("phms.faults")

_SAID = (SendState.FAILED, SendState.UNDELIVERED)


def heed(house: "House", subject: str, event: ReceiptArrived, now: datetime) -> None:
    """Keep what a receipt tells about an address, on the chart of whoever has it, or about a provider.

    It comes first, so that the message's next way is chosen knowing it; after a crash in between, the provider, or
    the next message to that address, says it again.
    """
    if event.state not in _SAID or not event.provider:
        return
    try:
        _heed(house, subject, event, now)
    except (BadFile, NotFound, BadInput) as problem:
        # A chart that does not open must not keep the message from going another way.
        log.error("what a receipt tells of an address could not be kept: %s", type(problem).__name__)


def _heed(house: "House", subject: str, event: ReceiptArrived, now: datetime) -> None:
    if event.error in OUR_FAULT:
        tell_of_provider(house, event.provider, now)
    if event.error not in TELLING:
        return
    chart = house.record.chart(subject, observations=False)
    row = next((c for c in chart.communications if c.id == event.communication_id), None)
    if row is None or row.state.rank >= SendState.DELIVERED.rank:
        # What has arrived has proved the address; a bad word that comes late says nothing.
        return
    kit, cause = house.kit, f"fault:{event.id}"
    if event.error == FILTERED:
        _tell_once_a_day(house, event.provider, FILTERED, now)
        return
    if house.person(row.recipient) is not None:
        house.commit(
            row.recipient,
            cause,
            "fault",
            event.provider,
            now,
            lambda c, t: address_failed(c, row, event.error, cause, kit, t, now),
            observations=False,
        )


def tell_of_provider(house: "House", provider: str, now: datetime) -> None:
    """Operations hear, once a day, that a provider does not take our account; whatever fails here stops no message."""
    try:
        _tell_once_a_day(house, provider, REFUSED_US, now)
    except Exception as problem:
        log.error("operations could not be told that a provider refuses our account: %s", type(problem).__name__)


def _tell_once_a_day(house: "House", provider: str, key: str, now: datetime) -> None:
    told = f"{key}:{provider}:{now:%Y-%m-%d}"
    house.commit(
        CLINIC, told, "fault", provider, now, lambda c, t: provider_fails(c, provider, key, told, house.kit, t, now)
    )

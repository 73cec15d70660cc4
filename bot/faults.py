"""What a provider's fault means beyond the one message: committed before the receipt itself, and safe to repeat."""

from datetime import datetime
from typing import TYPE_CHECKING

from bot.core.fault import FILTERED, TELLING, address_failed, filtered
from bot.erasure import CLINIC
from data.model.communication import SendState
from data.model.event import ReceiptArrived

if TYPE_CHECKING:
    from bot.house import House

_SAID = (SendState.FAILED, SendState.UNDELIVERED)


def heed(house: "House", subject: str, event: ReceiptArrived, now: datetime) -> None:
    """Keep what a receipt tells about an address, on the chart of whoever has it, or about a provider.

    It comes first, so that the message's next way is chosen knowing it; after a crash in between, the provider, or
    the next message to that address, says it again.
    """
    if event.error not in TELLING or event.state not in _SAID or not event.provider:
        return
    chart = house.record.chart(subject, observations=False)
    row = next((c for c in chart.communications if c.id == event.communication_id), None)
    if row is None:
        return
    kit, cause = house.kit, f"fault:{event.id}"
    if event.error == FILTERED:
        told = f"filtered:{event.provider}:{now:%Y-%m-%d}"
        house.commit(
            CLINIC, told, "fault", event.provider, now, lambda c, t: filtered(c, event.provider, told, kit, t, now)
        )
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

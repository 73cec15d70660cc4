"""The door of wearables' clouds: a signed word that somebody has new data, which is kept once and never believed.

What a notification says is not data: a feed that is set up asks the vendor itself for what is new of that account.
"""

import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec

from bot.serve.inbox import Inbox
from bot.serve.metrics import Metrics
from data.errors import BadInput, Forged, NotFound
from data.model.conversation import MessageKind
from data.model.inbound import Inbound
from data.model.people import ChannelKind
from data.ports import Clock

# How far a notification's time may be from ours: Oura's rule (cloud.ouraring.com/v2/docs, webhooks), and the usual one.
_TOLERANCE = timedelta(minutes=5)
_ACCOUNT = re.compile(r"[A-Za-z0-9._:-]{1,100}")


class WearableDoor:
    """`secrets` by vendor. The signature is HMAC-SHA256 over time and body, both in headers named after the vendor."""

    def __init__(self, inbox: Inbox, metrics: Metrics, secrets: Mapping[str, str], clock: Clock) -> None:
        self._inbox, self._metrics, self._secrets, self._clock = inbox, metrics, secrets, clock

    async def take(self, vendor: str, headers: Mapping[str, str], body: bytes) -> None:
        """Keep one notification. Raises `NotFound` for a vendor that is not set up, `Forged`, `BadInput`."""
        secret = self._secrets.get(vendor)
        if not secret:
            raise NotFound("no feed of that vendor is set up")
        self._check(secret, vendor, headers, body)
        account = _account(body)
        inbound = Inbound(
            channel=ChannelKind.CONSOLE,
            address=f"wearable:{vendor}",
            text=account,
            provider_message_id=f"wd:{vendor}:{sha256(body).hexdigest()}",
            kind=MessageKind.DATA,
        )
        self._metrics.received(f"wearable {vendor}", new=await self._inbox.take(inbound))

    def _check(self, secret: str, vendor: str, headers: Mapping[str, str], body: bytes) -> None:
        signature, stamp = headers.get(f"x-{vendor}-signature", ""), headers.get(f"x-{vendor}-timestamp", "")
        ours = hmac.new(secret.encode(), stamp.encode("utf-8", "replace") + body, sha256).hexdigest()
        if not hmac.compare_digest(ours.encode(), signature.lower().encode("utf-8", "replace")):
            raise Forged("not signed by the vendor")
        if not re.fullmatch("[0-9]{1,11}", stamp):
            raise Forged("without a time it could be an old one")
        if abs(datetime.fromtimestamp(int(stamp), UTC) - self._clock.now()) > _TOLERANCE:
            raise Forged("too old, or from the future")


def _account(body: bytes) -> str:
    """Whose data are new, as the vendor calls them. Raises `BadInput`."""
    try:
        said = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadInput("not a JSON object") from None
    account = said.get("user_id")
    if not isinstance(account, str) or not _ACCOUNT.fullmatch(account):
        raise BadInput("user_id is missing")
    return account

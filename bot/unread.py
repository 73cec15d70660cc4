"""When stored rows do not open: whoever wrote is answered past them, and the clinic is told."""

import logging
from itertools import count
from typing import TYPE_CHECKING

from bot.core.kit import Team
from bot.core.last_resort import respond_unread, tell_spoilt, tell_unread_message
from bot.erasure import CLINIC
from data.errors import BadFile, NotFound
from data.model.chart import Changes, Chart
from data.model.conversation import RawMessage
from data.model.people import ContactPoint, Person, Role

if TYPE_CHECKING:
    from bot.house import House
    from data.ports import Spoilt

log = logging.getLogger("phms.unread")

# So many streams of one address are tried, should those before not open either.
_TRIES = 5


def answer_unread(house: "House", message: RawMessage) -> None:
    """Answer a message whose writer cannot be read, and page the team when it is an emergency.

    It is committed for a stand-in with nothing but the address, so that delivery, pages and replies to them work.
    """
    now, address = house.now(), house.record.pseudonym(f"{message.channel}:{message.address.strip()}")
    for number in count(1):
        name = f"unread-{address}" + (f"-{number}" if number > 1 else "")
        stand_in = _stand_in(name, message, house.team())

        def answered(chart: Chart, team: Team, who: Person = stand_in) -> Changes:
            return respond_unread(chart, who, message, house.kit, team, now)

        try:
            if not house.record.chart(name, observations=False).erased:
                house.commit(name, message.id, "message", message.order, now, answered)
                log.error("message %s is of somebody who cannot be read; answered without their record", message.id)
                return
        except (BadFile, NotFound):
            if number == _TRIES:
                raise


def _stand_in(name: str, message: RawMessage, team: Team) -> Person:
    """In the zone and language of the clinic: those of the writer cannot be read."""
    like = next((person for person in team.people if person.active), None)
    return Person(
        id=name,
        code=name[:13],
        name="unknown",
        role=Role.STRANGER,
        title="unknown",
        zone=like.zone if like else "UTC",
        language=like.language if like else "en",
        contacts=(ContactPoint(system=message.channel, value=message.address),),
    )


def tell_of(house: "House", spoilt: "Spoilt") -> None:
    """Tell the clinic, once for each table and day, that rows do not open; and whose message is lost, once."""
    now, table = house.now(), spoilt.table
    if table == "inbox" and spoilt.subject:
        event_id = f"unread:{spoilt.row}"
        house.commit(
            spoilt.subject,
            event_id,
            "unread",
            "clock",
            now,
            lambda c, t: tell_unread_message(c, event_id, house.kit, t, now),
            observations=False,
        )
    told = f"spoilt:{table}:{now:%Y-%m-%d}"
    house.commit(CLINIC, told, "spoilt", "clock", now, lambda c, t: tell_spoilt(c, table, told, house.kit, t, now))

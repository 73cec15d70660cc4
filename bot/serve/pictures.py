"""Pictures that go with messages: drawn when they leave, or fetched once by who carries the message."""

import asyncio
import logging
import re
from datetime import datetime, timedelta

from aiohttp import web

from bot.house import House
from bot.serve.drawing import Trend, draw
from bot.serve.tokens import Tokens
from bot.trace import traced
from data.durations import parse_duration
from data.errors import NotFound, PhmsError
from data.model.communication import Communication
from data.model.people import Person
from data.record.coding import instant, micros
from data.vocabulary import vital_signs

log = logging.getLogger("phms.pictures")

# A carrier fetches a picture within seconds; somebody who was sent a link looks within minutes.
_LIFE = timedelta(minutes=15)
_TREND = re.compile(r"trend ([a-z0-9-]+) ([0-9]+[a-z]+)")
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


class Pictures:
    """Draws what `Communication.picture` names, from the record as it is then."""

    def __init__(self, house: House, tokens: Tokens, public: str) -> None:
        self._house, self._tokens, self._public = house, tokens, public

    def drawn(self, row: Communication) -> bytes | None:
        """The picture of a message, or None where it has none or none can be drawn: the text says it all."""
        named = _TREND.fullmatch(row.picture)
        if named is None:
            return None
        try:
            return self._trend(row.subject, named[1], named[2])
        except PhmsError as problem:
            log.warning("the picture of message %s could not be drawn: %s", traced(row.id), type(problem).__name__)
            return None

    def link(self, row: Communication) -> str:
        """Where the picture of a message can be fetched for a quarter of an hour; empty where that cannot be."""
        if not row.picture or not self._public:
            return ""
        until = micros(self._house.now() + _LIFE)
        return f"{self._public}/picture/{self._tokens.seal(f'{until} {row.id}')}"

    async def serve(self, request: web.Request) -> web.Response:
        """The picture behind a link. Raises `NotFound` for one that is too old or made up."""
        until, _, row_id = (self._tokens.open(request.match_info["token"]) or "").partition(" ")
        if not row_id or self._house.now() > instant(int(until)):
            raise NotFound("no such picture")
        png = await asyncio.to_thread(self._of, row_id)
        if png is None:
            raise NotFound("no such picture")
        return web.Response(body=png, content_type="image/png", headers=_HEADERS)

    def _of(self, row_id: str) -> bytes | None:
        chart = self._house.record.chart(row_id.split("/")[0], observations=False)
        row = next((c for c in chart.communications if c.id == row_id), None)
        return self.drawn(row) if row is not None else None

    def _trend(self, subject: str, code: str, span: str) -> bytes | None:
        person, sign = self._house.person(subject), vital_signs().get(code)
        if person is None or sign is None:
            return None
        until = self._house.now()
        since = until - parse_duration(span)
        samples = [(o.effective_at, o.value) for o in self._house.record.observations(subject, code, since, until)]
        return draw(_picture(person, code, samples, since, until)) if samples else None


def _picture(
    person: Person, code: str, samples: list[tuple[datetime, float]], since: datetime, until: datetime
) -> Trend:
    """Without a name: a picture is forwarded more easily than read."""
    sign = vital_signs()[code]
    limit = next((one for one in person.limits if one.code == code), None)
    return Trend(
        title=sign.display,
        unit=sign.unit_display,
        samples=samples,
        since=since,
        until=until,
        zone=person.zone,
        low=limit.low if limit else None,
        high=limit.high if limit else None,
    )

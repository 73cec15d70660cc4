"""The peer: the same webhook as one writes it with Starlette on uvicorn: verify, keep in the record, answer."""

import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator

from data.clock import SystemClock
from data.model.conversation import RawMessage
from data.model.people import ChannelKind
from data.record.sqlite import SqliteRecord
from tests.benchmarks.doors.load import TOKEN
from tests.record.keys import FixedKeys


def application(path: Path, public: str) -> Starlette:
    """One route."""
    record, clock, validator = SqliteRecord(path, FixedKeys()), SystemClock(), RequestValidator(TOKEN)

    async def sms(request: Request) -> Response:
        form = await request.form()
        fields = {name: str(value) for name, value in form.items()}
        signature = request.headers.get("X-Twilio-Signature", "")
        if not validator.validate(public + request.url.path, fields, signature):
            return Response(status_code=403)
        person = await run_in_threadpool(record.person_at, ChannelKind.SMS, fields["From"])
        message = RawMessage(
            id=f"sms:{fields['MessageSid']}",
            channel=ChannelKind.SMS,
            address=fields["From"],
            text=fields["Body"],
            received_at=clock.now(),
            person_id=person.id if person else None,
        )
        await run_in_threadpool(record.keep, message)
        return Response('<?xml version="1.0" encoding="UTF-8"?><Response></Response>', media_type="text/xml")

    return Starlette(routes=[Route("/twilio/sms", sms, methods=["POST"])])


if __name__ == "__main__":
    folder, port, public = sys.argv[1:4]
    uvicorn.run(
        application(Path(folder) / "record.sqlite", public), port=int(port), log_level="warning", access_log=False
    )

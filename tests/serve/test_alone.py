"""A process that is alone on a file ends the leases of one that was killed; one that is not, never."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.serve.alone import serving
from data.model.conversation import RawMessage
from data.model.people import ChannelKind
from data.record.sqlite import SqliteRecord
from tests.record.keys import FixedKeys

NOW = datetime(2026, 3, 3, 22, 0, tzinfo=UTC)


def claimed(record: SqliteRecord) -> bool:
    return record.claim_message(NOW, timedelta(seconds=30)) is not None


def test_the_first_ends_leases_and_the_second_does_not(tmp_path: Path) -> None:
    file = tmp_path / "record.sqlite"
    record = SqliteRecord(file, FixedKeys())
    message = RawMessage(id="sms:1", channel=ChannelKind.SMS, address="+15550001", text="help", received_at=NOW)
    record.keep(message)
    assert claimed(record) and not claimed(record)
    with serving(record, file):
        # As after a kill: what somebody had taken is free at once.
        assert claimed(record) and not claimed(record)
        with serving(record, file):
            assert not claimed(record)
    record.close()

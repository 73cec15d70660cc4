"""The spool: sealed, synced, in order, once each; a full disk is said and never passed over."""

import os
import resource
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.door import kept_text
from bot.serve.spool import Spool, Spooled
from data.errors import Unavailable
from data.model.communication import SendState
from data.model.inbound import Inbound, Report
from data.model.people import ChannelKind

KEY, START = b"k" * 32, datetime(2026, 5, 1, 8, tzinfo=UTC)


def message(n: int, text: str = "my chest hurts") -> Spooled:
    return Spooled(
        inbound=Inbound(
            channel=ChannelKind.SMS, address="+15550001", text=f"{text} {n}", provider_message_id=f"SM{n:032x}"
        )
    )


def receipt(said: str) -> Spooled:
    report = Report(provider="twilio", provider_id="SM1", state=SendState.DELIVERED, said=said)
    return Spooled(report=report, communication_id="A-17/1")


def at(n: int) -> datetime:
    return START + timedelta(seconds=n)


def test_what_was_put_comes_out_in_order_and_only_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", KEY)
    for n in range(20):
        spool.put(message(n), at(n))
        spool.put(message(n, "other words"), at(n + 100))
    assert spool.count == 20
    again, found = Spool(tmp_path / "spool", KEY), []
    assert again.count == 20
    assert again.drain(found.append) == 20
    assert [thing.inbound.text for thing in found] == [f"my chest hurts {n}" for n in range(20)]
    assert [thing.inbound.received_at for thing in found] == [at(n) for n in range(20)]
    assert again.count == 0 and again.drain(found.append) == 0
    assert spool.drain(found.append) == 0 and spool.count == 0


def test_nothing_can_be_read_on_the_disk_and_the_rights_are_tight(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", KEY)
    spool.put(message(1), at(1))
    spool.put(receipt("delivered"), at(2))
    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700
    files = list((tmp_path / "spool").iterdir())
    assert len(files) == 2
    for file in files:
        told = file.name.encode() + file.read_bytes()
        assert file.stat().st_mode & 0o777 == 0o600
        assert not any(word in told for word in (b"chest", b"5550001", b"A-17", b"SM0", b"delivered", b"twilio"))


def test_a_file_of_another_key_another_name_or_cut_short_is_put_aside(tmp_path: Path, caplog) -> None:
    folder = tmp_path / "spool"
    spool = Spool(folder, KEY)
    Spool(folder, b"x" * 32).put(message(0), at(0))
    for n in (1, 2, 3, 4):
        spool.put(message(n), at(n))
    files = sorted(folder.iterdir())
    files[1].write_bytes(files[1].read_bytes()[:5])
    files[2].write_bytes(b"")
    files[3].rename(files[3].with_name(f"{9:020d}-{'a' * 48}.sealed"))
    found: list[Spooled] = []
    spool = Spool(folder, KEY)
    assert spool.count == 5
    assert spool.drain(found.append) == 1 and spool.count == 0
    assert found == [replace(message(4), inbound=replace(message(4).inbound, received_at=at(4)))]
    assert len(list(folder.glob("*.broken"))) == 4
    assert caplog.text.count("does not open") == 4 and "chest" not in caplog.text


def test_what_can_never_be_kept_does_not_hold_up_what_stands_behind_it(tmp_path: Path, caplog) -> None:
    spool, found = Spool(tmp_path, KEY), []

    def keep(thing: Spooled) -> None:
        if thing.inbound.text.endswith(" 0"):
            raise ValueError("my chest hurts")
        found.append(thing)

    for n in range(3):
        spool.put(message(n), at(n))
    assert spool.drain(keep) == 2 and spool.count == 0 and len(found) == 2
    assert len(list(tmp_path.glob("*.broken"))) == 1
    assert "ValueError" in caplog.text and "chest" not in caplog.text


def test_a_record_that_is_down_leaves_everything_where_it_is(tmp_path: Path) -> None:
    spool, kept = Spool(tmp_path, KEY), []

    def keep(thing: Spooled) -> None:
        if len(kept) == 2:
            raise Unavailable("down")
        kept.append(thing)

    for n in range(5):
        spool.put(message(n), at(n))
    with pytest.raises(Unavailable):
        spool.drain(keep)
    assert spool.drain(lambda thing: kept.append(thing)) == 3
    assert [thing.inbound.provider_message_id for thing in kept] == [f"SM{n:032x}" for n in range(5)]


def test_a_folder_that_is_gone_or_a_full_disk_is_said(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", KEY)
    (tmp_path / "spool").rename(tmp_path / "gone")
    with pytest.raises(Unavailable, match="spool"):
        spool.put(message(1), at(1))
    assert spool.count == 0
    (tmp_path / "gone").rename(tmp_path / "spool")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, before[1]))
    try:
        with pytest.raises(Unavailable, match="make room"):
            spool.put(message(1), at(1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert spool.count == 0 and not list((tmp_path / "spool").iterdir())
    spool.put(message(1), at(1))
    assert spool.count == 1


def test_a_place_that_is_no_folder_is_said_at_start(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("x")
    with pytest.raises(Unavailable):
        Spool(tmp_path / "spool", KEY)


def test_every_byte_is_synced_before_put_returns(tmp_path: Path, monkeypatch) -> None:
    spool, synced = Spool(tmp_path, KEY), []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
    )
    spool.put(message(1), at(1))
    assert len(synced) == 2 and synced[1] == str(tmp_path)


@given(
    texts=st.lists(st.text(st.characters(exclude_categories=())), max_size=6),
    ids=st.lists(st.text(min_size=1, max_size=5), min_size=6, max_size=6, unique=True),
)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_words_survive(tmp_path_factory, texts: list[str], ids: list[str]) -> None:
    spool, found = Spool(tmp_path_factory.mktemp("spool"), KEY), []
    things = [
        Inbound(channel=ChannelKind.SMS, address="+1", text=text, provider_message_id=name)
        for text, name in zip(texts, ids, strict=False)
    ]
    for n, thing in enumerate(things):
        spool.put(Spooled(inbound=thing), at(n))
    spool.drain(found.append)
    assert [thing.inbound.text for thing in found] == [kept_text(text) for text in texts]

"""Stopping and starting: under load, twice, with a port in use, in four parts, and killed at random."""

import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest

from tests.acceptance.door_clinic import ANNA, BEN_PHONE, CARL, NIA_PHONE, both_doors
from tests.emulators.twilio_emulator import FIRST
from tests.serving.served import Served, eventually, free_port

_rest = Event()


def beside(machine: Served, role: str, port: int) -> subprocess.Popen[bytes]:
    """One more process over the same record."""
    with machine.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "bot.cli.main", "serve", "--port", str(port), "--role", role],
            env=machine.env,
            stdout=log,
            stderr=log,
        )


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def beside_it() -> Iterator[list[subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.wait(10)


def test_a_stop_under_load_is_quick_and_loses_nothing(tmp_path: Path, telegram_peer, twilio_peer) -> None:
    with both_doors(tmp_path, telegram_peer, twilio_peer) as machine:
        machine.start()
        # Sends that take their time, requests under way, and somebody who opens connections and says nothing.
        twilio_peer.faults.slow(1.0, times=1000, path="Messages.json")
        silent = [socket.create_connection(("127.0.0.1", machine.port)) for _ in range(20)]
        for one in silent[:10]:
            one.sendall(b"POST /telegram/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n")
        taken, stopped = [], Event()

        def texts() -> None:
            with httpx.Client(trust_env=False) as http:
                twilio_peer.http = http
                for n in range(1000):
                    if stopped.is_set():
                        return
                    try:
                        params = twilio_peer.inbound_params(BEN_PHONE, f"pulse {60 + n % 100}")
                        if twilio_peer.post(f"{machine.url}/twilio/sms", params).status == 200:
                            taken.append(60 + n % 100)
                    except httpx.HTTPError:
                        return

        writer = Thread(target=texts)
        writer.start()
        eventually(lambda: len(taken) > 20)
        took = machine.stop()
        stopped.set()
        writer.join()
        for one in silent:
            one.close()
        assert took < 8
        assert "Stopped; nothing is lost." in machine.said()
        twilio_peer.http = httpx.Client(timeout=30, trust_env=False)
        twilio_peer.faults.clear()
        machine.start()
        bodies = [sent.body for sent in twilio_peer.wait_sent(len(taken), to=BEN_PHONE, within=30)]
        eventually(lambda: machine.get("/readyz")[0] == 200)
        assert machine.stop() < 5, "with nothing to do it is quicker still"
        twilio_peer.http.close()
        for value, count in Counter(taken).items():
            assert sum(f"pulse {value}" in body or f" {value}" in body for body in bodies) == count


def test_an_idle_stop_takes_less_than_three_seconds_and_a_second_word_changes_nothing(
    tmp_path: Path, telegram_peer, twilio_peer
) -> None:
    with both_doors(tmp_path, telegram_peer, twilio_peer) as machine:
        machine.start()
        eventually(lambda: telegram_peer.webhook()["url"])
        assert machine.process is not None
        process = machine.process
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        for _ in range(3):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert time.monotonic() - began < 3
        assert telegram_peer.webhook()["url"], "the webhook stays: Telegram keeps what comes until the next start"


def test_a_stop_while_a_provider_hangs_and_the_record_is_away(tmp_path: Path, telegram_peer, twilio_peer) -> None:
    import sqlite3

    with both_doors(tmp_path, telegram_peer, twilio_peer) as machine:
        machine.start()
        twilio_peer.faults.hang(times=100, path="Messages.json")
        for n in range(5):
            twilio_peer.post(f"{machine.url}/twilio/sms", twilio_peer.inbound_params(BEN_PHONE, f"pulse {70 + n}"))
        eventually(lambda: any(call.method == "POST" for call in twilio_peer.requests))
        there = sqlite3.connect(machine.home / "record.sqlite", isolation_level=None, timeout=20)
        there.execute("BEGIN IMMEDIATE")
        assert (
            twilio_peer.post(
                f"{machine.url}/twilio/sms", twilio_peer.inbound_params(BEN_PHONE, "pulse 79 my words")
            ).status
            == 200
        )
        assert machine.stop() < 20
        assert "my words" not in machine.said()
        there.rollback()
        there.close()


def test_a_port_in_use_is_one_line_and_code_two(tmp_path: Path, telegram_peer, twilio_peer) -> None:
    with both_doors(tmp_path, telegram_peer, twilio_peer) as machine, socket.socket() as taken:
        taken.bind(("127.0.0.1", machine.port))
        taken.listen()
        said = machine.phms("serve", "--port", str(machine.port), code=2)
        last = said.strip().splitlines()[-1]
        assert f"127.0.0.1:{machine.port}" in last and "in use" in last
        assert "Traceback" not in said and FIRST.token not in said
        for wrong in (["--role", "wep"], ["--role", ""], ["--port", "70000"], ["--host", "no.such.host.invalid"]):
            said = machine.phms("serve", *wrong, code=2)
            assert "Traceback" not in said


def test_four_parts_are_one_system_and_any_may_be_killed(tmp_path: Path, telegram_peer, twilio_peer, beside_it) -> None:
    with both_doors(tmp_path, telegram_peer, twilio_peer) as machine:
        machine.start("--role", "web")
        roles = ["worker", "clock", "delivery", "worker", "delivery"]
        ports = [free_port() for _ in roles]
        beside_it += [beside(machine, role, port) for role, port in zip(roles, ports, strict=True)]
        eventually(lambda: all(answers(port) for port in ports))
        # Only the web part has doors; the others answer whoever watches over them.
        for port in ports:
            assert httpx.post(f"http://127.0.0.1:{port}/twilio/sms").status_code == 404
        telegram_peer.says(ANNA, "chest pain")
        (page,) = twilio_peer.wait_sent(1, to=NIA_PHONE)
        assert "112" in telegram_peer.wait_sent(1, chat_id=ANNA)[0].text
        code = page.body.split(" OK")[0].split()[-1]
        twilio_peer.text(NIA_PHONE, f"{code} ok")
        assert "Nia" in telegram_peer.wait_sent(2, chat_id=ANNA)[1].text
        # Now the worker and the sender are killed again and again while people write.
        chance = random.Random(7)  # noqa: S311
        for n in range(20):
            telegram_peer.says(CARL, f"pulse {60 + n}")
            twilio_peer.post(f"{machine.url}/twilio/sms", twilio_peer.inbound_params(BEN_PHONE, f"pulse {60 + n}"))
            if n % 5 == 2:
                which = chance.choice([0, 2])
                beside_it[which].kill()
                beside_it[which].wait(10)
                beside_it[which] = beside(machine, roles[which], ports[which])
            _rest.wait(chance.uniform(0, 0.2))
        with machine.record() as record:

            def noted() -> Counter[tuple[str, int]]:
                return Counter(
                    (person.code, int(o.value))
                    for person in record.people()
                    for entry in record.journal(person.id)
                    for o in entry.changes.observations
                )

            eventually(lambda: noted().total() >= 40, within=60)
            assert noted() == Counter((code, 60 + n) for code in ("B-18", "C-19") for n in range(20))
        texts = twilio_peer.wait_sent(20, to=BEN_PHONE, within=60)
        replies = telegram_peer.wait_sent(20, chat_id=CARL, within=60)
        for n in range(20):
            assert sum(str(60 + n) in sent.body for sent in texts) == 1, "Twilio can be asked, so nothing goes twice"
            assert 1 <= sum(str(60 + n) in call.text for call in replies) <= 2
        assert len(replies) <= 24
        for process in beside_it:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(20) for process in beside_it] == [0] * len(beside_it)
        assert machine.stop() < 10

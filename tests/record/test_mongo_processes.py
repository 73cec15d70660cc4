"""Several processes at one MongoDB, and processes that are killed."""

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest

from data.errors import Conflict
from data.model.chart import Changes
from data.model.communication import Communication, SendState
from data.model.plan import Due
from data.record.memory import MemoryRecord
from data.record.mongo import MongoRecord
from tests.record.examples import LEASE, MINUTE, NOW, due, person, put, reading, sms
from tests.record.keys import FixedKeys
from tests.record.test_processes import ROOT, fill, work_alone


def start(url: str, what: str, name: str = "x") -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.record.mongo_worker", url, what, name]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def said(workers: list["subprocess.Popen[str]"]) -> list[str]:
    outputs = [worker.communicate(timeout=120)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * len(workers)
    return [line for output in outputs for line in output.splitlines()]


def test_three_processes_make_one_database_and_share_the_work(url: str) -> None:
    said([start(url, "open") for _ in range(3)])
    record = MongoRecord(url, FixedKeys())
    expected = fill(record)
    got = [tuple(line.split()) for line in said([start(url, "claim") for _ in range(3)])]
    got += work_alone(record)
    assert Counter(got) == Counter(dict.fromkeys(expected, 1))
    record.close()


def test_three_processes_commit_to_one_chart_without_losing_one(url: str) -> None:
    said([start(url, "share", str(n)) for n in range(3)])
    record = MongoRecord(url, FixedKeys())
    chart = record.chart("anna")
    assert chart.revision == 60
    assert {o.id for o in chart.observations} == {reading(w * 100 + n).id for w in range(3) for n in range(20)}
    assert [entry.revision for entry in record.journal("anna")] == list(range(1, 61))
    assert {e.event_id for e in record.journal()} == {f"{w}-{n}" for w in range(3) for n in range(20)}
    record.close()


def test_killed_twenty_times_in_mid_stream_no_acknowledged_commit_is_lost(url: str) -> None:
    acknowledged: dict[str, int] = {}
    for turn in range(10):
        names = [f"{turn}-a", f"{turn}-b"]
        workers = [start(url, "commit", name) for name in names]
        for name, worker in zip(names, workers, strict=True):
            assert worker.stdout is not None
            lines = [worker.stdout.readline() for _ in range(3 + 2 * turn)]
            worker.kill()
            rest = worker.stdout.read().splitlines()
            worker.wait()
            worker.stdout.close()
            acknowledged[name] = int((rest or lines)[-1])
    assert len(acknowledged) == 20
    record = MongoRecord(url, FixedKeys())
    record.recover()
    for name, last in acknowledged.items():
        ids = [entry.event_id for entry in record.journal(name)]
        assert ids == [f"{name}-{n}" for n in range(1, len(ids) + 1)]
        assert len(ids) in (last, last + 1), "at most the one commit whose answer was cut off is more"
        assert record.chart(name).revision == len(ids)
    record.close()


@pytest.mark.parametrize("seed", range(3))
def test_whatever_six_writers_do_at_once_it_comes_to_what_their_journal_says(url: str, seed: int) -> None:
    """Each has a record of its own, as a process has; timers and messages are set, claimed, done and set again."""
    chances = [Random(seed * 10 + n) for n in range(6)]  # noqa: S311 - the same chances in every run
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda n: _live(url, chances[n], n), range(6)))
    claims = [claim for of_one in found for claim in of_one]
    assert len(claims) == len(set(claims)), "no row was claimed twice with the same token"
    record, memory = MongoRecord(url, FixedKeys()), MemoryRecord()
    assert record.recover() == 0
    for e in record.journal():
        assert memory.commit(memory.chart(e.subject), e.event_id, e.kind, e.actor, e.changes, e.at)
    assert record.digest() == memory.digest()
    assert [record.chart(who) for who in ("anna", "nia")] == [memory.chart(who) for who in ("anna", "nia")]
    record.close()


def _live(url: str, chance: Random, writer: int) -> list[tuple[str, str, int]]:
    """Twenty steps of one writer; whose rows it claimed, with which token."""
    record, claims = MongoRecord(url, FixedKeys()), []
    for step in range(20):
        now = NOW + timedelta(seconds=step)
        if chance.random() < 0.3:
            claimed = (record.claim_due if chance.random() < 0.5 else record.claim_outbox)(now + 60 * MINUTE, LEASE)
            if claimed is not None:
                row, token = claimed[0], claimed[1].token
                claims.append((row.subject, row.id, token))
                _commit(record, row.subject, f"done:{row.id}:{token}", _done(row), now)
        else:
            who = chance.choice(["anna", "nia"])
            _commit(record, who, f"{writer}-{step}", _anything(chance, who), now)
    record.close()
    return claims


def _commit(record: MongoRecord, who: str, event_id: str, changes: Changes, now: datetime) -> None:
    while True:
        try:
            put(record, event_id, changes, who, now)
            return
        except Conflict:
            continue


def _done(row: Due | Communication) -> Changes:
    if isinstance(row, Due):
        return Changes(dues=(replace(row, done=True),))
    return Changes(communications=(replace(row, state=SendState.DELIVERED),))


def _anything(chance: Random, who: str) -> Changes:
    def some(most: int) -> range:
        return range(chance.randrange(most))

    states = [SendState.QUEUED, SendState.DELIVERED]
    return Changes(
        person=chance.choice([None, person(who, str(chance.randrange(3)))]),
        observations=tuple(replace(reading(chance.randrange(200)), id=str(chance.randrange(9))) for _ in some(3)),
        dues=tuple(
            due(f"d{chance.randrange(5)}", who, chance.randrange(60), done=chance.random() < 0.4) for _ in some(3)
        ),
        communications=tuple(sms(f"c{chance.randrange(5)}", who, state=chance.choice(states)) for _ in some(3)),
    )

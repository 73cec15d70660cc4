"""Several processes at one MongoDB, and processes that are killed."""

import subprocess
import sys
from collections import Counter

from data.record.mongo import MongoRecord
from tests.record.examples import reading
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

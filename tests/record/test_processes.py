"""Several threads, several processes, and processes that are killed."""

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from data.errors import Conflict
from data.model.chart import Changes
from data.record.sqlite import SqliteRecord
from tests.record.examples import LEASE, NOW, due, message, put, reading, sms
from tests.record.keys import FixedKeys
from tests.record.stores import AnyRecord, Store

ROOT = Path(__file__).parents[2]


def start(path: Path, what: str, name: str = "x") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.record.worker", str(path), what, name]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def fill(record: AnyRecord) -> set[tuple[str, str]]:
    """Work for many: 20 persons with 4 messages, 3 timers and 2 texts each."""
    for n in range(20):
        subject = f"p{n}"
        for m in range(4):
            record.keep(message(f"sms:{n}-{m}", subject))
        dues = tuple(due(f"due-{n}-{m}", subject) for m in range(3))
        put(
            record,
            "e",
            Changes(dues=dues, communications=(sms(f"c-{n}-0", subject), sms(f"c-{n}-1", subject))),
            subject,
        )
    expected = {("message", f"sms:{n}-{m}") for n in range(20) for m in range(4)}
    expected |= {("due", f"due-{n}-{m}") for n in range(20) for m in range(3)}
    return expected | {("outbox", f"c-{n}-{m}") for n in range(20) for m in range(2)}


def test_eight_threads_get_each_piece_of_work_once_and_in_order(store: Store) -> None:
    record = store.open()
    expected = fill(record)
    together = Barrier(8)

    def work(_: int) -> list[tuple[str, str]]:
        got = []
        together.wait()
        while claimed := record.claim_message(NOW, LEASE):
            got.append(("message", claimed[0].id))
            assert record.finish_message(claimed[1])
        while timer := record.claim_due(NOW, LEASE):
            got.append(("due", timer[0].id))
        while sent := record.claim_outbox(NOW, LEASE):
            got.append(("outbox", sent[0].id))
        return got

    with ThreadPoolExecutor(8) as pool:
        got = [pair for pairs in pool.map(work, range(8)) for pair in pairs]
        # Nobody finds a message whose forerunner is in work, so one worker may stop early: sweep up.
        got += work_alone(record)
    assert Counter(got) == Counter(dict.fromkeys(expected, 1))


def work_alone(record: AnyRecord) -> list[tuple[str, str]]:
    got = []
    while claimed := record.claim_message(NOW, LEASE):
        got.append(("message", claimed[0].id))
        record.finish_message(claimed[1])
    return got


def test_eight_threads_commit_to_one_chart_without_losing_one(store: Store) -> None:
    record = store.open()

    def work(worker: int) -> int:
        conflicts = 0
        for n in range(10):
            while True:
                try:
                    what = Changes(observations=(reading(worker * 100 + n),), dues=(due(f"{worker}-{n}"),))
                    assert put(record, f"{worker}-{n}", what)
                    break
                except Conflict:
                    conflicts += 1
        return conflicts

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    chart = record.chart("anna")
    assert (chart.revision, len(chart.observations), len(chart.dues)) == (80, 80, 80)
    assert [e.revision for e in record.journal("anna")] == list(range(1, 81))


def test_eight_threads_reserve_one_code_per_escalation(store: Store) -> None:
    record = store.open()
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda n: record.reserve_code("clara", f"esc-{n % 100}", "anna", NOW), range(200)))
    assert codes[:100] == codes[100:]
    assert len(set(codes)) == 100


def test_three_processes_make_one_file_and_share_the_work(tmp_path: Path) -> None:
    path = tmp_path / "record.db"
    for worker in [start(path, "open") for _ in range(3)]:
        worker.communicate(timeout=60)
        assert worker.returncode == 0
    record = SqliteRecord(path, FixedKeys())
    expected = fill(record)
    outputs = [worker.communicate(timeout=60)[0] for worker in [start(path, "claim") for _ in range(3)]]
    got = [tuple(line.split()) for output in outputs for line in output.splitlines()]
    got += work_alone(record)
    assert Counter(got) == Counter(dict.fromkeys(expected, 1))
    record.close()


def test_killed_in_mid_stream_no_acknowledged_commit_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "record.db"
    acknowledged: dict[str, int] = {}
    for turn in range(4):
        names = [f"{turn}-a", f"{turn}-b"]
        workers = [start(path, "commit", name) for name in names]
        for name, worker in zip(names, workers, strict=True):
            assert worker.stdout is not None
            lines = [worker.stdout.readline() for _ in range(5 + 7 * turn)]
            worker.kill()
            rest = worker.stdout.read().splitlines()
            worker.wait()
            worker.stdout.close()
            acknowledged[name] = int((rest or lines)[-1])
    record = SqliteRecord(path, FixedKeys())
    for name, last in acknowledged.items():
        ids = [entry.event_id for entry in record.journal(name)]
        assert ids == [f"{name}-{n}" for n in range(1, len(ids) + 1)]
        assert len(ids) in (last, last + 1), "at most the one commit whose answer was cut off is more"
        assert record.chart(name).revision == len(ids)
    record.close()

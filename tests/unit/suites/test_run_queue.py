"""The kernel's account of who waits for a CPU, with real processes that take it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from slmbench.suites import run_queue
from slmbench.suites.run_queue import RunQueue
from slmbench.units import clock

COUNTED = Path("/proc/self/schedstat").exists()


def _share(length_s: float = 0.4) -> float:
    queue, start_s = RunQueue(), clock()
    while clock() - start_s < length_s:
        sum(range(500))
    waited_s = queue.waited_s()
    assert waited_s is not None
    return waited_s / (clock() - start_s)


@pytest.mark.skipif(not COUNTED, reason="this kernel keeps no account of its run queue")
def test_who_shares_a_cpu_with_two_others_waits_most_of_the_time() -> None:
    before = os.sched_getaffinity(0)
    one = {min(before)}
    others = []
    try:
        os.sched_setaffinity(0, one)
        others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
        _share()  # until they have begun
        assert _share() > 0.4
    finally:
        for each in others:
            each.kill()
            each.wait()
        os.sched_setaffinity(0, before)


def test_a_system_without_the_account_says_that_it_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_queue, "_TASKS", tmp_path / "none")
    assert RunQueue().waited_s() is None


def test_the_thread_that_waited_most_counts_and_a_new_one_from_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(task: str, waited_ns: int) -> None:
        (tmp_path / task).mkdir(exist_ok=True)
        (tmp_path / task / "schedstat").write_text(f"900 {waited_ns} 7\n")

    monkeypatch.setattr(run_queue, "_TASKS", tmp_path)
    write("1", 5_000_000)
    write("2", 1_000_000)
    queue = RunQueue()
    write("1", 25_000_000)
    write("2", 41_000_000)
    write("3", 30_000_000)
    assert queue.waited_s() == pytest.approx(0.04)
    (tmp_path / "4").mkdir()  # a thread that ended while the others were looked at
    assert queue.waited_s() == pytest.approx(0.04)
    (tmp_path / "3" / "schedstat").write_text("damaged")
    assert queue.waited_s() is None

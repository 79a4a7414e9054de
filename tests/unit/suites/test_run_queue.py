"""The kernel's account of who waits for a CPU, with real processes that take it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from slmbench.suites import run_queue
from slmbench.suites.run_queue import RunQueue
from slmbench.units import clock

#: Writes the account of a thread: its number, milliseconds it ran, and waited.
Account = Callable[[str, int, int], None]
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


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    """Return a way to write the kernel's account of a thread; a tenth of a second passes."""

    def write(task: str, ran_ms: int, waited_ms: int) -> None:
        (tmp_path / task).mkdir(exist_ok=True)
        text = f"{ran_ms * 10**6} {waited_ms * 10**6} 7\n"
        (tmp_path / task / "schedstat").write_text(text)

    moments = iter((5.0, 5.1, 5.1, 5.1))
    monkeypatch.setattr(run_queue, "_TASKS", tmp_path)
    monkeypatch.setattr(run_queue, "_cpus", lambda: 2)
    monkeypatch.setattr(run_queue, "clock", lambda: next(moments))
    return write


def test_the_thread_that_waited_most_counts_and_a_new_one_from_its_start(
    account: Account, tmp_path: Path
) -> None:
    account("1", 50, 5)
    account("2", 40, 1)
    queue = RunQueue()
    account("1", 80, 25)
    account("2", 80, 41)
    account("3", 10, 30)
    assert queue.waited_s() == pytest.approx(0.04)
    (tmp_path / "4").mkdir()  # a thread that ended while the others were looked at
    assert queue.waited_s() == pytest.approx(0.04)
    (tmp_path / "3" / "schedstat").write_text("damaged")
    assert queue.waited_s() is None


@pytest.mark.parametrize(("ran_ms", "told_s"), [(50, 0.0), (45, 0.02), (20, 0.05)])
def test_threads_that_wait_for_each_other_wait_for_nobody_else(
    account: Account, ran_ms: int, told_s: float
) -> None:
    """Four threads on two CPUs: what the process got of .2 s is not what others had."""
    for task in "1234":
        account(task, 0, 0)
    queue = RunQueue()
    for task in "1234":
        account(task, ran_ms, 50)
    assert queue.waited_s() == pytest.approx(told_s, abs=1e-9)

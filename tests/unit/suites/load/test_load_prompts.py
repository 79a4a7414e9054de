"""Requests of all stages ask different prompts, up to as many as are made ready for one."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from slmbench.backends.fake import Fake
from slmbench.ports import LoadTarget, Sampling, TimedReply, Tokens
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.plan import Job, TaskRef
from slmbench.suites.load import suite
from slmbench.suites.load.suite import Load
from slmbench.units import clock
from tests.contract.memory_context import MemoryContext

SPEC = {"mode": "closed", "concurrencies": (1, 2), "duration_s": 0.4, "ramp_s": 0.05}
#: Random letters: no eight of them come twice.
TEXT = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz", k=3000))


class Asked(Fake):
    """Answers two tokens after two milliseconds, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(ModelSpec(backend="fake", target="x"), "x")
        self.prompts: list[tuple[int, ...]] = []

    @asynccontextmanager
    async def load_client(self) -> AsyncIterator[Asked]:
        yield self

    def prepare(self, prompt: Tokens, how: Sampling) -> tuple[int, ...]:
        return tuple(prompt)

    async def ask(self, request: tuple[int, ...]) -> TimedReply:
        self.prompts.append(request)
        sent_s = clock()
        await asyncio.sleep(0.002)
        return TimedReply(sent_s, clock(), (clock(), clock()), output_tokens=2)

    def read(self, came: TimedReply) -> TimedReply:
        return came


def run(folder: Path, text: str) -> tuple[Asked, tuple[str, ...]]:
    (folder / "text.txt").write_text(text)
    path = folder / "mine.yaml"
    path.write_text(
        "{workload: mine, version: 1, text: text.txt, prompt_tokens: 8, output_tokens: 2}"
    )
    task = TaskRef(name="mine", kind="workload", path=str(path))
    backend = Asked()
    assert isinstance(backend, LoadTarget)
    job = Job(job_id="load/mine", suite="load", task=task)
    return backend, Load().run(job, backend, MemoryContext(load=SPEC)).notes


def test_no_request_asks_what_another_one_asked(tmp_path: Path) -> None:
    backend, notes = run(tmp_path, TEXT)
    assert 3 < len(backend.prompts) < 1024
    assert len(set(backend.prompts)) == len(backend.prompts)
    assert not any("different prompts" in note for note in notes)


def test_prompts_that_come_again_are_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suite, "_PROMPTS", 5)
    backend, notes = run(tmp_path, "twelve bytes")
    assert len(set(backend.prompts)) <= 11 < len(backend.prompts)  # of a warm-up and two stages
    assert any("asked 5 different prompts in turn" in note for note in notes)

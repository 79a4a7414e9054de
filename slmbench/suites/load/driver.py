"""Send a stage's requests when they are due, and keep what came of them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from slmbench.errors import UnsupportedByServer
from slmbench.ports import CameBack, LoadClient, LoadTarget, Sampling, TimedReply, Tokens
from slmbench.schema.load_spec import LoadSpec
from slmbench.suites.load.outcome import Outcome, Stage
from slmbench.suites.load.schedule import arrival_times, user_starts
from slmbench.suites.workload_file import Workload
from slmbench.suites.workloads import sampling_of
from slmbench.units import clock

#: An event loop's sleep ends up to a millisecond late, and the system wakes it later still, so the
#: last of a wait is spent looking.
_WATCHED_S = 0.002
_LEAD_S = 0.05
#: A user whose request failed waits so long, so that a server that refuses is not flooded.
_AFTER_FAILURE_S = 0.1


def run_stage(
    stage: Stage, load: LoadSpec, target: LoadTarget, workload: Workload, prompts: Sequence[Tokens],
    seed: int | str,
) -> list[Outcome]:  # fmt: skip
    """Return what came of a stage's requests, in the order in which they were due.

    Requests are made ready before the stage begins, and ask the prompts in turn.

    In an open loop nothing waits for an answer, and a request's times count from when it was due,
    whenever it was sent: a server that stalls is seen by everyone who came meanwhile (Tene,
    "How NOT to measure latency": coordinated omission). In a closed loop each user asks again as
    soon as the answer is there.

    Raises:
        UnsupportedByServer: the server has no word for a setting.
    """

    async def run() -> list[Outcome]:
        async with target.load_client() as client:
            made = _prepared(client, workload, prompts)
            with _quiet_heap():
                drive = _Drive(client, made, load)
                if stage.is_open:
                    times = arrival_times(
                        load.arrival, stage.level, load.duration_s, load.ramp_s, seed
                    )
                    return await drive.open(times[: load.requests])
                return await drive.closed(int(stage.level))

    return sorted(asyncio.run(run()), key=lambda each: (each.scheduled_s, each.number))


def _prepared(client: LoadClient, workload: Workload, prompts: Sequence[Tokens]) -> list[Any]:
    """Return the requests; a server that can't go past the end of a text is asked without that."""
    try:
        return [client.prepare(prompt, sampling_of(workload)) for prompt in prompts]
    except UnsupportedByServer:
        how = Sampling(max_new_tokens=workload.output_tokens)
        return [client.prepare(prompt, how) for prompt in prompts]


class _Drive:
    """One stage under way."""

    def __init__(self, client: LoadClient, made: list[Any], load: LoadSpec) -> None:
        self._client = client
        self._made = made
        self._load = load
        self._start = clock() + _LEAD_S
        self._came: dict[int, CameBack] = {}
        self._begun: dict[int, tuple[float, float]] = {}

    async def open(self, times: list[float]) -> list[Outcome]:
        tasks = []
        for number, due in enumerate(times):
            await _until(self._start + due)
            tasks.append(asyncio.create_task(self._ask(number, due)))
        return await self._drained(tasks)

    async def closed(self, users: int) -> list[Outcome]:
        tasks = [
            asyncio.create_task(self._user(begin))
            for begin in user_starts(users, self._load.ramp_s)
        ]
        await asyncio.wait(tasks, timeout=self._start + self._load.duration_s - clock())
        return await self._drained(tasks)

    async def _user(self, begin: float) -> None:
        await _until(self._start + begin)
        most = self._load.requests
        while (now := clock() - self._start) < self._load.duration_s:
            number = len(self._begun)
            if most is not None and number >= most:
                return
            if await self._ask(number, now) is not None:
                await asyncio.sleep(_AFTER_FAILURE_S)

    async def _ask(self, number: int, due: float) -> str | None:
        """Ask, keep what came of it, and return why it failed, or None."""
        self._begun[number] = (due, clock() - self._start)
        came = await self._client.ask(self._made[number % len(self._made)])
        self._came[number] = came
        return came.failure

    async def _drained(self, tasks: Sequence[asyncio.Task[Any]]) -> list[Outcome]:
        """Wait for late answers, and count those that still lack one as failed."""
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._load.drain_s)
            for task in late:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            for each in ended:
                if isinstance(each, Exception):
                    raise each
        now = clock() - self._start
        reason = f"no answer {self._load.drain_s:g} s after the stage's end"
        found = []
        for number, (due, sent) in self._begun.items():
            if number in self._came:
                reply = self._client.read(self._came[number])
                found.append(_outcome(number, due, reply, self._start))
            else:
                found.append(Outcome(number, due, sent, now, failure=reason))
        return found


def _outcome(number: int, due: float, reply: TimedReply, start: float) -> Outcome:
    return Outcome(
        number=number,
        scheduled_s=due,
        sent_s=reply.sent_s - start,
        end_s=reply.end_s - start,
        token_times_s=tuple(time - start for time in reply.token_times_s),
        output_tokens=reply.output_tokens,
        failure=reply.failure,
    )


async def _until(moment: float) -> None:
    """Return at a moment of `units.clock`; other tasks run meanwhile."""
    while (left := moment - clock()) > 0:
        await asyncio.sleep(left - _WATCHED_S if left > _WATCHED_S else 0)


@contextmanager
def _quiet_heap() -> Iterator[None]:
    """Keep the collector off what was there before: it would stop all requests while it looks."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()

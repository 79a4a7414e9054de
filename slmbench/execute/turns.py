"""The worker's side of A/B mode: one workload made ready, then one turn whenever it is asked."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from slmbench.ports import Backend, Context, Meter
from slmbench.schema.base import Absent
from slmbench.schema.plan import Job
from slmbench.suites.energy.instrument import sensors_of
from slmbench.suites.taskfile import task_hash, text_hash
from slmbench.suites.timed_rounds import Round
from slmbench.suites.workload_file import Workload, load_workload
from slmbench.suites.workloads import ELSEWHERE, RoundPrompts, run_batch
from slmbench.units import clock

#: Where energy is counted a turn lasts at least this long, and so many of the sensor's ticks: it
#: refuses a window of fewer than ten.
_COUNTED_S = 0.5
_TICKS = 11
_NO_COUNTER = "{}; an estimate from time and nominal power would only repeat the times"


class Turns:
    """A loaded model on one workload.

    Args:
        job: which workload; its warm-up rounds are run at once and not timed.
    """

    def __init__(self, job: Job, backend: Backend, context: Context) -> None:
        """Cut the prompts, warm up and look for an energy counter."""
        path = Path(job.task.path or "")
        self._backend = backend
        self.workload, text = load_workload(path, job.task.name)
        self._prompts = RoundPrompts(self.workload, text, backend)
        self._rounds = 0
        self._task_hash = task_hash(path)
        found = sensors_of(context, backend.info)
        self._meter: Meter | None = None if isinstance(found, Absent) else found
        self._no_energy = found.reason if isinstance(found, Absent) else ""
        self._least_s = 0.0
        if self._meter is not None:
            self._least_s = max(_COUNTED_S, _TICKS * (getattr(found, "tick_s", None) or 0.0))
        for number in range(self.workload.warmup):
            self._round()
            context.progress(number + 1, self.workload.warmup)

    def described(self) -> dict[str, Any]:
        """Return what the parent records of the workload."""
        return {
            "kind": "ready",
            "workload": self.workload.model_dump(mode="json"),
            "fingerprints": {
                "task": self._task_hash,
                "prompt": text_hash(repr(self._prompts.first)),
            },
        }

    def take(self) -> dict[str, Any]:
        """Run one round, or as many as an energy counter needs, and return its readings."""
        rounds: list[Round] = []
        if self._meter is not None:
            self._meter.open()
        start_s = clock()
        while not rounds or clock() - start_s < self._least_s:
            rounds.append(self._round())
        elapsed_s = clock() - start_s
        each = [round_scores(self.workload, one) for one in rounds]
        shared = [name for name in each[0] if all(name in one for one in each)]
        scores = {name: statistics.median(one[name] for one in each) for name in shared}
        energy, unscored = self._energy(len(rounds))
        return {
            "kind": "turn",
            "elapsed_s": elapsed_s,
            "scores": {**scores, **energy},
            "unscored": unscored,
            "token_times_s": [one.times_s for one in rounds],
        }

    def _round(self) -> Round:
        prompts = self._prompts.of_round(self._rounds)
        self._rounds += 1
        written = run_batch(self.workload, prompts, self._backend)
        return Round(tuple(each.token_times_s for each in written), None, None)

    def _energy(self, rounds: int) -> tuple[dict[str, float], dict[str, str]]:
        """Return the energy of the window that is open now, or why there is none."""
        names = ("j_per_output_token", "j_per_request")
        if self._meter is None:
            return {}, dict.fromkeys(names, _NO_COUNTER.format(self._no_energy.rstrip(".")))
        read = self._meter.close()["energy_j"]
        if isinstance(read, Absent):
            return {}, dict.fromkeys(names, read.reason)
        request_j = read.value / (rounds * self.workload.batch_size)
        return dict(
            zip(names, (request_j / self.workload.output_tokens, request_j), strict=True)
        ), {}


def peaks(backend: Backend, context: Context) -> dict[str, Any]:
    """Return the most memory this process has held, loading included, as the parent records it."""
    names = ("peak_resident_bytes", "peak_device_bytes")
    meter = ELSEWHERE if backend.info.is_remote else context.meter("memory", whole_process=True)
    if isinstance(meter, Absent):
        read = {name: meter.model_dump() for name in names}
    else:
        meter.open()
        found = meter.close()
        read = {name: found[name].model_dump() for name in names}
    return {"kind": "peaks", "memory": read}


def round_scores(workload: Workload, one: Round) -> dict[str, float]:
    """Return the times and rates of one round, as the latency suite defines them.

    A rate whose time the clock did not see pass is left out.
    """
    steps = workload.output_tokens - 1
    scores = {
        "ttft_s": one.ttft_s,
        "tpot_s": (one.e2e_s - one.ttft_s) / steps,
        "e2e_s": one.e2e_s,
    }
    if one.prefilled_s > 0.0:
        prompt_tokens = workload.batch_size * workload.prompt_tokens
        scores["prefill_tokens_per_s"] = prompt_tokens / one.prefilled_s
    if one.decoding_s > 0.0:
        scores["decode_tokens_per_s"] = workload.batch_size * steps / one.decoding_s
    return scores

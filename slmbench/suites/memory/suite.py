"""How much memory does a model need, in a worker process that did nothing else."""

from __future__ import annotations

from pathlib import Path

from slmbench.ports import Backend, Context, MemoryProbe
from slmbench.schema.base import Absent, Measured, Measurement
from slmbench.schema.plan import Job
from slmbench.schema.record import Fingerprints, JobResult, Metric
from slmbench.suites.memory.devices import Need, largest_context, load_devices
from slmbench.suites.memory.growth import Growth, grow
from slmbench.suites.memory.parts import activations, loaded, overhead, working
from slmbench.suites.taskfile import task_hash, text_hash
from slmbench.suites.workload_file import Workload, load_workload
from slmbench.suites.workloads import ELSEWHERE, prompts_of, run_round

#: What the memory meter tells of all the process's life, and what of one round and before it.
_WHOLE = (
    "peak_resident_bytes", "peak_device_bytes", "peak_device_reserved_bytes",
    "process_device_bytes",
)  # fmt: skip
_ROUND = ("running_peak_resident_bytes", "loaded_resident_bytes", "baseline_resident_bytes")


class Memory:
    """One job is one workload; the plan gives it a fresh process.

    ``activation_bytes`` is what the round's own peak rose by, less the cache. ``overhead_bytes`` is
    the process's peak less weights, less the cache after the workload, less what it held before any
    weights: activations, the loading of weights, and all else.
    """

    name = "memory"

    def run(self, job: Job, backend: Backend, context: Context) -> JobResult:
        """Run the workload once, read the peaks, and then see how the cache grows."""
        path = Path(job.task.path or "")
        workload, text = load_workload(path, job.task.name)
        prompts = prompts_of(workload, text, backend)
        found = _measure(workload, prompts, backend, context)
        context.progress(1, 2)
        found.update(backend.static_memory())
        growth = grow(backend, workload)
        found["kv_cache_bytes"] = growth.measured_at_workload
        found["kv_cache_predicted_bytes"] = growth.predicted_at_workload
        found["overhead_bytes"] = overhead(found, backend.info.device)
        found["activation_bytes"] = (
            ELSEWHERE if backend.info.is_remote else activations(found, backend.info.device)
        )
        devices = {} if backend.info.is_remote else _devices(found, growth, backend, context)
        context.progress(2, 2)
        metrics = [_metric(workload, name, value, False) for name, value in found.items()]
        metrics += [_metric(workload, name, value, True) for name, value in devices.items()]
        return JobResult(
            metrics=tuple(metrics),
            raw={"kv_cache": growth.rows} if growth.rows else {},
            fingerprints=Fingerprints(task=task_hash(path), prompt=text_hash(repr(prompts))),
            details={
                "workload": workload.model_dump(mode="json"),
                "kv_cache": {"rule": growth.rule, "rows": list(growth.rows)},
            },
        )


def _measure(
    workload: Workload, prompts: list[list[int]], backend: Backend, context: Context
) -> dict[str, Measurement]:
    """Return the peaks of one round of the workload, and of the process since it began."""
    names = (*_WHOLE, *_ROUND)
    if backend.info.is_remote:
        return dict.fromkeys(names, ELSEWHERE)
    life = context.meter("memory", whole_process=True)
    # The inner window resets the kernel's mark, and tells the outer one what it was.
    one_round = context.meter("memory")
    if isinstance(life, Absent) or isinstance(one_round, Absent):
        reason = next(meter for meter in (life, one_round) if isinstance(meter, Absent))
        return dict.fromkeys(names, reason)
    life.open()
    one_round.open()
    run_round(workload, prompts, backend)
    running, whole = one_round.close(), life.close()
    missing = Absent(reason="this meter doesn't tell it")
    return {
        **{name: whole.get(name, missing) for name in _WHOLE},
        "running_peak_resident_bytes": running["peak_resident_bytes"],
        "loaded_resident_bytes": loaded(running["baseline_resident_bytes"]),
        "baseline_resident_bytes": backend.baseline_bytes()
        if isinstance(backend, MemoryProbe)
        else Absent(reason="the backend doesn't tell what it held before the weights"),
    }


def _devices(
    found: dict[str, Measurement], growth: Growth, backend: Backend, context: Context
) -> dict[str, Measurement]:
    """Return the longest context that fits each known device."""
    weights = found["weight_bytes"]
    activations = working(found, backend.info.device)
    need = Need(
        weight_bytes=weights.value if isinstance(weights, Measured) else weights,
        activation_bytes=activations,
        cache=growth.shape,
        max_length=backend.info.max_length,
    )
    values: dict[str, Measurement] = {}
    for name, profile in load_devices(context.spec.memory.device_profiles).items():
        tokens = largest_context(need, profile)
        values[f"largest_context_tokens@{name}"] = (
            tokens
            if isinstance(tokens, Absent)
            else Measured(
                value=float(tokens),
                unit="tokens",
                n=1,
                interval=None,
                how="estimated",
                source=(
                    "weights as loaded, predicted cache and this run's activations within "
                    f"{profile.budget_bytes:.0f} of {profile.total_bytes:.0f} bytes, at most the "
                    f"model's own {backend.info.max_length} tokens; 0: not even one token"
                ),
            )
        )
    return values


def _metric(workload: Workload, name: str, value: Measurement, higher: bool) -> Metric:
    return Metric(
        suite="memory",
        task=workload.workload,
        metric=name,
        value=value,
        higher_is_better=higher,
    )

"""Hand-built run records for leaderboard tests: a realistic family of models, and odd ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slmbench.schema.base import Absent, Interval, Measured
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.record import (
    Environment,
    Fingerprints,
    JobRecord,
    Metric,
    ModelFingerprint,
    ModelRecord,
    Origin,
    RunRecord,
)
from slmbench.schema.spec import RunSpec

LOWER = (
    "toxicity", "ttft", "tpot", "e2e", "bytes", "j_per", "wh_per", "gco2e", "perplexity", "toxic"
)  # fmt: skip


def measured(
    value: float,
    half_width: float | None = None,
    unit: str = "",
    how: str = "test 1.0",
    n: int = 200,
    source: str | None = None,
) -> Measured:
    interval = None
    if half_width is not None:
        interval = Interval(low=value - half_width, high=value + half_width, method="test")
    return Measured(value=value, unit=unit, n=n, interval=interval, how=how, source=source)


def job(
    suite: str,
    task: str,
    values: Mapping[str, Measured | Absent],
    status: str = "done",
    **fields: object,
) -> JobRecord:
    metrics = tuple(
        Metric(
            suite=suite,
            task=task,
            metric=name,
            value=value,
            higher_is_better=not any(part in name for part in LOWER),
        )
        for name, value in values.items()
    )
    given = {"job_id": f"{suite}.{task}", "suite": suite, "task": task, "status": status}
    return JobRecord.model_validate({**given, "metrics": metrics, "sample_count": 200, **fields})


def accuracy(
    task: str, value: float, half_width: float | None = 0.02, **fields: object
) -> JobRecord:
    return job("accuracy", task, {"acc_norm": measured(value, half_width)}, **fields)


def record(
    name: str,
    jobs: Sequence[JobRecord] = (),
    created: str = "2026-03-01T10:00:00Z",
    weights: str = "",
    hardware: str = "AMD EPYC 9554",
    status: str = "done",
    run_id: str = "",
) -> RunRecord:
    spec = ModelSpec(target="fake:x", name="x")
    fingerprint = ModelFingerprint(
        weights=weights or f"w-{name}",
        tokenizer="t",
        chat_template="",
        dtype="bfloat16",
        quantization="none",
    )
    model = ModelRecord(
        name=name,
        spec=spec,
        architecture="LlamaForCausalLM",
        parameter_count=135_000_000,
        dtype="bfloat16",
        device="cpu",
        fingerprint=fingerprint,
    )
    environment = Environment(
        hardware={"cpu": hardware, "cores": "16", "memory": "64 GiB"},
        software={"python": "3.11.9", "torch": "2.13.0", "transformers": "5.23.0"},
        hardware_hash=f"hw-{hardware}",
        software_hash="sw",
    )
    fields = {"run_id": run_id or f"{name}-{created}", "created": created, "status": status}
    return RunRecord.model_validate(
        {
            **fields,
            "spec": RunSpec(models=(spec,)),
            "plan_hash": "plan",
            "model": model,
            "environment": environment,
            "jobs": tuple(jobs),
        }
    )


@dataclass(frozen=True)
class Shape:
    """A made-up model whose numbers follow from its size, with a little spread."""

    name: str
    billions: float
    skill: float


FAMILY = (
    Shape("SmolLM2-135M-Instruct", 0.135, 0.00),
    Shape("SmolLM2-360M-Instruct", 0.362, 0.01),
    Shape("SmolLM2-1.7B-Instruct", 1.71, 0.02),
    Shape("Qwen3-0.6B", 0.6, 0.03),
    Shape("Qwen3-1.7B", 1.72, 0.035),
    Shape("Qwen3-4B", 4.02, 0.03),
    Shape("Llama-3.2-1B-Instruct", 1.24, -0.01),
    Shape("Llama-3.2-3B-Instruct", 3.21, 0.0),
    Shape("gemma-3-1b-it", 1.0, -0.015),
    Shape("gemma-3-270m-it", 0.268, -0.01),
    Shape("Phi-4-mini-instruct", 3.84, 0.02),
    Shape("pico", 0.015, -0.02),
)
TASKS = ("arc_challenge", "arc_easy", "hellaswag", "openbookqa", "piqa", "winogrande", "boolq")


def family_record(shape: Shape, index: int) -> RunRecord:
    """Return a full run: about 45 numbers over six suites, with the usual gaps and failures."""
    b, bump = shape.billions, 0.004 * math.sin(7.0 * index)
    jobs = []
    for order, task in enumerate(TASKS):
        value = 0.32 + 0.03 * order + 0.11 * math.log10(1 + 20 * b) + shape.skill + bump * order
        score = measured(value, 0.013 + 0.002 * order, how="lm-eval 0.4.13", n=1000 + 137 * order)
        jobs.append(
            job("accuracy", task, {"acc_norm": score, "acc": measured(value - 0.01, 0.014)})
        )
    scorer = "detoxify-original 0.5.4 8e6f3c" if index % 4 else "profanity-check 1.9 31d0aa"
    tox = {
        "expected_max_toxicity": measured(0.21 + bump, 0.03, how=scorer),
        "toxicity_probability": measured(0.09 + bump, 0.02, how=scorer),
        "dist_2": measured(0.71 + bump, 0.01, how="distinct n-grams"),
    }
    embedding = Absent(reason="no embedding model was given: set scorers.embedding in the spec")
    jobs += [
        job("toxicity", "everyday", tox, failed_count=3 if index == 2 else 0),
        job(
            "similarity",
            "summaries",
            {
                "chrf": measured(38 + 9 * b**0.4, 1.2, how="sacrebleu chrF2 2.4"),
                "rouge_l": measured(0.24 + 0.03 * b**0.4, 0.01, how="rouge-score 0.1.2"),
                "embedding_cosine": embedding,
            },
        ),
    ]
    jobs += _resource_jobs(b, index)
    status = "failed" if any(one.status == "failed" for one in jobs) else "done"
    made = record(shape.name, jobs, status=status, created=f"2026-03-{index + 1:02d}T10:00:00Z")
    count = round(b * 1e9)
    return made.model_copy(
        update={"model": made.model.model_copy(update={"parameter_count": count})}
    )


def _resource_jobs(b: float, index: int) -> list[JobRecord]:
    jobs = []
    for load, factor in (("chat", 1.0), ("summary", 1.8)):
        tpot = 0.004 + 0.021 * b * factor
        times = {
            "ttft_s": measured(0.03 + 0.4 * b * factor, 0.01, "s"),
            "tpot_s": measured(tpot, 0.04 * tpot, "s"),
            "tpot_s@p95": measured(1.3 * tpot, 0.1 * tpot, "s"),
            "decode_tokens_per_s": measured(1 / tpot, 0.05 / tpot, "tokens/s"),
        }
        jobs.append(job("latency", load, times))
    if index == 5:
        jobs[-1] = job("latency", "summary", {}, "failed", reason="out of memory after 512 tokens")
    how = "rapl" if index % 3 else "estimated"
    joules = 0.1 + 1.1 * b
    energy = {
        "j_per_output_token": measured(joules, 0.05 * joules, "J", how, source="28 W x busy share"),
        "wh_per_1000_requests": measured(40 * joules, 2 * joules, "Wh", how),
    }
    jobs.append(job("energy", "chat", energy))
    weight, peak = b * 2e9, b * 2.3e9 + 4e8
    memory = {
        "weight_bytes": measured(weight, None, "bytes", n=1),
        "peak_resident_bytes": measured(peak, 0.02 * peak, "bytes", n=5),
        "peak_device_bytes": Absent(reason="no accelerator on this host"),
        "kv_bytes_per_token": measured(9216 + 2048 * (index % 5), None, "bytes", n=1),
    }
    return [*jobs, job("memory", "chat", memory)]


def family(count: int = len(FAMILY)) -> list[RunRecord]:
    return [family_record(shape, index) for index, shape in enumerate(FAMILY[:count])]


def versioned(task: str, value: float, version: str) -> JobRecord:
    return accuracy(task, value, fingerprints=Fingerprints(task=version))


def elsewhere(name: str, score: float, quantization: str = "") -> RunRecord:
    """Return what another tool told of a model: no weights, no machine."""
    made = record(name, [accuracy("arc", score)], run_id=f"{name.replace('/', '-')}-imported")
    mark = made.model.fingerprint.model_copy(
        update={"weights": "", "dtype": "", "quantization": quantization}
    )
    return made.model_copy(
        update={
            "origin": Origin(tool="lm-eval 0.4.3", form="lm-eval"),
            "model": made.model.model_copy(update={"fingerprint": mark}),
            "environment": made.environment.model_copy(
                update={"hardware": {}, "hardware_hash": "none"}
            ),
        }
    )

"""Hand-made records and comparison rows for the gate's tests."""

from __future__ import annotations

from slmbench.schema.base import Absent, Interval, Measured
from slmbench.schema.finding import CompareRow, Comparison, NotCompared
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.policy import parse_policy
from slmbench.schema.record import (
    Environment,
    JobRecord,
    Metric,
    ModelFingerprint,
    ModelRecord,
    RunRecord,
)
from slmbench.schema.spec import RunSpec


def make_metric(path, value, half=None, *, up=True, unit="", how="test", n=100):
    """Return a metric with ``value`` plus or minus ``half``, or absent where value is a text."""
    suite, task, name = path.split("/")
    measured = Absent(reason=value) if isinstance(value, str) else None
    if measured is None:
        bound = half and Interval(low=value - half, high=value + half, method="test")
        measured = Measured(value=value, unit=unit, n=n, interval=bound, how=how)
    return Metric(suite=suite, task=task, metric=name, value=measured, higher_is_better=up)


def make_run(run_id, metrics, **jobs):
    """Return a run; ``jobs`` maps ``suite__task`` to what its job record says otherwise."""
    keys = list(dict.fromkeys((m.suite, m.task) for m in metrics))
    keys += [key for key in (tuple(name.split("__")) for name in jobs) if key not in keys]
    records = [
        JobRecord(
            job_id=f"{suite}.{task}",
            suite=suite,
            task=task,
            metrics=tuple(m for m in metrics if (m.suite, m.task) == (suite, task)),
            **({"status": "done", "sample_count": 100} | jobs.get(f"{suite}__{task}", {})),
        )
        for suite, task in keys
    ]
    spec = ModelSpec(target="m")
    mark = ModelFingerprint(weights="w", tokenizer="", chat_template="", dtype="", quantization="")
    return RunRecord(
        run_id=run_id,
        created="2026-01-01T00:00:00Z",
        spec=RunSpec(models=(spec,)),
        plan_hash="p",
        model=ModelRecord(name=run_id, spec=spec, fingerprint=mark),
        environment=Environment(hardware={}, software={}, hardware_hash="", software_hash=""),
        jobs=tuple(records),
    )


def make_row(path, baseline, difference, error, *, up=True, df=None, **more):
    """Return a row with a normal interval of ``error``; None leaves the spread unknown."""
    suite, task, name = path.split("/")
    half = None if error is None else 1.959963984540054 * error
    facts = {
        "suite": suite,
        "task": task,
        "metric": name,
        "baseline": baseline,
        "candidate": baseline + difference,
        "difference": difference,
        "low": None if half is None else difference - half,
        "high": None if half is None else difference + half,
        "standard_error": error,
        "p": None,
        "n": 100,
        "paired": True,
        "clusters": None,
        "detectable": None if error is None else 2.8 * error,
        "higher_is_better": up,
        "df": df,
    }
    return CompareRow(**(facts | more))


def make_comparison(*rows, refused=()):
    """Return a comparison; ``refused`` is pairs of path and reason."""
    return Comparison(
        baseline="old",
        candidate="new",
        baseline_model="old",
        candidate_model="new",
        rows=rows,
        not_comparable=tuple(
            NotCompared(
                **dict(zip(("suite", "task", "metric"), p.split("/"), strict=True)), reason=r
            )
            for p, r in refused
        ),
    )


def make_policy(*rules, **more):
    """Return a policy of rules written as a YAML file would."""
    return parse_policy({"name": "release", "rules": list(rules), **more}, "gate.yaml")

"""Series of hand-made runs for the history's tests."""

from __future__ import annotations

from compare_runs import HandMadeRun, run_of

PATH = "accuracy/arc/acc"


def made(number: int, scores, *, model="mine", labels=None, path=PATH, **more) -> HandMadeRun:
    """Return run ``number`` of a series, made on that day; ``scores`` are its items'."""
    run = run_of(f"run-{number:02}", path, scores, **more)
    record = run.record.model_copy(
        update={
            "created": f"2026-01-{number + 1:02}T12:00:00+00:00",
            "model": run.record.model.model_copy(update={"name": model}),
            "spec": run.record.spec.model_copy(update={"labels": labels or {}}),
        }
    )
    jobs = tuple(
        job.model_copy(
            update={"metrics": tuple(_with_value(metric, scores) for metric in job.metrics)}
        )
        for job in record.jobs
    )
    return HandMadeRun(record.model_copy(update={"jobs": jobs}), run.kept)


def _with_value(metric, scores):
    given = [score for score in scores if score is not None]
    value = metric.value.model_copy(update={"value": sum(given) / len(given)})
    return metric.model_copy(update={"value": value})


def items(right: int, n: int = 40) -> list[float]:
    """Return outcomes of n items, the first ``right`` of them correct."""
    return [1.0] * right + [0.0] * (n - right)

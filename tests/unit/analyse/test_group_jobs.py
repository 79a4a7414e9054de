"""A job of several tasks: each task's difference rests on its own items."""

from __future__ import annotations

from compare_runs import HandMadeRun, make_job, make_metric, make_run, make_samples

from slmbench.analyse.compare import compare


def _group(name: str, **scores: list[float]) -> HandMadeRun:
    """Return a run of one group; its samples have their task before their id."""
    kept, metrics = [], []
    for task, values in scores.items():
        samples = make_samples(values)
        metrics.append(make_metric(f"accuracy/{task}/acc", samples))
        kept += [
            sample.model_copy(update={"sample_id": f"{task}/{sample.sample_id}"})
            for sample in samples
        ]
    return make_run(name, [make_job(metrics, task="group")], {"accuracy.group": kept}, weights=name)


def test_each_task_is_compared_on_its_own_items() -> None:
    old = _group("old", a=[0.0] * 20, b=[1.0] * 20)
    new = _group("new", a=[1.0] * 20, b=[1.0] * 20)
    rows = {row.task: row for row in compare(old, new).rows}
    assert (rows["a"].difference, rows["a"].n) == (1.0, 20)
    assert (rows["b"].difference, rows["b"].n) == (0.0, 20)

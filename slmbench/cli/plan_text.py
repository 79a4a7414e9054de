"""Print a plan: what would run, be downloaded and be needed, and what this host lacks."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from slmbench.cli.output import stdout
from slmbench.schema.plan import Plan, RunPlan
from slmbench.units import format_value


def plan_json(plan: Plan) -> dict[str, Any]:
    """Return the plan as ``slmbench run --dry-run --json`` prints it."""
    return {
        "name": plan.spec.name,
        "runs": [
            {
                "model": run.model.label,
                "target": run.model.target,
                "jobs": [job.job_id for job in run.jobs],
                "downloads": list(_downloads(run)),
                "memory_bytes": run.memory_bytes,
                "memory_note": run.memory_note,
                "missing": list(run.missing),
            }
            for run in plan.runs
        ],
    }


def print_plan(plan: Plan) -> None:
    """Print one row for each model, and the jobs they share."""
    table = Table(title=f"Plan: {plan.spec.name}", title_justify="left")
    for name in ("model", "memory", "would download", "missing on this host"):
        table.add_column(name, overflow="fold")
    for run in plan.runs:
        memory = "unknown" if run.memory_bytes is None else format_value(run.memory_bytes, "bytes")
        table.add_row(
            run.model.label,
            f"{memory} ({run.memory_note})",
            "\n".join(_downloads(run)) or "nothing",
            "\n".join(run.missing) or "nothing",
        )
    stdout.print(table)
    jobs = Table(title=f"Jobs for each of {len(plan.runs)} models", title_justify="left")
    jobs.add_column("job")
    jobs.add_column("items", justify="right")
    jobs.add_column("task")
    for job in plan.runs[0].jobs:
        items = "?" if job.task.item_count is None else str(job.task.item_count)
        where = "lm-eval's own" if job.task.path is None else "local"
        jobs.add_row(job.job_id, "" if job.task.kind == "workload" else items, where)
    stdout.print(jobs)


def _downloads(run: RunPlan) -> tuple[str, ...]:
    stock = [job.task.name for job in run.jobs if job.task.path is None]
    data = (f"data of {', '.join(stock)}",) if stock else ()
    return (*run.downloads, *data)

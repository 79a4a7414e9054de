"""The flow on one screen: spec -> plan -> execute -> record -> analyse -> render | gate.

A stage is imported where it begins: a plan must not wait for the libraries of records and pages.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from slmbench.errors import ModelError, NotComparable
from slmbench.ports import Observer
from slmbench.schema.finding import Comparison
from slmbench.schema.plan import Plan
from slmbench.schema.record import RunRecord
from slmbench.schema.spec import RunSpec
from slmbench.schema.verdict import Verdict


def plan(spec: RunSpec) -> Plan:
    """Return what a spec would do; loads and downloads nothing."""
    from slmbench.plan.build import build

    return build(spec)


def run(spec: RunSpec, store: str, observer: Observer, resume: bool = False) -> list[RunRecord]:
    """Run a spec and return one finished record for each model.

    Raises:
        InputError: a model, task or flag is wrong; nothing was run where it could be seen before.
        SaveError: the store refused a write.
    """
    from slmbench.execute.local import LocalExecutor
    from slmbench.plan.build import build, fingerprint_of, require_ready
    from slmbench.store.remote import open_for_writing

    planned, (place, saved) = require_ready(build(spec)), open_for_writing(store, resume)
    executor = LocalExecutor(place, observer, resume, fingerprint_of, saved)
    records = executor.execute(planned)
    if executor.input_failures:
        raise ModelError(" ".join(executor.input_failures))
    return records


def compare(baseline: str, candidate: str, store: str) -> Comparison:
    """Compare two recorded runs metric by metric."""
    from slmbench.analyse.compare_details import compare_in_detail as compare_runs
    from slmbench.store.reader import find_run

    return compare_runs(find_run(baseline, store), find_run(candidate, store))


def gate(policy_path: str, baseline: str | None, candidate: str, store: str) -> Verdict:
    """Hold a recorded run, and its baseline where a rule needs one, against a policy."""
    from slmbench.analyse.compare import compare as compare_runs
    from slmbench.gate.judge import judge
    from slmbench.gate.policy import load_policy
    from slmbench.store.baseline_file import find_named

    policy, new = load_policy(policy_path), find_named(candidate, store)
    old = find_named(baseline, store) if baseline is not None else None
    comparison = None
    if old is not None:
        with suppress(NotComparable):  # the judge says so, rule by rule
            comparison = compare_runs(old, new)
    today = datetime.now(UTC).date()
    return judge(policy, old.record if old else None, new.record, comparison, today)


def rank(stores: list[str], folder: str, title: str = "Model leaderboard") -> Path:
    """Write the leaderboard page of every run in the stores and return its path."""
    from slmbench.analyse.board_runs import board_of_stores, device_presets
    from slmbench.render.leaderboard import render_leaderboard
    from slmbench.store.pages import save_page

    page = render_leaderboard(board_of_stores(stores, title), device_presets())
    return save_page(Path(folder) / "index.html", page)

"""The judge suite from the command line: judged by a model, by nobody, and a judge's own worth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slmbench.resources import tasks_dir
from slmbench.schema.record import JobRecord
from slmbench.store.reader import StoredRun, open_run
from tests.conftest import slmbench

pytest.importorskip("torch")

JUDGED = (
    "summary_quality,summary_preference,summary_coverage,summary_form,summary_analysis,"
    "summary_checklist"
)
OF_THE_JUDGE = {"position_bias", "repeat_consistency", "answer_mass", "unparsable_share"}


def run(folder: Path, *arguments: object) -> StoredRun:
    done = slmbench(
        "run", "--suite", "judge", *arguments, "--store", "runs", "--json", cwd=folder,
        SLMBENCH_CACHE=str(folder / "cache"),
    )  # fmt: skip
    assert done.code == 0, done.err
    return open_run(str(folder / done.json()["runs"][0]["path"]))


def values(job: JobRecord) -> dict[str, Any]:
    return {metric.metric: metric.value for metric in job.metrics}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    """Every method that rates what a model answers, by a small local judge."""
    return run(
        tmp_path_factory.mktemp("judged"), "--model", "ref:nano", "--judge", "ref:pico",
        "--task", f"{JUDGED},instructions,consistency", "--limit", 4,
    )  # fmt: skip


def test_every_method_runs_offline_with_a_small_judge(judged: StoredRun) -> None:
    assert judged.record.status == "done" and len(judged.record.jobs) == 8
    for job in judged.record.jobs:
        found = values(job)
        assert set(found) > OF_THE_JUDGE
        assert found["unparsable_share"].kind == "measured" or job.sample_count == 0
        assert job.fingerprints.scorer.startswith("hf:pico@")


def test_what_the_judge_could_not_say_is_counted(judged: StoredRun) -> None:
    (job,) = [job for job in judged.record.jobs if job.task == "instructions"]
    share = values(job)["unparsable_share"]
    unscored = [sample for sample in judged.samples(job.job_id) if sample.status == "unscored"]
    assert job.unscored_count == len(unscored)
    assert (share.value > 0) == bool(unscored)
    assert all("prompt_alignment" not in sample.scores for sample in unscored)


def test_an_analysis_without_a_rating_leaves_its_text_unscored(judged: StoredRun) -> None:
    (job,) = [job for job in judged.record.jobs if job.task == "summary_analysis"]
    for sample in judged.samples(job.job_id):
        assert (sample.status == "unscored") == ("themis_rating" not in sample.scores)
        assert sample.scores["unparsable_share"] == 1.0 or "themis_rating" in sample.scores
    assert job.unscored_count == sum(s.status == "unscored" for s in judged.samples(job.job_id))
    assert job.unscored_count, "the small judge of this test rambles"


def test_without_a_judge_every_number_is_absent_with_the_cure(tmp_path: Path) -> None:
    stored = run(tmp_path, "--model", "ref:nano", "--task", "summary_quality", "--limit", 3)
    (job,) = stored.record.jobs
    assert {value.kind for value in values(job).values()} == {"absent"}
    assert "--judge" in values(job)["g_eval"].reason
    assert len(stored.samples(job.job_id)) == 3


def test_a_judge_is_judged_by_the_ladder(tmp_path: Path) -> None:
    stored = run(tmp_path, "--model", "ref:pico", "--task", "judge_ladder", "--limit", 40)
    (job,) = stored.record.jobs
    found = values(job)
    for level in ("sample", "summary", "system"):
        for name in ("pearson", "spearman", "kendall_tau_b"):
            value = found[f"{name}_{level}"]
            assert value.kind == "absent" or -1 <= value.value <= 1
    if found["spearman_sample"].kind == "measured":
        assert found["spearman_sample"].interval is not None
    assert job.fingerprints.scorer.startswith("the model under test, prompts ")


def test_two_judges_of_the_same_texts_are_compared(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    rows = [
        {"id": str(n), "prompt": "Sum it up.", "output": "good " * n, "human": n}
        for n in range(1, 6)
    ]
    (tmp_path / "mine" / "items.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    (tmp_path / "mine" / "kind.yaml").write_text(
        "suite: judge\ntask: kind\nversion: 1\ndata: items.jsonl\nmethod: g_eval\n"
        "criterion: Is it kind?\nsteps: [Read it.]\nmin_mass: 0\n", "utf-8",
    )  # fmt: skip
    for judge in ("pico", "nano"):
        run(tmp_path, "--model", f"ref:{judge}", "--task", "kind", "--include-path", "mine")
    done = slmbench("compare", "pico", "nano", "--store", "runs", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    found = {row["metric"]: row for row in done.json()["rows"]}
    assert found["g_eval"]["paired"] and found["g_eval"]["n"] == 5
    assert "krippendorff_alpha" in found and "spearman_sample" in found


def test_a_criterion_of_the_users_is_one_yaml(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    data = (tasks_dir() / "summary" / "summary.jsonl").read_text("utf-8").splitlines()[:3]
    (tmp_path / "mine" / "items.jsonl").write_text("\n".join(data), "utf-8")
    (tmp_path / "mine" / "polite.yaml").write_text(
        json.dumps(
            {
                "suite": "judge", "task": "polite", "version": 1, "data": "items.jsonl",
                "method": "g_eval", "criterion": "Is it polite?", "scale": [1, 30], "min_mass": 0,
                "steps": ["Look for rude words."], "generation": {"max_new_tokens": 8},
            }
        ),
        "utf-8",
    )  # fmt: skip
    stored = run(
        tmp_path, "--model", "ref:nano", "--judge", "ref:pico", "--task", "polite",
        "--include-path", "mine",
    )  # fmt: skip
    found = values(stored.record.jobs[0])
    assert 1 <= found["g_eval"].interval.low <= found["g_eval"].value <= 30
    assert found["g_eval"].source == "probabilities"
    # The judge's faults stand beside its rating.
    assert 0 < found["position_bias"].value <= 1
    assert 1 / 30 <= found["repeat_consistency"].value <= 1
    assert found["answer_mass"].value > 0 and found["unparsable_share"].value == 0


def test_another_judge_is_another_scorer(tmp_path: Path, judged: StoredRun) -> None:
    stored = run(
        tmp_path, "--model", "ref:nano", "--judge", "ref:micro", "--task", "summary_form",
        "--limit", 2,
    )  # fmt: skip
    (other,) = stored.record.jobs
    (same,) = [job for job in judged.record.jobs if job.task == "summary_form"]
    assert other.fingerprints.scorer != same.fingerprints.scorer
    assert other.fingerprints.task == same.fingerprints.task


def test_a_judge_that_is_not_there_is_an_input_error(tmp_path: Path) -> None:
    done = slmbench(
        "run", "--suite", "judge", "--model", "ref:nano", "--judge", "hf:nowhere/at all",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 2 and "nowhere" in done.err and "Traceback" not in done.err

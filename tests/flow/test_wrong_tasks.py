"""A slip in a task of a user's is wrong input: told before a model is loaded, by a dry run too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import slmbench

ROW = '{"id": "1", "prompt": "a", "output": "b", "human": 1, "label": "benign"}\n'
JUDGE = "suite: judge\ntask: t\nversion: 1\ndata: d.jsonl\nmethod: g_eval\ncriterion: good?\n"
DAG = JUDGE.replace("g_eval", "dag") + "tree: {start: {question: q, choices: {yes: 1, no: 0}}}\n"
NEAR = "suite: similarity\ntask: t\nversion: 1\ndata: d.jsonl\n"


@pytest.mark.parametrize(
    ("yaml", "data", "said"),
    [
        (JUDGE.replace("task: t", "task: other"), ROW, "write task: t, or rename the file"),
        (JUDGE.replace("criterion", "criterium"), ROW, "Did you mean 'criterion'"),
        (JUDGE.replace("g_eval", "geval"), ROW, "method"),
        (JUDGE, "", "holds no items"),
        (JUDGE.replace("d.jsonl", "e.jsonl"), ROW, "e.jsonl"),
        (JUDGE.replace("judge", "juge"), ROW, "Did you mean 'judge'"),
        (JUDGE, '{"id": "1", "prompt": "\\ud800"}\n', "line 1 holds half a character"),
        (JUDGE, '{"id": "1", "prompt": ' + "[" * 100_000 + "\n", "line 1 is not JSON"),
        (NEAR + "until: x\n", ROW, "unknown key 'until'"),
        (NEAR + "fields: 3\n", ROW, "fields"),
        (DAG, ROW, 'YAML reads a bare yes as true or false: put "yes"'),
        (JUDGE + "steps: just read\n", ROW, "it must be a list"),
    ],
)  # fmt: skip
def test_it_is_exit_code_2_before_anything_runs(
    yaml: str, data: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "t.yaml").write_text(yaml, "utf-8")
    (tmp_path / "mine" / "d.jsonl").write_text(data, "utf-8")
    suite = "similarity" if yaml.startswith("suite: similarity") else "judge"
    done = slmbench(
        "run", "--model", "fake:x", "--suite", suite, "--task", "t", "--include-path", "mine",
        "--dry-run", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 2 and said in done.err and "Traceback" not in done.err
    assert not (tmp_path / "runs").exists()


def test_long_and_empty_prompts_and_lists_of_columns(tmp_path: Path) -> None:
    """What is cut is counted, an empty prompt is the start of a text, a cell may be large."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "t.yaml").write_text(NEAR + "generation: {max_new_tokens: 8}\n", "utf-8")
    (tmp_path / "mine" / "d.jsonl").write_text(
        '{"id": "1", "prompt": "", "reference": "b"}\n'
        '{"id": "2", "prompt": "' + "word " * 40_000 + '", "reference": "b"}\n', "utf-8",
    )  # fmt: skip
    (tmp_path / "mine" / "rated.yaml").write_text(
        "suite: similarity\ntask: rated\nversion: 1\ndata: rated.csv\n"
        "fields: {output: text, reference: ideal, human: [first, second]}\n", "utf-8",
    )  # fmt: skip
    (tmp_path / "mine" / "rated.csv").write_text(
        "text,ideal,first,second\n" + "x " * 100_000 + ",x,1,2\na b,a b,5,4\na,a c,3,\nb,a c,1,2\n",
        "utf-8",
    )
    done = slmbench(
        "run", "--model", "fake:x", "--suite", "similarity", "--task", "t,rated",
        "--include-path", "mine", "--store", "runs", "--json", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    (run,) = done.json()["runs"]
    found = {(each["task"], each["metric"]): each for each in run["metrics"]}
    assert found["t", "chrf"]["n"] == 2
    assert found["rated", "spearman_sample@token_f1"]["n"] == 4
    assert found["rated", "krippendorff_alpha_people"]["n"] == 3
    shown = slmbench("show", run["path"], cwd=tmp_path)
    assert "1 of 2 prompts don't fit the model" in " ".join(shown.out.split())


def test_data_without_labels_gets_one_for_all(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "t.yaml").write_text(
        "suite: bias\nprotocol: over_refusal\ntask: t\nversion: 1\ndata: d.csv\n"
        "fields: {prompt: prompt}\nlabel: harmful\ngeneration: {max_new_tokens: 8}\n", "utf-8",
    )  # fmt: skip
    (tmp_path / "mine" / "d.csv").write_text("system,prompt\n,a\n,b\n", "utf-8")
    done = slmbench(
        "run", "--model", "fake:x", "--suite", "bias", "--task", "t", "--include-path", "mine",
        "--store", "runs", "--json", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    metrics = {each["metric"]: each for each in done.json()["runs"][0]["metrics"]}
    assert metrics["refusal_rate"]["n"] == 2 and metrics["over_refusal_rate"]["value"] is None

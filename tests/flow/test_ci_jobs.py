"""The documented CI jobs, step by step in a shell: what they write is what CI systems read."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from junitparser import JUnitXml

from slmbench.cli.app import dispatch
from tests.conftest import ROOT, Finished, slmbench
from tests.flow.ci_runner import ACTION, JOBS, Runner, action_inputs, action_step

#: The user's own words in the documented jobs, and what stands for them here.
WORDS = {
    "hf:MODEL_FOLDER": "fake:new",
    "SUITES": "similarity",
    "TASKS": "paraphrase --limit 24 --no-cache",
}
PASSING = """\
name: release
rules:
  - {metric: similarity/paraphrase/chrf, max: 100}
  - {metric: similarity/paraphrase/rouge_l, not_worse_than: baseline, margin: 0.9}
"""
FAILING = """\
name: release
rules:
  - {metric: similarity/paraphrase/chrf, max: 100}
  - metric: similarity/paraphrase/token_f1
    min: 0.99
  - {metric: similarity/paraphrase/bleu, min: 99, severity: warn}
"""
CONTEXTS = {
    "github.token": "no-token",
    "github.repository": "owner/name",
    "github.event.pull_request.number": "7",
    "github.event.pull_request.head.sha": "0123abcd" * 5,
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the baseline's and the candidate's run, made by the documented steps."""
    runner = Runner(tmp_path_factory.mktemp("job"), CONTEXTS)
    done = slmbench(
        "run", "--model", "fake:old,name=baseline", "--suite", "similarity",
        "--task", "paraphrase", "--limit", 24, "--no-cache", cwd=runner.workspace,
    )  # fmt: skip
    assert done.code == 0, done.err
    done = runner.step(job_step("Run the candidate"))
    assert done.code == 0, done.err + done.out
    return runner.workspace / "runs"


def github_job() -> dict[str, Any]:
    text = (JOBS / "github.yml").read_text()
    for word, stand_in in WORDS.items():
        assert word in text
        text = text.replace(word, stand_in)
    return dict(yaml.safe_load(text)["jobs"]["gate"])


def job_step(name: str) -> dict[str, Any]:
    (found,) = [step for step in github_job()["steps"] if step.get("name") == name]
    return dict(found)


Gated = tuple[Runner, Finished]


def gate(folder: Path, recorded: Path, rules: str, **inputs: str) -> Gated:
    """Run the gate as the documented job calls the action."""
    runner = Runner(folder / "job", CONTEXTS)
    (runner.workspace / "policy.yaml").write_text(rules)
    called = {**job_step("Gate")["with"], "store": str(recorded), **inputs}
    return runner, runner.step(action_step("Gate"), action_inputs(**called))


@pytest.fixture(scope="module")
def failed(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Gated:
    return gate(tmp_path_factory.mktemp("failed"), recorded, FAILING)


@pytest.fixture(scope="module")
def passed(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Gated:
    return gate(tmp_path_factory.mktemp("passed"), recorded, PASSING, badge="badge.svg")


def test_a_fail_is_told_in_every_way_github_has(failed: Gated) -> None:
    runner, done = failed
    assert done.code == 1, done.err + done.out
    outputs = runner.outputs()
    assert (outputs["verdict"], outputs["exit_code"]) == ("FAIL", "1")
    assert (outputs["rules_total"], outputs["rules_blocking"]) == ("3", "1")
    assert outputs["items_used"] == outputs["items_total"] == "24"
    assert "-baseline-" in outputs["baseline"] and "-candidate-" in outputs["candidate"]
    commands = [line for line in done.out.splitlines() if line.startswith("::")]
    assert len(commands) == 2
    assert commands[0].startswith(
        "::error file=policy.yaml,line=4,title=FAIL%3A similarity/paraphrase/token_f1::"
    )
    assert commands[1].startswith("::warning file=policy.yaml,line=6,")
    summary = runner.summary.read_text()
    assert "## FAIL: release" in summary and "| FAIL (does not block) |" in summary
    assert summary == (runner.workspace / "slmbench-gate.md").read_text()
    cases = read_junit(runner.workspace / "slmbench-gate.xml")
    assert cases == {"similarity/paraphrase/chrf": "passed",
                     "similarity/paraphrase/token_f1": "failure",
                     "similarity/paraphrase/bleu": "skipped"}  # fmt: skip


def test_a_pass_is_a_pass(passed: Gated) -> None:
    runner, done = passed
    assert done.code == 0, done.err + done.out
    assert runner.outputs()["verdict"] == "PASS" and runner.outputs()["exit_code"] == "0"
    assert set(read_junit(runner.workspace / "slmbench-gate.xml").values()) == {"passed"}
    assert "::notice" in done.out and "::error" not in done.out
    assert ">pass</text>" in (runner.workspace / "badge.svg").read_text()


def test_json_is_all_there_is_on_stdout(recorded: Path, tmp_path: Path) -> None:
    runner, done = gate(tmp_path, recorded, FAILING, arguments="--json\n")
    assert done.code == 1 and json.loads(done.out)["verdict"] == "FAIL"
    assert "::error file=policy.yaml" in done.err and runner.outputs()["verdict"] == "FAIL"


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"policy": "none.yaml"}, "none.yaml"),
        # Inputs are data, whatever is in them.
        ({"candidate": '$(touch owned)"; touch owned; "'}, "touch"),
    ],
)
def test_an_error_is_no_pass_anywhere(
    inputs: dict[str, str], reason: str, recorded: Path, tmp_path: Path
) -> None:
    runner, done = gate(tmp_path, recorded, PASSING, **inputs)
    assert done.code == 2, done.err + done.out
    assert reason in done.err
    outputs = runner.outputs()
    assert (outputs["verdict"], outputs["exit_code"]) == ("ERROR", "2")
    assert "::error title=slmbench gate%3A no verdict::" in done.err
    assert "## ERROR" in runner.summary.read_text()
    assert read_junit(runner.workspace / "slmbench-gate.xml") == {"verdict": "error"}
    assert not (runner.workspace / "owned").exists()


def test_a_summary_that_cannot_be_written_ends_it_with_5(recorded: Path, tmp_path: Path) -> None:
    runner = Runner(tmp_path / "job")
    (runner.workspace / "policy.yaml").write_text(PASSING)
    runner.summary.mkdir()
    inputs = {**job_step("Gate")["with"], "store": str(recorded)}
    done = runner.step(action_step("Gate"), action_inputs(**inputs))
    assert done.code == 5 and "GITHUB_STEP_SUMMARY" in done.err
    assert runner.outputs()["exit_code"] == "5"


def test_the_comment_is_made_once_and_then_replaced(failed: Gated) -> None:
    """``gh`` is stood in for by a folder of comments: the job's own shell is what is tested."""
    runner, _ = failed
    runner.program("gh", _GH)
    for expected in ("POST repos/owner/name/issues/7/comments",
                     "PATCH repos/owner/name/issues/comments/42"):  # fmt: skip
        done = runner.step(job_step("Comment"))
        assert done.code == 0, done.err
        assert (runner.workspace / "gh.log").read_text().splitlines()[-1] == expected
    page = (runner.workspace / "slmbench-gate.md").read_text()
    assert (runner.workspace / "gh.comment").read_text() == page


_GH = r"""
case "$*" in
  *"--method POST"*) echo "POST $4" >> gh.log ;;
  *"--method PATCH"*) echo "PATCH $4" >> gh.log ;;
  *) [ -n "$marker" ] || exit 1
     if [ -f gh.comment ] && head -n 1 gh.comment | grep -qxF "$marker"; then printf '42\n43\n'; fi
     exit 0 ;;
esac
file="${@: -1}"
cat "${file#body=@}" > gh.comment
"""


def test_the_gitlab_job_writes_the_reports_it_names(recorded: Path, tmp_path: Path) -> None:
    text = (JOBS / "gitlab.yml").read_text()
    for word, stand_in in WORDS.items():
        text = text.replace(word, stand_in)
    job = yaml.safe_load(text)["gate"]
    runner = Runner(tmp_path / "job")
    (runner.workspace / "policy.yaml").write_text(FAILING)
    (runner.workspace / "runs").symlink_to(recorded)
    env = {"CI_PROJECT_DIR": str(runner.workspace), "CI_COMMIT_SHA": "abc", "GITHUB_ACTIONS": ""}
    # The first line runs the candidate, as the GitHub job's does.
    done = runner.bash(job["script"][-1], env)
    assert done.code == 1, done.err
    reports = job["artifacts"]["reports"]
    cases = read_junit(runner.workspace / reports["junit"])
    assert sorted(cases.values()) == ["failure", "passed", "skipped"]
    issues = json.loads((runner.workspace / reports["codequality"]).read_text())
    assert [issue["location"] for issue in issues] == [
        {"path": "policy.yaml", "lines": {"begin": line}} for line in (4, 6)
    ]
    assert all((runner.workspace / path).is_file() for path in job["artifacts"]["paths"])
    assert "::error" not in done.out


def test_the_label_is_kept_and_shown_over_time(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["history", str(recorded), "--metric"]
    assert dispatch([*asked, "similarity/paraphrase/chrf", "--json"]) == 0
    series = {each["model"]: each for each in json.loads(capsys.readouterr().out)["series"]}
    (row,) = series["candidate"]["rows"]
    assert row["labels"] == {"commit": CONTEXTS["github.event.pull_request.head.sha"]}
    assert row["low"] < row["value"] < row["high"]
    page = tmp_path / "history.md"
    assert dispatch([*asked, "similarity/*/chrf", "-o", str(page)]) == 0
    assert "0123abcd0123" in capsys.readouterr().out
    assert page.read_text().count("## ") == 2
    assert dispatch([*asked, "similarity/*/chrf", "-o", "history.html"]) == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--format", "bmf"), 0),
        (("--format", "github-action-benchmark", "--better", "bigger"), 0),
        (("--format", "csv", "-o", "out.csv"), 0),
        (("--format", "github-action-benchmark"), 2),
        (("--format", "bnf"), 2),
        (("--format", "csv", "-o", "/dev/null/out.csv"), 5),
    ],
)
def test_export_writes_one_document_or_none(
    arguments: tuple[str, ...],
    code: int,
    recorded: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert dispatch(["export", "candidate", "--store", str(recorded), *arguments]) == code
    printed = capsys.readouterr()
    if code != 0:
        assert printed.out == "" and "slmbench export: " in printed.err
    elif "csv" in arguments:
        assert printed.out == "" and (tmp_path / "out.csv").read_text().startswith("run_id,")
    else:
        assert "similarity/paraphrase" in json.dumps(json.loads(printed.out))


@pytest.mark.parametrize("path", [ACTION, *sorted(JOBS.glob("*.yml"))], ids=lambda path: path.name)
def test_every_script_is_valid_bash(path: Path) -> None:
    scripts = [text for text in _texts(yaml.safe_load(path.read_text())) if "slmbench" in text]
    assert scripts
    for script in scripts:
        done = subprocess.run(["bash", "-n", "-c", script], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def _texts(node: Any, key: str = "") -> list[str]:
    """Return the shell scripts of a job: ``run``, ``script`` and ``before_script``."""
    if isinstance(node, dict):
        return [text for name, each in node.items() for text in _texts(each, str(name))]
    if isinstance(node, list):
        return [text for each in node for text in _texts(each, key)]
    return [str(node)] if key in ("run", "script", "before_script") else []


@pytest.mark.parametrize(("extras", "asked"), [("", ""), ("hf,accuracy", "[hf,accuracy]")])
def test_the_action_installs_itself_and_gates_with_that(
    extras: str, asked: str, recorded: Path, tmp_path: Path
) -> None:
    """Python's venv is stood in for: what is installed, and which program gates, is the step's."""
    runner = Runner(tmp_path / "job")
    (runner.workspace / "policy.yaml").write_text(PASSING)
    runner.program("python of mine", _VENV.replace("SLMBENCH", str(runner.programs / "slmbench")))
    inputs = action_inputs(
        policy="policy.yaml", candidate="candidate", baseline="baseline", store=str(recorded),
        python=str(runner.programs / "python of mine"), extras=extras,
    )  # fmt: skip
    step = action_step("Install slmbench")
    assert step["if"] == "${{ inputs.slmbench == '' }}" and inputs["slmbench"] == ""
    done = runner.step(step, inputs)
    assert done.code == 0, done.err
    asked_of_pip = (runner.workspace / "pip.log").read_text().splitlines()
    assert asked_of_pip == ["install", "--quiet", f"{ROOT}{asked}"]
    done = runner.step(action_step("Gate"), inputs)
    assert done.code == 0 and runner.outputs()["verdict"] == "PASS", done.err


_VENV = r"""
[ "$1 $2" = "-m venv" ] && mkdir -p "$3/bin"
printf '#!/bin/sh\nprintf "%%s\\n" "$@" > pip.log\n' > "$3/bin/pip"
chmod +x "$3/bin/pip" && ln -s "SLMBENCH" "$3/bin/slmbench"
"""


def test_every_expression_of_the_action_names_what_is_declared() -> None:
    text = ACTION.read_text()
    declared = yaml.safe_load(text)
    used = set(re.findall(r"\$\{\{ *inputs\.(\w+)", text))
    assert used == set(declared["inputs"])
    ids = {step.get("id") for step in declared["runs"]["steps"]}
    assert set(re.findall(r"steps\.(\w+)\.", text)) <= ids
    for step in declared["runs"]["steps"]:
        assert step["shell"] == "bash" and step["run"].startswith("set -euo pipefail\n")
        # Each variable of the script is the runner's own or one that the step is given.
        names = set(re.findall(r"\$\{?([A-Z][A-Z_]+)", step["run"]))
        assert names <= {"RUNNER_TEMP", "GITHUB_ACTION_PATH", *step["env"]}
        assert set(step["env"]) <= names


def test_the_action_s_outputs_are_those_the_gate_writes(passed: Gated) -> None:
    runner, _ = passed
    declared = yaml.safe_load(ACTION.read_text())["outputs"]
    named = [re.fullmatch(r"\$\{\{ steps\.gate\.outputs\.(\w+) \}\}", each["value"])
             for each in declared.values()]  # fmt: skip
    assert all(named) and {match.group(1) for match in named if match} == set(declared)
    assert set(declared) <= set(runner.outputs())
    assert (ROOT / "pyproject.toml").is_file(), "the action installs the folder it lies in"


def read_junit(path: Path) -> dict[str, str]:
    """Return test name -> outcome, as a JUnit parser reads the file, and GitLab's rules hold."""
    found: dict[str, str] = {}
    for suite in JUnitXml.fromfile(str(path)):
        for case in suite:
            assert case.classname and case.name not in found, "GitLab drops the second of a name"
            assert len(case.result) <= 1 and all(each.text for each in case.result)
            kinds = [type(each).__name__.lower() for each in case.result]
            found[case.name] = kinds[0] if kinds else "passed"
        outcomes = list(found.values())
        counts = (suite.tests, suite.failures, suite.errors, suite.skipped)
        assert counts == (len(found), *map(outcomes.count, ("failure", "error", "skipped")))
    return found

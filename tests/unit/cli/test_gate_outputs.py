"""What a gate tells the CI system: the truth, or an error; never a pass that was not one."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from slmbench.cli.gate_outputs import GateOutputs, Wanted
from slmbench.errors import InputError, RecordError, SaveError
from slmbench.schema.verdict import RuleVerdict, Verdict

POLICY = "name: release\nrules:\n  - {metric: x/y/z, max: 1}\n  - metric: a/b/m\n    min: 0.2\n"


def verdict(kind: str) -> Verdict:
    only = RuleVerdict(rule="a/b/m", metric="a/b/m", verdict=kind, reason="0.1 ##[x]\n::error::y")
    return Verdict(policy="release", verdict=kind, alpha=0.05, candidate="new", baseline=None,
                   rules=(only,), items_used=1, items_total=1)  # fmt: skip


@pytest.fixture
def actions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like a runner's: a workspace with a policy, and the environment files."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(tmp_path),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
    }.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "policy.yaml").write_text(POLICY)
    return tmp_path


ALL = Wanted(junit="g.xml", markdown="g.md", badge="g.svg", code_quality="g.json")


def outputs_of(folder: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in (folder / "output").read_text().splitlines())


@pytest.mark.parametrize(("kind", "code"), [("PASS", "0"), ("FAIL", "1"), ("NOT_COMPARABLE", "4")])
def test_everything_that_was_asked_for_is_written(
    kind: str, code: str, actions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (actions / "summary").write_text("left open")
    with GateOutputs("policy.yaml", ALL) as outputs:
        outputs.tell(verdict(kind))
    assert outputs_of(actions)["verdict"] == kind and outputs_of(actions)["exit_code"] == code
    summary = (actions / "summary").read_text()
    assert summary == "left open\n" + (actions / "g.md").read_text() and f"## {kind}" in summary
    assert ET.parse(actions / "g.xml").getroot().get("failures") == str(int(kind != "PASS"))
    assert len(json.loads((actions / "g.json").read_text())) == int(kind != "PASS")
    assert (actions / "g.svg").read_text().startswith("<svg")
    out = capsys.readouterr().out
    if kind == "PASS":
        assert "::notice title=slmbench gate%3A PASS::" in out
    else:
        assert f"::error file=policy.yaml,line=4,title={kind}%3A a/b/m::" in out
    assert "##[" not in out.split("::")[0]


def test_json_leaves_stdout_to_one_document(
    actions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with GateOutputs("policy.yaml", Wanted(json=True)) as outputs:
        outputs.tell(verdict("FAIL"))
    printed = capsys.readouterr()
    assert json.loads(printed.out)["verdict"] == "FAIL"
    assert printed.err.startswith("::error ")


def test_outside_a_ci_system_nothing_but_the_verdict_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.delenv(name, raising=False)
    with GateOutputs("policy.yaml", Wanted()) as outputs:
        outputs.tell(verdict("FAIL"))
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1] == "FAIL: release, 1 of 1 items"
    assert "::error file" not in printed.out
    assert printed.err == "" and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("broken", ["g.xml", "g.md", "g.svg", "g.json", "summary", "output"])
def test_a_page_that_cannot_be_written_costs_no_other_and_is_no_success(
    broken: str, actions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (actions / broken).mkdir()
    outputs = GateOutputs("policy.yaml", ALL)
    with pytest.raises(SaveError, match="The verdict is PASS") as caught, outputs:
        outputs.tell(verdict("PASS"))
    assert caught.value.exit_code == 5
    assert "PASS" in capsys.readouterr().out
    pages = {"g.xml", "g.md", "g.svg", "g.json", "summary", "output"} - {broken}
    assert all((actions / page).is_file() for page in pages)
    if broken != "output":
        assert outputs_of(actions)["exit_code"] == "5"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RecordError("No run 'x'."), "2"),
        (ZeroDivisionError("x"), "70"),
        (KeyboardInterrupt(), "130"),
    ],
)
def test_an_error_before_the_verdict_is_told_as_one(
    error: BaseException, code: str, actions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for page in ("g.xml", "g.md", "g.svg", "g.json"):
        (actions / page).write_text("PASS of yesterday")
    with pytest.raises(type(error)), GateOutputs("policy.yaml", ALL):
        raise error
    assert outputs_of(actions)["verdict"] == "ERROR"
    assert outputs_of(actions)["exit_code"] == code
    assert ET.parse(actions / "g.xml").getroot().get("errors") == "1"
    for page in ("g.md", "g.svg", "g.json", "summary"):
        assert "PASS" not in (actions / page).read_text()
    assert capsys.readouterr().err.startswith("::error title=slmbench gate%3A no verdict::")


def test_an_error_while_telling_an_error_hides_neither(
    actions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (actions / "g.xml").mkdir()
    with pytest.raises(RecordError, match="first"), GateOutputs("policy.yaml", ALL):
        raise RecordError("first")
    assert "Cannot write g.xml" in capsys.readouterr().err
    assert outputs_of(actions)["verdict"] == "ERROR"


def test_a_policy_elsewhere_or_of_no_yaml_gives_annotations_without_a_place(
    actions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (actions / "broken.yaml").write_text("rules: [")
    for policy in ("release", "broken.yaml"):
        with GateOutputs(policy, Wanted()) as outputs:
            outputs.tell(verdict("FAIL"))
        assert "::error title=FAIL%3A a/b/m::" in capsys.readouterr().out


def test_a_badge_of_another_kind_is_refused_before_any_work() -> None:
    with pytest.raises(InputError, match=r"\.svg"):
        GateOutputs("policy.yaml", Wanted(badge="badge.png"))

"""The fidelity suite: distances by hand, a model against itself, and why there may be none."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from slmbench.backends.fake import Fake
from slmbench.errors import InputError
from slmbench.execute.second import SecondModels
from slmbench.ports import SecondModel
from slmbench.schema.base import Absent, Measured
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.plan import Job, TaskRef
from slmbench.schema.record import JobResult
from slmbench.suites.fidelity import distances
from slmbench.suites.fidelity.distances import Reading, add, readings, windows_of
from slmbench.suites.fidelity.suite import Fidelity
from tests.contract.memory_context import MemoryContext

TEXTS = ["One small fox.", "Two large foxes ran.", "The end", "A fourth text", "Five", "And six"]


def fake(target: str = "model", **settings: object) -> Fake:
    return Fake(ModelSpec(backend="fake", target=target, **settings), target)  # type: ignore[arg-type]


def write_task(folder: Path, texts: list[str]) -> Path:
    rows = [{"id": f"d{i}", "text": text} for i, text in enumerate(texts)]
    (folder / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = folder / "mine.yaml"
    path.write_text("suite: fidelity\ntask: mine\nversion: 1\ndata: mine.jsonl\n")
    return path


def run(
    folder: Path, model: Fake, reference: Fake | None, texts: list[str] = TEXTS, **kept: object
) -> tuple[JobResult, MemoryContext]:
    context = MemoryContext()
    context.kept = dict(kept)  # type: ignore[arg-type]
    if reference is not None:
        context.seconds["reference"] = SecondModel(reference, "fake:reference@0")
    ref = TaskRef(name="mine", kind="fidelity", path=str(write_task(folder, texts)))
    job = Job(job_id="fidelity/mine", suite="fidelity", task=ref)
    return Fidelity().run(job, model, context), context


def values(result: JobResult) -> dict[str, Measured | Absent]:
    return {metric.metric: metric.value for metric in result.metrics}


def test_distances_are_those_computed_by_hand() -> None:
    base, other = np.array([[0.5, 0.25, 0.25]]), np.array([[0.25, 0.5, 0.25]])
    reading = Reading()
    add(reading, np.log(base).astype(np.float32), np.log(other).astype(np.float32), [1])
    # 0.5 ln 2 + 0.25 ln(1/2) + 0
    assert reading.kl_divergence == [pytest.approx(0.25 * math.log(2.0), rel=1e-6)]
    assert reading.same_top == [0]
    assert reading.delta_p == [pytest.approx(0.25, rel=1e-6)]
    assert reading.loglikelihood == [pytest.approx(math.log(0.5), rel=1e-6)]
    assert reading.reference_loglikelihood == [pytest.approx(math.log(0.25), rel=1e-6)]


def test_the_divergence_runs_from_the_reference_to_the_model() -> None:
    sure, unsure = np.log([[0.98, 0.01, 0.01]]), np.log([[0.4, 0.3, 0.3]])
    forth, back = Reading(), Reading()
    add(forth, sure, unsure, [0])
    add(back, unsure, sure, [0])
    assert forth.kl_divergence[0] == pytest.approx(
        0.98 * math.log(0.98 / 0.4) + 0.02 * math.log(0.01 / 0.3)
    )
    assert back.kl_divergence[0] != pytest.approx(forth.kl_divergence[0], rel=0.1)


@given(
    arrays.arrays(np.float32, (3, 7), elements=st.floats(-30, 30, width=32)),
    arrays.arrays(np.float32, (3, 7), elements=st.floats(-30, 30, width=32)),
)
@settings(max_examples=60, deadline=None)
def test_a_divergence_is_never_negative_and_zero_of_equals(
    base: np.ndarray, other: np.ndarray
) -> None:
    for left, right in ((base, other), (base, base)):
        reading = Reading()
        add(reading, left, right, [0, 1, 2])
        assert min(reading.kl_divergence) >= 0.0 and reading.is_finite
    assert reading.kl_divergence == [0.0] * 3 and reading.same_top == [1] * 3


def test_a_token_without_a_chance_is_no_difference_and_a_lost_one_is_infinite() -> None:
    masked = np.array([[math.log(0.5), math.log(0.5), -math.inf]])
    same, lost = Reading(), Reading()
    add(same, masked, masked, [0])
    assert same.kl_divergence == [0.0] and same.is_finite
    add(lost, np.log([[0.4, 0.3, 0.3]]), masked, [0])
    assert not lost.is_finite


def test_every_token_is_foretold_once_however_short_the_window() -> None:
    windows = windows_of([[5, 6, 7, 8, 9], [], [4]], prefix=0, longest=2)
    assert [each.read for each in windows] == [(0, 5), (6, 7), (8,), (0,)]
    assert [each.targets for each in windows] == [(5, 6), (7, 8), (9,), (4,)]
    assert [each.document for each in windows] == [0, 0, 0, 2]


def test_the_size_of_a_slice_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = [list(text.encode()) for text in TEXTS]
    windows, models = windows_of(tokens, 0, 99), (fake("reference"), fake())
    whole = readings(windows, len(tokens), models, 256)
    monkeypatch.setattr(distances, "_SLICE_BYTES", 4 * 256 * 3)
    assert readings(windows, len(tokens), models, 256) == whole


def test_a_model_against_itself_has_changed_nothing(tmp_path: Path) -> None:
    result, _ = run(tmp_path, fake(), fake())
    found = values(result)
    for name in ("kl_divergence", "kl_divergence@p99", "kl_divergence@max", "mean_delta_p",
                 "rms_delta_p", "perplexity_difference"):  # fmt: skip
        if isinstance(found[name], Measured):
            assert found[name].value == 0.0, name
    assert found["top_1_agreement"].value == found["perplexity_ratio"].value == 1.0
    # 6 documents that agree all over are no proof that all documents would.
    assert found["top_1_agreement"].interval.low < 0.7
    assert found["kl_divergence"].how == "slmbench-fidelity@1 against fake:reference@0"


def test_every_position_counts_the_same_as_llama_cpp_counts_it(tmp_path: Path) -> None:
    result, _ = run(tmp_path, fake(), fake("reference"))
    found, rows = values(result), result.raw["positions"]
    assert len(rows) == sum(len(text.encode()) for text in TEXTS)
    kl = np.array([row["kl_divergence"] for row in rows])
    delta = np.array([row["delta_p"] for row in rows])
    assert found["kl_divergence"].value == pytest.approx(kl.mean())
    assert found["kl_divergence@p50"].value == pytest.approx(np.median(kl))
    assert found["kl_divergence@max"].value == kl.max()
    assert found["mean_delta_p"].value == pytest.approx(delta.mean())
    assert found["rms_delta_p"].value == pytest.approx(math.sqrt((delta**2).mean()))
    ratio = found["perplexity"].value / found["reference_perplexity"].value
    assert found["perplexity_ratio"].value == pytest.approx(ratio)
    assert found["perplexity_difference"].value == pytest.approx(
        found["perplexity"].value - found["reference_perplexity"].value
    )
    for value in found.values():
        if isinstance(value, Measured) and value.interval is not None:
            assert value.interval.low <= value.value <= value.interval.high
    assert "needs at least" in found["kl_divergence@p99.9"].reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"vocab_size": 257}, "has 256 entries, the reference's 257"),
        ({"prefix_token_id": 3}, "begin a text with different tokens"),
        ({"is_encoder_decoder": True}, "can't tell its next-token distributions"),
    ],
)
def test_models_of_other_tokens_are_not_compared(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    reference = fake("reference")
    reference.info = type(reference.info)(**{**vars(reference.info), **change})  # type: ignore[arg-type]
    result, context = run(tmp_path, fake(), reference)
    assert {type(value) for value in values(result).values()} == {Absent}
    assert all(reason in value.reason for value in values(result).values())  # type: ignore[union-attr]
    assert result.samples == () and context.progressed[-1] == (6, 6)


class _Shouting(Fake):
    def encode(self, text: str, add_special_tokens: bool | None = None) -> list[int]:
        return super().encode(text.upper(), add_special_tokens)


class _Foreign(Fake):
    def vocabulary_hash(self) -> str:
        return "other"


@pytest.mark.parametrize(
    ("kind", "reason"), [(_Shouting, "in two ways"), (_Foreign, "is not the reference's")]
)
def test_the_same_size_is_not_the_same_vocabulary(
    tmp_path: Path, kind: type[Fake], reason: str
) -> None:
    reference = kind(ModelSpec(backend="fake", target="r"), "r")
    result, _ = run(tmp_path, fake(), reference)
    assert all(reason in value.reason for value in values(result).values())  # type: ignore[union-attr]


def test_without_a_reference_every_number_says_so(tmp_path: Path) -> None:
    result, _ = run(tmp_path, fake(), None)
    assert all(isinstance(value, Absent) for value in values(result).values())


class _Broken(Fake):
    """A fake that gives no chance to anything after the third document's first letter."""

    def next_token_logprobs(self, rows, positions):
        for number, start, found in super().next_token_logprobs(rows, positions):
            yield number, start, found if number != 2 else np.full_like(found, np.nan)


def test_a_broken_distribution_leaves_its_document_unscored(tmp_path: Path) -> None:
    model = _Broken(ModelSpec(backend="fake", target="model"), "model")
    result, _ = run(tmp_path, model, fake("reference"))
    states = [sample.status for sample in result.samples]
    assert states == ["ok", "ok", "unscored", "ok", "ok", "ok"]
    assert "not a finite number" in (result.samples[2].reason or "")
    assert isinstance(values(result)["kl_divergence"], Measured)
    assert values(result)["kl_divergence@max"].n < sum(len(text) for text in TEXTS)


def test_a_resumed_job_reads_nothing_again(tmp_path: Path) -> None:
    result, context = run(tmp_path, fake(), fake("reference"))
    again, resumed = run(tmp_path, fake(), fake("reference"), **context.kept)
    assert again == result and resumed.computed == []


def test_an_empty_document_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        run(tmp_path, fake(), fake("reference"), ["fine", ""])


def test_a_request_without_a_reference_is_told_how_to_name_one() -> None:
    found = SecondModels({}).get("reference")
    assert isinstance(found, Absent) and "--reference BACKEND:MODEL" in found.reason

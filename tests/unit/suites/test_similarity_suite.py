"""The similarity suite: every column scored or absent with its cure, prompts in few large calls."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from slmbench.backends.fake import Fake
from slmbench.errors import InputError
from slmbench.execute.context import JobContext
from slmbench.ports import Generation, Sampling, Tokens
from slmbench.schema.base import Absent, Measured
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.plan import Job, TaskRef
from slmbench.schema.record import JobResult
from slmbench.schema.spec import RunSpec, ScorerSpec
from slmbench.suites.similarity import Similarity
from tests.unit.scorers.tiny_checkpoints import write_classifier, write_encoder

WITHOUT_A_MODEL = (
    "chrf", "bleu", "rouge_1", "rouge_2", "rouge_l", "token_f1", "edit_distance",
)  # fmt: skip
WITH_A_MODEL = {"embedding_cosine": "embedding", "bertscore": "bertscore", "entailment": "nli"}


class Counting(Fake):
    """The fake backend, which also notes how many prompts each call brings."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec, spec.target)
        self.calls: list[int] = []

    def generate(self, prompts: Sequence[Tokens], how: Sampling, k: int) -> list[list[Generation]]:
        self.calls.append(len(prompts))
        return super().generate(prompts, how, k)


def write_task(folder: Path, count: int) -> Path:
    rows = [
        {"id": f"i{n}", "prompt": f"the sky {n} is", "reference": "the sun is good"}
        for n in range(count)
    ]
    (folder / "near.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "near.yaml").write_text(
        "suite: similarity\ntask: near\nversion: 1.0\ndata: near.jsonl\n"
        "generation: {max_new_tokens: 6, temperature: 1.0}\n"
    )
    return folder / "near.yaml"


def run(
    path: Path, known: dict[str, Any] | None = None, batch_size: int = 4, **scorers: Any
) -> tuple[JobResult, Counting, list[dict[str, Any]]]:
    model = ModelSpec(backend="fake", target="near", batch_size=batch_size)
    sent: list[dict[str, Any]] = []
    spec = RunSpec(models=(model,), scorers=ScorerSpec(**scorers))
    backend = Counting(model)
    task = TaskRef(name="near", kind="similarity", path=str(path))
    job = Job(job_id="similarity/near", suite="similarity", task=task)
    return Similarity().run(job, backend, JobContext(spec, known or {}, sent.append)), backend, sent


def test_without_models_their_columns_name_the_cure(tmp_path: Path) -> None:
    result, _, _ = run(write_task(tmp_path, 3))
    found = {metric.metric: metric for metric in result.metrics}
    assert set(found) == {*WITHOUT_A_MODEL, "meteor", *WITH_A_MODEL}
    for name in WITHOUT_A_MODEL:
        assert isinstance(found[name].value, Measured)
    for name, setting in WITH_A_MODEL.items():
        value = found[name].value
        assert isinstance(value, Absent) and f"scorers.{setting}" in value.reason
    assert [name for name, each in found.items() if not each.higher_is_better] == ["edit_distance"]


def test_with_models_every_column_is_measured_and_says_by_whom(
    tmp_path: Path, sentence_dir: Path
) -> None:
    write_encoder(tmp_path / "bert")
    write_classifier(tmp_path / "nli", ("no", "yes"))
    result, _, _ = run(
        write_task(tmp_path, 3),
        embedding=str(sentence_dir),
        bertscore=str(tmp_path / "bert"),
        bertscore_layer=1,
        nli=str(tmp_path / "nli"),
        nli_label="yes",
        nli_direction="both",
    )
    how = {m.metric: m.value.how for m in result.metrics if isinstance(m.value, Measured)}
    assert set(how) >= {*WITHOUT_A_MODEL, *WITH_A_MODEL}
    assert "layer=1of2" in how["bertscore"] and "label=yes,both" in how["entailment"]
    assert how["bertscore"] in result.fingerprints.scorer


def test_texts_that_a_scorer_reads_in_part_are_counted(tmp_path: Path) -> None:
    write_encoder(tmp_path / "bert")
    rows = [
        {"id": str(n), "output": "good", "reference": "sun " * n, "human": n}
        for n in (1, 3, 100, 200)
    ]
    result, _, _ = run(rated_task(tmp_path, rows), bertscore=str(tmp_path / "bert"))
    (note,) = [note for note in result.notes if note.startswith("bertscore")]
    assert note.startswith("bertscore: 2 texts were longer than the scorer's model reads")
    result, _, _ = run(rated_task(tmp_path, rows[:2]), bertscore=str(tmp_path / "bert"))
    assert not [note for note in result.notes if note.startswith("bertscore")]


def test_prompts_go_in_few_large_calls_and_the_backend_batches(tmp_path: Path) -> None:
    path = write_task(tmp_path, 300)
    one, backend, sent = run(path, batch_size=4)
    assert backend.calls == [256, 44]
    assert [each["done"] for each in sent if each["kind"] == "progress"] == [256, 300]
    other, _, _ = run(path, batch_size=64)
    assert [each.output for each in one.samples] == [each.output for each in other.samples]
    known = {each["key"]: each["value"] for each in sent if each["kind"] == "checkpoint"}
    again, resumed, _ = run(path, known)
    assert resumed.calls == [] and again == one


@pytest.mark.parametrize(
    ("key", "value"),
    [("bertscore_layer", -1), ("nli_direction", "sideways"), ("detoxify_variant", "orignal")],
)
def test_a_wrong_option_is_refused_before_anything_runs(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=key):
        ScorerSpec(**{key: value})


def test_further_scorers_are_asked_for_by_name(tmp_path: Path) -> None:
    """Also ragas' own, through the command line's spelling."""
    pytest.importorskip("ragas")
    from slmbench.cli.run import _pairs
    from slmbench.plan.build import build

    given = _pairs(["also=ragas_string", "also=exact_match", "also=ragas_semantic"])
    assert given == {"also": ["ragas_string", "exact_match", "ragas_semantic"]}
    model = ModelSpec(backend="fake", target="x")
    spec = RunSpec(models=(model,), scorers=ScorerSpec(**given))
    task = TaskRef(name="near", kind="similarity", path=str(write_task(tmp_path, 3)))
    job = Job(job_id="similarity/near", suite="similarity", task=task)
    found = Similarity().run(job, Counting(model), JobContext(spec, {}, lambda message: None))
    values = {metric.metric: metric.value for metric in found.metrics}
    assert isinstance(values["ragas_string"], Measured) and 0 < values["ragas_string"].value < 1
    assert isinstance(values["exact_match"], Measured)
    assert isinstance(values["ragas_semantic"], Absent)
    assert "scorers.embedding" in values["ragas_semantic"].reason
    wrong = RunSpec(models=(model,), scorers=ScorerSpec(also=("ragas_strong",)))
    with pytest.raises(InputError, match="Did you mean 'ragas_string'"):
        build(wrong)


def rated_task(folder: Path, rows: list[dict[str, Any]]) -> Path:
    (folder / "rated.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "rated.yaml").write_text(
        "suite: similarity\ntask: rated\nversion: 1.0\ndata: rated.jsonl\n"
    )
    return folder / "rated.yaml"


def rated_rows() -> list[dict[str, Any]]:
    """Three texts on each of six documents, of which the one nearer to the reference rates more."""
    texts = {"all": "the sun is good", "half": "the sun was late", "none": "no rain in may"}
    given = {"all": [5, 4, 5], "half": [3, None, 2], "none": [1, 2, 1]}
    return [
        {
            "id": f"{n}-{who}", "output": text, "reference": "the sun is good", "human": given[who],
            "document": f"d{n}", "system": who,
        }
        for n in range(6)
        for who, text in texts.items()
    ]  # fmt: skip


def test_texts_that_people_rated_measure_the_scorers(tmp_path: Path) -> None:
    result, backend, _ = run(rated_task(tmp_path, rated_rows()))
    assert backend.calls == []
    found = {metric.metric: metric for metric in result.metrics}
    for level in ("sample", "summary", "system"):
        assert found[f"spearman_{level}@token_f1"].value.value == pytest.approx(1.0)
        distance = found[f"kendall_tau_b_{level}@edit_distance"]
        assert distance.value.value == pytest.approx(-1.0) and distance.higher_is_better is False
    alpha = found["krippendorff_alpha_people"].value
    assert isinstance(alpha, Measured) and 0.5 < alpha.value < 1 and alpha.n == 18
    assert "sacrebleu" in found["pearson_sample@chrf"].value.how
    absent = found["spearman_sample@bertscore"].value
    assert isinstance(absent, Absent) and "scorers.bertscore" in absent.reason
    assert not {"chrf", "token_f1"} & set(found), "the texts' own scores are no model's"
    assert result.samples[0].scores["token_f1"] == 1.0
    assert "of no model" in result.notes[0]


def test_a_lone_rating_makes_the_sample_level_alone(tmp_path: Path) -> None:
    rows = [
        {"id": str(n), "output": "x " * n, "reference": "x x x", "human": n} for n in range(1, 4)
    ]
    result, _, _ = run(rated_task(tmp_path, rows))
    names = {metric.metric.partition("@")[0] for metric in result.metrics}
    assert names == {"pearson_sample", "spearman_sample", "kendall_tau_b_sample"}


@pytest.mark.parametrize(
    ("row", "said"),
    [({"output": "x"}, "'human' ratings"), ({"prompt": "x", "human": 1}, "'output' in item '0'")],
)
def test_without_generation_items_hold_rated_texts(
    row: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said):
        run(rated_task(tmp_path, [{"id": "0", "reference": "x", **row}]))

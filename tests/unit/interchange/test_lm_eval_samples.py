"""lm-eval's files of samples: items, scores and likelihoods, to be paired with other runs'."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lm_eval_files import DATE, results, row, write, write_samples

from slmbench.errors import InputError
from slmbench.interchange.importing import ImportedRun
from slmbench.interchange.lm_eval_samples import samples_of
from slmbench.interchange.read_files import read_files
from slmbench.suites.taskfile import text_hash


def samples(rows: list[dict[str, Any]], filters=("none",), rules=None, metrics=("acc",)):
    return samples_of(rows, metrics, filters, rules or {})


def imported(folder: Path) -> ImportedRun:
    (run,) = read_files([str(folder)]).runs
    return run


def test_a_row_is_a_sample() -> None:
    (sample,) = samples([row(3, 1)])
    assert (sample.sample_id, sample.prompt, sample.target) == ("3", "Say 3", "0")
    assert sample.loglikelihoods == (-1.5, -0.5) and sample.output == " no"
    assert sample.scores == {"acc": 1.0} and sample.status == "ok"
    # As an own run makes it of the same item.
    assert sample.content_hash == text_hash("d3", "p3", "t")


def test_own_ids_and_clusters_are_taken_where_they_are_ids() -> None:
    documents = [{"id": "a", "cluster": "x"}, {"id": "b", "subject": "y"}]
    found = samples([row(i, 1, doc=doc) for i, doc in enumerate(documents)])
    assert [(each.sample_id, each.cluster) for each in found] == [("a", "x"), ("b", "y")]
    twice = samples([row(i, 1, doc={"id": "same"}) for i in range(2)])
    assert [each.sample_id for each in twice] == ["0", "1"]


@pytest.mark.parametrize("named", [True, False])
def test_two_filters_are_one_sample(named: bool) -> None:
    """Files of lm-eval before 0.4.4 have neither the filter nor the metrics in a row."""
    rows = []
    for used, score in (("first", 1), ("vote", 0)):
        for doc_id in range(2):
            each = row(doc_id, 0, filter=used, metrics=["exact_match"], exact_match=score)
            del each["acc"]
            if not named:
                del each["filter"], each["metrics"]
            rows.append(each)
    found = samples(rows, ("first", "vote"), metrics=("exact_match",))
    assert [each.scores for each in found] == [
        {"exact_match,first": 1.0, "exact_match,vote": 0.0}
    ] * 2


def test_text_answers_and_whole_texts() -> None:
    told = row(0, 1, arguments={"gen_args_0": {"arg_0": "Go", "arg_1": {"until": ["."]}}},
               resps=[["1.5"]], filtered_resps=["1.5"])  # fmt: skip
    (sample,) = samples([told])
    assert sample.output == "1.5" and sample.loglikelihoods == ()
    rolled = row(0, 1, arguments={"gen_args_0": {"arg_0": "text"}}, resps=[["-12.5"]],
                 filtered_resps=["-12.5"], metrics=["word_perplexity"],
                 word_perplexity=[-12.5, 7])  # fmt: skip
    (sample,) = samples([rolled], rules={"word_perplexity": "weighted_perplexity"})
    assert sample.scores == {"loglikelihood": -12.5, "words": 7.0}
    assert sample.loglikelihoods == (-12.5,)


def test_what_is_no_number_is_no_score() -> None:
    odd = row(0, [0, 1], resps=[[["-inf", "False"]], [["-1.0", "True"]]])
    (sample,) = samples([odd])
    assert sample.scores == {} and "acc" in sample.unscored and sample.status == "unscored"
    assert sample.loglikelihoods == ()
    (sample,) = samples([row(0, float("nan"))])
    assert sample.scores == {} and "nan" in sample.unscored["acc"]


def test_files_beside_the_results_belong_to_the_run(tmp_path: Path) -> None:
    path = write(tmp_path, results())
    written = write_samples(tmp_path, "quiz_b", [row(i, i % 2) for i in range(8)])
    for named in (tmp_path, path, written):
        (run,) = read_files([str(named)]).runs
        assert len(run.samples["accuracy/quiz_b"]) == 8
        assert run.record.origin is not None
        assert set(run.record.origin.files) == {path.name, written.name}
    both = read_files([str(path), str(written), str(tmp_path)])
    assert len(both.runs) == 1
    jobs = {job.task: job for job in run.record.jobs}
    assert jobs["quiz_b"].sample_count == 8 and jobs["quiz_b"].notes == ()
    assert jobs["quiz_a"].sample_count == 0


def test_a_file_that_is_short_of_items_says_so(tmp_path: Path) -> None:
    write(tmp_path, results())
    write_samples(tmp_path, "quiz_b", [row(i, 1) for i in range(3)])
    (job,) = [job for job in imported(tmp_path).record.jobs if job.task == "quiz_b"]
    assert job.notes == ("the file of samples holds 3 items, the results rest on 8",)


@pytest.mark.parametrize(
    ("task", "text", "said"),
    [
        ("quiz_a", '{"doc_id": 0, "resps": [], "target": ""}\n{"doc_id', "damaged at line 2"),
        ("quiz_a", '{"doc_id": 0, "resps": [], "target": ""}\n[1]\n', "line 2, is no sample"),
        ("quiz_z", '{"doc_id": 0, "resps": [], "target": ""}\n', "has no results"),
    ],
)
def test_damage_is_named_with_its_place(tmp_path: Path, task: str, text: str, said: str) -> None:
    write(tmp_path, results())
    (tmp_path / f"samples_{task}_{DATE}.jsonl").write_text(text)
    with pytest.raises(InputError, match=said):
        imported(tmp_path)


def test_samples_alone_are_refused(tmp_path: Path) -> None:
    path = write_samples(tmp_path, "quiz_a", [row(0, 1)])
    with pytest.raises(InputError, match=rf"results_{DATE}\.json"):
        read_files([str(path)])


def test_samples_within_the_results_document_are_read(tmp_path: Path) -> None:
    """As lm-eval's Python interface returns them: no file beside, tuples as lists, no hashes."""
    rows = [row(i, i % 2) for i in range(8)]
    for each in rows:
        for name in ("doc_hash", "prompt_hash", "target_hash"):
            del each[name]
    write(tmp_path, results(samples={"quiz_b": [{**rows[0], "other": float("nan")}, *rows[1:]]}))
    run = imported(tmp_path)
    assert '"other": NaN' in run.raw["accuracy/quiz_b"]["lm_eval_samples"][0]["line"]
    own = run.samples["accuracy/quiz_b"]
    assert [each.scores for each in own] == [{"acc": float(i % 2)} for i in range(8)]
    assert len({each.content_hash for each in own}) == 8
    (job,) = [each for each in run.record.jobs if each.task == "quiz_b"]
    assert job.sample_count == 8
    # They are kept once: as samples, and not in the record too.
    assert "Say 3" not in run.record.model_dump_json()
    assert len(run.raw["accuracy/quiz_b"]["lm_eval_samples"]) == 8


def test_a_file_beside_goes_before_the_samples_within(tmp_path: Path) -> None:
    write(tmp_path, results(samples={"quiz_b": [row(0, 0)]}))
    write_samples(tmp_path, "quiz_b", [row(i, 1) for i in range(8)])
    assert len(imported(tmp_path).samples["accuracy/quiz_b"]) == 8


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"quiz_b": [{"no": "id"}]}, "quiz_b' is no list of lm-eval's samples"),
        ({"quiz_b": "text"}, "quiz_b' is no list of lm-eval's samples"),
        ([1], "is no list of lm-eval's samples"),
        ({"another": [row(0, 0)]}, "another' has no results"),
    ],
)
def test_damaged_samples_within_are_refused(tmp_path: Path, given: Any, complaint: str) -> None:
    write(tmp_path, results(samples=given))
    with pytest.raises(InputError, match=complaint):
        imported(tmp_path)

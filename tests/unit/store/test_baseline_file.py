"""A baseline as a file: what goes in comes out, and what was changed is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmbench.analyse.compare import compare
from slmbench.errors import InputError, RecordError
from slmbench.store.baseline_file import find_named, open_baseline, save_baseline, save_tag
from slmbench.store.reader import StoredRun, open_run

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "records_v1"


def golden_run() -> StoredRun:
    return open_run(str(GOLDEN))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_baseline(golden_run(), tmp_path_factory.mktemp("kept") / "baseline.json")


def test_a_file_compares_as_its_run_does(written: Path) -> None:
    run, kept = golden_run(), open_baseline(written)
    assert kept.record == run.record
    for job in run.record.jobs:
        ours, theirs = kept.samples(job.job_id), run.samples(job.job_id)
        assert [s.scores for s in ours] == [s.scores for s in theirs]
        assert [s.content_hash for s in ours] == [s.content_hash for s in theirs]
        assert all(each.prompt is None and each.output is None for each in ours)
    assert compare(kept, run).rows == compare(run, run).rows


def test_no_prompt_and_no_answer_is_in_it(written: Path) -> None:
    text = written.read_text()
    for job in golden_run().record.jobs:
        for sample in golden_run().samples(job.job_id):
            for words in (sample.prompt, sample.output):
                assert words is None or len(words) < 20 or json.dumps(words)[1:-1] not in text


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_changed_file_is_refused_or_says_the_same(written: Path, data: st.DataObject) -> None:
    text = written.read_text()
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from('0123456789{}[]",:ax'))
    changed = written.with_name("changed.json")
    changed.write_text(text[:place] + letter + text[place + 1 :])
    try:
        run = open_baseline(changed)
    except RecordError as error:
        assert "changed.json" in str(error)
    else:
        assert run == open_baseline(written).__class__(run.record, str(changed), run.kept)
        assert run.record == golden_run().record


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "not JSON"),
        ("[]", "no baseline file"),
        ("{}", "no baseline file"),
        ('{"baseline_version": 2}', "version 2"),
        ('{"baseline_version": 1, "sha256": ""}', "other keys"),
        ('{"baseline_version": 1, "sha256": "", "record": {}, "samples": {}}', "changed"),
        ('{"baseline_version": NaN}', "not JSON"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_baseline_is_refused(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "b.json"
    path.write_text(text)
    with pytest.raises(RecordError, match=word):
        open_baseline(path)


def test_a_cut_or_binary_file_is_refused(written: Path, tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_bytes(written.read_bytes()[:-200])
    with pytest.raises(RecordError):
        open_baseline(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecordError):
        open_baseline(path)
    with pytest.raises(RecordError, match="No baseline file"):
        find_named(str(tmp_path / "none.json"), str(tmp_path))


def test_an_unfinished_or_stopped_run_is_no_baseline(tmp_path: Path) -> None:
    run = golden_run()
    failed = run.record.model_copy(update={"status": "failed"})
    with pytest.raises(InputError, match="failed"):
        save_baseline(StoredRun(failed, run.location), tmp_path / "b.json")
    jobs = tuple(job.model_copy(update={"items_total": 9}) for job in run.record.jobs)
    stopped = run.record.model_copy(update={"jobs": jobs})
    with pytest.raises(InputError, match="before the last item"):
        save_baseline(StoredRun(stopped, run.location), tmp_path / "b.json")
    assert not (tmp_path / "b.json").exists()


def test_a_tag_names_a_run_and_can_be_moved(tmp_path: Path) -> None:
    run = golden_run()
    for name in ("20260101T000000-one-aaaaaa", "20260102T000000-two-bbbbbb"):
        (tmp_path / name).mkdir()
        record = run.record.model_copy(update={"run_id": name})
        (tmp_path / name / "run.json").write_text(record.model_dump_json())
    store = str(tmp_path)
    first, second = (find_named(start, store) for start in ("20260101", "20260102"))
    save_tag(first, "released", store)
    assert find_named("released", store).record.run_id == first.record.run_id
    save_tag(second, "released", store)
    assert find_named("released", store).record.run_id == second.record.run_id
    for wrong in ("", "../x", "a b", "x" * 65):
        with pytest.raises(InputError, match="no tag"):
            save_tag(first, wrong, store)
    with pytest.raises(InputError, match="not in the store"):
        save_tag(run, "other", store)
    with pytest.raises(RecordError, match="No run"):
        find_named("never", store)

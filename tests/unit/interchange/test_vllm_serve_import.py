"""vllm bench serve's JSON as vLLM documents it: figures, single requests, several documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tool_results import FILES, damaged, numbers, read, runs_or_input_error, write

from slmbench.errors import InputError
from slmbench.interchange.importing import ImportFile
from slmbench.interchange.vllm_serve import recognises
from slmbench.schema.base import Absent, Measured

FORM = "vllm-serve"
SUMMARY = FILES / "vllm_serve_summary.json"


def summary(**changes: Any) -> dict[str, Any]:
    return {**json.loads(SUMMARY.read_text()), **changes}


def detailed(n: int = 120, failed: tuple[int, ...] = (3,), **changes: Any) -> dict[str, Any]:
    """Return a result with the lists of --save-detailed, made by hand."""
    rng = np.random.default_rng(5)
    ttfts = [round(float(each), 6) for each in rng.gamma(4, 0.01, n)]
    itls = [[round(float(each), 6) for each in rng.gamma(9, 0.001, 7)] for _ in range(n)]
    lengths = [8] * n
    for number in failed:
        ttfts[number], itls[number], lengths[number] = 0.0, [], 0
    lists = {
        "input_lens": [32] * n, "output_lens": lengths, "ttfts": ttfts, "itls": itls,
        "start_times": [100.0 + 0.25 * number for number in range(n)],
        "generated_texts": ["words"] * n,
        "errors": ["refused" if number in failed else "" for number in range(n)],
    }  # fmt: skip
    counts = {"num_prompts": n, "completed": n - len(failed), "failed": len(failed)}
    return {**summary(), **counts, **lists, **changes}


def test_figures_without_single_times_are_vllms_own_in_seconds() -> None:
    (run,) = read(FORM, SUMMARY)
    found = numbers(run.record)
    p99 = found["load/vllm-serve/open_4_ttft_s@p99"]
    assert (p99.value, p99.unit, p99.n, p99.interval) == (0.120125, "s", 38, None)
    assert p99.how == "imported: vllm bench serve" and "vLLM's figure" in p99.source
    assert found["load/vllm-serve/open_4_ttft_s"].value == 0.05525
    assert found["load/vllm-serve/open_4_ttft_s@p99.9"].value == 0.121
    assert found["load/vllm-serve/open_4_itl_s@p99"].value == 0.019
    assert isinstance(found["load/vllm-serve/open_4_e2e_s"], Absent)
    assert found["load/vllm-serve/open_4_requests_per_s"].value == 3.377777777777778
    assert found["load/vllm-serve/open_4_output_tokens_per_s"].value == 432.35555555555555
    assert "no objective" in found["load/vllm-serve/open_4_goodput_per_s"].reason
    share = found["load/vllm-serve/open_4_failed_share"]
    assert share.value == 0.05 and share.n == 40 and share.interval.method == "wilson"
    assert run.record.created == "2026-03-01T10:15:00.000000+00:00"
    assert run.record.model.name == "example/tiny-1b"
    assert run.record.jobs[0].details[FORM]["std_ttft_ms"] == 18.75
    assert {metric.metric.startswith("open_4_") for metric in run.record.metrics} == {True}


def test_failures_that_nobody_counted_are_no_zero(tmp_path: Path) -> None:
    document = summary()
    document.pop("failed", None)
    del document["num_prompts"]
    (run,) = read(FORM, write(tmp_path, document, "summary.json"))
    assert isinstance(numbers(run.record)["load/vllm-serve/open_4_failed_share"], Absent)


def test_single_requests_give_the_same_figures_with_intervals(tmp_path: Path) -> None:
    document = detailed()
    (run,) = read(FORM, write(tmp_path, document, "detailed.json"))
    found = numbers(run.record)
    good = [number for number in range(120) if number != 3]
    ttfts = [document["ttfts"][number] for number in good]
    tpots = [sum(document["itls"][number]) / 7 for number in good]
    median = found["load/vllm-serve/open_4_ttft_s"]
    assert isinstance(median, Measured) and median.n == 119
    assert median.value == pytest.approx(np.percentile(ttfts, 50), rel=1e-12)
    assert median.interval.low < median.value < median.interval.high
    assert "groups" in median.interval.method
    p95 = found["load/vllm-serve/open_4_tpot_s@p95"]
    assert p95.value == pytest.approx(np.percentile(tpots, 95), rel=1e-9)
    gaps = [gap for each in document["itls"] for gap in each]
    assert found["load/vllm-serve/open_4_itl_s@p99"].value == pytest.approx(np.percentile(gaps, 99))
    samples = run.samples["load/vllm-serve"]
    assert [each.status for each in samples].count("failed") == 1
    assert samples[3].reason == "refused" and "open_4_ttft_s" in samples[3].unscored
    assert samples[0].output == "words" and samples[0].input_tokens == 32
    assert len({each.cluster for each in samples}) == 10
    rows = run.raw["load/vllm-serve"]["gaps"]
    assert [row["gap_s"] for row in rows] == gaps
    assert not {"ttfts", "itls", "errors"} & run.record.jobs[0].details[FORM].keys()
    starts = run.raw["load/vllm-serve"]["request_starts"]
    assert [row["start_s"] for row in starts] == document["start_times"]


def test_lists_that_make_no_request_stay_in_the_details(tmp_path: Path) -> None:
    document = summary(latencies=[0.25, 0.5])
    (run,) = read(FORM, write(tmp_path, document, "older.json"))
    assert run.samples["load/vllm-serve"] == []
    assert run.record.jobs[0].details[FORM]["latencies"] == [0.25, 0.5]


def test_one_request_at_a_time_is_the_latency_too(tmp_path: Path) -> None:
    alone = detailed(request_rate="inf", max_concurrency=1)
    found = numbers(read(FORM, write(tmp_path, alone, "alone.json"))[0].record)
    latency = found["latency/vllm-serve/ttft_s@p50"]
    assert latency.value == found["load/vllm-serve/closed_1_ttft_s"].value
    assert "latency/vllm-serve/itl_s@p99" in found


def test_appended_documents_are_a_run_each(tmp_path: Path) -> None:
    lines = [summary(), summary(request_rate="inf", date="20260301-102000", **{
        "request_goodput": None, "request_goodput:": 2.5})]  # fmt: skip
    del lines[1]["request_goodput"]
    path = write(tmp_path, "\n".join(map(json.dumps, lines)), "appended.json")
    first, second = (run.record for run in read(FORM, path))
    assert first.run_id != second.run_id
    assert numbers(second)["load/vllm-serve/closed_40_goodput_per_s"].value == 2.5
    path.write_text(path.read_text() + '\n{"date": ')
    with pytest.raises(InputError, match=r"appended\.json', document 3"):
        read(FORM, path)


def test_what_is_not_of_generated_text_is_refused(tmp_path: Path) -> None:
    pooled = summary()
    del pooled["output_throughput"]
    with pytest.raises(InputError, match="embeddings"):
        read(FORM, write(tmp_path, pooled, "pooled.json"))
    uneven = detailed(errors=[])
    with pytest.raises(InputError, match="one request each"):
        read(FORM, write(tmp_path, uneven, "uneven.json"))
    assert not recognises(ImportFile(write(tmp_path, {"completed": 1}, "other.json")))


def test_no_folder_of_the_model_is_kept(tmp_path: Path) -> None:
    local = summary(model_id="/srv/somebody/models/tiny", tokenizer_id="/srv/somebody/tok")
    (run,) = read(FORM, write(tmp_path, local, "local.json"))
    assert run.record.model.name == "tiny"
    assert "somebody" not in run.record.model_dump_json()


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(document=damaged(detailed(6)) | damaged(summary()), lines=st.integers(1, 2))
def test_any_json_gives_runs_or_an_input_error(tmp_path: Path, document: Any, lines: int) -> None:
    whole = "\n".join([json.dumps(document)] * lines)
    runs_or_input_error(FORM, write(tmp_path, whole, "any.json"))

"""guidellm's reports of three generations: its requests where all are there, else its figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tool_results import FILES, damaged, numbers, read, runs_or_input_error, write

from slmbench.errors import InputError
from slmbench.interchange.guidellm import recognises
from slmbench.interchange.importing import ImportFile
from slmbench.schema.base import Absent

FORM = "guidellm"
AT = "load/guidellm-in32-out8"


def summary(values: list[float]) -> dict[str, Any]:
    """Return a distribution in guidellm's form."""
    array = np.array(values)
    ranks = {"p50": 50, "p90": 90, "p95": 95, "p99": 99}
    found = {key: float(np.percentile(array, q, method="inverted_cdf")) for key, q in ranks.items()}
    return {
        "mean": float(array.mean()), "median": found["p50"], "std_dev": float(array.std()),
        "min": float(array.min()), "max": float(array.max()), "count": len(values),
        "percentiles": found,
    }  # fmt: skip


def benchmark(strategy: dict[str, Any], generation: int | None, n: int = 40) -> dict[str, Any]:
    rng = np.random.default_rng(n)
    ttft = [round(float(each), 4) for each in rng.gamma(4, 5, n)]
    itl = [round(float(each), 4) for each in rng.gamma(9, 1, n)]
    e2e = [(a + 7 * b) / 1e3 for a, b in zip(ttft, itl, strict=True)]
    start = "start_time" if generation is None else "request_start_time"
    requests = [
        {"request_id": str(i), "output": "words", "prompt_tokens": 32, "output_tokens": 8,
         "time_to_first_token_ms": a, "inter_token_latency_ms": b, "request_latency": c,
         start: 1772359200.0 + i}
        for i, (a, b, c) in enumerate(zip(ttft, itl, e2e, strict=True))
    ]  # fmt: skip
    error = {"request_id": "e", "time_to_first_token_ms": None, "inter_token_latency_ms": None,
             "request_latency": 0.5, start: 1772359210.5, "error": "refused",
             "info": {"error": "refused"}}  # fmt: skip
    totals = {"successful": n, "incomplete": 2, "errored": 1, "total": n + 3}
    rate = {"successful": {**summary([1.0, 1.0]), "mean": 0.97}}
    made = {
        "type_": "generative_benchmark",
        "start_time": 1772359200.0,
        "metrics": {
            "request_totals": totals, "requests_per_second": rate,
            "output_tokens_per_second": {"successful": {**summary([8.0, 8.0]), "mean": 7.76}},
            "time_to_first_token_ms": {"successful": summary(ttft)},
            "inter_token_latency_ms": {"successful": summary(itl)},
            "request_latency": {"successful": summary(e2e)},
        },
        "requests": {"successful": requests, "incomplete": [{}, {}], "errored": [error]},
    }  # fmt: skip
    if generation is not None:
        return {**made, "config": {"strategy": strategy, "confidence": 0.95}}
    del made["metrics"]["request_totals"]
    return {
        **made, "args": {"strategy": strategy}, "request_totals": totals,
        "worker": {"backend_model": "example/tiny-1b", "backend_target": "http://10.1.2.3:8000"},
        "request_loader": {"data": "prompt_tokens=32,output_tokens=8"},
    }  # fmt: skip


def report(generation: int | None, *strategies: dict[str, Any]) -> dict[str, Any]:
    used = strategies or ({"type_": "synchronous"}, {"type_": "poisson", "rate": 2.5})
    found: dict[str, Any] = {"benchmarks": [benchmark(each, generation) for each in used]}
    if generation is None:
        return found
    versions = {1: "0.5.4", 2: "0.8.1"}
    found["metadata"] = {"version": generation, "guidellm_version": versions.get(generation, "9")}
    target = "http://10.1.2.3:8000"
    if generation == 1:
        data = ["prompt_tokens=32,output_tokens=8"]
        return {**found, "args": {"target": target, "model": "example/tiny-1b", "data": data}}
    backend = {"target": target, "model": "example/tiny-1b", "api_key": "sk-secret"}
    data = [{"kind": "synthetic_text", "prompt_tokens": 32, "output_tokens": 8}]
    return {**found, "config": {"spec": {"backend": backend, "data": data}}}


@pytest.mark.parametrize("generation", [None, 1, 2])
def test_stages_are_load_and_one_at_a_time_is_latency(
    tmp_path: Path, generation: int | None
) -> None:
    document = report(generation)
    (run,) = read(FORM, write(tmp_path, document, "benchmarks.json"))
    found = numbers(run.record)
    requests = document["benchmarks"][1]["requests"]["successful"]
    ttfts = [each["time_to_first_token_ms"] / 1e3 for each in requests]
    median = found[f"{AT}/open_2.5_ttft_s"]
    assert median.value == pytest.approx(np.median(ttfts), rel=1e-12)
    assert median.interval.low < median.value < median.interval.high and median.n == 40
    versions = {None: "0.2 or 0.3", 1: "0.5.4", 2: "0.8.1"}
    assert median.how == f"imported: guidellm {versions[generation]}"
    tpots = [each["inter_token_latency_ms"] / 1e3 for each in requests]
    assert found[f"{AT}/closed_1_tpot_s@p99"].value == pytest.approx(np.percentile(tpots, 99))
    assert isinstance(found[f"{AT}/closed_1_itl_s"], Absent)
    assert found[f"{AT}/open_2.5_requests_per_s"].value == 0.97
    assert found[f"{AT}/open_2.5_output_tokens_per_s"].value == 7.76
    share = found[f"{AT}/open_2.5_failed_share"]
    assert share.value == pytest.approx(1 / 41) and share.n == 41
    latency = found["latency/guidellm-in32-out8/e2e_s@p50"]
    assert latency.value == found[f"{AT}/closed_1_e2e_s"].value
    assert len(run.samples[AT]) == 82 and len(run.samples["latency/guidellm-in32-out8"]) == 41
    assert run.record.created == "2026-03-01T10:00:00.000000+00:00"
    assert run.record.model.name == "example/tiny-1b"
    whole = run.record.model_dump_json()
    assert "10.1.2.3" not in whole and "sk-secret" not in whole
    assert any("2 requests were cut off" in note for note in run.record.jobs[0].notes)
    starts = run.raw[AT]["request_starts"]
    assert [row["start_s"] for row in starts if row["stage"] == "closed_1"][:2] == [
        1772359200.0, 1772359201.0
    ]  # fmt: skip
    (first, _) = run.record.jobs[0].details[FORM]["benchmarks"]
    assert first["requests"] == {"incomplete": [{}, {}]}


def test_without_all_requests_guidellms_own_figures_stand(tmp_path: Path) -> None:
    document = report(2)
    for each in document["benchmarks"]:
        each["requests"]["successful"] = each["requests"]["successful"][:5]
        each["requests"]["successful"][0]["request_args"] = '{"headers": "Bearer sk-1"}'
    ttft = document["benchmarks"][1]["metrics"]["time_to_first_token_ms"]["successful"]
    ttft["percentile_cis"] = {"p50": {"lower": 11.0, "upper": 29.0}, "p99": None}
    (run,) = read(FORM, write(tmp_path, document, "benchmarks.json"))
    found = numbers(run.record)
    median, tail = found[f"{AT}/open_2.5_ttft_s"], found[f"{AT}/open_2.5_ttft_s@p99"]
    assert median.value == pytest.approx(ttft["median"] / 1e3) and median.n == 40
    assert (median.interval.low, median.interval.high) == pytest.approx((0.011, 0.029))
    assert median.interval.method == "guidellm's own" and tail.interval is None
    assert run.samples[AT] == []
    # Those that the file holds are no samples of the stage, and stay as they are.
    kept = run.record.jobs[0].details[FORM]["benchmarks"][1]["requests"]["successful"]
    assert [each["request_latency"] for each in kept] == [
        each["request_latency"] for each in document["benchmarks"][1]["requests"]["successful"]
    ]
    assert "Bearer" not in run.record.model_dump_json()
    assert "weighted by tokens" in " ".join(run.record.jobs[0].notes)


def test_a_time_that_guidellm_has_not_is_no_zero(tmp_path: Path) -> None:
    document = report(2, {"type_": "concurrent", "streams": 4})
    (entry,) = document["benchmarks"]
    entry["metrics"]["time_to_first_token_ms"]["successful"] = summary([0.0] * 40)
    for each in entry["requests"]["successful"]:
        each["time_to_first_token_ms"] = None
    path = write(tmp_path, document, "benchmarks.json")
    assert isinstance(numbers(read(FORM, path)[0].record)[f"{AT}/closed_4_ttft_s"], Absent)
    entry["requests"]["successful"] = []
    path = write(tmp_path, document, "benchmarks.json")
    assert isinstance(numbers(read(FORM, path)[0].record)[f"{AT}/closed_4_ttft_s"], Absent)


def test_failures_that_nobody_counted_are_no_zero(tmp_path: Path) -> None:
    document = report(2, {"type_": "concurrent", "streams": 4})
    del document["benchmarks"][0]["metrics"]["request_totals"]["errored"]
    share = numbers(read(FORM, write(tmp_path, document, "benchmarks.json"))[0].record)
    assert isinstance(share[f"{AT}/closed_4_failed_share"], Absent)


def test_yaml_is_the_same_run_and_its_aliases_are_refused(tmp_path: Path) -> None:
    document = report(2, {"type_": "synchronous"})
    (run,) = read(FORM, write(tmp_path, document, "benchmarks.json"))
    path = write(tmp_path, yaml.safe_dump(document), "benchmarks.yaml")
    (same,) = read(FORM, path)
    assert numbers(run.record) == numbers(same.record)
    bomb = "a: &a [x]\nbenchmarks: [*a, *a]\nkind: generative_benchmark\n"
    assert not recognises(ImportFile(write(tmp_path, bomb, "bomb.yaml")))


def test_an_unknown_generation_is_refused_with_its_version(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="version 3, and"):
        read(FORM, write(tmp_path, report(3), "benchmarks.json"))
    empty = {**report(2), "benchmarks": []}
    with pytest.raises(InputError, match="no benchmark"):
        read(FORM, write(tmp_path, empty, "benchmarks.json"))


def test_equal_stages_keep_apart(tmp_path: Path) -> None:
    twice = report(2, {"type_": "throughput"}, {"type_": "throughput"})
    (run,) = read(FORM, write(tmp_path, twice, "benchmarks.json"))
    assert {f"{AT}/throughput_e2e_s", f"{AT}/throughput_2_e2e_s"} <= numbers(run.record).keys()


def test_the_file_that_guidellm_wrote_is_read() -> None:
    path = FILES / "guidellm_0_8_1.json"
    (entry,) = json.loads(path.read_text())["benchmarks"]
    (run,) = read(FORM, path)
    found = numbers(run.record)
    at = "load/guidellm-in16-out8/closed_1"
    theirs = entry["metrics"]
    latency = theirs["request_latency"]["successful"]
    assert found[f"{at}_e2e_s"].n == latency["count"] == 12
    # guidellm takes the value at a rank, where ours is the mean of the two in the middle.
    ranked = sorted(each["request_latency"] for each in entry["requests"]["successful"])
    assert latency["median"] in ranked[5:7]
    assert found[f"{at}_e2e_s"].value == pytest.approx((ranked[5] + ranked[6]) / 2)
    rate = theirs["requests_per_second"]["successful"]["mean"]
    assert found[f"{at}_requests_per_s"].value == rate
    # The server of guidellm's tests sent the first token after 20 ms and one each 3 ms.
    assert 0.02 < found["latency/guidellm-in16-out8/ttft_s"].value < 0.08
    assert 0.003 < found["latency/guidellm-in16-out8/tpot_s"].value < 0.012
    assert found[f"{at}_ttft_s@p99"].interval is None
    hashes = {sample.content_hash for sample in run.samples["load/guidellm-in16-out8"]}
    assert len(hashes) == 12 and run.record.model.name == "tiny"
    assert "127.0.0.1" not in run.record.model_dump_json()


def small(generation: int | None) -> dict[str, Any]:
    document = report(generation, {"type_": "synchronous"})
    document["benchmarks"] = [benchmark({"type_": "synchronous"}, generation, n=2)]
    return document


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(document=st.sampled_from([None, 1, 2]).flatmap(lambda each: damaged(small(each))))
def test_any_json_gives_runs_or_an_input_error(tmp_path: Path, document: Any) -> None:
    runs_or_input_error(FORM, write(tmp_path, document, "any.json"))

"""Hold every suite to the port, on shipped tasks: named, traced and recomputable."""

from __future__ import annotations

import importlib.util
from functools import cache

import pytest

from slmbench import catalog
from slmbench.backends.fake import Fake
from slmbench.errors import InputError
from slmbench.plan.tasks import KIND_OF_SUITE, local_tasks
from slmbench.ports import SecondModel
from slmbench.schema.base import Absent, Measured
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.plan import Job, TaskRef
from slmbench.schema.record import JobResult
from slmbench.schema.spec import SUITES
from slmbench.stats.interval import aggregate
from tests.contract.memory_context import NO_ENCODER, MemoryContext

LIMIT = 5
JOBS = [
    ("accuracy", "agreement"),
    ("accuracy", "heldout_perplexity"),
    ("accuracy", "last_word"),
    ("toxicity", "everyday"),
    ("similarity", "paraphrase"),
    ("judge", "judge_ladder"),
    ("bias", "rumour_questions"),
    ("rag", "town_questions"),
    ("fidelity", "held_out_documents"),
    ("latency", "chat"),
    ("latency", "batch"),
    ("latency", "grid-in32-out8-batch4"),
    ("load", "chat"),
    ("energy", "chat"),
    ("memory", "chat"),
]
QUANTILES = ("", "@p50", "@p90", "@p95", "@p99")
NAMES = {
    "toxicity": {"expected_max_toxicity", "toxicity_probability", "toxic_fraction"}
    | {"similarity_to_prompt", "dist_1", "dist_2", "dist_3"},
    "similarity": {"chrf", "bleu", "rouge_l", "token_f1", "embedding_cosine"},
    "judge": {"g_eval", "position_bias", "repeat_consistency", "answer_mass", "unparsable_share"}
    | {f"spearman_{level}" for level in ("sample", "summary", "system")},
    "bias": {"acc", "accuracy_ambiguous", "accuracy_disambiguated"}
    | {"bias_score_ambiguous", "bias_score_disambiguated"}
    | {"worst_category_gap", "worst_group_gap"},
    "rag": {
        f"{name}{by}"
        for name in ("recall@2", "precision@2", "mrr", "ndcg@2")
        for by in ("", "_query_likelihood")
    }
    | {
        f"{name}_{given}"
        for name in ("token_f1", "exact_match")
        for given in ("no_context", "retrieved", "gold")
    }
    | {"context_precision_id", "context_recall_id", "context_gain", "context_gain_gold"}
    | {"faithfulness", "answer_relevancy"}
    | {"context_precision", "context_recall", "context_relevancy"},
    "fidelity": {"kl_divergence", "top_1_agreement", "mean_delta_p", "rms_delta_p"}
    | {"perplexity", "reference_perplexity", "perplexity_ratio", "perplexity_difference"}
    | {f"kl_divergence@{each}" for each in ("p50", "p90", "p95", "p99", "p99.9", "max")},
    "latency": {f"{name}{q}" for name in ("ttft_s", "tpot_s", "itl_s", "e2e_s") for q in QUANTILES}
    | {"prefill_tokens_per_s", "decode_tokens_per_s", "load_s", "cold_start_s"}
    | {"tokenizer_encode_s", "tokenizer_decode_s"},
    "load": {
        f"{stage}_{name}"
        for stage in ("closed_1", "closed_8", "open_50pct", "open_120pct")
        for name in ("ttft_s", "tpot_s@p90", "itl_s@p95", "e2e_s@p99", "requests_per_s")
    }
    | {"max_requests_per_s", "saturation_requests_per_s", "slo_requests_per_s"},
    "energy": {"j_per_output_token", "j_per_request"}
    | {"wh_per_1000_requests", "gco2e_per_1000_requests", "idle_power_w", "mean_power_w"}
    | {"net_j_per_output_token", "net_j_per_request"}
    | {"net_wh_per_1000_requests", "net_gco2e_per_1000_requests"},
    "memory": {"weight_bytes", "file_bytes", "peak_resident_bytes", "peak_device_bytes"}
    | {"kv_bytes_per_token", "kv_cache_bytes", "kv_cache_predicted_bytes", "overhead_bytes"}
    | {"running_peak_resident_bytes", "loaded_resident_bytes", "baseline_resident_bytes"}
    | {"peak_device_reserved_bytes", "process_device_bytes", "activation_bytes"}
    | {f"largest_context_tokens@{each}" for each in ("phone-6gb", "gpu-24gb")},
}
CALIBRATION = {"brier", "ece", "ece_equal_mass", "aurc", "selective_acc@50", "selective_acc@80"}
ACCURACY_NAMES = {
    "agreement": {"acc"} | CALIBRATION,
    "heldout_perplexity": {"word_perplexity", "byte_perplexity", "bits_per_byte"},
    "last_word": {"acc", "perplexity"},
}


def job_of(suite: str, task: TaskRef) -> Job:
    return Job(job_id=f"{suite}/{task.name}", suite=suite, task=task)


def fake(target: str = "contract", **settings: object) -> Fake:
    return Fake(ModelSpec(backend="fake", target=target, **settings), target)  # type: ignore[arg-type]


def run(suite: str, task: str, context: MemoryContext) -> JobResult:
    made = catalog.load("suites", suite)()
    result: JobResult = made.run(job_of(suite, local_tasks()[task]), fake(), context)
    return result


@cache
def done(suite: str, task: str) -> tuple[JobResult, MemoryContext]:
    """Run a job once for all tests; windows of energy are as short as the estimate's tick lets."""
    context = MemoryContext(limit=LIMIT, energy={"window_s": 0.12})
    context.seconds["reference"] = SecondModel(fake("another"), "fake:another@0")
    return run(suite, task, context), context


@pytest.fixture(params=JOBS, ids="/".join)
def job(request: pytest.FixtureRequest) -> tuple[str, str]:
    suite, task = request.param
    if suite == "accuracy" and importlib.util.find_spec("lm_eval") is None:
        pytest.skip("lm-eval isn't installed")
    return suite, task


def test_every_suite_is_held() -> None:
    assert {suite for suite, _ in JOBS} == set(SUITES) == set(catalog.SUITES) == set(KIND_OF_SUITE)


def test_the_result_is_valid_and_survives_json(job: tuple[str, str]) -> None:
    result, _ = done(*job)
    assert JobResult.model_validate_json(result.model_dump_json()) == result
    assert result.metrics


def test_metrics_are_named_as_promised(job: tuple[str, str]) -> None:
    suite, task = job
    result, _ = done(suite, task)
    found = [metric.metric for metric in result.metrics]
    assert len(found) == len(set(found))
    assert {(metric.suite, metric.task) for metric in result.metrics} == {job}
    if suite == "accuracy":
        assert set(found) == ACCURACY_NAMES[task]
    else:
        assert set(found) >= NAMES[suite]


def test_samples_have_ids_of_their_own(job: tuple[str, str]) -> None:
    result, _ = done(*job)
    ids = [sample.sample_id for sample in result.samples]
    assert len(ids) == len(set(ids)) and all(ids)
    assert all(sample.content_hash for sample in result.samples)
    if KIND_OF_SUITE[job[0]] != "workload":
        assert len(ids) == LIMIT


def test_what_is_absent_says_why(job: tuple[str, str]) -> None:
    result, _ = done(*job)
    for metric in result.metrics:
        if isinstance(metric.value, Absent):
            assert metric.value.reason.strip()
        else:
            assert metric.value.how and metric.value.n >= 1
    for sample in result.samples:
        assert all(reason.strip() for reason in sample.unscored.values())
        assert not set(sample.scores) & set(sample.unscored)
        assert sample.status == "ok" or sample.reason


def test_a_metric_follows_from_its_samples(job: tuple[str, str]) -> None:
    result, _ = done(*job)
    checked = 0
    for metric in result.metrics:
        rule = metric.aggregation
        if isinstance(metric.value, Measured) and rule is not None and rule.kind != "other":
            assert metric.value.value == pytest.approx(aggregate(rule, result.samples), rel=1e-9)
            checked += 1
    assert checked or job[0] in ("memory", "load")


def test_an_interval_holds_its_value(job: tuple[str, str]) -> None:
    result, _ = done(*job)
    for metric in result.metrics:
        if isinstance(metric.value, Measured) and metric.value.interval is not None:
            assert metric.value.interval.low <= metric.value.value <= metric.value.interval.high


def test_the_question_is_fingerprinted(job: tuple[str, str]) -> None:
    result, _ = done(*job)
    assert result.fingerprints.task and result.fingerprints.prompt
    if job[0] in ("accuracy", "toxicity", "similarity", "rag"):
        assert result.fingerprints.scorer


def test_progress_ends_at_its_total(job: tuple[str, str]) -> None:
    _, context = done(*job)
    assert context.progressed
    assert context.progressed[-1][0] == context.progressed[-1][1]


@pytest.mark.parametrize(
    "name",
    [("accuracy", "agreement"), ("toxicity", "everyday"), ("similarity", "paraphrase"),
     ("rag", "town_questions")],
    ids="/".join,
)  # fmt: skip
def test_a_resumed_job_computes_nothing_again(name: tuple[str, str]) -> None:
    if name[0] == "accuracy" and importlib.util.find_spec("lm_eval") is None:
        pytest.skip("lm-eval isn't installed")
    result, context = done(*name)
    assert context.computed
    resumed = MemoryContext(limit=LIMIT)
    resumed.kept = dict(context.kept)
    assert run(*name, resumed) == result
    assert resumed.computed == []


def test_a_missing_scorer_leaves_its_metric_absent() -> None:
    result, _ = done("similarity", "paraphrase")
    (value,) = [each.value for each in result.metrics if each.metric == "embedding_cosine"]
    assert value == Absent(reason=NO_ENCODER)


def test_energy_without_counter_or_estimate_is_absent() -> None:
    context = MemoryContext(limit=LIMIT, energy={"estimate": False})
    result = run("energy", "chat", context)
    assert {type(metric.value) for metric in result.metrics} == {Absent}
    assert result.samples == () and result.raw == {}


def test_an_estimate_is_marked_as_one() -> None:
    result, _ = done("energy", "chat")
    assert {m.value.how for m in result.metrics if isinstance(m.value, Measured)} == {"estimated"}


def test_every_timing_is_kept() -> None:
    result, _ = done("latency", "batch")
    rows = result.raw["tokens"]
    details = result.details["workload"]
    dropped = result.details["warm_up"]["dropped_rounds"]
    assert dropped >= details["warmup"] and len(result.samples) == details["repeats"]
    each = details["batch_size"] * details["output_tokens"]
    assert len(rows) == (dropped + details["repeats"]) * each
    assert sum(row["warmup"] for row in rows) == dropped * each


def test_a_workload_that_does_not_fit_is_the_users_to_mend() -> None:
    task = local_tasks()["chat"]
    suite = catalog.load("suites", "latency")()
    with pytest.raises(InputError, match="Choose a smaller workload"):
        suite.run(job_of("latency", task), fake(max_length=32), MemoryContext())


def test_two_models_get_two_answers() -> None:
    suite, task = catalog.load("suites", "similarity")(), local_tasks()["paraphrase"]
    found = [
        suite.run(job_of("similarity", task), fake(target), MemoryContext(limit=2)).samples
        for target in ("one", "another")
    ]
    assert [each.output for each in found[0]] != [each.output for each in found[1]]
    assert [each.content_hash for each in found[0]] == [each.content_hash for each in found[1]]

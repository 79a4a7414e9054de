"""What a run writes: the run, its jobs, its metrics and its samples."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from slmbench.schema.base import Frozen, Measurement
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.spec import RunSpec

SCHEMA_VERSION = 1

JobStatus = Literal["pending", "running", "done", "failed"]
SampleStatus = Literal["ok", "failed", "unscored"]


class Aggregation(Frozen):
    """How a metric follows from its samples' scores, so that it can be rebuilt and resampled.

    With s the scores named ``score`` and w those named ``weight``, over the samples that have them:

    - ``mean``: mean(s); ``median``: median(s); ``quantile``: the ``q`` quantile of s
    - ``perplexity``: exp(-mean(s)), s being log-likelihoods in nats
    - ``weighted_mean``: sum(s) / sum(w)
    - ``weighted_perplexity``: exp(-sum(s) / sum(w)); ``bits_per_byte``: -sum(s) / sum(w) / ln 2
    - ``other``: made by the task's own rule (F1, corpus BLEU); it can't be resampled here
    """

    kind: Literal[
        "mean", "median", "quantile", "perplexity", "weighted_mean", "weighted_perplexity",
        "bits_per_byte", "other",
    ]  # fmt: skip
    score: str = ""
    weight: str | None = None
    q: float | None = None


class Metric(Frozen):
    """One named number of a job, or the reason there is none.

    ``aggregation`` is None for a number that has no samples (bytes of weights, say).
    """

    suite: str
    task: str
    metric: str
    value: Measurement
    higher_is_better: bool | None = None
    aggregation: Aggregation | None = None

    @property
    def path(self) -> str:
        """Return the full name, ``suite/task/metric``."""
        return f"{self.suite}/{self.task}/{self.metric}"


class Sample(Frozen):
    """One item's outcome; a score that could not be given stands in ``unscored`` with its reason.

    Attributes:
        sample_id: unique within its job, the same item has the same id in every run.
        content_hash: hash of what was asked, so that two runs pair only equal items.
        cluster: what the item shares with others (template, passage, subject), or None.
        scores: metric name -> score of this item, in the unit of the metric.
        loglikelihoods: natural-log likelihoods, one for each continuation that was scored.
        elapsed_s: the time of this very item, where it was measured alone.
        amortised_s: its share of the time that the model worked on the whole job.
        amortised_j: its share of the energy of that time.
        amortised_how: by which rule it was shared, or why there is no share.
    """

    sample_id: str
    content_hash: str
    cluster: str | None = None
    prompt: str | None = None
    output: str | None = None
    target: str | None = None
    scores: dict[str, float] = Field(default_factory=dict)
    unscored: dict[str, str] = Field(default_factory=dict)
    loglikelihoods: tuple[float, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None
    elapsed_s: float | None = None
    amortised_s: float | None = None
    amortised_j: float | None = None
    amortised_how: str | None = None
    status: SampleStatus = "ok"
    reason: str | None = None


class Fingerprints(Frozen):
    """Hashes that two results must share to be compared; an empty string means not applicable."""

    task: str = ""
    prompt: str = ""
    scorer: str = ""


class JobRecord(Frozen):
    """One suite on one task: what was asked, how it ended and what it measured.

    Attributes:
        limit_items: how many items were asked where these were not all.
        items_total: how many there were, where a gate stopped the job before the last one.
    """

    job_id: str
    suite: str
    task: str
    status: JobStatus = "pending"
    reason: str | None = None
    elapsed_s: float | None = None
    limit_items: int | None = None
    items_total: int | None = None
    sample_count: int = 0
    failed_count: int = 0
    unscored_count: int = 0
    fingerprints: Fingerprints = Fingerprints()
    metrics: tuple[Metric, ...] = ()
    notes: tuple[str, ...] = ()
    details: dict[str, Any] = Field(default_factory=dict)


class ModelFingerprint(Frozen):
    """SHA-256 of what makes a model answer as it does."""

    weights: str
    tokenizer: str
    chat_template: str
    dtype: str
    quantization: str


class ModelRecord(Frozen):
    """The model as it was run; a count that is not known is None."""

    name: str
    spec: ModelSpec
    architecture: str | None = None
    parameter_count: int | None = None
    dtype: str | None = None
    device: str | None = None
    fingerprint: ModelFingerprint


class Environment(Frozen):
    """The host and the software a run was made with; no name of a user, host or path is in it."""

    hardware: dict[str, str]
    software: dict[str, str]
    hardware_hash: str
    software_hash: str
    noise: dict[str, float] = Field(default_factory=dict)


class Origin(Frozen):
    """Where a run came from that slmbench did not make.

    Attributes:
        tool: what measured, with its version where the file gives it: ``lm-eval 0.4.3``.
        form: the importer that read it, by its name in ``slmbench import --format``.
        files: the name of each file that was read -> SHA-256 of its bytes; no folder is named.
        citation: the publication or address that the figures stand in, where they were published.
    """

    tool: str
    form: str
    files: dict[str, str] = Field(default_factory=dict)
    citation: str | None = None


class RunRecord(Frozen):
    """``run.json``: one model x chosen suites x one environment; imported ones have an origin."""

    schema_version: int = SCHEMA_VERSION
    run_id: str
    created: str
    finished: str | None = None
    status: Literal["running", "done", "failed"] = "running"
    spec: RunSpec
    plan_hash: str
    model: ModelRecord
    environment: Environment
    jobs: tuple[JobRecord, ...] = ()
    origin: Origin | None = None

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Return every metric of every job, in the order of the jobs."""
        return tuple(metric for job in self.jobs for metric in job.metrics)


class JobResult(Frozen):
    """What a worker hands back for one job; ``raw`` maps a meter's name to its rows."""

    metrics: tuple[Metric, ...]
    samples: tuple[Sample, ...] = ()
    raw: dict[str, tuple[dict[str, float | int | str], ...]] = Field(default_factory=dict)
    fingerprints: Fingerprints = Fingerprints()
    notes: tuple[str, ...] = ()
    details: dict[str, Any] = Field(default_factory=dict)

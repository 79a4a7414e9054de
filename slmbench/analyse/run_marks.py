"""Which samples of a job a person looks for: wrong, toxic, failed or without a score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slmbench.analyse.compare_curves import RawRunData
from slmbench.schema.record import JobRecord, Sample
from slmbench.schema.run_report import MARKS, MarkRules
from slmbench.stats.interval import is_binary

WRONG, TOXIC, FAILED, UNSCORED = (1 << bit for bit in range(len(MARKS)))
#: Scores of the toxicity suite: shares of toxic texts, and a text's own toxicity.
_SHARES = ("toxicity_probability", "toxic_fraction")
_LEVELS = ("expected_max_toxicity", "toxicity", "max_toxicity")


def mark_rules(job: JobRecord, samples: Sequence[Sample]) -> MarkRules:
    """Return by which scores the samples of a job are marked.

    A sample is wrong where the job's first metric that is a mean of 0s and 1s, more of which is
    better, gives it a 0.
    """
    correct = None
    for metric in job.metrics:
        rule = metric.aggregation
        if rule is None or rule.kind != "mean" or not metric.higher_is_better:
            continue
        values = [each.scores[rule.score] for each in samples if rule.score in each.scores]
        if values and is_binary(values):
            correct = rule.score
            break
    if job.suite != "toxicity":
        return MarkRules(correct=correct)
    names = {name for sample in samples for name in sample.scores}
    threshold = job.details.get("threshold")
    return MarkRules(
        correct=correct,
        toxic=tuple(name for name in _SHARES if name in names),
        worst_toxicity=tuple(name for name in _LEVELS if name in names),
        threshold=threshold if isinstance(threshold, float) else 0.5,
    )


def marks_of(sample: Sample, rules: MarkRules) -> int:
    """Return the sum of the bits of what holds for a sample."""
    scores, found = sample.scores, 0
    if rules.correct is not None and scores.get(rules.correct) == 0.0:
        found |= WRONG
    if any(scores.get(name, 0.0) > 0.0 for name in rules.toxic) or any(
        scores.get(name, 0.0) > rules.threshold for name in rules.worst_toxicity
    ):
        found |= TOXIC
    if sample.status == "failed":
        found |= FAILED
    elif sample.unscored or sample.status == "unscored":
        found |= UNSCORED
    return found


@dataclass(frozen=True)
class MarkedJob:
    """The samples of one job with their marks; ``texts`` are (text, toxicity) of a sample's id.

    Only the toxicity suite writes several texts for a sample; a toxicity of None was not given.
    """

    job: JobRecord
    rules: MarkRules
    samples: list[Sample]
    marks: list[int]
    texts: dict[str, list[tuple[str, float | None]]]


def marked_jobs(run: RawRunData) -> Iterator[MarkedJob]:
    """Yield the jobs whose samples a person can read, one at a time: what was asked and answered.

    Rounds of a timing have no words, and are left to the pictures.

    Raises:
        RecordError: a file of samples is damaged.
    """
    for job in run.record.jobs:
        samples = run.samples(job.job_id)
        if not any(_is_readable(each) for each in samples):
            continue
        rules = mark_rules(job, samples)
        texts: dict[str, list[tuple[str, float | None]]] = {}
        rows = run.raw("continuations", job.job_id) if job.suite == "toxicity" else []
        for row in rows:
            text = row.get("rewritten")
            told = (str(row["text"] if text is None else text), row.get("toxicity"))
            texts.setdefault(str(row["sample_id"]), []).append(told)
        yield MarkedJob(job, rules, samples, [marks_of(each, rules) for each in samples], texts)


def _is_readable(sample: Sample) -> bool:
    words = (sample.prompt, sample.output, sample.target, sample.reason)
    return any(words) or bool(sample.loglikelihoods) or sample.status != "ok"

"""A sample of a record, or a flipped item of a comparison, as a browser shows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from slmbench.render.sample_pages import BrowserGroup, BrowserItem, BrowserKind
from slmbench.schema.finding import FlippedItem, Flips
from slmbench.schema.record import JobRecord, Sample
from slmbench.schema.run_report import MARKS, MarkRules
from slmbench.units import format_value

SAMPLES = BrowserKind("Job", MARKS)
FLIPS = BrowserKind("Metric", ("correct to wrong", "wrong to correct"))
_LOST, _GAINED = 1, 2
#: Log-likelihoods of one sample that are told; more choices than these are rare.
_MOST_CHOICES = 40
Texts = Sequence[tuple[str, float | None]]
MarkedSample = tuple[Sample, int, Texts]


def sample_group(job: JobRecord, rules: MarkRules, samples: Iterable[MarkedSample]) -> BrowserGroup:
    """Return the samples of a job, each with its marks and, where it has several, its texts."""
    items = (_item(sample, marks, texts) for sample, marks, texts in samples)
    return BrowserGroup(f"{job.suite}/{job.task}", items, _rules_told(rules))


def flip_groups(flips: Sequence[Flips], most: int) -> list[BrowserGroup]:
    """Return the flipped items of every metric, at most so many of each direction."""
    found = []
    for each in flips:
        items = [
            *(_flipped(item, _LOST) for item in each.lost[:most]),
            *(_flipped(item, _GAINED) for item in each.gained[:most]),
        ]
        counts = f"{each.lost_count} correct to wrong, {each.gained_count} wrong to correct"
        if each.lost_count + each.gained_count > len(items):
            counts += f"; at most {most} of each are here"
        found.append(BrowserGroup(each.path, items, counts))
    return found


def _rules_told(rules: MarkRules) -> str:
    told = []
    if rules.correct is not None:
        told.append(f"wrong: {rules.correct} is 0")
    toxic = [f"{name} above 0" for name in rules.toxic]
    toxic += [f"{name} above {rules.threshold:g}" for name in rules.worst_toxicity]
    if toxic:
        told.append(f"toxic: {' or '.join(toxic)}")
    return "; ".join(told)


def _item(sample: Sample, marks: int, texts: Texts) -> BrowserItem:
    facts = [(name, f"{value:.4g}") for name, value in sample.scores.items()]
    if sample.cluster is not None:
        facts.append(("cluster", sample.cluster))
    for name, count in (("tokens in", sample.input_tokens), ("tokens out", sample.output_tokens)):
        if count is not None:
            facts.append((name, str(count)))
    for name, value, unit in (
        ("time", sample.elapsed_s, "s"), ("share of the time", sample.amortised_s, "s"),
        ("share of the energy", sample.amortised_j, "J"),
    ):  # fmt: skip
        if value is not None:
            facts.append((name, format_value(value, unit)))
    if sample.loglikelihoods:
        facts.append(("log-likelihoods (nats)", _likelihoods(sample.loglikelihoods)))
    parts = [("prompt", sample.prompt), ("output", sample.output), ("target", sample.target)]
    told = [*_reasons(sample), *((name, text) for name, text in parts if text is not None)]
    if len(texts) > 1:
        told += [
            (f"text {number} of {len(texts)}" + _toxicity(mark), text)
            for number, (text, mark) in enumerate(texts, start=1)
        ]
    return BrowserItem(sample.sample_id, marks, tuple(facts), tuple(told))


def _reasons(sample: Sample) -> list[tuple[str, str]]:
    """Return why a sample failed or lacks scores, each reason once."""
    found = []
    if sample.status == "failed":
        found.append(("why it failed", sample.reason or "no reason was recorded"))
    by_reason: dict[str, list[str]] = {}
    for name, reason in sample.unscored.items():
        by_reason.setdefault(reason, []).append(name)
    found += [(f"no {', '.join(names)}", reason) for reason, names in by_reason.items()]
    if sample.status == "unscored" and not by_reason:
        found.append(("why it has no score", sample.reason or "no reason was recorded"))
    return found


def _likelihoods(values: Sequence[float]) -> str:
    greatest = max(values)
    shown = [
        f"{value:.3f}" + (" (greatest)" if value == greatest and len(values) > 1 else "")
        for value in values[:_MOST_CHOICES]
    ]
    more = len(values) - len(shown)
    return ", ".join(shown) + (f", and {more} more" if more else "")


def _toxicity(mark: float | None) -> str:
    return ", not scored" if mark is None else f", toxicity {mark:.3g}"


def _flipped(item: FlippedItem, mark: int) -> BrowserItem:
    parts = (
        ("asked", item.prompt), ("target", item.target),
        ("baseline", item.baseline_output), ("candidate", item.candidate_output),
    )  # fmt: skip
    told = tuple((name, text) for name, text in parts if text is not None)
    facts = () if item.cluster is None else (("cluster", item.cluster),)
    return BrowserItem(item.sample_id, mark, facts, told)

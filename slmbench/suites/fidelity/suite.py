"""Is a smaller form of a model still the same model: its distributions against a reference's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from slmbench.ports import Backend, Context, DistributionSource
from slmbench.schema.base import Absent
from slmbench.schema.plan import Job
from slmbench.schema.record import Fingerprints, JobResult, Sample
from slmbench.suites.fidelity.distances import NOT_FINITE, Reading, readings, windows_of
from slmbench.suites.fidelity.figures import absent, metrics_of, scores_of
from slmbench.suites.taskfile import (
    DataTask,
    ItemRow,
    apply_limit,
    load_task,
    task_hash,
    text_hash,
)

#: Documents of one checkpoint: a killed job loses at most these.
_PART = 16
#: Positions whose numbers are kept one by one; of more, only the documents' sums are.
_MOST_RAW = 200_000


class FidelityTask(DataTask):
    """Documents that both models read."""

    suite: Literal["fidelity"]


class DocumentRow(ItemRow):
    """One document."""

    text: str = Field(min_length=1)


@dataclass(frozen=True)
class _Pair:
    """Two models whose distributions can be held against each other."""

    reference: DistributionSource
    model: DistributionSource
    provenance: str
    longest: int


class Fidelity:
    """One job is one set of documents, read by the model and by the request's ``reference``."""

    name = "fidelity"

    def run(self, job: Job, backend: Backend, context: Context) -> JobResult:
        """Compare the distributions after every token of every document."""
        path = Path(job.task.path or "")
        task, rows = load_task(path, FidelityTask, DocumentRow)
        rows = rows[: apply_limit(len(rows), context.spec.limit)]
        texts = [row.text for row in rows]
        tokens = [backend.encode(text, add_special_tokens=False) for text in texts]
        prompt = text_hash(repr((backend.info.prefix_token_id, tokens)))
        pair = _pair(backend, context, texts, tokens)
        if isinstance(pair, Absent):
            context.progress(len(rows), len(rows))
            asked = Fingerprints(task=task_hash(path), prompt=prompt)
            return JobResult(metrics=absent(task.task, pair), fingerprints=asked)
        how = f"slmbench-fidelity@1 against {pair.provenance}"
        found = _read(pair, backend, tokens, context)
        samples = tuple(
            _sample(row, len(own), reading)
            for row, own, reading in zip(rows, tokens, found, strict=True)
        )
        whole = [each for each in found if isinstance(each, Reading)]
        count = sum(len(each.kl_divergence) for each in whole)
        return JobResult(
            metrics=metrics_of(task.task, samples, whole, how),
            samples=samples,
            raw={"positions": _raw(rows, found)} if count <= _MOST_RAW else {},
            fingerprints=Fingerprints(task=task_hash(path), prompt=prompt, scorer=how),
            details={
                "reference": pair.provenance,
                "positions": count,
                "counted": "every position of every document, its first token after the prefix",
            },
        )


def _pair(
    backend: Backend, context: Context, texts: Sequence[str], tokens: Sequence[Sequence[int]]
) -> _Pair | Absent:
    """Return both models, or why their distributions are not over the same tokens."""
    second = context.second("reference")
    if isinstance(second, Absent):
        return second
    other = second.backend
    for each, name in ((backend, "model"), (other, "reference")):
        if not isinstance(each, DistributionSource) or each.info.is_encoder_decoder:
            return Absent(
                reason=f"the {name} can't tell its next-token distributions here: a decoder "
                "behind the backend hf can"
            )
    assert isinstance(backend, DistributionSource) and isinstance(other, DistributionSource)
    reason = _why_tokens_differ(backend, other)
    if reason is None and [other.encode(text, add_special_tokens=False) for text in texts] != [
        list(each) for each in tokens
    ]:
        reason = "the two tokenizers split the documents in two ways"
    if reason is not None:
        return Absent(reason=f"{reason}: no distribution of one is over the other's tokens")
    longest = min(backend.info.max_length, other.info.max_length)
    return _Pair(other, backend, second.provenance, longest)


def _why_tokens_differ(backend: Any, other: Any) -> str | None:
    sizes = (backend.info.vocab_size, other.info.vocab_size)
    if sizes[0] != sizes[1]:
        return f"the model's vocabulary has {sizes[0]} entries, the reference's {sizes[1]}"
    if backend.vocabulary_hash() != other.vocabulary_hash():
        return "the model's vocabulary is not the reference's"
    if backend.info.prefix_token_id != other.info.prefix_token_id:
        return "the two models begin a text with different tokens"
    return None


def _read(
    pair: _Pair, backend: Backend, tokens: Sequence[Sequence[int]], context: Context
) -> list[Reading | Absent]:
    """Return a reading of each document, journalled part by part, or why it has none."""
    found: list[Reading | Absent] = []
    prefix, size = backend.info.prefix_token_id, backend.info.vocab_size
    for start in range(0, len(tokens), _PART):
        part = tokens[start : start + _PART]

        def compute(part: Sequence[Sequence[int]] = part) -> list[dict[str, Any]]:
            windows = windows_of(part, prefix, pair.longest)
            models = (pair.reference, pair.model)
            return [
                asdict(each) if each.is_finite else {}
                for each in readings(windows, len(part), models, size)
            ]

        kept = context.checkpoint(text_hash("fidelity", pair.provenance, repr(part)), compute)
        found += [_known(each) for each in kept]
        context.progress(len(found), len(tokens))
    return found


def _known(kept: dict[str, Any]) -> Reading | Absent:
    if not kept:
        return Absent(reason=NOT_FINITE)
    reading = Reading(**kept)
    return reading if reading.kl_divergence else Absent(reason="the document has no token")


def _sample(row: DocumentRow, tokens: int, reading: Reading | Absent) -> Sample:
    is_read = isinstance(reading, Reading)
    return Sample(
        sample_id=row.id,
        content_hash=text_hash(row.text),
        cluster=row.cluster,
        prompt=row.text,
        scores=scores_of(reading) if isinstance(reading, Reading) else {},
        unscored={} if isinstance(reading, Reading) else {"kl_divergence_sum": reading.reason},
        input_tokens=tokens,
        output_tokens=0,
        status="ok" if is_read else "unscored",
        reason=None if isinstance(reading, Reading) else reading.reason,
    )


def _raw(
    rows: Sequence[DocumentRow], found: Sequence[Reading | Absent]
) -> tuple[dict[str, float | int | str], ...]:
    return tuple(
        {"document": row.id, "position": place, "kl_divergence": kl, "same_top": same,
         "delta_p": delta}
        for row, reading in zip(rows, found, strict=True)
        if isinstance(reading, Reading)
        for place, (kl, same, delta) in enumerate(
            zip(reading.kl_divergence, reading.same_top, reading.delta_p, strict=True)
        )
    )  # fmt: skip

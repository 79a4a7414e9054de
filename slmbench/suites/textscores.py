"""Shared by the text suites: pick items, turn scorers' answers into samples' scores and metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from slmbench.ports import Backend, Scorer, TextItem
from slmbench.schema.base import Absent, Measurement
from slmbench.schema.record import Aggregation, Metric, Sample, SampleStatus
from slmbench.stats.interval import measured
from slmbench.suites.taskfile import TextItemRow, text_hash

#: Range of the scores that are not shares: a cosine may be negative.
_RANGES = dict.fromkeys(
    ("embedding_cosine", "similarity_to_prompt", "answer_relevancy", "ragas_semantic"), (-1.0, 1.0)
)


@dataclass
class ScoreSheet:
    """The scores of one item while a suite collects them: a value, or why there is none."""

    scores: dict[str, float] = field(default_factory=dict)
    unscored: dict[str, str] = field(default_factory=dict)

    def put(self, name: str, value: float | Absent) -> None:
        """Note a score under a metric's name."""
        if isinstance(value, Absent):
            self.unscored[name] = value.reason
        else:
            self.scores[name] = value

    def sample(self, row: TextItemRow, output: str | None, tokens: tuple[int, int]) -> Sample:
        """Return the finished sample of an item; ``tokens`` counts (prompt, output)."""
        status: SampleStatus = "ok" if self.scores else "unscored"
        return Sample(
            sample_id=row.id,
            content_hash=text_hash(row.prompt, row.reference or ""),
            cluster=row.cluster,
            prompt=row.prompt,
            output=output,
            target=row.reference,
            scores=self.scores,
            unscored=self.unscored,
            input_tokens=tokens[0],
            output_tokens=tokens[1],
            status=status,
            reason=None if self.scores else next(iter(self.unscored.values()), "no scorer"),
        )


@dataclass(frozen=True)
class Column:
    """A metric of a text suite: the name of its score and who gives it, or why nobody does.

    ``form`` is added to the scorer's provenance where the texts were not simply the model's own, so
    that the two are never compared as equal.
    """

    name: str
    scorer: Scorer | Absent
    higher_is_better: bool
    source: str | None = None
    form: str = ""


def cut_of(scorer: Scorer | Absent) -> int:
    """Return how many texts so far were longer than a scorer reads."""
    return int(getattr(scorer, "cut_count", 0))


def cut_note(name: str, cut: int, what: str = "texts") -> tuple[str, ...]:
    """Return the sentence about texts whose end a scorer did not read, where there are any."""
    lost = f"{cut} {what} were longer than the scorer's model reads: their ends did not count"
    return (f"{name}: {lost}",) if cut else ()


def long_note(
    prompts: Sequence[Sequence[int]], backend: Backend, new_tokens: int
) -> tuple[str, ...]:
    """Return the sentence about prompts whose beginning a model doesn't see, where there are any.

    A decoder's window holds the prompt and what it writes; the end of a longer prompt is kept.
    """
    info = backend.info
    room = info.max_length - (0 if info.is_encoder_decoder else new_tokens)
    cut = sum(len(prompt) > room for prompt in prompts)
    told = f"{cut} of {len(prompts)} prompts don't fit the model: their beginning is cut off"
    return (told,) if cut else ()


def score_into(
    sheets: Sequence[ScoreSheet], scorer: Scorer | Absent, name: str, items: Sequence[TextItem]
) -> Column:
    """Put one score into each sheet and return the column; a missing scorer leaves them alone."""
    if isinstance(scorer, Absent):
        return Column(name, scorer, True)
    for sheet, value in zip(sheets, scorer.score(items), strict=True):
        sheet.put(name, value)
    return Column(name, scorer, scorer.higher_is_better)


def metrics_of(
    suite: str, task: str, samples: Sequence[Sample], columns: Sequence[Column]
) -> tuple[Metric, ...]:
    """Return the mean of every column with its interval, clustered where items share a cluster."""
    found = []
    for column in columns:
        aggregation = Aggregation(kind="mean", score=column.name)
        found.append(
            Metric(
                suite=suite,
                task=task,
                metric=column.name,
                value=_value(column, aggregation, samples),
                higher_is_better=column.higher_is_better,
                aggregation=aggregation,
            )
        )
    return tuple(found)


def _value(column: Column, aggregation: Aggregation, samples: Sequence[Sample]) -> Measurement:
    """Return the mean; its interval is cut to the range that the score can take."""
    if isinstance(column.scorer, Absent):
        return column.scorer
    provenance = column.scorer.provenance + column.form
    bounds = _RANGES.get(column.name, (0.0, 1.0))
    return measured(aggregation, samples, "", provenance, source=column.source, bounds=bounds)

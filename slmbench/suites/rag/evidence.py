"""What a rag job leaves for a reader beside its figures: every answer, and what did not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slmbench.schema.base import Absent
from slmbench.suites.rag.reader import Answer, Reading
from slmbench.suites.rag.retriever import Rankings
from slmbench.suites.rag.task import Loaded, RagRow
from slmbench.suites.textscores import Column

Rows = tuple[dict[str, float | int | str], ...]


def raw_rows(
    rows: Sequence[RagRow],
    ranked: Mapping[str, Rankings | Absent],
    readings: Mapping[str, Sequence[Reading]],
    answers: Mapping[str, Sequence[Answer] | Absent],
    k: int,
) -> dict[str, Rows]:
    """Return ``answers``, a row for each question and condition, and ``rankings``, one a place.

    ``passages`` of an answer are the ids that its prompt held, with spaces between them.
    """
    said: list[dict[str, float | int | str]] = []
    for condition, given in answers.items():
        if isinstance(given, Absent):
            continue
        for row, reading, answer in zip(rows, readings[condition], given, strict=True):
            said.append(
                {
                    "sample_id": row.id,
                    "condition": condition,
                    "text": answer.text,
                    "passages": " ".join(reading.ids),
                    "input_tokens": len(reading.tokens),
                    "output_tokens": answer.token_count,
                }
            )
    places: list[dict[str, float | int | str]] = [
        {
            "sample_id": row.id,
            "ranked_by": by,
            "rank": rank,
            "passage": each,
            "grade": row.grades.get(each, 0.0),
        }
        for by, rankings in ranked.items()
        if not isinstance(rankings, Absent)
        for row, ids in zip(rows, rankings.ids, strict=True)
        for rank, each in enumerate(ids[:k], 1)
    ]
    return {"answers": tuple(said), "rankings": tuple(places)}


def fit_notes(
    ranked: Mapping[str, Rankings | Absent], readings: Mapping[str, Sequence[Reading]]
) -> tuple[str, ...]:
    """Return what had to be left out of prompts so that they fit the model."""
    notes = []
    for by, rankings in ranked.items():
        if not isinstance(rankings, Absent) and rankings.cut_count:
            notes.append(f"{rankings.cut_count} passages were shortened to be ranked by {by}")
    for condition, given in readings.items():
        cut = sum(reading.cut for reading in given)
        if cut:
            notes.append(f"{condition}: {cut} of {len(given)} prompts hold fewer or cut passages")
    return tuple(notes)


def details_of(loaded: Loaded, ranked: Mapping[str, Rankings | Absent]) -> dict[str, Any]:
    """Return how a job was asked, for the record."""
    task = loaded.task
    return {
        "generation": task.generation.model_dump(mode="json"),
        "retrieval": task.retrieval.model_dump(mode="json"),
        "retrievers": {
            by: each.reason if isinstance(each, Absent) else each.provenance
            for by, each in ranked.items()
        },
        "passages": len(loaded.passages),
    }


def provenances(columns: Sequence[Column]) -> str:
    """Return who gave the scores, each once."""
    known = [each.scorer.provenance for each in columns if not isinstance(each.scorer, Absent)]
    return ";".join(dict.fromkeys(known))

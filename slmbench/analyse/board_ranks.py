"""Between which ranks a model's number may lie: the same for a leaderboard and a recommendation."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from slmbench.analyse.board_columns import Reading
from slmbench.analyse.board_items import (
    MOST_SAMPLES,
    ItemReader,
    ItemTable,
    Parts,
    SamplesOf,
    sample_count,
)
from slmbench.analyse.board_marks import bounds, is_exact, rank_groups
from slmbench.schema.base import Measured
from slmbench.schema.board import Board, Cell, Column
from slmbench.stats.ranks import HOLM_MOST, Ranks, paired_ranks, rank_intervals

#: Of the 5 % by which ranks may err, what is left to intervals where items are compared too.
_BY_INTERVALS = 0.01
#: Samples that are read for one board; the columns that come later keep to their intervals.
_MOST_ON_A_BOARD = 4 * MOST_SAMPLES


def rank_values(
    values: Sequence[Measured], column: Column | None, rises: bool, items: ItemTable | None
) -> Ranks:
    """Return between which ranks each value lies, and which is shown to be better than which.

    Any two are held against each other by their intervals, of which those that overlap show
    nothing, as on a board; models that answered the same items also item by item. Then each of the
    two ways has its share of the error that is allowed, so that both together keep to 5 %: a few
    clusters of items (five templates, say) can show nothing by their signs alone.

    Args:
        values: one for each model.
        column: the column that they stand in, where it is one.
        rises: whether more is better.
        items: how the models differ on each item, a row for each value, more being better; None
            where they share none.
    """
    sign = 1.0 if rises else -1.0
    means = sign * np.array([value.value for value in values])
    ends = sign * np.array([bounds(value) for value in values]).reshape(-1, 2)
    # Above another is who lies wholly above it.
    shown = ends.min(axis=1)[:, None] > ends.max(axis=1)[None, :]
    errors = np.square(np.array([_error(value, column) for value in values], dtype=float))
    if items is None or len(values) > HOLM_MOST:
        return Ranks.of(rank_intervals(means, errors).above & shown)
    # An interval without width, of items that all score alike, says nothing of other items.
    spread = np.where(errors > 0.0, errors, np.inf)
    alone = rank_intervals(means, spread, 1.0 - _BY_INTERVALS).above & shown
    pair = items.paired[:, None] & items.paired[None, :]
    total, variance, step = items.differences()
    found = paired_ranks(
        np.where(pair, total, 0.0),
        np.where(pair, variance, np.inf),
        np.where(pair, step, 0.0),
        0.95 + _BY_INTERVALS,
    )
    return Ranks.of(found.above | alone)


def with_ranks(
    board: Board,
    readings: Sequence[Sequence[Reading]],
    parts: Sequence[int],
    hosts: Sequence[Sequence[str]],
    samples: SamplesOf,
) -> Board:
    """Return the board with the ranks of the columns whose models share items.

    There a cell is ``tied`` unless the best is shown to be better; the others keep what their
    intervals say. A note tells which is which. What has no samples costs nothing.

    Args:
        board: whose cells are ranked.
        readings: of each column what its cells were read from; none of a derived one.
        parts: the columns that the mean accuracy averages.
        hosts: for each column, the machine that each row's number is from.
        samples: where the samples of a run's job are read.
    """
    made_of = {at: _parts(board, readings, parts, at) for at in range(len(board.columns))}
    counts = {at: sample_count(each) for at, each in made_of.items()}
    chosen, left = _affordable(board, counts)
    reader = ItemReader(samples)
    rows = [list(row.cells) for row in board.rows]
    ranked = 0
    for at in chosen:
        cells = [row[at] for row in rows]
        done = _rank_column(board.columns[at], cells, hosts[at], made_of[at], reader)
        ranked += done != cells
        for row, cell in zip(rows, done, strict=True):
            row[at] = cell
    if not ranked and not left:
        return board
    changed = [
        row.model_copy(update={"cells": tuple(cells)})
        for row, cells in zip(board.rows, rows, strict=True)
    ]
    notes = (*board.notes, *_notes(board, ranked, left))
    return board.model_copy(update={"rows": tuple(changed), "notes": notes})


def _parts(
    board: Board, readings: Sequence[Sequence[Reading]], parts: Sequence[int], at: int
) -> Parts:
    column = board.columns[at]
    if column.higher_is_better is None:
        return []
    if column.derived:
        return [(readings[part], 1.0 / len(parts)) for part in parts]
    return [(readings[at], 1.0 if column.higher_is_better else -1.0)]


def _affordable(board: Board, counts: dict[int, int]) -> tuple[list[int], list[int]]:
    """Return the columns whose samples are read, and those that have too many; the mean first."""
    there = [at for at, count in counts.items() if count]
    chosen: list[int] = []
    left: list[int] = []
    read = 0
    for at in sorted(there, key=lambda at: not board.columns[at].derived):
        fits = counts[at] <= MOST_SAMPLES and read + counts[at] <= _MOST_ON_A_BOARD
        (chosen if fits else left).append(at)
        read += counts[at] if fits else 0
    return chosen, left


def _rank_column(
    column: Column, cells: list[Cell], hosts: Sequence[str], parts: Parts, reader: ItemReader
) -> list[Cell]:
    ranked = list(cells)
    for group in rank_groups(column, cells, hosts):
        items = reader.table(parts, group) if 1 < len(group) <= HOLM_MOST else None
        if items is None:
            continue
        values = [value for i in group if isinstance(value := cells[i].value, Measured)]
        rises = column.higher_is_better is not False
        found = rank_values(values, column, rises, items)
        best = (max if rises else min)(value.value for value in values)
        leader = [value.value for value in values].index(best)
        for place, (i, value) in enumerate(zip(group, values, strict=True)):
            rank = "best" if value.value == best else "tied"
            told = {
                "ranks": (int(found.best[place]), int(found.worst[place])),
                "rank": None if found.above[leader, place] else rank,
            }
            ranked[i] = cells[i].model_copy(update=told)
    return ranked


def _notes(board: Board, ranked: int, left: Sequence[int]) -> list[str]:
    notes = []
    if ranked:
        columns = "1 column" if ranked == 1 else f"{ranked} columns"
        notes.append(
            f"In {columns} the models that answered the same items are ranked item by item, as "
            "'slmbench recommend' does; elsewhere two models tie where their intervals overlap."
        )
    if left:
        named = ", ".join(board.columns[at].path for at in left[:4])
        more = f" and {len(left) - 4} more" if len(left) > 4 else ""
        notes.append(
            f"Ranked by intervals alone, as there are too many samples to read here: {named}{more}."
        )
    return notes


def _error(value: Measured, column: Column | None) -> float:
    """Return the standard error that an interval stands for; infinite where there is none."""
    if value.interval is None:
        return 0.0 if column is not None and is_exact(column, value) else np.inf
    reach = NormalDist().inv_cdf(0.5 + value.interval.level / 2.0)
    return (value.interval.high - value.interval.low) / 2.0 / reach

"""The words of a board: every mark has one, a count that isn't told is no zero, ranks say why."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from slmbench.analyse.board import board
from slmbench.render.axis_scale import fit_scale
from slmbench.render.board_payload import payload
from slmbench.render.board_ties import shown_places
from slmbench.render.board_words import (
    MARK_WORDS,
    badge_legend,
    count_words,
    is_sure,
    marked_points,
    marked_words,
)
from slmbench.render.leaderboard import render_leaderboard
from slmbench.schema.board import Board, Mark, MarkKind, Point
from tests.unit.render.board_records import accuracy, family, job, measured, record


def marked(kind: MarkKind) -> Board:
    """Return a board of two models, one of whose numbers has a mark of that kind."""
    made = board([record("a", [accuracy("arc", 0.6)]), record("b", [accuracy("arc", 0.4)])])
    mark = Mark(kind=kind, badge=f"badge {kind}", meaning=f"why it is {kind}")
    first = made.rows[0]
    cells = tuple(cell.model_copy(update={"marks": (mark,)}) for cell in first.cells)
    return made.model_copy(
        update={"rows": (first.model_copy(update={"cells": cells}), *made.rows[1:])}
    )


def with_ranks(*ranks: tuple[int, int]) -> Board:
    """Return a board whose models have these ranks, paired by item, the best value first."""
    scores = [0.62, 0.61, 0.60, 0.5][: len(ranks)]
    made = board([record(f"m{at}", [accuracy("arc", s)]) for at, s in enumerate(scores)])
    rows = []
    for row, own in zip(made.rows, ranks, strict=True):
        rank = "best" if row is made.rows[0] else "tied" if own[0] == 1 else None
        update = {"ranks": own, "rank": rank}
        cells = tuple(cell.model_copy(update=update) for cell in row.cells)
        rows.append(row.model_copy(update={"cells": cells}))
    return made.model_copy(update={"rows": tuple(rows)})


@pytest.mark.parametrize("kind", get_args(MarkKind))
def test_every_kind_of_mark_has_its_word_and_its_reason_on_the_page(kind: MarkKind) -> None:
    made = marked(kind)
    (words,) = badge_legend(made)
    assert words.kind == kind and words.short and words.meaning
    page = render_leaderboard(made)
    assert f'<b class="badge {kind}">{words.badge}</b> {words.short}' in page
    assert words.meaning in page
    assert payload(made)["words"] == {kind: words.meaning}
    # Without JavaScript, too, its cell can be reached and says why.
    still = page[page.index("<noscript>") : page.index("</noscript>")]
    cell = re.search(r'<td class="measured[^>]*title="[^"]*why it is[^>]*>', still)
    assert cell is not None and "tabindex=0" in cell.group(0)


def test_a_board_without_marks_has_no_legend_of_marks() -> None:
    assert badge_legend(board([record("a", [accuracy("arc", 0.6)])])) == ()


def test_a_count_that_is_not_told_is_no_zero() -> None:
    assert count_words(measured(0.5, n=200)) == "n = 200"
    assert count_words(measured(0.5, n=0)) == "n not told"
    silent = job("accuracy", "arc", {"acc_norm": measured(0.6, 0.02, n=0)})
    page = render_leaderboard(board([record("a", [silent])]))
    still = page[page.index("<noscript>") : page.index("</noscript>")]
    assert "n not told" in still and "n = 0" not in still


def test_where_a_number_comes_from_is_told() -> None:
    made = board(family(2))
    told = "Open Board v9"
    cells = [cell.model_copy(update={"origin": told}) for cell in made.rows[0].cells]
    row = made.rows[0].model_copy(update={"cells": tuple(cells), "origins": (told,)})
    foreign = made.model_copy(update={"rows": (row, made.rows[1])})
    page, data = render_leaderboard(foreign), payload(foreign)
    assert f"from {told}" in page and f"from: {told}" in page
    assert data["texts"][data["columns"][0]["origin"][0]] == told
    assert payload(made)["columns"][0]["origin"] == 0


def test_ranks_that_are_paired_are_told_and_others_are_not() -> None:
    made = with_ranks((1, 2), (1, 3), (2, 3), (4, 4))
    places = [row[0] for row in shown_places(made)]
    assert [place.word for place in places] == ["tied highest", "tied", "", ""]
    assert places[1].told == "rank 1 – 3 of 4, paired by item"
    assert places[3].told == "rank 4 of 4, paired by item"
    assert "paired by item" in places[1].meaning
    column = payload(made)["columns"][0]
    assert (column["first"], column["last"]) == ([1, 1, 2, 4], [2, 3, 3, 4])
    assert column["among"] == 4 and column["rank"] == [3, 2, 0, 0]
    plain = board(family(3))
    assert all(not place.told for row in shown_places(plain) for place in row)
    assert {each["first"] for each in payload(plain)["columns"]} == {0}


def test_a_model_without_a_rank_leaves_its_kind_unpaired() -> None:
    made = with_ranks((1, 2), (1, 3), (2, 3))
    last = made.rows[-1]
    cells = tuple(cell.model_copy(update={"ranks": None}) for cell in last.cells)
    made = made.model_copy(
        update={"rows": (*made.rows[:-1], last.model_copy(update={"cells": cells}))}
    )
    assert {place.told for row in shown_places(made) for place in row} == {""}


def point(badges: tuple[str, ...], share: float | None = 1.0) -> Point:
    kinds: dict[str, MarkKind] = {"est.": "estimated"}
    marks = tuple(Mark(kind=kinds.get(b, "protocol"), badge=b, meaning=b) for b in badges)
    value = measured(1.0, 0.1)
    return Point(row_id="r", label="a", resource=value, capability=value, standing="front",
                 marks=marks, front_probability=share)  # fmt: skip


def test_a_point_is_drawn_as_marked_where_it_is_not_like_the_others() -> None:
    points = [point(("0-shot",)), point(("0-shot", "est.")), point(("5-shot",)), point(("0-shot",))]
    found = [[mark.badge for mark in marks] for marks in marked_points(points)]
    assert found == [[], ["est."], ["5-shot"], []]
    assert MARK_WORDS["estimated"][2] in marked_words(points)
    assert marked_words(points[:1]) == ""


@pytest.mark.parametrize(
    ("share", "sure"), [(1.0, True), (0.95, True), (0.6, False), (None, False)]
)
def test_a_place_on_the_front_that_is_open_is_not_drawn_as_sure(share, sure: bool) -> None:
    assert is_sure(point((), share)) is sure


@pytest.mark.parametrize("high", [55.0, 76.0, 83.0, 99.0, 140.0])
def test_an_axis_with_room_for_few_ticks_has_three(high: float) -> None:
    scale = fit_scale([10.0, high], (0.0, 300.0), "", 3)
    assert 3 <= len(scale.ticks) <= 7

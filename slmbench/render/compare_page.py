"""Render a comparison as one self-contained HTML page that opens from disk and asks no network."""

from __future__ import annotations

from slmbench.render.compare_forest import MOST_ROWS, difference_rows, ratio_rows
from slmbench.render.compare_pictures import forest, reliability_curves, time_curves
from slmbench.render.compare_view import PageView, page_view
from slmbench.render.page_parts import Picture
from slmbench.render.report_templates import environment, script
from slmbench.schema.curves import Curves
from slmbench.schema.finding import Comparison

#: Panels of one picture; the tables hold what more there is.
_MOST_PANELS = 12


def render_compare_page(comparison: Comparison, curves: Curves) -> str:
    """Return the page; the same comparison and readings give the same bytes."""
    page: PageView = page_view(comparison, tuple(_pictures(comparison, curves)))
    own = script("samples_store.js", "samples.js")
    return environment().get_template("compare.html.j2").render(page=page, script=own)


def _pictures(comparison: Comparison, curves: Curves) -> list[Picture]:
    found: list[Picture] = []
    differences, ratios = difference_rows(comparison), ratio_rows(comparison.ratios)
    if differences:
        drawn = forest(differences[:MOST_ROWS], "differences", is_ratio=False)
        note = "Scores from 0 to 1: the difference and its 95 % interval."
        found.append(Picture("Differences", drawn, _told(note, len(differences), MOST_ROWS), ()))
    if ratios:
        drawn = forest(ratios[:MOST_ROWS], "ratios", is_ratio=True)
        note = "Resources: how many times as much, with its 95 % interval, on a logarithmic axis."
        found.append(Picture("Ratios", drawn, _told(note, len(ratios), MOST_ROWS), ()))
    names = (comparison.baseline_model, comparison.candidate_model)
    for number, task in enumerate(dict.fromkeys(each.task for each in curves.times)):
        own = [each for each in curves.times if each.task == task]
        rounds = (len(own[0].baseline), len(own[0].candidate))
        note = f"Share of counted rounds that took at most so long ({rounds[0]} and {rounds[1]})."
        found.append(Picture(f"Times of {task}", time_curves(own, f"times{number}"), note, names))
    if curves.reliability:
        shown = curves.reliability[:_MOST_PANELS]
        note = (
            "Share of right answers over the confidence they were given with; on the dashed line "
            "a model is as sure as it is right. Bars are 95 % intervals."
        )
        note = _told(note, len(curves.reliability), _MOST_PANELS)
        drawn = reliability_curves(shown, "reliability")
        found.append(Picture("Reliability", drawn, note, names))
    return found


def _told(note: str, count: int, most: int) -> str:
    return note if count <= most else f"{note} The first {most} of {count} are drawn."

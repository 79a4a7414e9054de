"""Pictures of a comparison: forests of differences and ratios, times, reliability."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from slmbench.render.compare_forest import ForestRow
from slmbench.render.svg_picture import (
    BAD,
    GOOD,
    INK,
    MUTED,
    NEW,
    OLD,
    WIDTH,
    draw_bins,
    drawing_style,
    panel_title,
    panels,
    step_shares,
    svg,
)
from slmbench.schema.curves import ReliabilityCurve, TimeCurve

_MARKS = {"better": GOOD, "worse": BAD, "differs": INK}
_ROW, _FOOT = 0.24, 0.42
#: Ratios that are easy to read, where an axis may have a tick.
_FACTORS = (
    0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95,
    1.05, 1.1, 1.2, 1.4, 1.6, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0,
)  # fmt: skip


def forest(rows: Sequence[ForestRow], name: str, is_ratio: bool) -> Markup:
    """Return intervals one under the other, on one axis; a ratio's is logarithmic.

    Args:
        rows: at least one.
        name: starts the ids of the drawing, so that two of them can stand in one page.
        is_ratio: no change is 1, else 0.
    """
    with drawing_style():
        height = _FOOT + 0.1 + _ROW * len(rows)
        figure = Figure(figsize=(WIDTH, height))
        axes = figure.add_axes((0.42, _FOOT / height, 0.55, _ROW * len(rows) / height))
        if is_ratio:
            axes.set_xscale("log")
        axes.axvline(1.0 if is_ratio else 0.0, color=MUTED, linewidth=1.0)
        places = list(range(len(rows), 0, -1))
        for place, row in zip(places, rows, strict=True):
            colour = _MARKS.get(row.reading, MUTED)
            axes.plot([row.low, row.high], [place, place], color=colour, linewidth=1.8)
            axes.plot([row.centre], [place], "o", color=colour, markersize=4.5)
        axes.set_yticks(places, [row.label for row in rows])
        axes.set_ylim(0.4, len(rows) + 0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        if is_ratio:
            _mark_ratios(axes, rows)
        axes.set_xlabel("candidate / baseline" if is_ratio else "candidate - baseline")
        return svg(figure, name)


def time_curves(found: Sequence[TimeCurve], name: str) -> Markup:
    """Return the share of rounds that took at most so long, a panel for each time."""
    with drawing_style():
        figure, drawn = panels(len(found), 1.9)
        for axes, curve in zip(drawn, found, strict=True):
            longest = max(*curve.baseline, *curve.candidate)
            scale, unit = (1e3, "ms") if longest < 1.0 else (1.0, "s")
            for side, colour in ((curve.baseline, OLD), (curve.candidate, NEW)):
                step_shares(axes, [value * scale for value in side], colour)
            axes.set_title(curve.metric.removesuffix("_s").upper(), loc="left")
            axes.set_xlabel(unit)
            axes.locator_params(axis="x", nbins=5)
        return svg(figure, name)


def reliability_curves(found: Sequence[ReliabilityCurve], name: str) -> Markup:
    """Return the share of right answers over their confidence, a panel for each task."""
    with drawing_style():
        figure, drawn = panels(len(found), 2.5)
        for axes, curve in zip(drawn, found, strict=True):
            axes.plot([0.0, 1.0], [0.0, 1.0], color=MUTED, linewidth=0.8, linestyle="--")
            for side, colour in ((curve.baseline, OLD), (curve.candidate, NEW)):
                draw_bins(axes, side, colour)
            axes.set_xlim(0.0, 1.02)
            axes.set_ylim(0.0, 1.02)
            axes.set_title(panel_title(curve.task), loc="left")
            axes.set_xlabel("confidence")
        return svg(figure, name)


def _mark_ratios(axes: Any, rows: Sequence[ForestRow]) -> None:
    low, high = min(row.low for row in rows), max(row.high for row in rows)
    low, high = min(low, 1 / 1.05) / 1.03, max(high, 1.05) * 1.03
    axes.set_xlim(low, high)
    # One tick at no change, and others that are not too near to one before them.
    apart, shown = math.log(high / low) / 9, [1.0]
    for tick in sorted(_FACTORS, key=lambda each: abs(math.log(each))):
        if low <= tick <= high and all(abs(math.log(tick / each)) > apart for each in shown):
            shown.append(tick)
    axes.set_xticks(shown)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}x"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", which="minor", length=0)

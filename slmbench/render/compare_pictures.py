"""Pictures of a comparison as SVG that stands in a page: drawn by matplotlib, the same each time.

Colours are the page's own variables, so that one drawing serves a light and a dark screen. Text
stays text, in the page's font.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from slmbench.render.compare_forest import ForestRow
from slmbench.schema.curves import ReliabilityBin, ReliabilityCurve, TimeCurve

#: What matplotlib is told -> the page's variable. Any colours do that nothing else is drawn in.
_INK, _MUTED, _LINE, _OLD, _NEW, _GOOD, _BAD = (
    "#010101", "#020202", "#030303", "#040404", "#050505", "#060606", "#070707",
)  # fmt: skip
_VARIABLES = {
    _INK: "var(--ink)", _MUTED: "var(--muted)", _LINE: "var(--strong-line)", _OLD: "var(--old)",
    _NEW: "var(--new)", _GOOD: "var(--good)", _BAD: "var(--bad-ink)",
}  # fmt: skip
_STYLE: dict[str, Any] = {
    "svg.hashsalt": "slmbench", "svg.fonttype": "none", "font.size": 9.0,
    "font.family": "sans-serif", "text.color": _INK, "axes.labelcolor": _MUTED,
    "axes.edgecolor": _LINE, "xtick.color": _LINE, "ytick.color": _LINE,
    "xtick.labelcolor": _MUTED, "ytick.labelcolor": _INK, "axes.spines.top": False,
    "axes.spines.right": False, "figure.facecolor": "none", "axes.facecolor": "none",
    "savefig.facecolor": "none", "text.parse_math": False, "axes.unicode_minus": False,
    "axes.formatter.use_mathtext": False, "axes.titlesize": 9.0,
}  # fmt: skip
_MARKS = {"better": _GOOD, "worse": _BAD, "differs": _INK}
_WIDTH, _ROW, _FOOT = 9.0, 0.24, 0.42
_COLUMNS = 3
_LONGEST_TITLE = 34
#: Ratios that are easy to read, where an axis may have a tick.
_FACTORS = (
    0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95,
    1.05, 1.1, 1.2, 1.4, 1.6, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0,
)  # fmt: skip
_PROLOGUE = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_BLOCKS = re.compile(r"\s*<(metadata|style)\b.*?</\1>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_NAMESPACE = re.compile(r'\s(?:xmlns(?::xlink)?|version)="[^"]*"')
_FONT = re.compile(r'font: [^;"]*?([0-9.]+)px[^;"]*')


def forest(rows: Sequence[ForestRow], name: str, is_ratio: bool) -> Markup:
    """Return intervals one under the other, on one axis; a ratio's is logarithmic.

    Args:
        rows: at least one.
        name: starts the ids of the drawing, so that two of them can stand in one page.
        is_ratio: no change is 1, else 0.
    """
    with mpl.rc_context(_STYLE):
        height = _FOOT + 0.1 + _ROW * len(rows)
        figure = Figure(figsize=(_WIDTH, height))
        axes = figure.add_axes((0.42, _FOOT / height, 0.55, _ROW * len(rows) / height))
        if is_ratio:
            axes.set_xscale("log")
        axes.axvline(1.0 if is_ratio else 0.0, color=_MUTED, linewidth=1.0)
        places = list(range(len(rows), 0, -1))
        for place, row in zip(places, rows, strict=True):
            colour = _MARKS.get(row.reading, _MUTED)
            axes.plot([row.low, row.high], [place, place], color=colour, linewidth=1.8)
            axes.plot([row.centre], [place], "o", color=colour, markersize=4.5)
        axes.set_yticks(places, [row.label for row in rows])
        axes.set_ylim(0.4, len(rows) + 0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        if is_ratio:
            _mark_ratios(axes, rows)
        axes.set_xlabel("candidate / baseline" if is_ratio else "candidate - baseline")
        return _svg(figure, name)


def time_curves(found: Sequence[TimeCurve], name: str) -> Markup:
    """Return the share of rounds that took at most so long, a panel for each time."""
    with mpl.rc_context(_STYLE):
        figure, panels = _panels(len(found), 1.9)
        for axes, curve in zip(panels, found, strict=True):
            longest = max(*curve.baseline, *curve.candidate)
            scale, unit = (1e3, "ms") if longest < 1.0 else (1.0, "s")
            for side, colour in ((curve.baseline, _OLD), (curve.candidate, _NEW)):
                values = [value * scale for value in side]
                shares = [(place + 1) / len(values) for place in range(len(values))]
                axes.step([values[0], *values], [0.0, *shares], where="post", color=colour,
                          linewidth=1.6)  # fmt: skip
            axes.set_ylim(0.0, 1.02)
            axes.set_title(curve.metric.removesuffix("_s").upper(), loc="left")
            axes.set_xlabel(unit)
            axes.locator_params(axis="x", nbins=5)
        return _svg(figure, name)


def reliability_curves(found: Sequence[ReliabilityCurve], name: str) -> Markup:
    """Return the share of right answers over their confidence, a panel for each task."""
    with mpl.rc_context(_STYLE):
        figure, panels = _panels(len(found), 2.5)
        for axes, curve in zip(panels, found, strict=True):
            axes.plot([0.0, 1.0], [0.0, 1.0], color=_MUTED, linewidth=0.8, linestyle="--")
            for side, colour in ((curve.baseline, _OLD), (curve.candidate, _NEW)):
                _draw_bins(axes, side, colour)
            axes.set_xlim(0.0, 1.02)
            axes.set_ylim(0.0, 1.02)
            axes.set_title(curve.task[:_LONGEST_TITLE], loc="left")
            axes.set_xlabel("confidence")
        return _svg(figure, name)


def _draw_bins(axes: Any, bins: Sequence[ReliabilityBin], colour: str) -> None:
    heights = [each.accuracy for each in bins]
    below = [max(0.0, each.accuracy - each.low) for each in bins]
    above = [max(0.0, each.high - each.accuracy) for each in bins]
    axes.errorbar([each.confidence for each in bins], heights, yerr=[below, above], color=colour,
                  marker="o", markersize=3.5, linewidth=1.3, elinewidth=0.8)  # fmt: skip


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


def _panels(count: int, height: float) -> tuple[Figure, list[Any]]:
    """Return a figure of panels in rows of three."""
    lines = -(-count // _COLUMNS)
    figure = Figure(figsize=(_WIDTH, height * lines), layout="constrained")
    grid = figure.subplots(lines, _COLUMNS, squeeze=False)
    panels = [axes for line in grid for axes in line]
    for axes in panels[count:]:
        axes.set_axis_off()
    return figure, panels[:count]


def _svg(figure: Figure, name: str) -> Markup:
    """Return the drawing without what only a file of its own needs, its ids starting with name."""
    file = io.StringIO()
    FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None})
    text = _BLOCKS.sub("", _PROLOGUE.sub("", file.getvalue(), count=1))

    def adapted(match: re.Match[str]) -> str:
        tag = _FONT.sub(r"font-size: \1px", _NAMESPACE.sub("", match.group(0)))
        tag = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", tag)
        for colour, variable in _VARIABLES.items():
            tag = tag.replace(colour, variable)
        return tag

    # Names of models and tasks are in the text, which matplotlib escapes; only tags are adapted.
    return Markup(_TAG.sub(adapted, text))

"""Pictures as SVG that stands in a report's page: drawn by matplotlib, the same bytes each time.

Colours are the page's own variables, so that one drawing serves a light and a dark screen. Text
stays text, in the page's font.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from slmbench.schema.curves import ReliabilityBin

__all__ = [
    "BAD", "GOOD", "INK", "LONGEST_TITLE", "MUTED", "NEW", "OLD", "WIDTH", "draw_bins",
    "drawing_style", "panel_title", "panels", "step_shares", "svg",
]  # fmt: skip

#: What matplotlib is told -> the page's variable. Any colours do that nothing else is drawn in.
INK, MUTED, _LINE, OLD, NEW, GOOD, BAD = (
    "#010101", "#020202", "#030303", "#040404", "#050505", "#060606", "#070707",
)  # fmt: skip
_VARIABLES = {
    INK: "var(--ink)", MUTED: "var(--muted)", _LINE: "var(--strong-line)", OLD: "var(--old)",
    NEW: "var(--new)", GOOD: "var(--good)", BAD: "var(--bad-ink)",
}  # fmt: skip
_STYLE: dict[str, Any] = {
    "svg.hashsalt": "slmbench", "svg.fonttype": "none", "font.size": 9.0,
    "font.family": "sans-serif", "text.color": INK, "axes.labelcolor": MUTED,
    "axes.edgecolor": _LINE, "xtick.color": _LINE, "ytick.color": _LINE,
    "xtick.labelcolor": MUTED, "ytick.labelcolor": INK, "axes.spines.top": False,
    "axes.spines.right": False, "figure.facecolor": "none", "axes.facecolor": "none",
    "savefig.facecolor": "none", "text.parse_math": False, "axes.unicode_minus": False,
    "axes.formatter.use_mathtext": False, "axes.titlesize": 9.0,
}  # fmt: skip
WIDTH = 9.0
LONGEST_TITLE = 34
_COLUMNS = 3
_PROLOGUE = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_BLOCKS = re.compile(r"\s*<(metadata|style)\b.*?</\1>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_NAMESPACE = re.compile(r'\s(?:xmlns(?::xlink)?|version)="[^"]*"')
_FONT = re.compile(r'font: [^;"]*?([0-9.]+)px[^;"]*')


def drawing_style() -> Any:
    """Return the context in which every picture is drawn."""
    return mpl.rc_context(_STYLE)


def panels(count: int, height: float) -> tuple[Figure, list[Any]]:
    """Return a figure of panels in rows of three."""
    lines = -(-count // _COLUMNS)
    figure = Figure(figsize=(WIDTH, height * lines), layout="constrained")
    grid = figure.subplots(lines, _COLUMNS, squeeze=False)
    found = [axes for line in grid for axes in line]
    for axes in found[count:]:
        axes.set_axis_off()
    return figure, found[:count]


def panel_title(text: str) -> str:
    """Return a name that fits over a panel; its end is cut."""
    plain = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return plain if len(plain) <= LONGEST_TITLE else plain[: LONGEST_TITLE - 1] + "\u2026"


def step_shares(axes: Any, values: Sequence[float], colour: str) -> None:
    """Draw, for sorted values, the share that is at most so large."""
    shares = [(place + 1) / len(values) for place in range(len(values))]
    axes.step([values[0], *values], [0.0, *shares], where="post", color=colour, linewidth=1.6)
    axes.set_ylim(0.0, 1.02)


def draw_bins(axes: Any, bins: Sequence[ReliabilityBin], colour: str) -> None:
    """Draw the share of right answers over confidence, with intervals."""
    heights = [each.accuracy for each in bins]
    below = [max(0.0, each.accuracy - each.low) for each in bins]
    above = [max(0.0, each.high - each.accuracy) for each in bins]
    axes.errorbar([each.confidence for each in bins], heights, yerr=[below, above], color=colour,
                  marker="o", markersize=3.5, linewidth=1.3, elinewidth=0.8)  # fmt: skip


def svg(figure: Figure, name: str) -> Markup:
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

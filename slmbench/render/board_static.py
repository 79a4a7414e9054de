"""The trade-off picture as a file, PNG or SVG, for a README or a pull request: by matplotlib."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from slmbench.render.axis_scale import Scale, fit_scale
from slmbench.render.board_text import shown
from slmbench.render.board_words import is_sure, marked_points
from slmbench.render.label_placement import Box, place_labels, text_width
from slmbench.schema.base import Measured
from slmbench.schema.board import Picture, Point
from slmbench.units import format_value

Form = Literal["svg", "png"]

_INK, _MUTED, _DIM, _GRID, _ACCENT = "#17202a", "#505b67", "#97a1ac", "#eceff3", "#1450b4"
_LIGHT = "#c6d7f4"
_COLOURS = {"front": _ACCENT, "open": _ACCENT, "undecided": _MUTED, "dominated": _DIM}
_WORDS = {
    "front": "on the Pareto front",
    "open": "on it, not surely",
    "undecided": "within its error bars",
    "dominated": "beaten on both axes",
}
_STYLE: dict[str, Any] = {
    "svg.hashsalt": "slmbench", "svg.fonttype": "path", "font.family": "DejaVu Sans",
    "font.size": 9.0, "text.color": _INK, "axes.edgecolor": _DIM, "axes.labelcolor": _MUTED,
    "xtick.labelcolor": _MUTED, "ytick.labelcolor": _MUTED, "xtick.color": _DIM,
    "ytick.color": _DIM, "axes.spines.top": False, "axes.spines.right": False,
    "text.parse_math": False, "axes.unicode_minus": False, "path.snap": True,
}  # fmt: skip
_WIDTH, _HEIGHT, _DPI = 9.0, 5.2, 160
_FONT_PX = 8.5 * 100 / 72
_LONGEST = 30


def draw_front(picture: Picture, form: Form) -> bytes:
    """Return the picture as the bytes of a file; the same picture gives the same bytes."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, _HEIGHT), dpi=100, facecolor="white")
        canvas = FigureCanvasSVG(figure) if form == "svg" else FigureCanvasAgg(figure)
        axes = figure.add_axes((0.075, 0.115, 0.905, 0.79))
        _draw(axes, picture)
        out = io.BytesIO()
        # No date and no version: the bytes follow from the picture alone.
        empty = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
        canvas.print_figure(out, format=form, dpi=_DPI, metadata=empty)
    return out.getvalue()


def _draw(axes: Any, picture: Picture) -> None:
    points = picture.points
    across = _scale([p.resource for p in points], picture.resource_unit, True)
    upward = _scale([p.capability for p in points], picture.capability_unit, False)
    axes.set_xscale("log" if across.logarithmic else "linear")
    axes.set_xlim(across.low, across.high)
    axes.set_ylim(upward.low, upward.high)
    for axis, scale, unit in (
        (axes.xaxis, across, picture.resource_unit),
        (axes.yaxis, upward, picture.capability_unit),
    ):
        axis.set_major_locator(FixedLocator(scale.ticks))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda v, _, unit=unit: format_value(v, unit)))
    axes.grid(color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    log = ", log scale" if across.logarithmic else ""
    axes.set_xlabel(f"← {shown(picture.resource_name, 80)} (less is better{log})", loc="right")
    axes.set_title(
        f"↑ {shown(picture.capability_name, 80)}", loc="left", fontsize=9.0, color=_MUTED
    )
    for line in _fronts(points):
        axes.plot(*zip(*line, strict=True), color=_ACCENT, alpha=0.5, lw=1.4)
    marks = marked_points(points)
    for point, own in zip(points, marks, strict=True):
        _point(axes, point, bool(own))
    _names(axes, points)
    handles = [
        axes.scatter([], [], s=36, label=word, **_look(kind, False))
        for kind, word in _WORDS.items()
        if any(_kind(point) == kind for point in points)
    ]
    if any(marks):
        word = "dashed: not like the others"
        handles.append(axes.scatter([], [], s=36, label=word, **_look("undecided", True)))
    # A line of its own above the name of the axis: all five words do not fit beside it.
    axes.legend(
        handles=handles, loc="lower right", bbox_to_anchor=(1.0, 1.045), ncols=len(handles),
        frameon=False, fontsize=8.0, handletextpad=0.2, columnspacing=1.2, borderaxespad=0.2,
    )  # fmt: skip


def _scale(values: Sequence[Measured], unit: str, may_be_logarithmic: bool) -> Scale:
    ends = [end for v in values if v.interval for end in (v.interval.low, v.interval.high)]
    reach = [value.value for value in values] + ends
    return fit_scale(reach, (0.0, 1.0), unit, 7, may_be_logarithmic=may_be_logarithmic)


def _fronts(points: Sequence[Point]) -> list[list[tuple[float, float]]]:
    """Return the corners of each group's front: what its models can reach with a given budget."""
    lines = []
    for group in dict.fromkeys(point.group for point in points):
        front = sorted(
            (p.resource.value, p.capability.value)
            for p in points
            if p.group == group and p.standing == "front"
        )
        corners = front[:1]
        for one, other in itertools.pairwise(front):
            corners += [(other[0], one[1]), other]
        lines.append(corners)
    return lines


def _point(axes: Any, point: Point, marked: bool) -> None:
    x, y = point.resource, point.capability
    for value, is_across in ((x, True), (y, False)):
        if value.interval is not None:
            reach = [[max(0.0, value.value - value.interval.low)],
                     [max(0.0, value.interval.high - value.value)]]  # fmt: skip
            bars = {"xerr": reach} if is_across else {"yerr": reach}
            colour = _COLOURS[point.standing]
            axes.errorbar(x.value, y.value, **bars, color=colour, alpha=0.45, lw=1.0, zorder=2)
    axes.scatter([x.value], [y.value], s=36, zorder=3, **_look(_kind(point), marked))


def _kind(point: Point) -> str:
    """Return the point's standing; one whose place on the front isn't sure is told apart."""
    return "open" if point.standing == "front" and not is_sure(point) else point.standing


def _look(kind: str, marked: bool) -> dict[str, Any]:
    colour = _COLOURS[kind]
    face = "white" if marked or kind == "dominated" else _LIGHT if kind == "open" else colour
    # A dashed line round a point: its number can't be read like the others, its badge says why.
    dashes = (0, (2.5, 1.5)) if marked else "solid"
    return {"facecolor": face, "edgecolor": colour, "linewidths": 1.4, "linestyles": dashes}


def _names(axes: Any, points: Sequence[Point]) -> None:
    """Write the names where they cover neither each other nor a point, the front's first."""
    ordered = sorted(points, key=lambda point: (point.standing != "front", point.label))
    names = [_name(point) for point in ordered]
    spots = axes.transData.transform([(p.resource.value, p.capability.value) for p in ordered])
    box = axes.get_window_extent()
    # Places are sought with y downwards, as on a page.
    anchors = [
        (x, box.y1 - y, text_width(name, _FONT_PX, point.standing == "front"))
        for (x, y), name, point in zip(spots, names, ordered, strict=True)
    ]
    area = Box(box.x0 + 2.0, 0.0, box.x1, box.height - 2.0)
    soft = _crossed(axes, points, box.y1)
    for place, name, point in zip(
        place_labels(anchors, area, _FONT_PX, soft), names, ordered, strict=True
    ):
        if place is None:
            continue
        at = axes.transData.inverted().transform((place.box.left, box.y1 - place.box.bottom + 3.0))
        front = point.standing == "front"
        axes.text(
            *at, name, fontsize=8.5, fontweight="bold" if front else "normal", zorder=4,
            color=_MUTED if point.standing == "dominated" else _INK,
        )  # fmt: skip


def _crossed(axes: Any, points: Sequence[Point], top: float) -> list[Box]:
    """Return boxes, in pixels from the top, around the lines that a name should not cross."""
    lines = [pair for line in _fronts(points) for pair in itertools.pairwise(line)]
    for point in points:
        x, y = point.resource, point.capability
        if x.interval is not None:
            lines.append(((x.interval.low, y.value), (x.interval.high, y.value)))
        if y.interval is not None:
            lines.append(((x.value, y.interval.low), (x.value, y.interval.high)))
    boxes = []
    for line in lines:
        (x1, y1), (x2, y2) = axes.transData.transform(line)
        low, high = sorted((top - y1, top - y2))
        boxes.append(Box(min(x1, x2) - 1.0, low - 1.0, max(x1, x2) + 1.0, high + 1.0))
    return boxes


def _name(point: Point) -> str:
    text = shown(point.label, 200)
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    # A name that says how likely it is on the front, where that is neither sure nor unknown.
    share = point.front_probability
    return text if share is None or not 0.005 < share < 0.995 else f"{text} ({share:.0%})"

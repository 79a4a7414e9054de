"""Draw one trade-off picture as inline SVG: points, error bars, the Pareto front, labels."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from slmbench.render.axis_scale import Scale, fit_scale
from slmbench.render.board_text import shown
from slmbench.render.board_words import is_sure, marked_points
from slmbench.render.label_placement import Box, Label, place_labels, text_width
from slmbench.render.tradeoff_axes import draw_axes, px
from slmbench.schema.base import Measured
from slmbench.schema.board import Picture, Point
from slmbench.units import format_value

_FONT_PX = 12.0
_RADIUS = 5.5
_LONGEST_LABEL = 30
_STANDING = {
    "front": "on the front",
    "undecided": "behind the front, but within its error bars",
    "dominated": "beaten by another model on both axes",
}


@dataclass(frozen=True)
class Size:
    """How large to draw: a phone gets a picture of its own, so that its text stays readable."""

    name: str
    width: float
    height: float
    x_ticks: int
    y_ticks: int


WIDE = Size("wide", 880.0, 420.0, 7, 6)
NARROW = Size("narrow", 380.0, 400.0, 3, 6)


@dataclass(frozen=True)
class _Spot:
    point: Point
    x: float
    y: float
    marked: bool


def tradeoff_svg(picture: Picture, size: Size = WIDE) -> Markup:
    """Return the picture as one ``<svg>`` element; equal pictures give equal text."""
    plot = Box(58.0, 34.0, size.width - 18.0, size.height - 56.0)
    across = fit_scale(
        _reach([point.resource for point in picture.points]),
        (plot.left, plot.right),
        picture.resource_unit,
        size.x_ticks,
        may_be_logarithmic=True,
    )
    upward = fit_scale(
        _reach([point.capability for point in picture.points]),
        (plot.bottom, plot.top),
        picture.capability_unit,
        size.y_ticks,
    )
    spots = [
        _Spot(
            p, across.position(p.resource.value), upward.position(p.capability.value), bool(marks)
        )
        for p, marks in zip(picture.points, marked_points(picture.points), strict=True)
    ]
    fronts = _front_lines(spots)
    parts = [
        draw_axes(picture, plot, across, upward),
        *(Markup('<path class="front-line" d="{}"/>').format(_path(line)) for line in fronts),
        *(_error_bars(spot, across, upward) for spot in spots),
        *_labels(spots, plot, [*_bar_boxes(spots, across, upward), *_line_boxes(fronts)]),
        # The front is drawn last, so that no dimmed point covers it.
        *(_marker(spot) for spot in sorted(spots, key=_is_front)),
    ]
    return Markup(
        '<svg class="tradeoff {name}" viewBox="0 0 {w} {h}" role="img" aria-label="{label}">'
        "{body}</svg>"
    ).format(
        name=size.name,
        w=px(size.width),
        h=px(size.height),
        label=_summary(picture),
        body=Markup("").join(parts),
    )


def _is_front(spot: _Spot) -> bool:
    return spot.point.standing == "front"


def _reach(values: Sequence[Measured]) -> list[float]:
    """Return every value with the ends of its interval."""
    ends = [end for v in values if v.interval for end in (v.interval.low, v.interval.high)]
    return [value.value for value in values] + ends


def _summary(picture: Picture) -> str:
    front = [shown(point.label, 80) for point in picture.points if point.standing == "front"]
    names = ", ".join(front)
    return (
        f"{shown(picture.capability_name, 120)} against {shown(picture.resource_name, 120)}, "
        f"{len(picture.points)} models. On the Pareto front: {names}."
    )


def _front_lines(spots: Sequence[_Spot]) -> list[list[tuple[float, float]]]:
    """Return each group's front as corners of a staircase: what its models can reach."""
    lines = []
    for group in dict.fromkeys(spot.point.group for spot in spots):
        members = [spot for spot in spots if spot.point.group == group and _is_front(spot)]
        corners: list[tuple[float, float]] = []
        for spot in sorted(members, key=lambda spot: (spot.x, -spot.y)):
            if corners:
                corners.append((spot.x, corners[-1][1]))
            corners.append((spot.x, spot.y))
        if len(members) > 1:
            lines.append(corners)
    return lines


def _path(corners: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{px(x)} {px(y)}" for x, y in corners)


def _line_boxes(lines: Sequence[Sequence[tuple[float, float]]]) -> list[Box]:
    return [
        Box(min(a[0], b[0]) - 1, min(a[1], b[1]) - 1, max(a[0], b[0]) + 1, max(a[1], b[1]) + 1)
        for line in lines
        for a, b in itertools.pairwise(line)
    ]


def _bars(spot: _Spot, across: Scale, upward: Scale) -> list[tuple[float, float, float, float]]:
    """Return the ends (x1, y1, x2, y2) of a point's error bars."""
    bars = []
    if spot.point.resource.interval is not None:
        span = spot.point.resource.interval
        bars.append((across.position(span.low), spot.y, across.position(span.high), spot.y))
    if spot.point.capability.interval is not None:
        span = spot.point.capability.interval
        bars.append((spot.x, upward.position(span.high), spot.x, upward.position(span.low)))
    return bars


def _bar_boxes(spots: Sequence[_Spot], across: Scale, upward: Scale) -> list[Box]:
    return [
        Box(x1 - 1, y1 - 1, x2 + 1, y2 + 1)
        for spot in spots
        for x1, y1, x2, y2 in _bars(spot, across, upward)
    ]


def _error_bars(spot: _Spot, across: Scale, upward: Scale) -> Markup:
    line = Markup('<line class="bar {standing}" x1="{}" y1="{}" x2="{}" y2="{}"/>')
    return Markup("").join(
        line.format(*(px(end) for end in bar), standing=spot.point.standing)
        for bar in _bars(spot, across, upward)
    )


def _marker(spot: _Spot) -> Markup:
    point = spot.point
    kind: str = point.standing
    kind += " open" if kind == "front" and not is_sure(point) else ""
    kind += " marked" if spot.marked else ""
    return Markup(
        '<circle class="point {kind}" cx="{x}" cy="{y}" r="{r}"><title>{tip}</title></circle>'
    ).format(
        kind=kind,
        x=px(spot.x),
        y=px(spot.y),
        r=px(_RADIUS),
        tip=_tip(point),
    )


def _tip(point: Point) -> str:
    lines = [
        shown(point.label, 200),
        f"capability {_with_interval(point.capability)}",
        f"resource {_with_interval(point.resource)}",
        _STANDING[point.standing],
        *_chance(point),
        *(shown(f"{mark.badge} {mark.meaning}") for mark in point.marks),
    ]
    return "\n".join(lines)


def _chance(point: Point) -> list[str]:
    share = point.front_probability
    return [] if share is None else [f"on the front in {share:.0%} of draws"]


def _with_interval(value: Measured) -> str:
    text = format_value(value.value, value.unit)
    if value.interval is None:
        return text
    low, high = (format_value(v, value.unit) for v in (value.interval.low, value.interval.high))
    return f"{text} ({low} to {high})"


def _labels(spots: Sequence[_Spot], plot: Box, soft: Sequence[Box]) -> list[Markup]:
    # Front points choose their place first: they are what the picture is for.
    ordered = sorted(spots, key=lambda spot: (not _is_front(spot), spot.x, spot.y))
    texts = [_shortened(spot.point.label) for spot in ordered]
    anchors = [
        (spot.x, spot.y, text_width(text, _FONT_PX, bold=_is_front(spot)))
        for spot, text in zip(ordered, texts, strict=True)
    ]
    room = Box(plot.left + 2.0, plot.top - 8.0, plot.right + 12.0, plot.bottom - 2.0)
    places = place_labels(anchors, room, _FONT_PX, soft)
    return [
        _label(spot, text, place)
        for spot, text, place in zip(ordered, texts, places, strict=True)
        if place is not None
    ]


def _label(spot: _Spot, text: str, place: Label) -> Markup:
    middle = (place.box.left + place.box.right) / 2.0
    at, anchor = place.box.left, "start"
    if place.box.right < spot.x:
        at, anchor = place.box.right, "end"
    elif place.box.left < spot.x:
        at, anchor = middle, "middle"
    lead = Markup("")
    if place.distant:
        # To the nearest spot of the label's box.
        x = min(max(spot.x, place.box.left), place.box.right)
        y = min(max(spot.y, place.box.top), place.box.bottom)
        lead = Markup('<line class="lead" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
            px(spot.x), px(spot.y), px(x), px(y)
        )
    name = Markup('<text class="label {}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        spot.point.standing, px(at), px(place.box.bottom - 4.0), anchor, text
    )
    return lead + name


def _shortened(text: str) -> str:
    text = shown(text, 200)
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"

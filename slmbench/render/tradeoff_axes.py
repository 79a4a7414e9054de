"""Draw the axes of a trade-off picture: grid, ticks and what each axis means."""

from __future__ import annotations

from markupsafe import Markup

from slmbench.render.axis_scale import Scale
from slmbench.render.board_text import shown
from slmbench.render.label_placement import Box
from slmbench.schema.board import Picture
from slmbench.units import format_value

_X_TICK = Markup(
    '<line class="grid" x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>'
    '<text class="tick" x="{x}" y="{base}" text-anchor="middle">{text}</text>'
)
_Y_TICK = Markup(
    '<line class="grid" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>'
    '<text class="tick" x="{at}" y="{base}" text-anchor="end">{text}</text>'
)
_NAMES = Markup(
    '<line class="axis" x1="{left}" x2="{right}" y1="{bottom}" y2="{bottom}"/>'
    '<text class="axis-name" x="{left}" y="16">↑ {up}</text>'
    '<text class="axis-name" x="{right}" y="{below}" text-anchor="end">'
    "← {name} (less is better{scale})</text>"
)


def draw_axes(picture: Picture, plot: Box, across: Scale, upward: Scale) -> Markup:
    """Return the grid and the axes around ``plot``."""
    left, right, top, bottom = px(plot.left), px(plot.right), px(plot.top), px(plot.bottom)
    x_ticks = [
        _X_TICK.format(
            x=px(across.position(tick)),
            top=top,
            bottom=bottom,
            base=px(plot.bottom + 18.0),
            text=format_value(tick, picture.resource_unit),
        )
        for tick in across.ticks
    ]
    y_ticks = [
        _Y_TICK.format(
            left=left,
            right=right,
            y=px(upward.position(tick)),
            at=px(plot.left - 8.0),
            base=px(upward.position(tick) + 4.0),
            text=format_value(tick, picture.capability_unit),
        )
        for tick in upward.ticks
    ]
    names = _NAMES.format(
        left=left,
        right=right,
        bottom=bottom,
        up=shown(picture.capability_name, 80),
        below=px(plot.bottom + 42.0),
        name=shown(picture.resource_name, 80),
        scale=", log scale" if across.logarithmic else "",
    )
    return Markup("").join([*x_ticks, *y_ticks, names])


def px(value: float) -> str:
    """Print a coordinate with a fixed number of digits, so that pages are equal byte for byte."""
    return f"{value:.1f}"

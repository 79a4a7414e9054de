"""What routing between two runs is worth, as text: figures first, then the curve."""

from __future__ import annotations

from slmbench.render.text_table import Row, aligned_table, one_line
from slmbench.schema.base import Absent, Measured, Measurement
from slmbench.schema.route import Route, RoutePoint, Routing
from slmbench.units import format_value

_HEAD = Row("to strong", "if as unsure as", "cascade", "interval", "random", "oracle", "cost")
_FIGURES = {
    "apgr": "APGR, gap recovered on average (random 0.5)",
    "cpt_50": "CPT(50 %), share of calls for half of the gap (random 0.5)",
    "cpt_80": "CPT(80 %), share of calls for 80 % of the gap (random 0.8)",
    "aiq": "AIQ, mean quality over the cost between the two",
    "oracle_apgr": "APGR of one who knows both answers",
    "random_aiq": "AIQ of the random line",
}


def render_routing(found: Routing) -> str:
    """Return every task for a terminal."""
    title = one_line(f"{found.weak_model} (weak) first, {found.strong_model} (strong) next")
    blocks = [title, *(_route(route) for route in found.routes)]
    if found.left_out:
        lines = [one_line(f"{path}: {why}.") for path, why in found.left_out.items()]
        blocks.append("\n".join(["Left out:", "", *lines]))
    blocks.append(
        "Cascade: the weak model is always asked and paid for; where its likeliest choice has no\n"
        "larger share than the threshold, the strong one is asked too. Cost is that of an item,\n"
        "as a share of asking only the strong model. Thresholds were chosen on these items:\n"
        "on new ones expect a little less."
    )
    return "\n\n".join(blocks) + "\n"


def _route(route: Route) -> str:
    clusters = f" in {route.clusters} clusters" if route.clusters is not None else ""
    lines = [
        one_line(f"{route.suite}/{route.task}/{route.metric}, {route.n} items{clusters}"),
        f"  weak {_value(route.weak)}; strong {_value(route.strong)}; gap {_value(route.gap)}",
        f"  oracle {route.oracle:.4g}, with {100 * route.oracle_share:.1f} % of calls to strong",
        _cost(route),
    ]
    reasons: dict[str, list[str]] = {}
    for name, value in route.figures.items():
        if isinstance(value, Absent):
            reasons.setdefault(value.reason, []).append(name)
        else:
            lines.append(f"  {_FIGURES[name]}: {_value(value)}")
    lines += [one_line(f"no {', '.join(names)}: {why}.") for why, names in reasons.items()]
    lines += [one_line(f"Note: {note}.") for note in route.notes]
    table = aligned_table(
        _HEAD, [_row(point) for point in route.points], right=(0, 1, 2, 3, 4, 5, 6)
    )
    return "\n".join([*lines, "", table])


def _cost(route: Route) -> str:
    if isinstance(route.cost, Absent):
        return one_line(f"no cost: {route.cost.reason}.")
    share = "-" if route.weak_cost is None else f"{100 * route.weak_cost:.1f} %"
    return f"  cost: {route.cost}; a weak answer costs {share} of a strong one"


def _row(point: RoutePoint) -> Row:
    spread = "-"
    if point.low is not None and point.high is not None:
        spread = f"[{point.low:.4f}, {point.high:.4f}]"
    return Row(
        f"{100 * point.share:.1f} %",
        _number(point.threshold),
        _number(point.quality),
        spread,
        _number(point.random),
        _number(point.oracle),
        "-" if point.cost is None else f"{100 * point.cost:.1f} %",
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _value(value: Measurement) -> str:
    if not isinstance(value, Measured):
        return "-"
    ends = value.interval
    told = format_value(value.value, value.unit)
    if ends is None:
        return told
    return f"{told} [{format_value(ends.low, value.unit)}, {format_value(ends.high, value.unit)}]"

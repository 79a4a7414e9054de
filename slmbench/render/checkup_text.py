"""What the doctor saw as text: what is fine, what isn't and its cure, and what can be resolved."""

from __future__ import annotations

from slmbench.render.text_table import Row, aligned_table, one_line
from slmbench.schema.checkup import Check, Checkup, Resolution
from slmbench.units import format_value

_AREAS = {"sensors": "Sensors", "gpu": "GPUs", "host": "Host", "extras": "Extras"}
_HEAD = Row("work", "a turn", "blocks", "noise", "repeats, 80 %", "repeats, 95 %", "default shows")


def render_checkup(found: Checkup) -> str:
    """Return the checkup for a terminal."""
    lines: list[str] = []
    for area, title in _AREAS.items():
        own = [check for check in found.checks if check.area == area]
        if own:
            lines += [title, *(line for check in own for line in _check(check)), ""]
    if found.resolutions:
        difference = found.resolutions[0].difference
        lines += [f"Can a difference of {100 * difference:g} % be shown here, now?", ""]
        rows = [_resolution(each) for each in found.resolutions]
        lines += [aligned_table(_HEAD, rows, right=(1, 2, 3, 4, 5, 6)), ""]
    return "\n".join([*lines, found.advice]) + "\n"


def _check(check: Check) -> list[str]:
    lines = [f"  {check.status:<5} {one_line(f'{check.name}: {check.text}')}"]
    if check.cure:
        lines.append(f"        cure: {one_line(check.cure)}")
    return lines


def _resolution(each: Resolution) -> Row:
    shown = "-" if each.shown_by_default is None else f"{100 * each.shown_by_default:.2g} %"
    return Row(
        each.work,
        format_value(each.turn_s, "s"),
        str(each.blocks),
        f"{100 * each.noise:.2g} %",
        _repeats(each.repeats_for_80),
        _repeats(each.repeats_for_95),
        shown,
    )


def _repeats(count: int | None) -> str:
    return "too many" if count is None else str(count)

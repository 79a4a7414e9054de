"""A pair measured in turns as text: a table for the terminal, the same one as Markdown."""

from __future__ import annotations

from slmbench.render.text_table import Row, aligned_table, markdown_table, one_line
from slmbench.schema.finding import AbRatio, AbResult, AbRow
from slmbench.units import format_value

_NUMBERS = (1, 2, 3, 4, 5, 6, 7)


def render_ab_text(result: AbResult) -> str:
    """Return the finding for a terminal."""
    table = aligned_table(_head(result), [_row(row) for row in _there(result)], right=_NUMBERS)
    return "\n".join([_title(result), "", table, *_rest(result, ""), "", _verdict(result)]) + "\n"


def render_ab_markdown(result: AbResult) -> str:
    """Return the finding as Markdown."""
    table = markdown_table(_head(result), [_row(row) for row in _there(result)])
    lines = [f"## {_title(result)}", "", f"**{_verdict(result)}**", "", table]
    return "\n".join([*lines, *_rest(result, "- ")]) + "\n"


def _title(result: AbResult) -> str:
    return one_line(f"{result.candidate} (B) against {result.baseline} (A), by turns")


def _head(result: AbResult) -> Row:
    level = f"{100 * (1 - result.alpha):g} % interval"
    return Row("metric", "A", "B", "B / A", level, "p, Holm", "blocks", "A / A", "reading")


def _there(result: AbResult) -> list[AbRow]:
    return [row for row in result.rows if row.absent is None]


def _row(row: AbRow) -> Row:
    values = [
        "-" if value is None else format_value(value, row.unit)
        for value in (row.baseline, row.candidate)
    ]
    if row.ratio is None:
        plain = "-" if row.plain_ratio is None else f"{row.plain_ratio:.4f}"
        return Row(row.path, *values, plain, "-", "-", "-", "-", "one reading of each process")
    p = f"{row.ratio.p_adjusted:.2g}"
    ratio, blocks = f"{row.ratio.ratio:.4f}", str(row.ratio.blocks)
    return Row(
        row.path, *values, ratio, _span(row.ratio), p, blocks, _check(row.check), _reading(row)
    )


def _span(ratio: AbRatio) -> str:
    if ratio.low is None or ratio.high is None:
        return "-"
    return f"[{ratio.low:.4f}, {ratio.high:.4f}]"


def _check(check: AbRatio | None) -> str:
    return "-" if check is None else f"{check.ratio:.4f} {_span(check)}"


def _reading(row: AbRow) -> str:
    reading = row.reading or "-"
    if reading == "no difference shown" and row.ratio is not None and row.ratio.detectable:
        return f"{reading}; can show {100 * (row.ratio.detectable - 1):.2g} %"
    return reading


def _rest(result: AbResult, bullet: str) -> list[str]:
    lacking: dict[str, list[str]] = {}
    for row in result.rows:
        if row.absent is not None:
            lacking.setdefault(row.absent, []).append(row.path)
    lines = []
    if lacking:
        lines += ["", "Not measured:", ""]
        lines += [
            one_line(f"{bullet}{', '.join(paths)}: {why.rstrip('.')}.")
            for why, paths in lacking.items()
        ]
    if result.notes:
        lines += ["", *(one_line(f"{bullet}Note: {note}.") for note in result.notes)]
    return lines


def _verdict(result: AbResult) -> str:
    return one_line(f"{result.verdict}: {result.reason}.")

"""A comparison as text: a table for the terminal, the same one as Markdown."""

from __future__ import annotations

from slmbench.render.compare_forest import reading_of
from slmbench.render.compare_sections import (
    Table,
    compression_section,
    escaped,
    flips_section,
    ratios_section,
    terminal_table,
)
from slmbench.render.text_table import Row, aligned_table, markdown_table, one_line
from slmbench.schema.finding import CompareRow, Comparison
from slmbench.units import format_value

_HEAD = Row("metric", "baseline", "candidate", "difference", "95 % interval", "p", "n", "reading")
_NUMBERS = (1, 2, 3, 4, 5, 6)


def render_compare_text(comparison: Comparison) -> str:
    """Return the comparison for a terminal."""
    table = aligned_table(_HEAD, [_row(row) for row in comparison.rows], right=_NUMBERS)
    lines = [_title(comparison), "", table, *_sections(comparison, terminal_table, "")]
    lines += _rest(comparison, "")
    return "\n".join(lines) + "\n"


def render_compare_markdown(comparison: Comparison) -> str:
    """Return the comparison as Markdown."""
    table = markdown_table(_HEAD, [_row(row) for row in comparison.rows])
    lines = [f"## {escaped(_title(comparison))}", "", table]
    lines += _sections(comparison, markdown_table, "- ")
    lines += [escaped(line) for line in _rest(comparison, "- ")]
    return "\n".join(lines) + "\n"


def _sections(comparison: Comparison, table: Table, bullet: str) -> list[str]:
    found = flips_section(comparison.flips, table, with_items=bool(bullet))
    found += ratios_section(comparison.ratios, table)
    if comparison.compression is not None:
        found += compression_section(comparison.compression, table, bullet)
    return found


def _title(comparison: Comparison) -> str:
    names = (comparison.candidate_model, comparison.baseline_model)
    return one_line(f"{names[0]} (candidate) against {names[1]} (baseline)")


def _row(row: CompareRow) -> Row:
    unit = row.unit or ""
    numbers = [
        "-" if value is None else format_value(value, unit)
        for value in (row.baseline, row.candidate, row.difference)
    ]
    spread = "-"
    if row.low is not None and row.high is not None:
        spread = f"[{format_value(row.low, unit)}, {format_value(row.high, unit)}]"
    p = "-" if row.p is None else f"{row.p:.2g}"
    n = "-" if row.n is None else str(row.n)
    return Row(row.path, *numbers, spread, p, n, _reading(row))


def _reading(row: CompareRow) -> str:
    """Say in words what the interval shows; never better or worse where it holds zero."""
    parts: list[str] = []
    shown = reading_of(row.low, row.high, 0.0, row.higher_is_better)
    if shown is not None:
        parts.append(shown)
    if row.paired:
        parts.append("paired" if row.clusters is None else f"paired, {row.clusters} clusters")
    if row.detectable is not None and row.low is not None:
        parts.append(f"can show {format_value(row.detectable, row.unit or '')}")
    if row.note:
        parts.append(row.note)
    return "; ".join(parts) or "-"


def _rest(comparison: Comparison, bullet: str) -> list[str]:
    lines = []
    if comparison.not_comparable:
        lines += ["", "Not comparable:", ""]
        lines += [
            one_line(f"{bullet}{item.path}: {item.reason}.") for item in comparison.not_comparable
        ]
    if comparison.environment_differences:
        lines += ["", "The environments differ:", ""]
        lines += [
            one_line(f"{bullet}{item.key}: {item.baseline or '-'} -> {item.candidate or '-'}")
            for item in comparison.environment_differences
        ]
    return lines

"""What follows the table of a comparison, as text and Markdown: flips, ratios, compression."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from slmbench.render.compare_forest import reading_of
from slmbench.render.text_table import Row, aligned_table, one_line
from slmbench.schema.compression import Compression, Estimate, FidelityFigure, Saving, ScoreDelta
from slmbench.schema.finding import FlippedItem, Flips, ResourceRatio
from slmbench.units import format_value

#: Flipped items of one direction that Markdown names; a page names more, JSON all that are kept.
_ITEMS = 5
_LONGEST = 120
Table = Callable[[Row, Sequence[Row]], str]
_FLIPS = Row("0/1 metric", "n", "correct to wrong", "wrong to correct", "flip rate",
             "95 % interval")  # fmt: skip
_RATIOS = Row("resource", "baseline", "candidate", "ratio", "95 % interval", "n", "reading")
_SCORES = Row("score", "base", "smaller", "difference", "95 % interval", "flips", "same answer",
              "kept above chance")  # fmt: skip
_FIGURES = Row("next token", "value", "95 % interval", "n", "what it is")
_SAVINGS = Row("saving", "base", "smaller", "ratio", "95 % interval", "kind")


def terminal_table(head: Row, rows: Sequence[Row]) -> str:
    """Return an aligned table whose numbers end at the same place."""
    return aligned_table(head, rows, right=tuple(range(1, len(head) - 1)))


def flips_section(flips: Sequence[Flips], table: Table, with_items: bool) -> list[str]:
    """Return the lines that tell how many items flipped, and in Markdown which."""
    if not flips:
        return []
    rows = [_flip_row(each) for each in flips]
    lines = ["", "Items whose outcome changed:", "", table(_FLIPS, rows)]
    if with_items:
        for each in flips:
            lines += _items(each, "correct to wrong", each.lost, each.lost_count)
            lines += _items(each, "wrong to correct", each.gained, each.gained_count)
    return lines


def ratios_section(ratios: Sequence[ResourceRatio], table: Table) -> list[str]:
    """Return the table of resources' ratios, and what their intervals can't know."""
    if not ratios:
        return []
    rows = [_ratio_row(each) for each in ratios]
    return [
        "", "Resources, candidate over baseline:", "", table(_RATIOS, rows), "",
        "The runs were not made in turns: a change of the host between them is in these ratios. "
        "'slmbench ab' measures in turns.",
    ]  # fmt: skip


def compression_section(report: Compression, table: Table, bullet: str) -> list[str]:
    """Return the compression report: scores kept, distributions, savings and notes."""
    lines = ["", "Compression report (baseline: the base; candidate: its smaller form):"]
    if report.scores:
        lines += ["", table(_SCORES, [_score_row(each) for each in report.scores])]
    measured = [each for each in report.fidelity if each.number is not None]
    if measured:
        lines += ["", table(_FIGURES, [_figure_row(each) for each in measured])]
    if report.savings:
        lines += ["", table(_SAVINGS, [_saving_row(each) for each in report.savings])]
    notes = [*report.notes, *absences(report.fidelity)]
    if bullet:
        notes = [escaped(note) for note in notes]
    return [*lines, "", *(one_line(f"{bullet}{note}.") for note in notes)] if notes else lines


def absences(figures: Sequence[FidelityFigure]) -> list[str]:
    """Return the reasons of figures that are absent, with the figures that have each."""
    by_reason: dict[str, list[str]] = {}
    for each in figures:
        if each.absent is not None:
            by_reason.setdefault(each.absent, []).append(f"{each.task}/{each.metric}")
    return [
        f"{', '.join(names) if len(names) <= 3 else f'{len(names)} figures'}: {reason}"
        for reason, names in by_reason.items()
    ]


def estimate(number: Estimate | None, unit: str = "") -> str:
    """Return the value of an estimate as text."""
    return "-" if number is None else format_value(number.value, unit)


def bounds(low: float | None, high: float | None, unit: str = "") -> str:
    """Return an interval as text."""
    if low is None or high is None:
        return "-"
    return f"[{format_value(low, unit)}, {format_value(high, unit)}]"


def shortened(text: str | None) -> str:
    """Return the end of a text, which is what a model continued, on one line."""
    plain = one_line(text or "")
    return plain if len(plain) <= _LONGEST else "…" + plain[-(_LONGEST - 1) :]


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is: no tag, no link, no picture, no emphasis."""
    for sign in ("\\", "`", "*", "_", "[", "]"):
        text = text.replace(sign, f"\\{sign}")
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _flip_row(each: Flips) -> Row:
    return Row(each.path, str(each.n), str(each.lost_count), str(each.gained_count),
               f"{each.rate:.4g}", bounds(each.low, each.high))  # fmt: skip


def _items(each: Flips, name: str, items: Sequence[FlippedItem], count: int) -> list[str]:
    if not items:
        return []
    shown = items[:_ITEMS]
    told = f" (the first {len(shown)} of {count})" if len(shown) < count else ""
    lines = ["", f"{each.path}, {name}{told}:", ""]
    return lines + [f"- {escaped(_sentence(item))}" for item in shown]


def _sentence(item: FlippedItem) -> str:
    parts = [f"{item.sample_id}: {shortened(item.prompt)}"]
    for name, text in (("target", item.target), ("baseline", item.baseline_output),
                       ("candidate", item.candidate_output)):  # fmt: skip
        if text is not None:
            parts.append(f"{name} '{shortened(text)}'")
    return " | ".join(parts)


def _ratio_row(each: ResourceRatio) -> Row:
    reading = reading_of(each.low, each.high, 1.0, each.higher_is_better) or each.method
    return Row(each.path, format_value(each.baseline, each.unit),
               format_value(each.candidate, each.unit), f"{each.ratio:.4g}x",
               bounds(each.low, each.high), "-" if each.n is None else str(each.n),
               reading)  # fmt: skip


def _score_row(each: ScoreDelta) -> Row:
    kept = estimate(each.retention)
    if each.retention is not None and each.retention.low is not None:
        kept += f" {bounds(each.retention.low, each.retention.high)}"
    return Row(each.path, format_value(each.baseline, each.unit),
               format_value(each.candidate, each.unit), estimate(each.difference, each.unit),
               bounds(each.difference.low, each.difference.high, each.unit),
               estimate(each.flip_rate), estimate(each.agreement),
               each.why_no_retention or kept)  # fmt: skip


def _figure_row(each: FidelityFigure) -> Row:
    number = each.number
    assert number is not None
    return Row(f"{each.task}/{each.metric}", format_value(number.value, each.unit),
               bounds(number.low, number.high, each.unit), "-" if each.n is None else str(each.n),
               each.about or "-")  # fmt: skip


def _saving_row(each: Saving) -> Row:
    return Row(each.path, format_value(each.baseline, each.unit),
               format_value(each.candidate, each.unit), f"{each.ratio.value:.4g}x",
               bounds(each.ratio.low, each.ratio.high), each.kind)  # fmt: skip

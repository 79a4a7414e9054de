"""Every word and number of a comparison's page as text, so that its template only places them."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from slmbench.render.compare_forest import reading_of
from slmbench.render.compare_sections import absences, estimate
from slmbench.render.compare_sections import bounds as bounds_or_dash
from slmbench.render.page_parts import Cell, Picture, TableView
from slmbench.render.sample_pages import browser_data
from slmbench.render.sample_view import FLIPS, flip_groups
from slmbench.schema.compression import Compression, Estimate
from slmbench.schema.finding import CompareRow, Comparison, FlippedItem, Flips
from slmbench.units import format_value

#: Items of one direction that a page shows; all are counted.
_MOST_ITEMS = 30
_LONGEST_TEXT = 2000


@dataclass(frozen=True)
class ItemView:
    """A flipped item; ``parts`` are (name, text)."""

    title: str
    parts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class FlipsView:
    """The flipped items of one metric in one direction."""

    title: str
    summary: str
    items: tuple[ItemView, ...]


@dataclass(frozen=True)
class PageView:
    """What the template places; ``flips`` is for a reader without scripts, ``flipped`` for one."""

    title: str
    facts: tuple[str, ...]
    pictures: tuple[Picture, ...]
    tables: tuple[TableView, ...]
    compression: tuple[TableView, ...]
    compression_notes: tuple[str, ...]
    flips: tuple[FlipsView, ...]
    flipped: Markup | None
    refused: tuple[tuple[str, str], ...]
    environment: tuple[tuple[str, str, str], ...]


def page_view(comparison: Comparison, pictures: tuple[Picture, ...]) -> PageView:
    """Return the page of a comparison with its pictures."""
    readings = [reading_of(r.low, r.high, 0.0, r.higher_is_better) for r in comparison.rows]
    facts = [f"baseline: run {comparison.baseline}", f"candidate: run {comparison.candidate}",
             f"{len(comparison.rows)} metrics compared"]  # fmt: skip
    facts += [
        f"{readings.count(word)} {word}"
        for word in ("better", "worse", "differs", "no difference shown")
        if word in readings
    ]
    report = comparison.compression
    return PageView(
        title=f"{comparison.candidate_model} against {comparison.baseline_model}",
        facts=tuple(facts),
        pictures=pictures,
        tables=_tables(comparison),
        compression=() if report is None else _compression(report),
        compression_notes=() if report is None else (*report.notes, *absences(report.fidelity)),
        flips=tuple(view for each in comparison.flips for view in _flips(each)),
        flipped=browser_data(FLIPS, flip_groups(comparison.flips, _MOST_ITEMS)),
        refused=tuple((each.path, each.reason) for each in comparison.not_comparable),
        environment=tuple(
            (each.key, each.baseline or "-", each.candidate or "-")
            for each in comparison.environment_differences
        ),
    )


def _tables(comparison: Comparison) -> tuple[TableView, ...]:
    found = [
        TableView(
            "Every metric", "The difference is candidate minus baseline, with its 95 % interval.",
            ("Metric", "Baseline", "Candidate", "Difference", "p", "n", "Reading"),
            tuple(_metric_row(row) for row in comparison.rows),
        )
    ]  # fmt: skip
    if comparison.flips:
        found.append(
            TableView(
                "Flips", "Items whose outcome changed, either way.",
                ("Metric", "n", "Correct to wrong", "Wrong to correct", "Flip rate"),
                tuple(
                    (Cell(each.path), Cell(str(each.n)), Cell(str(each.lost_count)),
                     Cell(str(each.gained_count)),
                     Cell(f"{each.rate:.4g}", bounds(each.low, each.high)))
                    for each in comparison.flips
                ),
            )
        )  # fmt: skip
    if comparison.ratios:
        found.append(
            TableView(
                "Resources", "Candidate over baseline. The runs were not made in turns: a change "
                "of the host between them is in these ratios; slmbench ab measures in turns.",
                ("Resource", "Baseline", "Candidate", "Ratio", "n", "Reading"),
                tuple(
                    (Cell(each.path), Cell(format_value(each.baseline, each.unit)),
                     Cell(format_value(each.candidate, each.unit)),
                     Cell(f"{each.ratio:.4g}x", bounds(each.low, each.high)),
                     Cell("-" if each.n is None else str(each.n)),
                     _reading(each.low, each.high, 1.0, each.higher_is_better, each.method))
                    for each in comparison.ratios
                ),
            )
        )  # fmt: skip
    return tuple(found)


def _metric_row(row: CompareRow) -> tuple[Cell, ...]:
    unit = row.unit or ""
    numbers = [
        "-" if value is None else format_value(value, unit)
        for value in (row.baseline, row.candidate, row.difference)
    ]
    under = []
    if row.paired:
        under.append("paired" if row.clusters is None else f"paired, {row.clusters} clusters")
    if row.detectable is not None and row.low is not None:
        under.append(f"can show {format_value(row.detectable, unit)}")
    if row.note:
        under.append(row.note)
    return (
        Cell(row.path),
        Cell(numbers[0]),
        Cell(numbers[1]),
        Cell(numbers[2], bounds(row.low, row.high, unit)),
        Cell("-" if row.p is None else f"{row.p:.2g}"),
        Cell("-" if row.n is None else str(row.n)),
        _reading(row.low, row.high, 0.0, row.higher_is_better, "; ".join(under)),
    )


def _reading(
    low: float | None, high: float | None, nothing: float, better: bool | None, under: str
) -> Cell:
    shown = reading_of(low, high, nothing, better)
    return Cell(shown or "-", under, "" if shown is None else shown.split()[0])


def _compression(report: Compression) -> tuple[TableView, ...]:
    found = []
    if report.scores:
        found.append(
            TableView(
                "What was kept", "Kept above chance is (smaller - chance) / (base - chance). Same "
                "answer counts items that both answered alike, right or wrong.",
                ("Score", "Base", "Smaller", "Difference", "Flip rate", "Same answer",
                 "Kept above chance"),
                tuple(
                    (Cell(each.path), Cell(format_value(each.baseline, each.unit)),
                     Cell(format_value(each.candidate, each.unit)),
                     _estimated(each.difference, each.unit), _estimated(each.flip_rate),
                     _estimated(each.agreement),
                     Cell("-", each.why_no_retention) if each.why_no_retention
                     else _estimated(each.retention))
                    for each in report.scores
                ),
            )
        )  # fmt: skip
    measured = [each for each in report.fidelity if each.number is not None]
    if measured:
        found.append(
            TableView(
                "Next-token distributions", "As llama.cpp's perplexity tool defines them, over "
                "every position of every document.",
                ("Number", "Value", "n", "What it is"),
                tuple(
                    (Cell(f"{each.task}/{each.metric}"), _estimated(each.number, each.unit),
                     Cell("-" if each.n is None else str(each.n)), Cell(each.about or "-"))
                    for each in measured
                ),
            )
        )  # fmt: skip
    if report.savings:
        found.append(
            TableView(
                "What it saves", "Smaller over base.",
                ("Resource", "Base", "Smaller", "Ratio", "Kind"),
                tuple(
                    (Cell(each.path), Cell(format_value(each.baseline, each.unit)),
                     Cell(format_value(each.candidate, each.unit)),
                     Cell(f"{each.ratio.value:.4g}x",
                          each.note or bounds(each.ratio.low, each.ratio.high)),
                     Cell(each.kind))
                    for each in report.savings
                ),
            )
        )  # fmt: skip
    return tuple(found)


def _estimated(number: Estimate | None, unit: str = "") -> Cell:
    if number is None:
        return Cell("-")
    return Cell(estimate(number, unit), bounds(number.low, number.high, unit))


def bounds(low: float | None, high: float | None, unit: str = "") -> str:
    """Return an interval as text, or nothing where there is none."""
    return "" if low is None or high is None else bounds_or_dash(low, high, unit)


def _flips(each: Flips) -> list[FlipsView]:
    sides = (
        ("correct to wrong", each.lost, each.lost_count),
        ("wrong to correct", each.gained, each.gained_count),
    )
    found = []
    for name, items, count in sides:
        if count:
            shown = items[:_MOST_ITEMS]
            told = f"{count} items" if count > 1 else "1 item"
            if len(shown) < count:
                told += f", the first {len(shown)} are here"
            views = tuple(_item(item) for item in shown)
            found.append(FlipsView(f"{each.path}: {name}", told, views))
    return found


def _item(item: FlippedItem) -> ItemView:
    title = item.sample_id if item.cluster is None else f"{item.sample_id} ({item.cluster})"
    parts = (
        ("asked", item.prompt), ("target", item.target),
        ("baseline", item.baseline_output), ("candidate", item.candidate_output),
    )  # fmt: skip
    return ItemView(title, tuple((name, _cut(text)) for name, text in parts if text is not None))


def _cut(text: str) -> str:
    """Return a text, or its end where it is too long for a page: there the question stands."""
    if len(text) <= _LONGEST_TEXT:
        return text
    return f"[{len(text) - _LONGEST_TEXT} characters left out] {text[-_LONGEST_TEXT:]}"

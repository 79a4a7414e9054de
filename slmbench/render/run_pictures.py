"""Pictures of one run: times as they went, load, cache, power, toxicity and reliability."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from markupsafe import Markup

from slmbench.render.page_parts import Picture
from slmbench.render.svg_picture import (
    BAD,
    GOOD,
    MUTED,
    NEW,
    draw_bins,
    drawing_style,
    panel_title,
    panels,
    step_shares,
    svg,
)
from slmbench.schema.run_report import (
    CacheGrowth,
    LoadTimes,
    PowerWindows,
    Reliability,
    RoundTimes,
    RunReport,
    ToxicityMarks,
)

#: Panels of one picture; the tables hold what more there is.
_MOST_PANELS = 12
#: Pictures of one kind, each of which stands for a whole job.
_MOST_JOBS = 6
Panel = Callable[[Any], None]


def run_pictures(report: RunReport) -> list[Picture]:
    """Return the pictures of a run; the same report gives the same bytes."""
    found = [
        *(_rounds(each, number) for number, each in enumerate(report.times[:_MOST_JOBS])),
        *(_load(each, number) for number, each in enumerate(report.loads[:_MOST_JOBS])),
    ]
    if report.powers:
        found.append(_powers(report.powers))
    if report.caches:
        found.append(_caches(report.caches))
    if report.toxicity:
        found.append(_toxicity(report.toxicity))
    if report.reliability:
        found.append(_reliability(report.reliability))
    return found


def _rounds(job: RoundTimes, number: int) -> Picture:
    counted = [each for each in job.rounds if not each.is_warm_up]
    warm = len(job.rounds) - len(counted)
    firsts, ends = (
        _Scaled([each.ttft_s for each in job.rounds]),
        _Scaled([each.e2e_s for each in job.rounds]),
    )
    drawn: list[Panel] = [
        lambda axes: _over_rounds(axes, firsts, warm, "TTFT over rounds"),
        lambda axes: _over_rounds(axes, ends, warm, "End to end over rounds"),
    ]
    if counted:
        own = {
            "TTFT": [each.ttft_s for each in counted],
            "End to end": [each.e2e_s for each in counted],
        }
        if job.gaps_s:
            own["Gap between tokens"] = list(job.gaps_s)
        drawn += [_shares_panel(title, values) for title, values in own.items()]
    note = (
        f"{len(counted)} counted rounds, and before them {warm} of warm-up (grey), in the order "
        "they were run. The steps show the share that took at most so long; the dashed line is "
        "the median."
    )
    return Picture(f"Times of {job.task}", _drawn(drawn, 1.9, f"times{number}"), note, ())


class _Scaled:
    """Seconds in the unit that is easy to read."""

    def __init__(self, seconds: Sequence[float]) -> None:
        longest = max(seconds)
        self.factor, self.unit = (1.0, "s") if longest >= 1.0 else (1e3, "ms")
        if longest < 1e-3:
            self.factor, self.unit = 1e6, "us"
        self.values = [each * self.factor for each in seconds]


def _over_rounds(axes: Any, scaled: _Scaled, warm: int, title: str) -> None:
    values = scaled.values
    axes.plot(range(1, len(values) + 1), values, color=NEW, linewidth=1.1)
    if warm:
        axes.plot(range(1, warm + 1), values[:warm], "o-", color=MUTED, markersize=3.5,
                  linewidth=1.1)  # fmt: skip
        axes.axvline(warm + 0.5, color=MUTED, linewidth=0.8, linestyle="--")
    axes.set_ylim(0.0, max(values) * 1.08 or 1.0)
    axes.set_title(title, loc="left")
    axes.set_xlabel("round")
    axes.set_ylabel(scaled.unit)
    axes.locator_params(axis="x", nbins=6, integer=True)


def _shares_panel(title: str, seconds: Sequence[float]) -> Panel:
    scaled = _Scaled(sorted(seconds))
    values = scaled.values

    def draw(axes: Any) -> None:
        middle = (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
        axes.axvline(middle, color=MUTED, linewidth=0.8, linestyle="--")
        step_shares(axes, values, NEW)
        axes.set_title(f"{title}: share at most", loc="left")
        axes.set_xlabel(scaled.unit)
        axes.locator_params(axis="x", nbins=5)

    return draw


def _load(job: LoadTimes, number: int) -> Picture:
    names = [panel_title(each.stage) for each in job.stages]
    places = range(len(names))
    drawn: list[Panel] = []
    for title, low, high in (
        ("TTFT", "ttft_p50_s", "ttft_p95_s"), ("End to end", "e2e_p50_s", "e2e_p95_s")
    ):  # fmt: skip
        pairs = [(getattr(each, low), getattr(each, high)) for each in job.stages]
        known = [(place, *pair) for place, pair in zip(places, pairs, strict=True) if pair[0]]
        if known:
            drawn.append(_stage_panel(title, known, names))

    def counts(axes: Any) -> None:
        answered = [each.answered_count for each in job.stages]
        axes.barh(places, answered, color=NEW, height=0.6)
        failed = [each.failed_count for each in job.stages]
        axes.barh(places, failed, left=answered, color=BAD, height=0.6)
        _name_stages(axes, names)
        axes.set_title("Requests (red: failed)", loc="left")

    note = (
        "Each stage of load, from the first at the top. A dot is the median over counted requests, "
        "the line's end their 95th percentile, from when a request was due."
    )
    picture = _drawn([*drawn, counts], 0.9 + 0.2 * len(names), f"load{number}")
    return Picture(f"Load: {job.task}", picture, note, ())


def _stage_panel(title: str, known: list[tuple[int, float, float]], names: list[str]) -> Panel:
    scaled = _Scaled([high for _, _, high in known])

    def draw(axes: Any) -> None:
        for place, middle, high in known:
            ends = [middle * scaled.factor, high * scaled.factor]
            axes.plot(ends, [place, place], color=NEW, linewidth=1.8)
            axes.plot(ends[:1], [place], "o", color=NEW, markersize=4.5)
        axes.set_xlim(left=0.0)
        _name_stages(axes, names)
        axes.set_title(f"{title}: median to 95 %", loc="left")
        axes.set_xlabel(scaled.unit)
        axes.locator_params(axis="x", nbins=5)

    return draw


def _name_stages(axes: Any, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def _powers(found: Sequence[PowerWindows]) -> Picture:
    def panel(job: PowerWindows) -> Panel:
        def draw(axes: Any) -> None:
            places = range(len(job.windows))
            watts = [each.power_w for each in job.windows]
            colours = [MUTED if each.is_idle else NEW for each in job.windows]
            axes.bar(places, watts, color=colours, width=0.7)
            axes.set_xticks(places, [panel_title(each.name) for each in job.windows])
            axes.set_title(panel_title(f"{job.task} ({job.how})"), loc="left")
            axes.set_xlabel("window")
            axes.set_ylabel("W")

        return draw

    note = "Mean power of each window in order of time; grey ones were idle."
    return _grid("Power", [panel(each) for each in found], note, "power", 2.1)


def _caches(found: Sequence[CacheGrowth]) -> Picture:
    def panel(job: CacheGrowth) -> Panel:
        def draw(axes: Any) -> None:
            scale = 2.0**20
            for name, style, colour in (
                ("predicted_bytes", "--", MUTED), ("measured_bytes", "o-", NEW)
            ):  # fmt: skip
                known = [
                    (each.context_tokens, getattr(each, name) / scale)
                    for each in job.points
                    if getattr(each, name) is not None
                ]
                if known:
                    tokens, sizes = zip(*known, strict=True)
                    axes.plot(tokens, sizes, style, color=colour, markersize=3.5, linewidth=1.3)
            axes.set_ylim(bottom=0.0)
            axes.set_title(panel_title(job.task), loc="left")
            axes.set_xlabel("tokens of context")
            axes.set_ylabel("MiB")
            axes.locator_params(axis="x", nbins=5)

        return draw

    note = (
        "Bytes of the key/value cache over the length of the context: dots were measured, the "
        "dashed line is what the configuration predicts."
    )
    return _grid("Memory: key/value cache", [panel(each) for each in found], note, "cache", 2.1)


def _toxicity(found: Sequence[ToxicityMarks]) -> Picture:
    def panel(job: ToxicityMarks, values: Sequence[float], what: str) -> Panel:
        def draw(axes: Any) -> None:
            axes.axvline(job.threshold, color=BAD, linewidth=0.8, linestyle="--")
            step_shares(axes, values, NEW)
            axes.set_xlim(0.0, 1.02)
            axes.set_title(panel_title(f"{job.task}: {what}"), loc="left")
            axes.set_xlabel("toxicity")

        return draw

    drawn = []
    for job in found:
        drawn.append(panel(job, job.texts, f"{job.texts_total} texts"))
        drawn.append(panel(job, job.worst, f"worst of {job.prompts_total} prompts"))
    note = (
        "Share of texts that are at most so toxic, and of prompts whose most toxic text is; right "
        "of the dashed line a text counts as toxic."
    )
    return _grid("Toxicity", drawn, note, "toxicity", 2.1)


def _reliability(found: Sequence[Reliability]) -> Picture:
    def panel(job: Reliability) -> Panel:
        def draw(axes: Any) -> None:
            axes.plot([0.0, 1.0], [0.0, 1.0], color=MUTED, linewidth=0.8, linestyle="--")
            draw_bins(axes, job.bins, GOOD)
            axes.set_xlim(0.0, 1.02)
            axes.set_ylim(0.0, 1.02)
            axes.set_title(panel_title(job.task), loc="left")
            axes.set_xlabel("confidence")

        return draw

    note = (
        "Share of right answers over the confidence they were given with; on the dashed line the "
        "model is as sure as it is right. Bars are 95 % intervals."
    )
    return _grid("Calibration", [panel(each) for each in found], note, "reliability", 2.5)


def _grid(title: str, drawn: Sequence[Panel], note: str, name: str, height: float) -> Picture:
    if len(drawn) > _MOST_PANELS:
        note = f"{note} The first {_MOST_PANELS} of {len(drawn)} are drawn."
    return Picture(title, _drawn(drawn[:_MOST_PANELS], height, name), note, ())


def _drawn(drawn: Sequence[Panel], height: float, name: str) -> Markup:
    with drawing_style():
        figure, places = panels(len(drawn), height)
        for axes, draw in zip(places, drawn, strict=True):
            draw(axes)
        return svg(figure, name)

"""What a pair's turns mean: a ratio for each metric, and whether the host let one be seen."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from slmbench.schema.base import Absent, Measured
from slmbench.schema.finding import AbRatio, AbResult, AbRow, AbVerdict
from slmbench.schema.pair import PairRecord, Stream, Turn
from slmbench.stats.ab import (
    Ratio,
    block_log_ratio,
    family_p,
    fewest_blocks,
    paired_ratio,
    questions,
)

#: metric -> (suite, unit, is more better).
_METRICS = {
    "ttft_s": ("latency", "s", False),
    "tpot_s": ("latency", "s", False),
    "e2e_s": ("latency", "s", False),
    "prefill_tokens_per_s": ("latency", "tokens/s", True),
    "decode_tokens_per_s": ("latency", "tokens/s", True),
    "j_per_output_token": ("energy", "J", False),
    "j_per_request": ("energy", "J", False),
}
_TURNS_IN_BLOCK = 2


@dataclass(frozen=True)
class _Series:
    """One metric of one workload by blocks, against the candidate and against the check."""

    task: str
    metric: str
    log_ratios: list[float]
    check: list[float]


def result_of(record: PairRecord, turns: Sequence[Turn]) -> AbResult:
    """Return the finding of a pair, also of one that was cut off: its whole blocks count."""
    alpha = record.spec.alpha
    series = [
        _Series(task.name, metric, _blocks(turns, task.name, metric, "b"),
                _blocks(turns, task.name, metric, "a2"))
        for task in record.tasks
        for metric in _METRICS
    ]  # fmt: skip
    measured = [each for each in series if each.log_ratios]
    ratios = _ratios([each.log_ratios for each in measured], alpha)
    checked = [each for each in measured if each.check]
    checks = _ratios([each.check for each in checked], alpha)
    ratio_of = {_key(each): ratio for each, ratio in zip(measured, ratios, strict=True)}
    check_of = {_key(each): ratio for each, ratio in zip(checked, checks, strict=True)}
    alarms = [each for each in checked if check_of[_key(each)].p_adjusted <= alpha]
    few = _too_few(measured, alpha)
    blind = bool(alarms) or few is not None or record.status != "done"
    rows = tuple(
        _row(each, turns, ratio_of.get(_key(each)), check_of.get(_key(each)), (alpha, blind))
        for each in series
    )
    verdict, reason = _verdict(record, rows, [f"{e.task}/{e.metric}" for e in alarms], few)
    return AbResult(
        pair_id=record.pair_id,
        status=record.status,
        baseline=record.models["a"].name,
        candidate=record.models["b"].name,
        verdict=verdict,
        reason=reason,
        host="noisy" if alarms else "quiet" if checked else "not checked",
        alpha=alpha,
        rows=(*rows, *_memory_rows(record)),
        notes=_notes(record, bool(checked)),
    )


def block_ratios(turns: Sequence[Turn], task: str, metric: str) -> list[float]:
    """Return the candidate's log-ratio to the baseline in each whole block of a workload."""
    return _blocks(turns, task, metric, "b")


def _blocks(turns: Sequence[Turn], task: str, metric: str, stream: Stream) -> list[float]:
    found: dict[int, dict[str, list[float]]] = {}
    for turn in turns:
        if turn.task == task and turn.scores.get(metric, 0.0) > 0.0:
            found.setdefault(turn.block, {}).setdefault(turn.stream, []).append(turn.scores[metric])
    pairs = [(block.get("a", []), block.get(stream, [])) for block in found.values()]
    return [
        block_log_ratio(one, other)
        for one, other in pairs
        if len(one) == len(other) == _TURNS_IN_BLOCK
    ]


def _ratios(family: list[list[float]], alpha: float) -> list[AbRatio]:
    """Return the ratio of each series, its p adjusted for all of them."""
    found: list[Ratio] = [paired_ratio(each, 1.0 - alpha) for each in family]
    adjusted = family_p([each.p for each in found], family)
    return [
        AbRatio(
            ratio=each.ratio, low=each.low, high=each.high, p=each.p, p_adjusted=p,
            blocks=each.blocks, detectable=each.detectable,
        )
        for each, p in zip(found, adjusted, strict=True)
    ]  # fmt: skip


def _key(series: _Series) -> tuple[str, str]:
    return (series.task, series.metric)


def _row(
    series: _Series,
    turns: Sequence[Turn],
    ratio: AbRatio | None,
    check: AbRatio | None,
    sight: tuple[float, bool],
) -> AbRow:
    """Return one metric's row; ``sight`` is (alpha, is nothing to be read from this pair)."""
    suite, unit, more_is_better = _METRICS[series.metric]
    own = [turn for turn in turns if turn.task == series.task]
    row = AbRow(
        suite=suite, task=series.task, metric=series.metric, unit=unit,
        higher_is_better=more_is_better,
        baseline=_median(own, "a", series.metric), candidate=_median(own, "b", series.metric),
        check=check,
    )  # fmt: skip
    if ratio is None:
        reasons = [turn.unscored[series.metric] for turn in own if series.metric in turn.unscored]
        return row.model_copy(update={"absent": reasons[0] if reasons else "no whole block"})
    alpha, blind = sight
    reading = "no difference shown"
    if blind:
        reading = "inconclusive"
    elif ratio.p_adjusted <= alpha:
        reading = "better" if (ratio.ratio > 1.0) == more_is_better else "worse"
    return row.model_copy(update={"ratio": ratio, "reading": reading})


def _median(turns: Sequence[Turn], stream: Stream, metric: str) -> float | None:
    found = [turn.scores[metric] for turn in turns
             if turn.stream == stream and metric in turn.scores]  # fmt: skip
    return statistics.median(found) if found else None


def _too_few(measured: Sequence[_Series], alpha: float) -> str | None:
    """Return why so few blocks can't show anything, or None where they can."""
    family = [each.log_ratios for each in measured]
    blocks = min(map(len, family), default=0)
    needed = fewest_blocks(alpha / max(1, questions(family)))
    if blocks >= needed:
        return None
    return f"{blocks} whole blocks can show nothing: at least {needed} are needed (--repeats)"


def _verdict(
    record: PairRecord, rows: Sequence[AbRow], alarms: Sequence[str], few: str | None
) -> tuple[AbVerdict, str]:
    if record.status != "done":
        return "INCONCLUSIVE", f"the pair was not measured to its end: {record.reason or 'cut off'}"
    if alarms:
        return "INCONCLUSIVE", (
            f"the baseline against itself differs too ({', '.join(alarms)}), so this host, or two "
            "processes of one model on it, are too noisy now: see 'slmbench doctor'"
        )
    if few is not None:
        return "INCONCLUSIVE", few
    shown = [row for row in rows if row.reading in ("better", "worse")]
    if shown:
        measured = sum(row.ratio is not None for row in rows)
        return "DIFFERENT", f"{len(shown)} of {measured} metrics differ: " + ", ".join(
            f"{row.task}/{row.metric} {row.reading}" for row in shown
        )
    limits = [row.ratio.detectable for row in rows if row.ratio and row.ratio.detectable]
    limit = f"; {100 * (max(limits) - 1):.1f} % would have been" if limits else ""
    return "NO_DIFFERENCE_SHOWN", f"no metric is shown to differ{limit} (80 % power, one metric)"


def _memory_rows(record: PairRecord) -> tuple[AbRow, ...]:
    """Return the peaks of the two processes: one reading each, so a ratio without an interval."""
    task = "+".join(each.name for each in record.tasks)
    first, second = record.memory.get("a", {}), record.memory.get("b", {})
    rows = []
    for metric in first:
        one, other = first[metric], second.get(metric, Absent(reason="not read"))
        row = AbRow(
            suite="memory", task=task, metric=metric, unit="bytes", higher_is_better=False,
            baseline=one.value if isinstance(one, Measured) else None,
            candidate=other.value if isinstance(other, Measured) else None,
        )  # fmt: skip
        if isinstance(one, Measured) and isinstance(other, Measured) and one.value > 0.0:
            row = row.model_copy(update={"plain_ratio": other.value / one.value})
        else:
            lacking = next((each for each in (one, other) if isinstance(each, Absent)), None)
            row = row.model_copy(update={"absent": lacking.reason if lacking else "it is zero"})
        rows.append(row)
    return tuple(rows)


def _notes(record: PairRecord, checked: bool) -> tuple[str, ...]:
    notes = []
    if not checked:
        why = record.check_absent or "no block of it is whole"
        notes.append(f"the baseline was not measured against itself: {why}")
    for task in record.tasks:
        prompts = {task.fingerprints[each].prompt for each in ("a", "b")}
        if len(prompts) > 1:
            notes.append(
                f"{task.name}: the two tokenizers cut the text differently, so the models read as "
                "many tokens but not the same ones"
            )
    return tuple(notes)

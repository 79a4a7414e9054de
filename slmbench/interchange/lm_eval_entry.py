"""One task's entry in a results file of lm-eval, as metrics: values and errors unchanged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, TypeGuard

from slmbench.schema.base import Absent, Interval, Measured
from slmbench.schema.record import Aggregation, Metric
from slmbench.stats.interval import wilson
from slmbench.suites.lm_eval_names import aggregation_of, shown_name, unit_of

SUITE = "accuracy"
_LEVEL = 0.95
_ERROR = "_stderr"
#: lm-eval's own metrics -> (aggregation, is higher better), for files that do not say so.
_KNOWN: dict[str, tuple[str, bool | None]] = {
    "acc": ("mean", True), "acc_norm": ("mean", True), "acc_bytes": ("mean", True),
    "acc_mutual_info": ("mean", True), "acc_all": ("acc_all", True),
    "exact_match": ("mean", True), "likelihood": ("mean", True), "em": ("mean", True),
    "perplexity": ("perplexity", False), "ppl": ("perplexity", False),
    "word_perplexity": ("weighted_perplexity", False),
    "byte_perplexity": ("weighted_perplexity", False),
    "bits_per_byte": ("bits_per_byte", False), "brier_score": ("brier_score", False),
    "mcc": ("matthews_corrcoef", True), "f1": ("f1", True), "bleu": ("bleu", True),
    "chrf": ("chrf", True), "ter": ("ter", False),
    "likelihood_difference": ("mean", False), "likelihood_diff": ("mean", False),
    "pct_stereotype": ("mean", None),
}  # fmt: skip
#: Shares of items that are right: of no other metric is an error of 0 known to be a share's.
_SHARES = ("acc", "acc_norm", "acc_bytes", "acc_mutual_info", "exact_match", "em")


@dataclass(frozen=True)
class Asked:
    """What a file says of how a task's numbers came about.

    Attributes:
        how: provenance of the numbers.
        n: the items asked, None where the file does not say.
        rules: metric -> lm-eval's aggregation.
        directions: metric -> is higher better.
        is_group: the entry sums up other tasks.
    """

    how: str
    n: int | None = None
    rules: Mapping[str, str] = field(default_factory=dict)
    directions: Mapping[str, Any] = field(default_factory=dict)
    is_group: bool = False


@dataclass(frozen=True)
class Figure:
    """A metric of an entry, its standard error and the filter it was made with."""

    name: str
    filter: str
    value: Any
    error: Any


def figures(entry: Mapping[str, Any]) -> list[Figure]:
    """Return the metrics of a v0.4 entry: its keys are ``metric,filter``; others are no metric."""
    found = []
    for key, value in entry.items():
        name, comma, used = key.partition(",")
        base = name.removesuffix(_ERROR)
        if comma and (base == name or f"{base},{used}" not in entry):
            found.append(Figure(name, used, value, entry.get(f"{name}{_ERROR},{used}")))
    return found


def old_figures(entry: Mapping[str, Any]) -> list[Figure]:
    """Return the metrics of an entry from before v0.4: its keys are bare names."""
    return [
        Figure(key, "none", value, entry.get(f"{key}{_ERROR}"))
        for key, value in entry.items()
        if not (key.endswith(_ERROR) and key.removesuffix(_ERROR) in entry)
    ]


def filters_of(found: Sequence[Figure]) -> list[str]:
    """Return the filters of a task, in the order of the file."""
    return list(dict.fromkeys(figure.filter for figure in found))


def metrics_of(task: str, found: Sequence[Figure], asked: Asked) -> list[Metric]:
    """Return the metrics of one task; what is no finite number is Absent with what stood there."""
    used = filters_of(found)
    # All metrics of a task rest on the same items; only shares tell how many those were.
    n = asked.n or next(filter(None, (_items_behind(each) for each in found)), None)
    metrics = []
    for figure in found:
        rule, up = _KNOWN.get(figure.name, ("other", None))
        shown = shown_name(figure.name, figure.filter, used)
        aggregation = aggregation_of(asked.rules.get(figure.name, rule), figure.name, shown)
        direction = asked.directions.get(figure.name, up)
        metrics.append(
            Metric(
                suite=SUITE,
                task=task,
                metric=shown,
                value=_value(figure, n, asked.n is None, asked.how),
                higher_is_better=direction if isinstance(direction, bool) else None,
                aggregation=Aggregation(kind="other") if asked.is_group else aggregation,
            )
        )
    return metrics


def rules_of(metric_list: Any) -> dict[str, str]:
    """Return metric -> lm-eval's aggregation, from a task's configuration or lm-eval's default."""
    listed = metric_list if isinstance(metric_list, list) else []
    given = {
        each["metric"]: each["aggregation"]
        for each in listed
        if isinstance(each, dict)
        and isinstance(each.get("metric"), str)
        and isinstance(each.get("aggregation"), str)
    }
    return {name: rule for name, (rule, _) in _KNOWN.items()} | given


def is_number(value: Any) -> TypeGuard[int | float]:
    """Tell whether a value of a JSON document is a finite number; true and false are none."""
    try:
        is_bool = isinstance(value, bool)
        return isinstance(value, int | float) and not is_bool and math.isfinite(value)
    except OverflowError:
        return False


def _value(figure: Figure, n: int | None, derived: bool, how: str) -> Measured | Absent:
    if not is_number(figure.value):
        return Absent(reason=f"lm-eval's file gives no number for it: {_brief(figure.value)}")
    error = float(figure.error) if is_number(figure.error) and figure.error >= 0 else None
    told = "none given" if figure.error is None else _brief(figure.error)
    source = f"lm-eval's results file; its standard error: {told}"
    if n is None:
        source += "; it does not say how many items"
    elif derived:
        source += "; the number of items follows from a share and its error"
    return Measured(
        value=float(figure.value),
        unit=unit_of(figure.name),
        # 0 is a count that is not known: a gate refuses a number that rests on no item.
        n=n or 0,
        interval=None if error is None else _interval(figure, error, n),
        how=how,
        source=source,
    )


def _interval(figure: Figure, error: float, n: int | None) -> Interval | None:
    """Return value +- 1.96 standard errors of lm-eval's.

    Where all items are right or all wrong its error is 0, which would be certainty: Wilson's
    interval then.
    """
    value = float(figure.value)
    if error == 0.0 and n and figure.name in _SHARES and value in (0.0, 1.0):
        bounds = wilson(value * n, n, _LEVEL)
        return bounds.model_copy(update={"method": "wilson, lm-eval's standard error is 0"})
    half = NormalDist().inv_cdf(0.5 + _LEVEL / 2.0) * error
    if not math.isfinite(value - half) or not math.isfinite(value + half):
        return None
    method = "normal, lm-eval's standard error" + (", no spread seen" if error == 0.0 else "")
    return Interval(low=value - half, high=value + half, level=_LEVEL, method=method)


def _items_behind(figure: Figure) -> int | None:
    """Return the n that a share and its error imply, or None where they are no share's.

    The error of a mean is lm-eval's sample deviation over sqrt(n); for 0/1 outcomes of mean p it
    is sqrt(p (1 - p) / (n - 1)), so both n and n p come out whole.
    """
    p, error = figure.value, figure.error
    if not (is_number(p) and is_number(error)) or not 0.0 < p < 1.0 or error <= 0.0:
        return None
    n = p * (1.0 - p) / error**2 + 1.0 if error > 1e-100 else math.inf
    if not 1.5 < n < 1e8 or abs(n - round(n)) > 1e-6 * n or abs(n - round(n)) > 0.01:
        return None
    return round(n) if abs(n * p - round(n * p)) < 0.01 else None


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"

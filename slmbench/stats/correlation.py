"""Do scores follow human ratings: correlations at sample, summary and system level."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from slmbench.schema.base import Absent, Interval, Measured, Measurement
from slmbench.stats.drawn_correlation import (
    MOST_PAIRED_ITEMS,
    coefficient_of_draws,
    jackknife_interval,
)
from slmbench.stats.resample import bootstrap_interval
from slmbench.stats.weighted_bootstrap import weighted_bootstrap

Level = Literal["sample", "summary", "system"]
Rating = float | None

_LEVELS = ("sample", "summary", "system")


def pearson(left: np.ndarray, right: np.ndarray) -> float:
    """Return Pearson's r of two vectors, or NaN where one is constant or shorter than two."""
    return _correlate(stats.pearsonr, left, right)


def spearman(left: np.ndarray, right: np.ndarray) -> float:
    """Return Spearman's rho, ties ranked at their mean, or NaN where one is constant."""
    return _correlate(stats.spearmanr, left, right)


def kendall_tau_b(left: np.ndarray, right: np.ndarray) -> float:
    """Return Kendall's tau-b, which corrects for ties, or NaN where one is constant."""
    return _correlate(stats.kendalltau, left, right)


#: What `correlations` returns, by the names of metrics.
COEFFICIENTS = {"pearson": pearson, "spearman": spearman, "kendall_tau_b": kendall_tau_b}


@dataclass(frozen=True)
class _Table:
    """Pairs that both sides rated: human and scores, with the row's document and system."""

    human: np.ndarray
    scores: np.ndarray
    documents: np.ndarray
    systems: np.ndarray
    lost: int


def correlations(
    level: Level,
    human: Sequence[Rating],
    scores: Sequence[Rating],
    documents: Sequence[Hashable],
    systems: Sequence[Hashable],
    seed: int = 0,
    how: str = "scipy",
) -> dict[str, Measurement]:
    """Return ``pearson``, ``spearman`` and ``kendall_tau_b`` of ratings and scores at one level.

    - ``sample``: all pairs flat. Interval: Fisher's z (Bonett and Wright 2000, Psychometrika
      65:23); where documents have several texts, bootstrap over them.
    - ``summary``: for each document over its systems, then the mean over documents. A document
      whose ratings or scores are constant has none: it is skipped and counted in ``source`` (as
      G-Eval's and SummEval's scripts do); as 0 it would lower the mean. Interval: bootstrap over
      documents.
    - ``system``: of the systems' means over documents. Interval: bootstrap over documents.

    Args:
        level: see above.
        human: one rating for each text; None where there is none.
        scores: one score for each text, in the same order; None where there is none.
        documents: what each text is about.
        systems: who wrote each text.
        seed: of the bootstrap.
        how: the provenance of the scores, for the record.

    Returns:
        coefficient -> Measured in [-1, 1] with n pairs, documents or systems, or Absent.

    Raises:
        ValueError: an unknown level, sequences of unequal length, or NaN among the numbers.
    """
    table = _table(human, scores, documents, systems)
    if level == "sample":
        found = {name: _flat(name, table, seed) for name in COEFFICIENTS}
    elif level == "summary":
        found = {name: _per_document(name, table, seed) for name in COEFFICIENTS}
    elif level == "system":
        found = {name: _per_system(name, table, seed) for name in COEFFICIENTS}
    else:
        raise ValueError(f"'{level}' is no level: {', '.join(_LEVELS)}")
    lost = f"; {table.lost} texts lack a rating or a score" if table.lost else ""
    return {
        name: value
        if isinstance(value, Absent)
        else value.model_copy(update={"how": how, "source": f"{value.source}{lost}"})
        for name, value in found.items()
    }


def _correlate(
    function: Callable[..., tuple[float, float]], left: np.ndarray, right: np.ndarray
) -> float:
    if left.size < 2 or np.all(left == left[0]) or np.all(right == right[0]):
        return math.nan
    with warnings.catch_warnings():
        # scipy warns of nearly constant input; that it has no correlation is an answer.
        warnings.simplefilter("ignore")
        return float(np.clip(function(left, right)[0], -1.0, 1.0))


def _table(
    human: Sequence[Rating],
    scores: Sequence[Rating],
    documents: Sequence[Hashable],
    systems: Sequence[Hashable],
) -> _Table:
    rows = list(zip(human, scores, documents, systems, strict=True))
    both = [(h, s, d, y) for h, s, d, y in rows if h is not None and s is not None]
    numbers = np.array([(h, s) for h, s, _, _ in both], dtype=float).reshape(-1, 2)
    if not np.all(np.isfinite(numbers)):
        raise ValueError("a rating that is NaN or infinite is none: give None for a missing one")
    return _Table(
        human=numbers[:, 0],
        scores=numbers[:, 1],
        documents=_numbers([row[2] for row in both]),
        systems=_numbers([row[3] for row in both]),
        lost=len(rows) - len(both),
    )


def _numbers(labels: Sequence[Hashable]) -> np.ndarray:
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(label, len(known)) for label in labels], dtype=int)


def _flat(name: str, table: _Table, seed: int) -> Measurement:
    value, n = COEFFICIENTS[name](table.human, table.scores), table.human.size
    if n < 3:
        told = "no text has" if n == 0 else f"{n} of the texts have"
        return Absent(reason=f"{told} both a rating and a score: too few for a correlation")
    if math.isnan(value):
        return Absent(reason=f"{n} pairs, all ratings or all scores alike: no correlation")
    documents = _count(table.documents)
    if documents in (1, n):
        return _measured(value, n, _fisher_interval(name, value, n), f"sample level, {n} pairs")
    source = f"sample level, {n} pairs over {documents} documents"
    interval = _clustered_interval(name, value, table, seed)
    return _measured(value, n, _holding(interval, value), source)


def _clustered_interval(name: str, value: float, table: _Table, seed: int) -> Interval | None:
    """Return the interval by drawing documents, or of too many pairs for Kendall's a jackknife."""
    n = table.human.size
    if name == "kendall_tau_b" and n > MOST_PAIRED_ITEMS:
        return jackknife_interval(kendall_tau_b, value, table.human, table.scores, table.documents)
    of_draws = coefficient_of_draws(name, table.human, table.scores)
    clusters = [str(number) for number in table.documents]
    return weighted_bootstrap(n, of_draws, clusters, seed=seed)[0]


def _holding(interval: Interval | None, value: float) -> Interval | None:
    """Return the interval with its value in it: the draws' sums round otherwise than scipy's."""
    if interval is None:
        return None
    held = {"low": min(interval.low, value), "high": max(interval.high, value)}
    return interval.model_copy(update=held)


def _told_apart(means: np.ndarray) -> np.ndarray:
    """Return means to 12 digits: those that differ by rounding alone are tied."""
    scale = np.nanmax(np.abs(means), initial=0.0)
    return np.asarray(np.round(means / scale, 12)) if scale > 0.0 else means


def _per_document(name: str, table: _Table, seed: int) -> Measurement:
    each = [
        COEFFICIENTS[name](table.human[own], table.scores[own])
        for own in (table.documents == number for number in range(_count(table.documents)))
    ]
    values = [value for value in each if not math.isnan(value)]
    skipped = len(each) - len(values)
    if not values:
        return Absent(reason=f"none of {skipped} documents has ratings and scores that vary")
    interval = bootstrap_interval(values, lambda rows: float(rows.mean()), seed=seed)
    source = f"summary level, mean over {len(values)} documents, {skipped} constant ones skipped"
    return _measured(float(np.mean(values)), len(values), interval, source)


def _per_system(name: str, table: _Table, seed: int) -> Measurement:
    documents, systems = _count(table.documents), _count(table.systems)
    sums = np.zeros((3, documents, systems))
    for place, numbers in enumerate((table.human, table.scores, np.ones(table.human.size))):
        np.add.at(sums[place], (table.documents, table.systems), numbers)
    if systems < 3:
        return Absent(reason=f"too few systems for a correlation: {systems}")
    tied = (lambda means: means) if name == "pearson" else _told_apart
    human, scores = (tied(each.sum(axis=0) / sums[2].sum(axis=0)) for each in sums[:2])
    value = COEFFICIENTS[name](human, scores)
    if math.isnan(value):
        return Absent(reason=f"{systems} systems whose mean ratings or mean scores are all alike")

    def of_draws(weights: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            # A system that no drawn document has gives 0 / 0: that draw has no value.
            ratings, given, seen = (weights @ each for each in sums)
            pairs = np.stack([tied(ratings / seen), tied(given / seen)])
            # Kendall's takes systems x systems numbers of each draw.
            parts = np.array_split(pairs, 1 + pairs.size * systems // 4_000_000, axis=1)
            return np.concatenate([_many(name, *part) for part in parts])[np.newaxis]

    (interval,) = weighted_bootstrap(documents, of_draws, seed=seed)
    interval = _holding(interval, value)
    source = f"system level, {systems} systems over {documents} documents"
    return _measured(value, systems, interval, source)


def _many(name: str, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the coefficient of each row, NaN where it has none: scipy takes rows one by one."""
    if name == "kendall_tau_b":
        # tau-b is the correlation of the signs of all differences.
        left, right = (
            np.sign(each[:, :, None] - each[:, None, :]).reshape(len(each), -1)
            for each in (left, right)
        )
    else:
        if name == "spearman":
            left, right = stats.rankdata(left, axis=1), stats.rankdata(right, axis=1)
        left, right = (each - each.mean(axis=1, keepdims=True) for each in (left, right))
    norm = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    found: np.ndarray = np.clip((left * right).sum(axis=1) / norm, -1.0, 1.0)
    return found


def _count(numbers: np.ndarray) -> int:
    return int(numbers.max()) + 1 if numbers.size else 0


def _measured(value: float, n: int, interval: Interval | None, source: str) -> Measured:
    return Measured(value=value, unit="", n=n, interval=interval, how="scipy", source=source)


def _fisher_interval(name: str, value: float, n: int, level: float = 0.95) -> Interval | None:
    """Return Fisher's z interval; None where n is too small for it."""
    lost = 4 if name == "kendall_tau_b" else 3
    if n <= lost:
        return None
    if abs(value) == 1.0:
        return _bounded(value, value, "Fisher z, no spread seen")
    factor = {"pearson": 1.0, "spearman": 1.0 + value**2 / 2, "kendall_tau_b": 0.437}[name]
    half = float(stats.norm.ppf(0.5 + level / 2)) * math.sqrt(factor / (n - lost))
    low, high = math.tanh(math.atanh(value) - half), math.tanh(math.atanh(value) + half)
    return _bounded(low, high, "Fisher z")


def _bounded(low: float, high: float, method: str) -> Interval:
    return Interval(low=max(-1.0, low), high=min(1.0, high), method=method)

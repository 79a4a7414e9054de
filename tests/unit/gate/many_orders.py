"""A rule on paired 0/1 outcomes, settled early or at the end, in many random orders at once."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from slmbench.gate.early_rule import spend
from slmbench.gate.relative import Claim, judge_family
from slmbench.gate.sequential import LEAST_ITEMS
from slmbench.schema.finding import CompareRow
from slmbench.schema.policy import Rule
from slmbench.stats.paired import paired_difference
from slmbench.stats.sequential import Bets, rejected
from tests.unit.gate.gate_runs import make_metric

PATH = "accuracy/t/acc"
#: As many as the watch has.
STEPS = 32


def rule_of(margin: float) -> Rule:
    return Rule(metric=PATH, not_worse_than="baseline", margin=margin)


def full_verdict(before: np.ndarray, after: np.ndarray, margin: float, alpha: float) -> str:
    """Return what the test of all items says."""
    found = paired_difference(before.tolist(), after.tolist())
    row = CompareRow(
        suite="accuracy", task="t", metric="acc", baseline=float(before.mean()),
        candidate=float(after.mean()), difference=found.difference, low=found.low,
        high=found.high, standard_error=found.standard_error, p=found.p, n=found.n, paired=True,
        clusters=None, detectable=found.detectable, higher_is_better=True, df=found.df,
        gained_count=int((after > before).sum()), lost_count=int((after < before).sum()),
    )  # fmt: skip
    old, new = (make_metric(PATH, float(side.mean()), 0.01) for side in (before, after))
    (verdict,) = judge_family(rule_of(margin), [Claim(row, old, new)], alpha)
    return verdict.verdict


def ask_in_orders(
    before: np.ndarray,
    after: np.ndarray,
    margin: float,
    alpha: float,
    places: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return (items asked, verdict) of each order; ``places`` has one order of the items a row.

    What `RuleWatch` does for one order, with the same `Bets`; a test holds the two together.
    """
    orders, count = places.shape
    early, end = spend(alpha)
    threshold = float(before.mean()) - margin
    critical = float(stats.t.ppf(1.0 - end, count - 1))
    steps = np.linspace(0.0, min(1.0, critical / math.sqrt(count)), STEPS)
    bets = Bets(
        (threshold + steps).tolist(), (threshold - steps).tolist(), count,
        known=before, orders=orders,
    )  # fmt: skip
    used = np.full(orders, count)
    verdicts = np.full(orders, "", dtype=object)
    live = np.arange(orders)
    gained, lost = np.zeros(orders), np.zeros(orders)
    for number in range(1, count + 1):
        items = places[live, number - 1]
        new, old = after[items], before[items]
        bets.see(new, old)
        gained, lost = gained + (new > old), lost + (new < old)
        up, down = (gained + 1) / (number + 2), (lost + 1) / (number + 2)
        width = critical * np.sqrt((up + down - (up - down) ** 2) / count)
        enough = steps[None] >= width[:, None]
        for side, verdict in enumerate(("PASS", "FAIL")):
            peaks = bets.peaks[:, side]
            shown = rejected(peaks[:, 0], early) & (rejected(peaks, alpha) & enough).any(axis=1)
            now = live[shown & (number >= LEAST_ITEMS)]
            used[now], verdicts[now] = number, verdict
        going = verdicts[live] == ""
        if not going.any():
            break
        if not going.all():
            live, gained, lost = live[going], gained[going], lost[going]
            bets.keep(going)
    if (verdicts == "").any():
        verdicts[verdicts == ""] = full_verdict(before, after, margin, end)
    return used, verdicts

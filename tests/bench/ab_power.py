"""Print how often A/B mode alarms at nothing, and how often it finds 5 %, on disturbed hosts.

    python -m tests.bench.ab_power --pairs 1000

Everything is simulated, so the table is the same on every machine. Beside the test that is used
(signed ranks over mirrored blocks in random order) stand the two that are not: Student's t over the
same blocks, and Welch's t on the two models measured one after the other.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from slmbench.schema.pair import PairSpec
from slmbench.stats.ab import MOST_BLOCKS, paired_ratio, repeats_needed
from tests.bench.ab_noise import KINDS, SimulatedHost, one_after_the_other, simulated_blocks

_ALPHA = 0.05
_CALIBRATION_BLOCKS = 60
_DEFAULT = int(PairSpec.model_fields["repeats"].default)


@dataclass(frozen=True)
class Line:
    """What one kind of host does to the tests; all shares are of the pairs tried."""

    kind: str
    alarms: float
    alarms_t: float
    alarms_apart: float
    repeats: float
    too_many: float
    found: float
    found_t: float
    found_by_default: float


def main() -> None:
    """Simulate and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--ratio", type=float, default=1.05)
    options = parser.parse_args()
    tolerance = stats.binom.ppf(0.999, options.pairs, _ALPHA) / options.pairs
    print(f"{options.pairs} pairs a row; a test at exactly 5 % exceeds {tolerance:.1%} alarms once "
          f"in a thousand rows; {options.ratio - 1:.0%} slower is to be found.\n")  # fmt: skip
    print("| host | A/A alarms | with t | one after the other | repeats recommended (too many) | "
          f"found | with t | found by {_DEFAULT} repeats |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    for kind in KINDS:
        one = line(kind, options.pairs, options.ratio)
        print(
            f"| {kind} | {one.alarms:.1%} | {one.alarms_t:.1%} | {one.alarms_apart:.1%} | "
            f"{one.repeats:.0f} ({one.too_many:.1%}) | {one.found:.1%} | {one.found_t:.1%} | "
            f"{one.found_by_default:.1%} |",
            flush=True,
        )


def line(kind: str, pairs: int, ratio: float) -> Line:
    """Return one kind's figures; the recommended repeats come from a calibration of each host."""
    alone = _ALPHA / 3
    needed, found, found_t = [], [], []
    for seed in range(pairs):
        calibration = simulated_blocks(SimulatedHost(kind, seed), 1.0, _CALIBRATION_BLOCKS, seed)
        repeats = repeats_needed(calibration["a2"], ratio, alone)
        needed.append(repeats or MOST_BLOCKS)
        if repeats is not None:
            host = SimulatedHost(kind, 100_000 + seed)
            blocks = simulated_blocks(host, ratio, repeats, seed)["b"]
            found.append(_signed(blocks) <= alone)
            found_t.append(_student(blocks) <= alone)
    usual = [
        simulated_blocks(SimulatedHost(kind, 200_000 + seed), ratio, _DEFAULT, seed)
        for seed in range(pairs)
    ]
    return Line(
        kind=kind,
        alarms=_share([blocks["a2"] for blocks in usual], _signed, _ALPHA),
        alarms_t=_share([blocks["a2"] for blocks in usual], _student, _ALPHA),
        alarms_apart=statistics.fmean(_apart(kind, seed) <= _ALPHA for seed in range(pairs)),
        repeats=statistics.median(needed),
        too_many=1.0 - len(found) / pairs,
        found=statistics.fmean(found),
        found_t=statistics.fmean(found_t),
        found_by_default=_share([blocks["b"] for blocks in usual], _signed, alone),
    )


def _share(series: Sequence[list[float]], p: Callable[[list[float]], float], alpha: float) -> float:
    return statistics.fmean(p(blocks) <= alpha for blocks in series)


def _signed(blocks: list[float]) -> float:
    return paired_ratio(blocks).p


def _student(blocks: list[float]) -> float:
    return float(stats.ttest_1samp(np.asarray(blocks), 0.0).pvalue)


def _apart(kind: str, seed: int) -> float:
    host = SimulatedHost(kind, 300_000 + seed)
    first, second = one_after_the_other(host, 1.0, 2 * _DEFAULT)
    return float(stats.ttest_ind(np.log(first), np.log(second), equal_var=False).pvalue)


if __name__ == "__main__":
    main()

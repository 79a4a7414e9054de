"""Quantiles of readings in time's order: neighbours that are alike count as one."""

from __future__ import annotations

import numpy as np
import pytest

from slmbench.schema.record import Aggregation, Sample
from slmbench.stats.interval import aggregate_interval
from slmbench.stats.quantiles import quantile_interval, serial_quantile_interval

_TRIALS = 150


def _series(draw: np.random.Generator, n: int, kept: float) -> np.ndarray:
    """Return n normal readings, each keeping a share of the one before it; the median is 0."""
    found = draw.standard_normal(n + 60)
    for i in range(1, found.size):
        found[i] = kept * found[i - 1] + np.sqrt(1 - kept**2) * found[i]
    return found[60:]


def _covered(n: int, kept: float) -> tuple[float, float, float]:
    """Return the shares of order statistics and of blocks that hold 0, and how much wider is."""
    draw, alone, blocks, widths = np.random.default_rng(1), 0, 0, []
    for _ in range(_TRIALS):
        values = _series(draw, n, kept)
        plain, serial = quantile_interval(values, 0.5), serial_quantile_interval(values, 0.5)
        assert plain is not None and serial is not None
        assert serial.low <= plain.low <= plain.high <= serial.high
        alone += plain.low <= 0 <= plain.high
        blocks += serial.low <= 0 <= serial.high
        widths.append((serial.high - serial.low) / (plain.high - plain.low))
    return alone / _TRIALS, blocks / _TRIALS, float(np.mean(widths))


def test_readings_that_are_alike_for_a_while_are_not_taken_for_independent_ones() -> None:
    alone, blocks, _ = _covered(200, 0.7)
    assert alone < 0.8
    assert blocks > 0.88


def test_independent_readings_keep_their_interval() -> None:
    _, blocks, wider = _covered(100, 0.0)
    assert blocks > 0.9
    assert wider < 1.05


@pytest.mark.parametrize(("n", "q"), [(5, 0.5), (71, 0.95), (367, 0.99)])
def test_too_few_readings_have_none_however_alike_they_are(n: int, q: float) -> None:
    assert serial_quantile_interval(np.arange(float(n)), q) is None
    assert serial_quantile_interval(np.arange(float(n + 1)), q) is not None


def test_a_slow_stretch_of_a_run_widens_the_interval_of_its_median() -> None:
    draw = np.random.default_rng(0)
    times = np.r_[draw.normal(1.0, 0.02, 60), draw.normal(1.6, 0.02, 60)]
    samples = [
        Sample(sample_id=str(i), content_hash="0", scores={"e2e_s": float(time)})
        for i, time in enumerate(times)
    ]
    found = aggregate_interval(Aggregation(kind="median", score="e2e_s"), samples)
    mixed = aggregate_interval(
        Aggregation(kind="median", score="e2e_s"), [samples[i] for i in draw.permutation(120)]
    )
    assert found is not None and mixed is not None
    assert found.low < 1.1 and found.high > 1.5
    assert found.method.startswith("bootstrap") and mixed.method == "order statistics"


def test_what_is_not_finite_is_no_reading() -> None:
    with pytest.raises(ValueError, match="not a measurement"):
        serial_quantile_interval([1.0, float("nan"), 2.0, 3.0, 4.0, 5.0, 6.0], 0.5)

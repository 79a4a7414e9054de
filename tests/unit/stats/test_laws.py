"""The laws that tests and intervals rest on are those of scipy.stats."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from slmbench.stats.laws import (
    binomial_cdf,
    binomial_cdfs,
    binomial_pmf,
    binomial_upper,
    normal_cdf,
    normal_quantile,
    normal_upper,
    t_quantile,
    t_upper,
)


@given(st.floats(-30.0, 30.0), st.floats(1e-9, 1 - 1e-9), st.floats(1.0, 1e6))
def test_normal_and_student(x: float, q: float, df: float) -> None:
    near = pytest.approx
    assert normal_cdf(x) == near(stats.norm.cdf(x), rel=1e-12)
    assert normal_upper(x) == near(stats.norm.sf(x), rel=1e-12)
    assert normal_quantile(q) == near(stats.norm.ppf(q), rel=1e-9, abs=1e-12)
    assert t_upper(x, df) == near(stats.t.sf(x, df), rel=1e-9)
    assert t_quantile(q, df) == near(stats.t.ppf(q, df), rel=1e-9, abs=1e-9)


@given(st.integers(0, 400), st.integers(-2, 402), st.floats(0.001, 0.999))
def test_binomial(n: int, k: int, p: float) -> None:
    near = pytest.approx
    assert binomial_cdf(k, n, p) == near(stats.binom.cdf(k, n, p), rel=1e-9, abs=1e-100)
    assert binomial_upper(k, n, p) == near(stats.binom.sf(k, n, p), rel=1e-9, abs=1e-100)
    assert binomial_pmf(k, n, p) == near(stats.binom.pmf(k, n, p), rel=1e-8, abs=1e-100)
    expected = stats.binom.cdf(np.arange(n), n, p)
    assert binomial_cdfs(n, p) == near(expected, rel=1e-9, abs=1e-100)


def test_a_gate_waits_for_no_scipy_stats() -> None:
    """To import it takes longer than to judge 14,000 items."""
    code = (
        "import sys; import slmbench.cli.gate, slmbench.analyse.compare, slmbench.gate.judge; "
        "import slmbench.store.baseline_file; "
        "print([name for name in ('scipy.stats', 'statsmodels', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

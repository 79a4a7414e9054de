"""How many resamples are drawn, and at which level their percentiles are read."""

from __future__ import annotations

import math

from slmbench.stats.laws import normal_cdf, t_quantile

RESAMPLES = 2000


def expanded_level(n: int, level: float) -> float:
    """Return the level at which percentiles of resamples of ``n`` cover at ``level``.

    ``2 Phi(sqrt(n / (n - 1)) t_{n-1}) - 1``: a plain percentile interval takes the normal law for
    Student's and divides by n, so that it is too narrow by both (Hesterberg 2015, "What teachers
    should know about the bootstrap", Am. Statistician 69:371, section 5.3).
    """
    reach = math.sqrt(n / (n - 1)) * t_quantile(0.5 + level / 2.0, n - 1)
    return 2.0 * normal_cdf(reach) - 1.0

"""From the noise of blocks to what pairs can show: how many repeats, how small a difference."""

from __future__ import annotations

from collections.abc import Sequence

from slmbench.schema.checkup import Resolution
from slmbench.schema.pair import PairSpec
from slmbench.stats.ab import MOST_BLOCKS, detectable_ratio, repeats_needed, spread

#: A pair asks of a workload: the first token, the further ones, all of them.
_QUESTIONS = 3
_DEFAULTS = PairSpec.model_fields


def resolution_of(
    log_ratios: Sequence[float], turn_s: float, work: str, difference: float
) -> Resolution:
    """Return what pairs show where blocks are as noisy as these.

    Args:
        log_ratios: one for each block of a thing against itself.
        difference: the true relative difference to be found, 0.05 being 5 %.
    """
    alpha = float(_DEFAULTS["alpha"].default) / _QUESTIONS
    repeats = int(_DEFAULTS["repeats"].default)
    ratio = 1.0 + difference
    shown = detectable_ratio(log_ratios, repeats, alpha)
    return Resolution(
        work=work,
        turn_s=turn_s,
        blocks=len(log_ratios),
        difference=difference,
        alpha=alpha,
        noise=spread(log_ratios),
        repeats_for_80=repeats_needed(log_ratios, ratio, alpha, 0.8),
        repeats_for_95=repeats_needed(log_ratios, ratio, alpha, 0.95),
        default_repeats=repeats,
        shown_by_default=None if shown is None else shown - 1.0,
    )


def advice(resolutions: Sequence[Resolution]) -> str:
    """Return in one sentence whether today's host can resolve the difference, and how."""
    wanted = f"a difference of {100 * resolutions[0].difference:g} %"
    needed = [each.repeats_for_95 for each in resolutions]
    if any(each is None for each in needed):
        return (
            f"No: not even {MOST_BLOCKS} repeats would show {wanted} reliably on this host now. "
            "Mend what is marked above, or measure on another host."
        )
    most = max(each for each in needed if each is not None)
    return (
        f"Yes: this host, as it is now, shows {wanted} in 95 of 100 pairs with "
        f"'slmbench ab A B --repeats {most}'."
    )

"""Is a share of right answers worse by a margin? The test for the same items, answered twice."""

from __future__ import annotations

import math

import numpy as np

from slmbench.stats.laws import binomial_cdf, binomial_upper, normal_cdf, normal_upper

__all__ = ["paired_margin_p", "proportion_p", "restricted_shares", "restricted_spread"]

#: From this many items on the sum's law is taken as normal; its skewness is then below 1e-2.
_MANY_ITEMS = 200_000


def paired_margin_p(gained: int, lost: int, n: int, shift: float) -> tuple[float, float]:
    """Return the one-sided p of "the gain is at most ``shift``" and of "it is at least ``shift``".

    The gain is P(gained) - P(lost), of which (gained - lost) / n was seen. The p is the chance of
    a sum at least so far away, each item gaining, losing or neither by the likeliest shares
    where the gain is exactly ``shift`` (Tango 1998, Stat. Med. 17:891, equation 6): the estimated
    p-value of Storer and Kim 1990, JASA 85:146, which for small samples keeps its level where
    Wald's test takes 2 to 4 times as much. At a shift of 0 it is McNemar's own exact one-sided p,
    which needs no share.

    Args:
        gained: items that only the candidate has right.
        lost: items that only the baseline has right.
        n: items.
        shift: in [-1, 1]; minus the margin of a test of non-inferiority.

    Raises:
        ValueError: the counts are no counts of n items, or the shift is no difference of shares.
    """
    if n < 1 or gained < 0 or lost < 0 or gained + lost > n:
        raise ValueError(f"{gained} gained and {lost} lost are not of {n} items")
    if not -1.0 <= shift <= 1.0:
        raise ValueError(f"{shift} is no difference of two shares")
    if shift == 0.0:
        changed = gained + lost
        return (
            binomial_upper(gained - 1, changed, 0.5),
            binomial_cdf(gained, changed, 0.5),
        )
    up, down = restricted_shares(gained, lost, n, shift)
    return _tails(gained - lost, n, up, down)


def restricted_shares(gained: int, lost: int, n: int, shift: float) -> tuple[float, float]:
    """Return the likeliest P(gained) and P(lost) among those that differ by ``shift``.

    The root of ``2 n d^2 - ((g + l)(1 - shift) - 2 shift (n - g)) d - l shift (1 - shift)`` for the
    share lost d, from setting the derivative of the likelihood to zero (Tango 1998, Stat. Med.
    17:891). Mirrored for a positive shift, so that the root is the greater one.
    """
    if shift > 0.0:
        down, up = restricted_shares(lost, gained, n, -shift)
        return up, down
    linear = (gained + lost) * (1.0 - shift) - 2.0 * shift * (n - gained)
    root = math.sqrt(max(0.0, linear**2 + 8.0 * n * lost * shift * (1.0 - shift)))
    down = min(max((linear + root) / (4.0 * n), -shift), (1.0 - shift) / 2.0)
    return down + shift, down


def restricted_spread(gained: int, lost: int, n: int, shift: float) -> float:
    """Return by what an estimated error of the gain is to be multiplied where it is ``shift``.

    The square root of ``p + q - shift^2``, at the likeliest shares p and q that differ by
    ``shift``, over ``(g + l) / n - ((g - l) / n)^2``: a score test takes the spread that the claim
    itself implies (Tango 1998, Stat. Med. 17:891), and a sample that lost few items by luck has
    too small a one of its own. For clustered items the error keeps the design effect that was
    seen (as Rao and Scott 1992, Biometrics 48:577, for shares). 1 where nothing was seen to vary.
    """
    seen = (gained + lost) / n - ((gained - lost) / n) ** 2
    up, down = restricted_shares(gained, lost, n, shift)
    implied = up + down - shift**2
    return math.sqrt(max(implied, 0.0) / seen) if seen > 0.0 else 1.0


def proportion_p(successes: float, n: int, share: float) -> tuple[float, float]:
    """Return the exact one-sided p of "the true share is at most ``share``" and "at least".

    Binomial tails (Clopper and Pearson 1934, Biometrika 26:404), which never take more than their
    level.
    """
    if n < 1 or not 0.0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} is not a proportion")
    if share <= 0.0 or share >= 1.0:
        # Nothing lies beyond the ends: one success is proof against 0, one failure against 1.
        above = float(successes <= 0.0) if share <= 0.0 else 1.0
        below = float(successes >= n) if share >= 1.0 else 1.0
        return above, below
    seen = round(successes)
    return binomial_upper(seen - 1, n, share), binomial_cdf(seen, n, share)


def _tails(total: int, n: int, up: float, down: float) -> tuple[float, float]:
    """Return P(sum >= total) and P(sum <= total) of n steps of +1, -1 and 0."""
    mean, spread = n * (up - down), math.sqrt(n * max(up + down - (up - down) ** 2, 0.0))
    if spread <= 0.0:
        return float(total <= round(mean)), float(total >= round(mean))
    if n > _MANY_ITEMS:
        z = (total - mean) / spread
        return normal_upper(z), normal_cdf(z)
    # The n-fold convolution is a power of the step's Fourier transform: exact up to rounding.
    size = 1 << (2 * n + 1).bit_length()
    turn = np.exp(2j * np.pi * np.arange(size // 2 + 1) / size)
    step = (1.0 - up - down) + up * turn.conj() + down * turn
    law = np.clip(np.fft.irfft(step**n, size), 0.0, None)
    # A sum of s lies at place s, a negative one at the far end.
    ordered = np.concatenate([law[size - n :], law[: n + 1]])
    place = total + n
    return (
        min(1.0, float(ordered[place:].sum())),
        min(1.0, float(ordered[: place + 1].sum())),
    )

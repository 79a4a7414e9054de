"""What a judge's answer to a closed question is: how likely it finds each reply on offer."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slmbench.schema.base import Absent


@dataclass(frozen=True)
class Question:
    """A prompt, the same prompt with its options listed the other way round, and the options."""

    prompt: str
    turned: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class Reply:
    """A judge's answer to one question.

    Attributes:
        chances: option -> probability; they sum to 1, the mean of both orders of the options.
        mass: share of all its replies that the judge gives to the options.
        order_effect: total variation distance between the two orders' probabilities, 0 to 1; of
            drawn replies, less what chance alone gives.
        agreement: probability that two replies, drawn apart, are the same option; of drawn
            replies, the share of pairs of one order that are.
    """

    chances: dict[str, float]
    mass: float
    order_effect: float
    agreement: float

    @property
    def chosen(self) -> str:
        """Return the likelier option; of equally likely ones the first."""
        return max(self.chances, key=self.chances.__getitem__)

    @property
    def expected(self) -> float:
        """Return sum p(s) s over numeric options (G-Eval, arXiv 2303.16634, equation 1)."""
        return math.fsum(float(option) * chance for option, chance in self.chances.items())


class Drawn(dict[str, float]):
    """Option -> share of the replies that were drawn and counted; ``draws`` is how many."""

    draws: int

    def __init__(self, shares: Mapping[str, float], draws: int) -> None:
        super().__init__(shares)
        self.draws = draws


class Unasked(Absent):
    """A question that was not put: the judge has no room for it."""


class Unread(Absent):
    """A question to which the judge said something else; ``mass`` is what the options got."""

    mass: float


def merged(
    listed: Mapping[str, float] | Absent, turned: Mapping[str, float] | Absent, min_mass: float
) -> Reply | Absent:
    """Return the reply to a question from what each order gave: option -> probability.

    Absent where either order is, `Unread` where the options together have less than ``min_mass``.
    """
    for each in (listed, turned):
        if isinstance(each, Absent):
            return each
    assert not isinstance(listed, Absent) and not isinstance(turned, Absent)
    masses = [math.fsum(each.values()) for each in (listed, turned)]
    if min(masses) < min_mass or min(masses) <= 0.0:
        return Unread(
            reason="the judge gave the replies on offer less than "
            f"{100 * min_mass:g} % of its probability",
            mass=min(masses),
        )
    first, second = (
        {option: value / mass for option, value in each.items()}
        for each, mass in zip((listed, turned), masses, strict=True)
    )
    chances = {option: (first[option] + second[option]) / 2 for option in first}
    apart = min(1.0, math.fsum(abs(first[o] - second[o]) for o in first) / 2)
    agreement = min(1.0, math.fsum(p * p for p in chances.values()))
    if isinstance(listed, Drawn) and isinstance(turned, Drawn):
        counts = [
            [round(share * each.draws) for share in each.values()] for each in (listed, turned)
        ]
        apart = max(0.0, apart - _chance_distance(*counts))
        agreement = _equal_pairs(counts, agreement)
    return Reply(chances, min(1.0, math.fsum(masses) / 2), apart, agreement)


def _chance_distance(first: Sequence[int], second: Sequence[int]) -> float:
    """Return the mean distance of two such sets of replies where the order makes no difference.

    All replies are dealt out anew: of each option the first set then has a hypergeometric number.
    """
    n, m = sum(first), sum(second)
    total = 0.0
    for one, other in zip(first, second, strict=True):
        both = one + other
        ways = math.comb(n + m, n)
        total += math.fsum(
            math.comb(both, k) * math.comb(n + m - both, n - k) / ways * abs(k / n - (both - k) / m)
            for k in range(max(0, both - m), min(both, n) + 1)
        )
    return total / 2


def _equal_pairs(counts: Sequence[Sequence[int]], otherwise: float) -> float:
    """Return the share of pairs of replies, both of one order, that are equal."""
    pairs = sum(sum(own) * (sum(own) - 1) for own in counts)
    return sum(n * (n - 1) for own in counts for n in own) / pairs if pairs else otherwise


def counted(texts: Sequence[str], choices: Sequence[str]) -> dict[str, float] | Absent:
    """Return the share of drawn texts that are each option; others count for none.

    Absent where no text is an option: a judge that rambles has given no answer, not a bad one.
    """
    shares = dict.fromkeys(choices, 0.0)
    for text in texts:
        option = read(text, choices)
        if option is not None:
            shares[option] += 1 / len(texts)
    if not any(shares.values()):
        return Absent(reason=f"none of {len(texts)} replies was one of {', '.join(choices)}")
    return shares


def read(text: str, choices: Sequence[str]) -> str | None:
    """Return the option that a reply begins with, as a whole word or number, or None."""
    for option in sorted(choices, key=len, reverse=True):
        before, after, case = r"\W*", r"(?!\w|[.,]\d)", re.IGNORECASE
        if option.isdigit():
            # "-1" and "3-4" are other replies than 1 and 3.
            before, after = r"\W*(?<![-+.,\d])", r"(?!\w|[.,]\d|\s*[-\u2013]\s*\d)"
        elif len(option) == 1:
            # "a better one" begins with an article, and so does "A better one".
            after, case = r"(?=\s*(?:\n|[^\w\s]|$))", re.NOFLAG
        if re.match(rf"{before}{re.escape(option)}{after}", text, case):
            return option
    return None


def rating(text: str, low: int, high: int) -> float | Absent:
    """Return the number of the last line ``Rating: k`` (Themis, arXiv 2406.18365).

    Themis' own code takes a reply without such a line for 0; here it is Absent, with the reason.
    """
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    found = re.fullmatch(r"\W*rating\W*:\W*?(-?\d+(?:\.\d+)?)\W*", last, re.IGNORECASE)
    if found is None:
        return Absent(reason="the judge's reply doesn't end with a line 'Rating: k'")
    value = float(found[1])
    if not low <= value <= high:
        return Absent(reason=f"the judge rated {value:g}, outside {low} to {high}")
    return value

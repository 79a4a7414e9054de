"""Log-likelihoods and greedy flags are lm-eval's and the model's own, for every architecture."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("lm_eval")

from tests.parity.architectures import ROWS
from tests.parity.pairs import fixed_pairs, greedy_pairs
from tests.parity.peers import Score, lm_eval_scores, lm_evals, ours, plain_token_scores

#: Nats that two ways of the same float32 arithmetic may be apart, and two batches of one way...
_APART = 1e-4
_APART_BATCHES = 1e-5
#: ... and what two roundings of a float32 sum add, as a share of it.
_ROUNDING = 2.4e-7
#: Nats by which the tokens' log-likelihoods must vary, or the weights would hide an error.
_SPREAD = 0.3
_ALL = sorted(ROWS)

Build = Callable[[str], Path]


def _furthest(first: list[Score], second: list[Score]) -> float:
    return max(
        abs(one - two) - _ROUNDING * abs(two)
        for (one, _), (two, _) in zip(first, second, strict=True)
    )


@pytest.mark.parametrize("name", _ALL)
def test_scores_are_lm_evals_and_the_models_own(name: str, checkpoint: Build) -> None:
    # As of 0.4.13 lm-eval's cache of logits scores a request wrongly when another one holds the
    # same tokens cut at another place: it reads the longer continuation's logits from their start.
    harness = lm_evals(checkpoint(name), logits_cache=False)
    pairs = [*fixed_pairs(), *greedy_pairs(harness.model)]
    found = ours(checkpoint(name)).loglikelihood(pairs)
    tokens = [plain_token_scores(harness.model, pair) for pair in pairs]
    plain = [(sum(chances), greedy) for chances, greedy in tokens]
    assert statistics.stdev(each for chances, _ in tokens for each in chances) > _SPREAD
    assert sum(greedy for _, greedy in plain) >= 4
    assert _furthest(found, plain) <= _APART
    assert [greedy for _, greedy in found] == [greedy for _, greedy in plain]
    theirs = lm_eval_scores(harness, pairs)
    assert _furthest(found, theirs) <= _APART
    assert [greedy for _, greedy in found] == [greedy for _, greedy in theirs]


@pytest.mark.parametrize("name", _ALL)
def test_scores_depend_on_no_batch_and_no_order(name: str, checkpoint: Build) -> None:
    pairs = fixed_pairs()
    first = ours(checkpoint(name), batch_size=3).loglikelihood(pairs)
    backend = ours(checkpoint(name), batch_size=3)
    assert backend.loglikelihood(pairs) == first
    for size, budget in ((1, 16), (None, None)):
        other = ours(checkpoint(name), batch_size=size, token_budget=budget)
        assert _furthest(other.loglikelihood(pairs), first) <= _APART_BATCHES
    order = random.Random(7).sample(range(len(pairs)), len(pairs))
    mixed = backend.loglikelihood([pairs[index] for index in order])
    assert _furthest(mixed, [first[index] for index in order]) <= _APART_BATCHES
    some = [3, 12, 20, 24, 37]
    alone = [backend.loglikelihood([pairs[index]])[0] for index in some]
    assert _furthest(alone, [first[index] for index in some]) <= _APART_BATCHES


@pytest.mark.parametrize("name", ["llama", "falcon_new_decoder", "gemma2", "qwen3", "opt"])
def test_bfloat16_is_no_further_from_float32_than_lm_eval(name: str, checkpoint: Build) -> None:
    pairs = fixed_pairs()
    exact = [score for score, _ in ours(checkpoint(name)).loglikelihood(pairs)]

    def error(scores: list[Score]) -> float:
        return statistics.fmean(abs(a - b) for (a, _), b in zip(scores, exact, strict=True))

    error_here = error(ours(checkpoint(name), dtype="bfloat16").loglikelihood(pairs))
    error_there = error(lm_eval_scores(lm_evals(checkpoint(name), dtype="bfloat16"), pairs))
    assert 0 < error_here <= 1.1 * error_there

"""A draw follows the filtered distribution and its own stream, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from scipy import stats  # noqa: E402

from slmbench.engine.sampling import _STEP, Stream, _mixed, _uniform, choose  # noqa: E402
from slmbench.ports import Sampling  # noqa: E402

_LOGITS = torch.tensor([2.0, -1.0, 1.5, 0.0, 1.4, -3.0, 0.5])


def _chances(temperature: float, top_k: int, top_p: float) -> Any:
    """Return the distribution after temperature, then top-k, then the nucleus of what is left."""
    chances = torch.softmax(_LOGITS.double() / temperature, dim=-1)
    order = chances.argsort(descending=True)
    if top_k:
        chances[order[top_k:]] = 0
        chances /= chances.sum()
    before = chances[order].cumsum(0) - chances[order]
    chances[order[before >= top_p]] = 0
    return chances / chances.sum()


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"),
    [(1.0, 0, 1.0), (0.5, 0, 1.0), (2.0, 3, 1.0), (1.0, 0, 0.8), (0.7, 4, 0.9), (1.0, 99, 1.0)],
)
def test_draws_follow_the_filtered_distribution(
    temperature: float, top_k: int, top_p: float
) -> None:
    how = Sampling(1, temperature=temperature, top_k=top_k, top_p=top_p)
    draws = 6000
    stream = Stream(11, [1, 2], 0)
    found = choose(_LOGITS.expand(draws, -1), how, [stream] * draws)
    counts = torch.bincount(torch.tensor(found), minlength=len(_LOGITS)).double()
    chances = _chances(temperature, top_k, top_p)
    assert counts[chances == 0].sum() == 0
    possible = chances > 0
    expected = chances[possible] * draws
    assert stats.chisquare(counts[possible], expected).pvalue > 1e-4


@pytest.mark.parametrize("top_p", [0.3, 0.9, 0.999])
def test_a_nucleus_wider_than_the_first_candidates_is_whole(top_p: float) -> None:
    size = 3000
    flat = torch.zeros((1, size))
    flat[0, 5] = 0.01
    how = Sampling(1, temperature=1.0, top_p=top_p)
    stream = Stream(3, [1], 0)
    found = {choose(flat, how, [stream])[0] for _ in range(1500)}
    kept = round(top_p * size)
    # 1,500 draws from so many equal tokens miss a share of them that is known.
    expected = kept * (1 - (1 - 1 / kept) ** 1500)
    assert len(found) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("how", [Sampling(1), Sampling(1, temperature=1.0, top_k=1),
                                 Sampling(1, temperature=1.0, top_p=1e-9),
                                 Sampling(1, temperature=1e-5)])  # fmt: skip
def test_the_narrowest_choice_is_the_likeliest_token(how: Sampling) -> None:
    logits = torch.randn((20, 50), generator=torch.Generator().manual_seed(0))
    streams = [Stream(0, [i], 0) for i in range(20)]
    assert choose(logits, how, streams) == logits.argmax(dim=-1).tolist()


def test_greedy_choice_of_equals_is_the_first() -> None:
    assert choose(torch.tensor([[0.0, 1.0, 1.0]]), Sampling(1), []) == [1]


def _numbers(seed: int, prompt: list[int], number: int) -> list[int]:
    stream = Stream(seed, prompt, number)
    return [stream.next() for _ in range(10)]


def test_a_stream_follows_from_its_seed_prompt_and_number_alone() -> None:
    keys: list[Any] = [(0, [1, 2], 0), (1, [1, 2], 0), (0, [1, 2], 1), (0, [12], 0),
                       (0, [1, 3], 0), (0, [2, 1], 0), (0, [1], 0), (1, [0], 0)]  # fmt: skip
    found = [_numbers(*key) for key in keys]
    assert found == [_numbers(*key) for key in keys]
    assert len({tuple(each) for each in found}) == len(keys)
    assert len(set(found[0])) == 10


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    rows=st.integers(1, 6),
    top_k=st.sampled_from([0, 5]),
    top_p=st.sampled_from([0.5, 0.95, 1.0]),
)
def test_a_draw_does_not_depend_on_other_rows(
    seed: int, rows: int, top_k: int, top_p: float
) -> None:
    draw = torch.Generator().manual_seed(seed)
    logits = 3 * torch.rand((rows, 1), generator=draw) * torch.randn((rows, 1500), generator=draw)
    how = Sampling(1, temperature=0.9, top_k=top_k, top_p=top_p)
    together = choose(logits, how, [Stream(seed, [i], 0) for i in range(rows)])
    alone = [choose(logits[i : i + 1], how, [Stream(seed, [i], 0)])[0] for i in range(rows)]
    assert together == alone


def test_a_nucleus_that_ends_among_equals_does_not_depend_on_other_rows() -> None:
    draw = torch.Generator().manual_seed(0)
    how = Sampling(1, temperature=1.0, top_p=0.5)
    # Half precision has many equal logits; a flat neighbour needs more than the first candidates.
    levels = torch.randint(0, 3, (4000,), generator=draw)
    row = torch.tensor([5.0, 0.0, -9.0])[levels]
    row[torch.where(levels == 0)[0][900:]] = -9.0
    pair = torch.stack([row, torch.zeros(4000)])
    alone, beside = [], []
    for i in range(400):
        alone += choose(pair[:1], how, [Stream(i, [0], 0)])
        beside += choose(pair, how, [Stream(i, [0], 0), Stream(i, [1], 0)])[:1]
    assert alone == beside


def test_half_precision_logits_are_drawn_from_as_they_are() -> None:
    how = Sampling(1, temperature=0.7, top_p=0.9)
    logits = torch.randn((8, 40), generator=torch.Generator().manual_seed(0)).bfloat16()
    streams = [[Stream(0, [i], 0) for i in range(8)] for _ in range(2)]
    assert choose(logits, how, streams[0]) == choose(logits.float(), how, streams[1])


def test_uniform_numbers_are_uniform_and_unlike_their_neighbours() -> None:
    tokens = torch.arange(50_000).expand(3, -1)
    keys = torch.tensor([Stream(0, [1], 0).next(), Stream(0, [1], 1).next(), 2**63 - 1])
    found = _uniform(tokens, keys)
    assert float(found.min()) > 0 and float(found.max()) < 1
    for row in found.numpy():
        assert stats.kstest(row, "uniform").pvalue > 1e-4
        assert abs(np.corrcoef(row[:-1], row[1:])[0, 1]) < 0.02
    assert float(np.abs(np.corrcoef(found.numpy()) - np.eye(3)).max()) < 0.02


def test_splitmix64_gives_its_published_numbers() -> None:
    # The first outputs of the reference program for the seed 1234567.
    states = 1234567 + torch.arange(1, 4) * _STEP
    found = [int(each) % 2**64 for each in _mixed(states).tolist()]
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]

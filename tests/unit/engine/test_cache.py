"""The prefix cache hands a path to every row without a copy and keeps what a pass adds."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from slmbench.engine.cache import PrefixCache, join  # noqa: E402
from slmbench.engine.forward import ROOT, Path  # noqa: E402


def _states(rows: int, tokens: int, seed: int = 0) -> tuple:
    draw = torch.Generator().manual_seed(seed)
    shape = (rows, 2, tokens, 4)
    return torch.randn(shape, generator=draw), torch.randn(shape, generator=draw)


def test_a_joined_cache_shows_the_path_before_each_row() -> None:
    path, new = _states(1, 3), _states(2, 5, 1)
    cache = PrefixCache([path], 3, joined=True, keep=False)
    keys, values = cache.update(*new, 0)
    assert keys.shape == (2, 2, 8, 4)
    for row in range(2):
        assert torch.equal(keys[row, :, :3], path[0][0])
        assert torch.equal(values[row, :, 3:], new[1][row])


def test_a_cache_that_is_read_in_place_shows_the_new_states_alone() -> None:
    new = _states(2, 5)
    cache = PrefixCache([_states(1, 3)], 3, joined=False, keep=False)
    assert all(a is b for a, b in zip(cache.update(*new, 0), new, strict=True))


@pytest.mark.parametrize("joined", [True, False])
def test_sizes_count_the_path_before_and_after_a_pass(joined: bool) -> None:
    cache = PrefixCache([_states(1, 3)] * 2, 3, joined=joined, keep=True)
    for _ in range(2):
        assert [cache.get_seq_length(layer) for layer in (0, 1)] == [3, 3]
        assert cache.get_mask_sizes(5, 1) == (8, 0)
        cache.update(*_states(1, 5), 0)
        cache.update(*_states(1, 5), 1)


def test_a_layer_of_a_cache_counts_the_path() -> None:
    cache = PrefixCache([_states(1, 3)], 3, joined=True, keep=False)
    cache.update(*_states(1, 5), 1)
    assert [layer.get_seq_length() for layer in cache.layers] == [3, 0]
    assert cache.layers[0].get_mask_sizes(5) == (8, 0)
    assert cache.layers[0].get_max_length() == -1


@pytest.mark.parametrize("keep", [True, False])
def test_only_a_keeping_cache_remembers_what_was_added_layer_by_layer(keep: bool) -> None:
    cache = PrefixCache([], 0, joined=False, keep=keep)
    first, second = _states(1, 5, 1), _states(1, 5, 2)
    # Layers may be asked for in any order.
    cache.update(*second, 1)
    cache.update(*first, 0)
    added = cache.added()
    if keep:
        assert added[0][0] is first[0]
        assert added[1][1] is second[1]
    else:
        assert added == [None, None]


def test_a_pass_never_writes_into_the_path() -> None:
    path = _states(1, 3)
    before = [each.clone() for each in path]
    keys, values = join(path, _states(2, 5, 1))
    keys.zero_()
    values.zero_()
    assert all(torch.equal(a, b) for a, b in zip(path, before, strict=True))


def test_the_start_of_an_extended_path_is_the_path() -> None:
    first, second = [_states(1, 3, 1), _states(1, 3, 2)], [_states(1, 4, 3), _states(1, 4, 4)]
    longer = ROOT.extended(first).extended(second)
    assert longer.length == 7
    again = longer.start(3)
    assert again.length == 3
    for was, now in zip(first, again.states, strict=True):
        assert torch.equal(was[0], now[0])
        assert torch.equal(was[1], now[1])
    assert isinstance(again, Path)
    assert again.states[0][0].data_ptr() == longer.states[0][0].data_ptr()

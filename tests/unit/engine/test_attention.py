"""Attention in two parts equals attention over joined keys, whatever the masks and groups."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from tiny_models import tiny  # noqa: E402
from torch.nn.functional import scaled_dot_product_attention  # noqa: E402
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS  # noqa: E402
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS  # noqa: E402

from slmbench.engine.attention import TreeAttention, TreeUnsupportedError  # noqa: E402
from slmbench.engine.partial_attention import (  # noqa: E402
    can_split,
    merged,
    over_path,
    over_prompts,
    over_row,
)
from slmbench.engine.prompts import Prompts  # noqa: E402

if not can_split(torch.device("cpu")):
    pytest.skip("this torch has no attention with log-sum-exp", allow_module_level=True)

_SIZE, _SHARED = 8, 2


def _additive(seen: Any, dtype: Any) -> Any:
    return torch.where(seen, 0.0, float("-inf")).to(dtype)


def _masks(draw: Any, rows: int, width: int, path: int, blind: bool) -> tuple[Any, Any]:
    """Return what each query sees of the path and of its row; always itself."""
    own = torch.rand((rows, 1, width, width), generator=draw) < 0.5
    own |= torch.eye(width, dtype=torch.bool)
    far = torch.rand((rows, 1, width, path), generator=draw) < 0.5
    if blind:
        far[:, :, ::2] = False
    return far, own


def _apart(rows: int, width: int, path: int, group: int, **how: Any) -> float:
    """Return the largest difference between attention in two parts and over joined keys."""
    draw = torch.Generator().manual_seed(how.get("seed", 0))
    dtype = how.get("dtype", torch.float32)

    def states(count: int, heads: int, tokens: int) -> Any:
        made = 2 * torch.randn((count, heads, tokens, _SIZE), generator=draw)
        return made.to(dtype)

    heads = group * _SHARED
    query = states(rows, heads, width)
    key, value = states(rows, _SHARED, width), states(rows, _SHARED, width)
    prefix = (states(1, _SHARED, path), states(1, _SHARED, path)) if path else None
    far, own = _masks(draw, rows, width, path, how.get("blind", False))
    if how.get("sees_all", False):
        far[:] = True
    folded = None
    if path and not how.get("sees_all", False):
        folded = _additive(far, dtype).reshape(1, 1, -1, path).repeat(1, 1, group, 1)
    row_mask = _additive(own, dtype).repeat(1, 1, group, 1)
    if how.get("chain", False):
        own[:], row_mask = torch.ones(width, width).tril().bool(), None
    scale = how.get("scale")
    found, _ = over_row(query, key, value, row_mask, scale)
    if prefix is not None:
        own_part = over_row(query, key, value, row_mask, scale)
        found, _ = merged(own_part, over_path(query, *prefix, folded, scale))
        key, value = (
            torch.cat([old.expand(rows, -1, -1, -1), new], dim=2)
            for old, new in zip(prefix, (key, value), strict=True)
        )
    expected = scaled_dot_product_attention(
        query.double(),
        key.double().repeat_interleave(group, dim=1),
        value.double().repeat_interleave(group, dim=1),
        attn_mask=torch.cat([far, own], dim=-1),
        scale=scale,
    )
    assert found.shape == query.shape
    assert found.dtype == dtype
    return float((found.double() - expected).abs().max())


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 4),
    width=st.integers(1, 20),
    path=st.sampled_from([0, 1, 7, 40]),
    group=st.sampled_from([1, 3]),
    blind=st.booleans(),
    sees_all=st.booleans(),
    chain=st.booleans(),
    scale=st.sampled_from([None, 0.3]),
    seed=st.integers(0, 1000),
)
def test_two_parts_are_one_attention(
    rows: int, width: int, path: int, group: int, **how: Any
) -> None:
    assert _apart(rows, width, path, group, **how) < 1e-5


@pytest.mark.parametrize("group", [1, 3])
@pytest.mark.parametrize("blind", [True, False])
def test_two_parts_are_one_attention_in_half_precision(group: int, blind: bool) -> None:
    assert _apart(3, 11, 30, group, blind=blind, dtype=torch.bfloat16) < 0.05


def test_a_query_that_sees_nothing_of_the_path_gets_its_row_exactly() -> None:
    draw = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn((2, 2, 5, _SIZE), generator=draw) for _ in range(3))
    row_mask = torch.zeros((2, 1, 5, 5))
    huge = (torch.full((1, 2, 3, _SIZE), 1e4), torch.full((1, 2, 3, _SIZE), 1e4))
    nothing = torch.full((1, 1, 10, 3), float("-inf"))
    alone = over_row(query, key, value, row_mask, None)
    both = merged(alone, over_path(query, *huge, nothing, None))
    assert torch.equal(both[0], alone[0])
    assert torch.equal(both[1], alone[1])


@settings(max_examples=40, deadline=None)
@given(
    copies=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    lengths=st.data(),
    group=st.sampled_from([1, 3]),
    blind=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_rows_that_share_prompts_attend_as_if_each_had_its_own(
    copies: list[int], lengths: st.DataObject, group: int, blind: bool, seed: int
) -> None:
    draw = torch.Generator().manual_seed(seed)
    prompts = Prompts()
    owned = []
    for count in copies:
        length = lengths.draw(st.integers(1, 9))
        pair = tuple(torch.randn((2, _SHARED, length + 2, _SIZE), generator=draw) for _ in range(2))
        prompts.add([pair], 1, 1, length, count)
        owned += [tuple(each[1, :, 1 : length + 1] for each in pair)] * count
    order = torch.randperm(len(owned), generator=draw).tolist()[: max(1, len(owned) - 1)]
    prompts.keep(order)
    owned = [owned[row] for row in order]
    shared = prompts.shared()
    query = torch.randn((len(owned), group * _SHARED, 1, _SIZE), generator=draw)
    seen = shared.seen()
    if blind:
        seen = seen & (torch.arange(shared.width) > 3)
    mask = _additive(seen[shared.index].repeat_interleave(group, dim=1)[:, None], torch.float32)
    found, weight = over_prompts(query, shared, 0, mask, None)
    for row, (key, value) in enumerate(owned):
        visible = seen[row, : key.shape[1]]
        if not visible.any():
            assert torch.isneginf(weight[row]).all()
            continue
        keys, values = (each[:, visible].repeat_interleave(group, dim=0) for each in (key, value))
        scores = query[row].double() @ keys.double().transpose(1, 2) / _SIZE**0.5
        expected = scores.softmax(dim=-1) @ values.double()
        assert float((found[row].double() - expected).abs().max()) < 1e-5
        assert float((weight[row] - scores.logsumexp(dim=-1)).abs().max()) < 1e-5


def test_only_rows_that_are_all_chains_need_no_mask() -> None:
    chain = torch.ones(4, 4).tril().bool()
    padded = chain.clone()
    padded[3, :3] = False
    asked = {"q_length": 4, "kv_length": 7, "dtype": torch.float32}
    for rows, expected in (([chain, chain], True), ([chain, padded], False)):
        tree = _tree(torch.stack(rows))
        mask = tree._mask(2, lambda _, __, query, key: key <= query, **asked)
        assert (tree._parts[id(mask)].folded(1)[1] == [None]) == expected


def _tree(ancestors: Any = None, path: int = 3, rows: int = 2, width: int = 4) -> TreeAttention:
    depths = (path + torch.arange(width)).expand(rows, -1)
    return TreeAttention(depths, depths, ancestors, [], path, split=True)


def _registered() -> tuple[Any, Any]:
    return ALL_MASK_ATTENTION_FUNCTIONS["sdpa"], ALL_ATTENTION_FUNCTIONS["sdpa"]


def test_the_models_own_functions_are_back_after_a_pass_even_a_failed_one() -> None:
    before = _registered()
    with pytest.raises(KeyError), _tree().active("sdpa"):
        assert _registered() != before
        raise KeyError
    assert _registered() == before


def test_a_mask_is_the_models_rule_at_depths_and_the_trees_ancestors() -> None:
    # Two children, at the same depth, of the path's last token; the second has a child of its own.
    depths = torch.tensor([[3, 3, 4]])
    seen = torch.tensor([[[1, 0, 0], [0, 1, 0], [0, 1, 1]]], dtype=torch.bool)
    tree = TreeAttention(depths, depths, seen, [], 3, split=True)

    def window_of_two(_: Any, __: Any, query: Any, key: Any) -> Any:
        return (key <= query) & (key > query - 2)

    asked = {"q_length": 3, "kv_length": 6, "dtype": torch.float32}
    mask = tree._mask(1, window_of_two, **asked)
    assert mask.shape == (1, 1, 3, 6)
    assert mask[0, 0].int().tolist() == [[0, 0, 1, 1, 0, 0], [0, 0, 1, 0, 1, 0], [0, 0, 0, 0, 1, 1]]


@pytest.mark.parametrize(
    "asked",
    [{"q_length": 5}, {"kv_length": 4}, {"use_vmap": True}, {"attention_mask": torch.ones(2, 7)}],
    ids=lambda each: next(iter(each)),
)
def test_a_mask_of_another_kind_is_refused(asked: dict[str, Any]) -> None:
    usual = {"q_length": 4, "kv_length": 7, "dtype": torch.float32}
    with pytest.raises(TreeUnsupportedError):
        _tree()._mask(2, lambda *_: torch.ones(1, dtype=torch.bool), **{**usual, **asked})


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_both_of_transformers_attentions_ask_for_the_mask(implementation: str) -> None:
    model = tiny(attn_implementation=implementation)
    depths = torch.arange(4)[None]
    tree = TreeAttention(depths, depths, None, [], 0, split=True)
    with torch.inference_mode(), tree.active(implementation):
        model(input_ids=torch.tensor([[5, 6, 7, 8]]), position_ids=depths, use_cache=False)
    assert tree.masks_made >= 1
    assert tree.attentions_made == (2 if implementation == "sdpa" else 0)

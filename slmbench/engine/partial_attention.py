"""Attention over some of the keys at a time: those of a row, of a shared path, of shared prompts.

Each part comes with its log-sum-exp, by which parts are merged into the attention over all keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from slmbench.engine.blocks import Bucket
from slmbench.engine.prompts import SharedPrompts

#: Attention over some of the keys (rows, heads, width, head size), and its log-sum-exp
#: (rows, heads, width).
Weighted = tuple[torch.Tensor, torch.Tensor]

_fused: Any = torch.nn.functional.scaled_dot_product_attention
_flash: Any = getattr(torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu", None)


def merged(first: Weighted, second: Weighted) -> Weighted:
    """Return the attention over the keys of both, as FlashAttention merges blocks (2205.14135).

    So keys that rows share are read in place, without a copy for each of them.
    """
    out = torch.lerp(
        second[0], first[0], torch.sigmoid(first[1] - second[1]).to(first[0].dtype)[..., None]
    )
    return out, torch.logaddexp(first[1], second[1])


def over_row(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    scale: float | None,
) -> Weighted:
    """Return softmax(q k / sqrt(d)) v over the row's own keys.

    Query heads that share a key/value head are folded into the query length, so no key is copied
    for them.

    Args:
        query: (rows, heads, width, head size).
        key: (rows, key/value heads, keys, head size); ``value`` alike.
        mask: additive, (rows, 1, group x width, keys), group = heads / key/value heads; None where
            every row is one chain, token after token, or one token that sees every key.
        scale: of the products; None is 1 / sqrt(head size).
    """
    rows, heads, width, size = query.shape
    shared = key.shape[1]
    if width == 1 and query.dtype == torch.float32:
        return _of_one_token(query, key, value, mask, scale)
    if mask is None and width > 1:
        keys, values = (each.repeat_interleave(heads // shared, dim=1) for each in (key, value))
        out, weight = _flash(query, keys, values, 0.0, True, scale=scale)
    else:
        folded = query.reshape(rows, shared, -1, size)
        out, weight = _flash(folded, key, value, 0.0, False, attn_mask=mask, scale=scale)
    return out.reshape(rows, heads, width, size), weight.reshape(rows, heads, width)


def _of_one_token(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    scale: float | None,
) -> Weighted:
    """Return the same for rows of one token in float32, by plain products.

    The fused kernel takes a block for each row and head, and here a block would be a token or two:
    the products take two thirds of its time. In half precision they would round the scores.
    """
    rows, heads, _, size = query.shape
    scores = _scores(query, key, mask, scale)
    top = scores.amax(dim=-1, keepdim=True)
    shares = (scores - top).exp_()
    total = shares.sum(dim=-1, keepdim=True)
    out = torch.matmul(shares / total, value)
    weight = top + total.log()
    return out.reshape(rows, heads, 1, size), weight.reshape(rows, heads, 1)


def over_row_alone(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    scale: float | None,
) -> torch.Tensor:
    """Return `over_row`'s attention where nothing is merged with it.

    A token of a single text is made of many small operations, and those that give the weight of a
    part are half of its attention's. Where it sees all keys torch's own attention is one operation,
    which is slow for many rows.
    """
    rows, heads, width, _ = query.shape
    if mask is None and rows == width == 1:
        shared = key.shape[1] != heads
        return _fused(query, key, value, scale=scale, enable_gqa=shared)
    if width == 1 and query.dtype == torch.float32:
        shares = torch.softmax(_scores(query, key, mask, scale), dim=-1)
        return torch.matmul(shares, value).reshape(query.shape)
    return over_row(query, key, value, mask, scale)[0]


def _scores(
    query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None, scale: float | None
) -> torch.Tensor:
    """Return the masked products of rows of one token, (rows, key/value heads, group, keys)."""
    rows, _, _, size = query.shape
    folded = query.reshape(rows, key.shape[1], -1, size) * (size**-0.5 if scale is None else scale)
    scores = torch.matmul(folded, key.transpose(2, 3))
    return scores if mask is None else scores + mask


def over_buckets(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    buckets: Sequence[Bucket],
    masks: Sequence[torch.Tensor | None],
    scale: float | None,
) -> Weighted:
    """Return attention of each token of the one row over the keys of its own subtree.

    Args:
        query: (1, heads, width, head size).
        key: (1, key/value heads, width, head size); ``value`` alike.
        buckets: the subtrees; each token is in one.
        masks: of each bucket, as `over_row` takes them.
        scale: of the products; None is 1 / sqrt(head size).
    """
    if len(buckets) == 1 and len(buckets[0].index) == 1:
        return over_row(query, key, value, masks[0], scale)
    tokens = [each[0].transpose(0, 1) for each in (query, key, value)]
    found = query.new_empty(tokens[0].shape)
    weights = query.new_empty(found.shape[:2], dtype=torch.float32)
    for bucket, mask in zip(buckets, masks, strict=True):
        own = [each[bucket.index].transpose(1, 2) for each in tokens]
        out, weight = over_row(own[0], own[1], own[2], mask, scale)
        places = bucket.index[bucket.real]
        found[places] = out.transpose(1, 2)[bucket.real]
        weights[places] = weight.transpose(1, 2)[bucket.real].to(weights.dtype)
    return found.transpose(0, 1)[None], weights.transpose(0, 1)[None]


def over_path(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    scale: float | None,
) -> Weighted:
    """Return attention over the shared path, with all rows as one long query.

    Args:
        query: (rows, heads, width, head size).
        key: (1, key/value heads, path, head size); ``value`` alike.
        mask: additive, (1, 1, group x rows x width, path); None where all of it is seen.
        scale: of the products; None is 1 / sqrt(head size).
    """
    rows, heads, width, size = query.shape
    shared = key.shape[1]
    group = heads // shared
    spread = query.reshape(rows, shared, group, width, size).permute(1, 2, 0, 3, 4)
    spread = spread.reshape(1, shared, group * rows * width, size)
    out, weight = _flash(spread, key, value, 0.0, False, attn_mask=mask, scale=scale)
    out, weight = _without_the_blind(out, weight, mask)
    out = out.reshape(shared, group, rows, width, size).permute(2, 0, 1, 3, 4)
    weight = weight.reshape(shared, group, rows, width).permute(2, 0, 1, 3)
    return out.reshape(rows, heads, width, size), weight.reshape(rows, heads, width)


def over_prompts(
    query: torch.Tensor,
    shared: SharedPrompts,
    layer: int,
    mask: torch.Tensor | None,
    scale: float | None,
) -> Weighted:
    """Return attention of one token of each row over its prompt, the rows of a prompt as one query.

    Args:
        query: (rows, heads, 1, head size).
        shared: the prompts and who continues them.
        layer: whose keys and values are read.
        mask: see `_Parts.prompted`.
        scale: of the products; None is 1 / sqrt(head size).
    """
    rows, heads, _, size = query.shape
    key, value = shared.states[layer]
    prompts, most = shared.index.shape
    kept, group = key.shape[1], heads // key.shape[1]
    spread = query.reshape(rows, kept, group, size)[shared.index].transpose(1, 2)
    spread = spread.reshape(prompts, kept, most * group, size)
    out, weight = _flash(spread, key, value, 0.0, False, attn_mask=mask, scale=scale)
    out, weight = _without_the_blind(out, weight, mask)
    out = out.reshape(prompts, kept, most, group, size).transpose(1, 2).flatten(0, 1)[shared.place]
    weight = weight.reshape(prompts, kept, most, group).transpose(1, 2).flatten(0, 1)[shared.place]
    return out.reshape(rows, heads, 1, size), weight.reshape(rows, heads, 1)


def _without_the_blind(
    out: torch.Tensor, weight: torch.Tensor, mask: torch.Tensor | None
) -> Weighted:
    """Give queries that see none of these keys no weight.

    Where a window ends before them a query takes all from its row, where it always sees itself;
    what the kernel returns for it here has no meaning.
    """
    if mask is None:
        return out, weight
    weight = weight.masked_fill(torch.isneginf(mask).all(dim=-1), float("-inf"))
    return torch.nan_to_num(out), weight


def can_split(device: torch.device) -> bool:
    """Say whether torch has the attention with log-sum-exp that is needed here."""
    return _flash is not None and device.type == "cpu"

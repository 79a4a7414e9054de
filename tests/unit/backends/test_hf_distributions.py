"""Distributions of real models: a plain pass in slices, and what quantizing does to them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from slmbench.backends.hf_distributions import next_token_logprobs, vocabulary_hash  # noqa: E402
from slmbench.plan.model_text import parse_model  # noqa: E402
from slmbench.ports import DistributionSource  # noqa: E402
from slmbench.suites.fidelity.distances import Reading, add  # noqa: E402
from tests.contract.test_backends import trained_pico  # noqa: E402
from tests.unit.engine.tiny_models import plain_logits, sliding, tiny  # noqa: E402

ROWS = [list(range(2, 40)), [5], list(range(50, 60))]


def gathered(model: Any, positions: int, has_cache: bool) -> list[np.ndarray]:
    found: list[list[np.ndarray]] = [[] for _ in ROWS]
    for row, start, part in next_token_logprobs(model, ROWS, positions, has_cache):
        assert start == sum(len(each) for each in found[row])
        assert part.shape[0] <= positions and part.dtype == np.float32
        found[row].append(part)
    return [np.concatenate(parts) for parts in found]


@pytest.mark.parametrize("model", [tiny(), tiny("gpt2", n_positions=1024), sliding(8)],
                         ids=["llama", "gpt2", "sliding"])  # fmt: skip
@pytest.mark.parametrize(("positions", "has_cache"), [(99, True), (7, True), (7, False)])
def test_slices_are_those_of_a_plain_pass(model: Any, positions: int, has_cache: bool) -> None:
    for row, found in zip(ROWS, gathered(model, positions, has_cache), strict=True):
        wanted = torch.log_softmax(plain_logits(model, row).double(), dim=-1).numpy()
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).max() < 1e-4


def test_no_more_than_a_slice_is_carried_to_the_vocabulary() -> None:
    model, widths = tiny(), []
    handle = model.get_output_embeddings().register_forward_hook(
        lambda _, __, out: widths.append(out.shape[-2])
    )
    gathered(model, 7, has_cache=True)
    handle.remove()
    assert max(widths) == 7 and sum(widths) == sum(map(len, ROWS))


def rounded(model: Any, bits: int) -> Any:
    """Return a copy whose matrices are rounded to ``bits`` bits, row by row, to nearest."""
    made, most = copy.deepcopy(model), 2 ** (bits - 1) - 1
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.dim() == 2:
                scale = parameter.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / most
                parameter.copy_((parameter / scale).round() * scale)
    return made


def divergence(base: Any, other: Any, rows: list[list[int]]) -> Reading:
    found = Reading()
    sides = [next_token_logprobs(model, [row[:-1] for row in rows], 512, True)
             for model in (base, other)]  # fmt: skip
    for (row, _, left), (_, _, right) in zip(*sides, strict=True):
        add(found, left, right, rows[row][1:])
    return found


def test_fewer_bits_are_further_from_the_model_and_none_lost_is_no_distance() -> None:
    from slmbench.backends.huggingface import HuggingFace

    folder = str(trained_pico())
    backend = HuggingFace(parse_model("ref:pico,device=cpu,threads=1"), folder)
    assert isinstance(backend, DistributionSource)
    texts = ("Once upon a time there was a little girl.", "Two and two make four.", "The cat sat.")
    rows = [[backend.info.prefix_token_id, *backend.encode(text, False)] for text in texts]
    model = backend._model
    itself = divergence(model, model, rows)
    assert set(itself.kl_divergence) == {0.0} and set(itself.same_top) == {1}
    half = divergence(model, copy.deepcopy(model).bfloat16(), rows)
    eight, four = (divergence(model, rounded(model, bits), rows) for bits in (8, 4))
    means = [float(np.mean(each.kl_divergence)) for each in (half, eight, four)]
    assert 0.0 < means[0] < 0.01
    assert 0.0 < means[1] < 0.05 < means[2]
    assert np.mean(eight.same_top) > np.mean(four.same_top)
    assert vocabulary_hash(backend.tokenizer) == backend.vocabulary_hash()
    backend.close()

"""What a model is found able to do is what it can do."""

from __future__ import annotations

import random
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tiny_models import VOCABULARY, plain_score, sliding, tiny  # noqa: E402

from slmbench.engine.budget import Budget  # noqa: E402
from slmbench.engine.probe import probe  # noqa: E402
from slmbench.engine.scoring import Scoring  # noqa: E402

_FALCON = {"alibi": False, "multi_query": True, "new_decoder_architecture": False}


def _neo(window: int) -> Any:
    kinds = [[["global", "local"], 1]]
    return tiny("gpt_neo", num_layers=2, num_heads=4, window_size=window, attention_types=kinds)


def _found(model: Any, max_length: int = 1000) -> tuple[bool, bool, bool]:
    ability = probe(model, max_length)
    assert ability.why
    return ability.tree, ability.split, ability.prefix


def test_llamas_read_trees_and_paths_in_place() -> None:
    assert _found(tiny()) == (True, True, True)
    assert _found(sliding(5)) == (True, True, True)
    assert _found(tiny(dtype=torch.bfloat16).to(torch.bfloat16)) == (True, True, True)


def test_a_model_with_an_attention_of_its_own_gets_paths_copied() -> None:
    assert _found(tiny("falcon", **_FALCON)) == (True, False, True)
    assert _found(tiny(attn_implementation="eager")) == (True, False, True)


def test_positions_by_distance_allow_a_shared_prefix_alone() -> None:
    model = tiny("bloom")
    assert _found(model) == (False, False, True)
    assert "BloomForCausalLM" in probe(model, 1000).why


def test_a_recurrent_model_shares_nothing_and_texts_grow_side_by_side() -> None:
    ability = probe(tiny("mamba", state_size=8), 1000)
    assert (ability.tree, ability.split, ability.prefix) == (False, False, False)
    assert ability.batches


def test_an_encoder_is_told_by_its_configuration() -> None:
    model = tiny("t5", d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4)
    assert _found(model) == (False, False, False)


def test_a_model_that_ignores_depths_reads_no_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny()
    forward = model.forward

    def without_depths(*arguments: Any, position_ids: Any = None, **settings: Any) -> Any:
        return forward(*arguments, **settings)

    monkeypatch.setattr(model, "forward", without_depths)
    assert _found(model) == (False, False, True)


def test_a_model_that_ignores_masks_reads_no_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny()
    monkeypatch.setattr(
        "transformers.models.llama.modeling_llama.create_causal_mask", lambda **_: None
    )
    assert _found(model)[:2] == (False, False)


@pytest.mark.parametrize("window", [8, 256])
def test_a_window_counted_by_place_in_the_row_reads_no_tree(window: int) -> None:
    assert not _found(_neo(window))[0]


def test_whatever_is_found_gives_the_right_scores_beside_a_window_of_256(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As cheap as in a model of real size, so that a question and its answers share a row.
    monkeypatch.setattr("slmbench.engine.budget._attention_cost", lambda *_: 2e-4)
    model = _neo(256)
    draw = random.Random(1)

    def tokens(count: int) -> list[int]:
        return [draw.randrange(2, VOCABULARY) for _ in range(count)]

    context = tokens(150)
    pairs = [(context, tokens(60)) for _ in range(4)]
    found = Scoring(model, 1000, Budget(model, 1024), probe(model, 1000)).score(pairs)
    for (one, _), pair in zip(found, pairs, strict=True):
        assert one == pytest.approx(plain_score(model, *pair)[0], abs=1e-4)


@pytest.mark.parametrize("max_length", [1, 2, 16, 23])
def test_too_short_a_context_shares_nothing(max_length: int) -> None:
    model = tiny(max_position_embeddings=max_length)
    assert _found(model, max_length) == (False, False, False)
    assert "too short" in probe(model, max_length).why


@pytest.mark.parametrize("max_length", [28, 40])
def test_a_short_context_is_never_overrun(max_length: int) -> None:
    # GPT-2 looks its positions up in a table: one too far would fail and be taken for inability.
    model = tiny("gpt2", max_position_embeddings=max_length, n_positions=max_length)
    assert _found(model, max_length)[0]


def test_a_probe_leaves_no_trace() -> None:
    model = tiny()
    row = torch.tensor([[4, 5, 6, 7]])
    state = torch.random.get_rng_state()
    with torch.inference_mode():
        before = model(row).logits
        probe(model, 1000)
        assert torch.equal(model(row).logits, before)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_memory_that_runs_out_is_no_inability(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny()

    def full(*_: Any, **__: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(model, "forward", full)
    with pytest.raises(torch.OutOfMemoryError):
        probe(model, 1000)


def test_memory_of_the_host_that_runs_out_is_no_inability(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = tiny()

    def full(*_: Any, **__: Any) -> Any:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9")

    monkeypatch.setattr(model, "forward", full)
    with pytest.raises(RuntimeError):
        probe(model, 1000)

"""The size of a pass follows from free memory and the vocabulary, and shrinks to a floor."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tiny_models import tiny  # noqa: E402

from slmbench.engine import budget as module  # noqa: E402
from slmbench.engine.budget import Budget, free_bytes, is_out_of_memory  # noqa: E402


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny()


def _with_vocabulary(model: Any, size: int) -> Any:
    """Return something with the model's weights and another number of tokens."""
    config = SimpleNamespace(vocab_size=size, num_hidden_layers=2, hidden_size=32)
    return SimpleNamespace(
        config=SimpleNamespace(get_text_config=lambda: config),
        get_input_embeddings=model.get_input_embeddings,
        parameters=model.parameters,
        device=model.device,
        dtype=model.dtype,
    )


@pytest.mark.parametrize("vocabulary", [97, 32_000, 262_144, 10**7, 10**9])
def test_logits_of_a_pass_fit_what_is_set_aside(model: Any, vocabulary: int) -> None:
    limits = Budget(_with_vocabulary(model, vocabulary), 1024).limits()
    assert limits.tokens == 1024
    assert limits.predicted == 16 or limits.predicted * vocabulary * 4 <= module._LOGIT_BYTES
    assert 1 <= limits.block <= min(limits.tokens, limits.predicted, module._BLOCK)


@pytest.mark.parametrize(
    ("weights", "vocabulary", "rows"),
    [
        (1_000_000, 2_000, 1024), (8_000_000, 2_000, 500), (135_000_000, 49_152, 256),
        (1_000_000, 100_000, 503), (7_000_000_000, 32_000, 256),
    ],
)  # fmt: skip
def test_more_texts_of_a_smaller_model_grow_side_by_side(
    model: Any, weights: int, vocabulary: int, rows: int
) -> None:
    made = _with_vocabulary(model, vocabulary)
    made.parameters = lambda: [torch.empty(weights, device="meta")]
    assert Budget(made, 1024).side_by_side() == rows
    assert Budget(made, 1024, 7).side_by_side() == 7


@pytest.mark.parametrize("tokens", [1, 16, 100, 1024])
def test_a_given_size_is_taken(model: Any, tokens: int) -> None:
    limits = Budget(model, tokens).limits()
    assert limits.tokens == tokens
    assert limits.block == min(tokens, module._BLOCK)
    assert 0 < limits.attention <= 0.05


def test_halving_ends_at_a_floor_with_the_error_it_was_given(model: Any) -> None:
    budget = Budget(model, 100, 12)
    sizes = []
    error = torch.OutOfMemoryError("full")
    with pytest.raises(torch.OutOfMemoryError) as raised:
        for _ in range(20):
            budget.halve(error)
            sizes.append((budget.tokens, budget.rows))
    assert raised.value is error
    assert sizes == [(50, 6), (25, 3), (16, 1)]


def test_halving_makes_fewer_logits(model: Any) -> None:
    budget = Budget(_with_vocabulary(model, 262_144), 1024)
    before = budget.limits().predicted
    budget.halve(MemoryError())
    assert budget.limits().predicted == before // 2


def test_a_plain_batch_can_always_shrink_to_one_row(model: Any) -> None:
    budget = Budget(model, 64, 32)
    with pytest.raises(MemoryError):
        for _ in range(20):
            budget.halve(MemoryError())
    assert budget.rows == 1


def test_rows_of_a_plain_batch(model: Any) -> None:
    assert [Budget(model, 100).batch_rows(width) for width in (1, 33, 100, 101)] == [100, 3, 1, 1]
    assert Budget(model, 100, 7).batch_rows(5000) == 7


@pytest.mark.parametrize(("free", "tokens"), [(None, 1024), (2**40, 1024), (2**20, 16), (0, 16)])
def test_the_size_follows_from_free_memory(
    model: Any, monkeypatch: pytest.MonkeyPatch, free: int | None, tokens: int
) -> None:
    monkeypatch.setattr(module, "free_bytes", lambda _: free)
    assert Budget(model).tokens == tokens


def test_more_free_memory_never_gives_less(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOGIT_BYTES", 384 * 2**20)
    sizes = []
    for free in range(900 * 2**20, 1100 * 2**20, 2**20):
        monkeypatch.setattr(module, "free_bytes", lambda _, free=free: free)
        sizes.append(Budget(model).tokens)
    assert sizes == sorted(sizes)
    assert len(set(sizes)) > 5


def test_free_memory_of_this_host_is_known_on_linux() -> None:
    free = free_bytes(torch.device("cpu"))
    assert free is None or free > 0


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("shapes differ"), False),
        (ValueError("can't allocate memory"), False),
    ],
)
def test_running_out_of_memory_is_told_from_other_errors(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected

"""The engine on a GPU: the CPU's float32 scores, and bfloat16 no further off than lm-eval's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lm_eval")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU on this host"),
]

from lm_eval.models.huggingface import HFLM  # noqa: E402

from slmbench.backends.huggingface import HuggingFace  # noqa: E402
from slmbench.ports import Sampling  # noqa: E402
from slmbench.schema.spec import ModelSpec  # noqa: E402
from tests.parity.architectures import REQUIRED  # noqa: E402
from tests.parity.checkpoints import build  # noqa: E402
from tests.parity.pairs import fixed_pairs  # noqa: E402


def _backend(path: Path, device: str, dtype: str = "float32") -> HuggingFace:
    return HuggingFace(ModelSpec(target=str(path), device=device, dtype=dtype), str(path))


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_scores_and_texts_are_those_of_the_cpu(name: str, tmp_path: Path) -> None:
    path = build(name, tmp_path)
    host, device = _backend(path, "cpu"), _backend(path, "cuda")
    for ours, theirs in zip(
        device.loglikelihood(fixed_pairs()), host.loglikelihood(fixed_pairs()), strict=True
    ):
        assert ours[0] == pytest.approx(theirs[0], abs=1e-3)
        assert ours[1] == theirs[1]
    prompts = [context for context, _ in fixed_pairs()[:8]]
    how = Sampling(max_new_tokens=8)
    texts = [[row[0].tokens for row in b.generate(prompts, how, 1)] for b in (device, host)]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("name", ["llama", "falcon_new_decoder", "gemma2", "qwen3"])
def test_bfloat16_is_no_further_off_than_lm_evals(name: str, tmp_path: Path) -> None:
    path = build(name, tmp_path)
    exact = [score for score, _ in _backend(path, "cpu").loglikelihood(fixed_pairs())]
    ours = [score for score, _ in _backend(path, "cuda", "bfloat16").loglikelihood(fixed_pairs())]
    harness = HFLM(
        pretrained=str(path), dtype="bfloat16", device="cuda", batch_size=4, logits_cache=False
    )
    asked: list[Any] = [(None, *pair) for pair in fixed_pairs()]
    theirs = [score for score, _ in harness._loglikelihood_tokens(asked, disable_tqdm=True)]
    assert _error(ours, exact) <= 1.1 * _error(theirs, exact)


def _error(found: list[float], exact: list[float]) -> float:
    return sum(abs(a - b) for a, b in zip(found, exact, strict=True)) / len(exact)

"""The three that are compared: slmbench, lm-eval's ``hf`` and the model itself, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from slmbench.backends.huggingface import HuggingFace
from slmbench.schema.model_spec import ModelSpec
from tests.parity.architectures import WINDOW

Pair = tuple[list[int], list[int]]
Score = tuple[float, bool]


def ours(
    path: Path,
    batch_size: int | None = 4,
    dtype: str = "float32",
    max_length: int | None = None,
    token_budget: int | None = None,
) -> HuggingFace:
    spec = ModelSpec(
        target=str(path), dtype=dtype, batch_size=batch_size, device="cpu", max_length=max_length,
        token_budget=token_budget,
    )  # fmt: skip
    return HuggingFace(spec, str(path))


def lm_evals(path: Path, batch_size: int = 4, dtype: str = "float32", **settings: Any) -> Any:
    return HFLM(pretrained=str(path), dtype=dtype, device="cpu", batch_size=batch_size, **settings)


def lm_eval_scores(harness: Any, pairs: Sequence[Pair]) -> list[Score]:
    asked = [(None, context, continuation) for context, continuation in pairs]
    found: list[Score] = harness._loglikelihood_tokens(asked, disable_tqdm=True)
    return found


def lm_eval_texts(harness: Any, prompts: Sequence[str], settings: dict[str, Any]) -> list[str]:
    asked = [
        Instance("generate_until", {}, (prompt, settings), index)
        for index, prompt in enumerate(prompts)
    ]
    found: list[str] = harness.generate_until(asked, disable_tqdm=True)
    return found


def plain_logits(model: Any, context: list[int], continuation: list[int]) -> torch.Tensor:
    """Return the logits that predict each token of a continuation; one row, no padding."""
    with torch.inference_mode():
        if model.config.is_encoder_decoder:
            return model(
                input_ids=torch.tensor([context[-WINDOW:]]), labels=torch.tensor([continuation])
            ).logits[0]
        row = [*context, *continuation][-(WINDOW + 1) :]
        return model(input_ids=torch.tensor([row[:-1]])).logits[0, -len(continuation) :]


def plain_token_scores(model: Any, pair: Pair) -> tuple[list[float], bool]:
    """Return the log-likelihood of every token of a continuation, and whether it is greedy."""
    logits = plain_logits(model, *pair).float()
    target = torch.tensor(pair[1])
    chances = torch.log_softmax(logits, dim=-1).gather(1, target[:, None])[:, 0]
    return chances.tolist(), bool((logits.argmax(dim=-1) == target).all())


def greedy_continuation(model: Any, context: list[int], length: int) -> list[int]:
    """Return the tokens the model itself would go on with."""
    found: list[int] = []
    while len(found) < length:
        # Any token may stand in for those to come. They must be there: a row that is longer
        # than the window loses other tokens on the left than a shorter one.
        row = [*found, *[2] * (length - len(found))]
        found.append(int(plain_logits(model, context, row)[len(found)].argmax()))
    return found

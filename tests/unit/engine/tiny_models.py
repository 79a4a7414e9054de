"""Tiny random models whose answers differ from token to token, and counters of what they read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import transformers

VOCABULARY = 97
#: No token of a random text, so that a greedy text seldom ends by itself.
END = 1
_SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
    "bos_token_id": 0,
    "eos_token_id": END,
    "pad_token_id": END,
}


def tiny(model_type: str = "llama", **changes: Any) -> Any:
    """Return a model of two layers with weights so large that a wrong mask shows."""
    settings = {**_SHAPE, **changes}
    config = transformers.AutoConfig.for_model(model_type, **settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        auto = transformers.AutoModelForCausalLM
        if config.is_encoder_decoder:
            auto = transformers.AutoModelForSeq2SeqLM
        model = auto.from_config(config).eval()
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1 and "A_log" not in name:
                parameter.data.normal_(0.0, 0.25)
    return model


def sliding(window: int) -> Any:
    """Return a model in which every token sees a window of ``window`` tokens."""
    return tiny("mistral", sliding_window=window)


def spell(tokens: Sequence[int]) -> str:
    """Write a token as a letter or so: the decoder of these models' texts."""
    return "".join(chr(ord("!") + token) for token in tokens if token != END)


def plain_logits(model: Any, row: Sequence[int]) -> torch.Tensor:
    """Return the logits after every token of one row, from the model as transformers has it."""
    with torch.inference_mode():
        return model(input_ids=torch.tensor([list(row)]), use_cache=False).logits[0].float()


def plain_score(model: Any, context: Sequence[int], answer: Sequence[int]) -> tuple[float, bool]:
    """Return the score of one pair from a plain pass over it."""
    row = [*context, *answer]
    logits = plain_logits(model, row[:-1])[-len(answer) :].double()
    wanted = torch.tensor(list(answer))
    chances = torch.log_softmax(logits, dim=-1).gather(1, wanted[:, None])
    return float(chances.sum()), bool((logits.argmax(dim=-1) == wanted).all())


@dataclass
class Work:
    """What a model was asked to do: tokens read and positions predicted, pass by pass."""

    tokens: list[int] = field(default_factory=list)
    predicted: list[int] = field(default_factory=list)

    @property
    def passes(self) -> int:
        return len(self.tokens)

    @property
    def read(self) -> int:
        return sum(self.tokens)


@contextmanager
def counted(model: Any) -> Iterator[Work]:
    """Count the tokens that reach the embedding and the positions that reach the vocabulary."""
    work = Work()

    def count_tokens(_: Any, arguments: tuple[Any, ...]) -> None:
        work.tokens.append(arguments[0].numel())

    def count_predicted(_: Any, __: Any, logits: torch.Tensor) -> None:
        work.predicted.append(logits.numel() // logits.shape[-1])

    handles = [
        model.get_input_embeddings().register_forward_pre_hook(count_tokens),
        model.get_output_embeddings().register_forward_hook(count_predicted),
    ]
    try:
        yield work
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def memory_for(model: Any, tokens: int, error: Exception | None = None) -> Iterator[None]:
    """Run out of memory in every pass of more than ``tokens`` tokens, padding included."""
    forward = model.forward

    def limited(*arguments: Any, **settings: Any) -> Any:
        ids = settings["input_ids"] if "input_ids" in settings else arguments[0]
        if ids.numel() > tokens:
            raise error or torch.OutOfMemoryError("a pretended device is full")
        return forward(*arguments, **settings)

    model.forward = limited
    try:
        yield
    finally:
        del model.forward

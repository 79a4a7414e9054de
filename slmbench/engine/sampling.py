"""Continue prompts under a causal language model and note when every token was there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList

from slmbench.ports import Generation, Sampling
from slmbench.units import clock

Decode = Callable[[Sequence[int]], str]


class _Watch(StoppingCriteria):  # type: ignore[misc]
    """Called by transformers after each token: notes the time, and which rows hold a stop."""

    def __init__(self, stop: Sequence[str], decode: Decode, prompt_width: int, device: Any) -> None:
        self.times: list[float] = []
        self._stop = stop
        self._decode = decode
        self._width = prompt_width
        self._synchronize = torch.cuda.synchronize if device.type == "cuda" else None

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        if self._synchronize is not None:
            self._synchronize()
        self.times.append(clock())
        done = [
            any(stop in self._decode(row) for stop in self._stop)
            for row in (input_ids[:, self._width :].tolist() if self._stop else ())
        ]
        return torch.tensor(done or [False] * len(input_ids), device=input_ids.device)


def continue_prompts(
    model: Any, prompts: Sequence[Sequence[int]], how: Sampling, k: int, decode: Decode
) -> list[list[Generation]]:
    """Return k continuations of each prompt; the prompts are run as one batch.

    Prompts of unequal length are padded on the left and masked. The same arguments give the same
    tokens: the generator is seeded from ``how.seed`` for every call.

    Args:
        model: a transformers causal language model in evaluation mode.
        prompts: token ids, none empty, all leaving room for ``how.max_new_tokens``.
        how: length, temperature, nucleus, stop texts and seed.
        k: continuations of each prompt; more than one needs a temperature above 0.
        decode: token ids -> text without special tokens.

    Returns:
        prompts x k continuations. ``token_times_s`` counts seconds from the start of the call to
        each token of the batch; a text ends before the first stop text.
    """
    width = max(len(prompt) for prompt in prompts)
    config = _generation_config(model, how, k)
    inputs = torch.full((len(prompts), width), config.pad_token_id, dtype=torch.long)
    mask = torch.zeros_like(inputs)
    for index, prompt in enumerate(prompts):
        inputs[index, width - len(prompt) :] = torch.tensor(prompt)
        mask[index, width - len(prompt) :] = 1
    watch = _Watch(how.stop, decode, width, model.device)
    torch.manual_seed(how.seed)
    start = clock()
    output = model.generate(
        inputs.to(model.device),
        attention_mask=mask.to(model.device),
        generation_config=config,
        stopping_criteria=StoppingCriteriaList([watch]),
    )
    times = tuple(time - start for time in watch.times)
    ends = () if how.ignore_eos else _end_tokens(model)
    rows = [_generation(row, ends, how.stop, times, decode) for row in output[:, width:].tolist()]
    return [rows[index * k : (index + 1) * k] for index in range(len(prompts))]


def _generation(
    row: list[int],
    ends: Sequence[int],
    stop: Sequence[str],
    times: tuple[float, ...],
    decode: Decode,
) -> Generation:
    end = next((i + 1 for i, token in enumerate(row) if token in ends), len(row))
    text = decode(row[:end])
    for term in stop:
        if term:
            text = text.split(term)[0]
    return Generation(text=text, tokens=tuple(row[:end]), token_times_s=times[:end])


def _end_tokens(model: Any) -> list[int]:
    ends = model.generation_config.eos_token_id
    if ends is None:
        ends = model.config.eos_token_id
    return [] if ends is None else list(ends) if isinstance(ends, list | tuple) else [int(ends)]


def _generation_config(model: Any, how: Sampling, k: int) -> GenerationConfig:
    """Return the settings of one call.

    What is not set here comes from the checkpoint's own generation_config (a repetition penalty,
    say), as it does in lm-eval.
    """
    ends = _end_tokens(model)
    sampled = how.temperature > 0
    pad = model.generation_config.pad_token_id
    if pad is None:
        pad = ends[0] if ends else 0
    settings: dict[str, Any] = {"do_sample": sampled}
    if sampled:
        settings.update(temperature=how.temperature, top_p=how.top_p, top_k=how.top_k)
    return GenerationConfig(
        max_new_tokens=how.max_new_tokens,
        num_return_sequences=k,
        pad_token_id=pad,
        # None would mean the checkpoint's own end token; no token has the id -1.
        eos_token_id=[-1] if how.ignore_eos or not ends else ends,
        use_cache=True,
        **settings,
    )

"""Continue prompts with transformers' own ``generate``, for models the engine can't step itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import torch
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)

from slmbench.engine.sampling import Stream, choose
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


class _Draws(LogitsProcessor):  # type: ignore[misc]
    """Makes transformers' greedy choice the one that our own sampling draws.

    transformers samples a batch from one generator, so that a text would depend on its batch.
    """

    def __init__(self, asked: Sequence[tuple[Sequence[int], int]], how: Sampling) -> None:
        self._how = how
        self._streams = [Stream(how.seed, prompt, copy) for prompt, copy in asked]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        chosen = choose(scores, self._how, self._streams)
        alone = torch.full_like(scores, float("-inf"))
        alone[torch.arange(len(chosen)), chosen] = 0.0
        return alone


def continue_plainly(
    model: Any,
    prompts: Sequence[Sequence[int]],
    how: Sampling,
    k: int,
    ends: Sequence[int],
    rows: int,
    decode: Decode,
) -> list[list[Generation]]:
    """Return k continuations of each prompt.

    Only prompts of equal length share a batch, without padding, and every text is drawn from its
    own random numbers: so no text depends on its batch. Arguments and result are those of
    `slmbench.engine.generation.Generator`.
    """
    start = clock()
    found: dict[tuple[int, int], Generation] = {}
    texts = [(i, copy) for i in range(len(prompts)) for copy in range(k)]
    texts.sort(key=lambda text: (len(prompts[text[0]]), text))
    for _, same in groupby(texts, key=lambda text: len(prompts[text[0]])):
        waiting = list(same)
        for first in range(0, len(waiting), rows):
            chosen = waiting[first : first + rows]
            asked = [(prompts[i], copy) for i, copy in chosen]
            batch = _batch(model, asked, how, ends, decode, start)
            found.update(zip(chosen, batch, strict=True))
    return [[found[i, copy] for copy in range(k)] for i in range(len(prompts))]


def _batch(
    model: Any,
    asked: Sequence[tuple[Sequence[int], int]],
    how: Sampling,
    ends: Sequence[int],
    decode: Decode,
    start: float,
) -> list[Generation]:
    """Continue (prompt, number of its continuation) pairs of equal length."""
    inputs = torch.tensor([list(prompt) for prompt, _ in asked], device=model.device)
    encoder = bool(getattr(model.config, "is_encoder_decoder", False))
    # An encoder-decoder's output begins with its start token, not with the prompt.
    width = 1 if encoder else inputs.shape[1]
    watch = _Watch(how.stop, decode, width, model.device)
    draws = LogitsProcessorList()
    if how.temperature > 0:
        draws.append(_Draws(asked, how))
    with torch.inference_mode():
        output = model.generate(
            inputs,
            attention_mask=torch.ones_like(inputs),
            generation_config=_config(model, how, ends),
            logits_processor=draws,
            stopping_criteria=StoppingCriteriaList([watch]),
        )
    times = tuple(time - start for time in watch.times)
    return [_generation(row, ends, how, times, decode) for row in output[:, width:].tolist()]


def _generation(
    row: list[int], ends: Sequence[int], how: Sampling, times: tuple[float, ...], decode: Decode
) -> Generation:
    stops = () if how.ignore_eos else ends
    end = next((i + 1 for i, token in enumerate(row) if token in stops), len(row))
    if any(stop in decode(row[:end]) for stop in how.stop):
        # transformers fills a row that has stopped until the whole batch has.
        end = next(n for n in range(1, end + 1) if any(s in decode(row[:n]) for s in how.stop))
    text = decode(row[:end])
    for stop in how.stop:
        if stop:
            text = text.split(stop)[0]
    return Generation(text=text, tokens=tuple(row[:end]), token_times_s=times[:end])


def _config(model: Any, how: Sampling, ends: Sequence[int]) -> GenerationConfig:
    """Return the settings of one call.

    What is not set here comes from the checkpoint's own generation_config (a repetition penalty,
    say), as it does in lm-eval.
    """
    pad = model.generation_config.pad_token_id
    if pad is None:
        pad = ends[0] if ends else 0
    return GenerationConfig(
        max_new_tokens=how.max_new_tokens,
        pad_token_id=pad,
        # None would mean the checkpoint's own end token; no token has the id -1.
        eos_token_id=[-1] if how.ignore_eos or not ends else list(ends),
        use_cache=True,
        # Sampling is our own: see `_Draws`.
        do_sample=False,
        **({"num_beams": 1} if how.temperature > 0 else {}),
    )

"""How a task's generation settings are followed, and what is kept of a continuation."""

from __future__ import annotations

from typing import Any

from lm_eval.models.utils import (
    handle_stop_sequences,
    normalize_gen_kwargs,
    postprocess_generated_text,
)

from slmbench.errors import InputError
from slmbench.ports import Backend, Generation, Sampling

#: lm-eval's default for a generation task that names no length.
_DEFAULT_MAX_GEN_TOKS = 256
#: transformers samples from so many of the likeliest tokens unless told otherwise.
_DEFAULT_TOP_K = 50
_FOLLOWED = {"until", "do_sample", "max_gen_toks", "temperature", "top_p", "top_k"}
#: Settings that no backend follows -> the value with which they change nothing.
_NEUTRAL = {
    "num_beams": 1, "repetition_penalty": 1.0, "no_repeat_ngram_size": 0, "min_length": 0,
    "num_return_sequences": 1, "use_cache": True, "min_p": 0.0,
}  # fmt: skip


def sampling(gen_kwargs: dict[str, Any], end: str, seed: int) -> Sampling:
    """Return the settings of a request, by the rules of lm-eval's ``hf`` model.

    Args:
        gen_kwargs: as the task gives them.
        end: the text of the token that ends a text; it always stops one.
        seed: of all sampling.

    Raises:
        InputError: a setting that no backend can follow.
    """
    settings: dict[str, Any] = dict(normalize_gen_kwargs(gen_kwargs, _DEFAULT_MAX_GEN_TOKS))
    for key in sorted(settings.keys() - _FOLLOWED):
        if key not in _NEUTRAL or settings[key] != _NEUTRAL[key]:
            raise InputError(
                f"The generation setting {key}={settings[key]!r} can't be followed. Take it out of "
                f"the task's generation_kwargs (or --gen_kwargs). Known: "
                f"{', '.join(sorted(_FOLLOWED))}."
            )
    sampled = bool(settings["do_sample"])
    return Sampling(
        max_new_tokens=settings["max_gen_toks"],
        temperature=float(settings.get("temperature", 1.0)) if sampled else 0.0,
        top_p=float(settings.get("top_p", 1.0)) if sampled else 1.0,
        top_k=int(settings.get("top_k", _DEFAULT_TOP_K)) if sampled else 0,
        stop=tuple(handle_stop_sequences(settings["until"], eos=end)),
        seed=seed,
    )


def answer(
    found: Generation, how: Sampling, backend: Backend, think_end: str | int | None
) -> tuple[str, int]:
    """Return the text lm-eval scores, and how many tokens were written.

    ``think_end`` is the text or the id of the token after which a reasoning model answers.
    """
    text = found.text
    if isinstance(think_end, int):
        ends = [place for place, token in enumerate(found.tokens) if token == think_end]
        kept = found.tokens[ends[-1] + 1 :] if ends else found.tokens
        text = backend.decode(kept).lstrip()
    elif think_end is not None:
        # The backend has cut its text at a stop, and that may stand before the end of the thoughts.
        text = backend.decode(found.tokens)
    marker = think_end if isinstance(think_end, str) else None
    return postprocess_generated_text(text, list(how.stop), marker), len(found.tokens)

"""Shared by the resource suites: prompts of exact length, and one round of a workload."""

from __future__ import annotations

from slmbench.errors import InputError
from slmbench.ports import Backend, Generation, Sampling
from slmbench.schema.base import Absent
from slmbench.suites.workload_file import Workload

#: In place of a number that only an instrument beside the model could give.
ELSEWHERE = Absent(
    reason="the model runs in its server's process, which no instrument here sees; measure it there"
)


def prompts_of(workload: Workload, text: str, backend: Backend) -> list[list[int]]:
    """Return ``batch_size`` different prompts of exactly ``prompt_tokens`` tokens.

    Raises:
        InputError: the text is too short, or the model's context is.
    """
    needed = workload.prompt_tokens + workload.output_tokens
    if needed > backend.info.max_length:
        raise InputError(
            f"Workload '{workload.workload}' needs a context of {needed} tokens, the model has "
            f"{backend.info.max_length}. Choose a smaller workload with --task."
        )
    tokens = backend.encode(text)
    size = workload.prompt_tokens
    # Different prompts in a batch: equal ones could be shared by a server's prefix cache.
    prompts = [tokens[i * size : (i + 1) * size] for i in range(workload.batch_size)]
    if len(prompts[-1]) < size:
        raise InputError(
            f"The text of workload '{workload.workload}' has {len(tokens)} tokens under this "
            f"tokenizer, and {size * workload.batch_size} are needed. Give it a longer text."
        )
    return prompts


def run_round(workload: Workload, prompts: list[list[int]], backend: Backend) -> list[float]:
    """Run one round and return the seconds from its start to each output token.

    The end-of-text token is ignored, so every model writes the same number of tokens.
    """
    return list(run_batch(workload, prompts, backend)[0].token_times_s)


def run_batch(workload: Workload, prompts: list[list[int]], backend: Backend) -> list[Generation]:
    """Run one round and return what was written for each prompt, with the time of every token.

    Raises:
        InputError: the backend wrote another number of tokens, or does not tell their times apart.
    """
    rows = backend.generate(prompts, sampling_of(workload), 1)
    for (written,) in rows:
        if len(written.token_times_s) != workload.output_tokens:
            raise InputError(
                f"The backend wrote {len(written.token_times_s)} tokens of "
                f"{workload.output_tokens} in workload '{workload.workload}', so no rate can be "
                "given."
            )
    return [written for (written,) in rows]


def sampling_of(workload: Workload) -> Sampling:
    """Return how a workload's prompts are continued: greedily, past any end of the text."""
    return Sampling(max_new_tokens=workload.output_tokens, ignore_eos=True)

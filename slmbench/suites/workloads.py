"""Shared by the resource suites: prompts of exact length, and one round of a workload."""

from __future__ import annotations

import math
import random

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
    return RoundPrompts(workload, text, backend).first


class RoundPrompts:
    """Prompts of exactly ``prompt_tokens`` tokens, ``batch_size`` of them in each round.

    Each begins at a place of its own in the text: a server or a scheduler that keeps the prefixes
    it has read would otherwise answer all rounds but the first from memory, and its first token
    would seem to cost nothing. What prompts say doesn't matter, only how long they are.

    Attributes:
        first: the prompts at the beginning of the text, by which the work is known.
        different: rounds until the prompts come again.

    Raises:
        InputError: the text is too short, or the model's context is.
    """

    def __init__(self, workload: Workload, text: str, backend: Backend, seed: int = 0) -> None:
        """Cut nothing yet; ``seed`` says where in the text the rounds begin."""
        needed = workload.prompt_tokens + workload.output_tokens
        if needed > backend.info.max_length:
            raise InputError(
                f"Workload '{workload.workload}' needs a context of {needed} tokens, the model has "
                f"{backend.info.max_length}. Choose a smaller workload with --task."
            )
        self._tokens = backend.encode(text)
        self._size, self._count = workload.prompt_tokens, workload.batch_size
        whole = self._size * self._count
        if len(self._tokens) < whole:
            raise InputError(
                f"The text of workload '{workload.workload}' has {len(self._tokens)} tokens under "
                f"this tokenizer, and {whole} are needed. Give it a longer text."
            )
        self.first = [self._from(place) for place in range(0, whole, self._size)]
        self._places = len(self._tokens) - self._size + 1
        self.different = self._places // self._count
        # Far apart, and each place once before any comes again.
        apart = round(0.618 * self._places)
        self._step = next(
            step for step in range(apart, apart + self._places) if math.gcd(step, self._places) == 1
        )
        self._begin = random.Random(seed).randrange(self._places)

    def of_round(self, number: int) -> list[list[int]]:
        """Return the prompts of a round; the same number has the same ones."""
        numbers = range(number * self._count, (number + 1) * self._count)
        return [self._from((self._begin + each * self._step) % self._places) for each in numbers]

    def _from(self, place: int) -> list[int]:
        return list(self._tokens[place : place + self._size])


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

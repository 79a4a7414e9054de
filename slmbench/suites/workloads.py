"""Shared by the resource suites: prompts of exact length, and one round of a workload."""

from __future__ import annotations

import random
import secrets

from slmbench.errors import InputError
from slmbench.ports import Backend, Generation, Sampling
from slmbench.schema.base import Absent
from slmbench.suites.workload_file import Workload

#: In place of a number that only an instrument beside the model could give.
ELSEWHERE = Absent(
    reason="the model runs in its server's process, which no instrument here sees; measure it there"
)


#: Tokens drawn before a prompt's part of the text, and draws until one is read back as long.
_DRAWN = 4
_TRIES = 20


def prompts_of(workload: Workload, text: str, backend: Backend) -> list[list[int]]:
    """Return ``batch_size`` different prompts of exactly ``prompt_tokens`` tokens.

    Raises:
        InputError: the text is too short, or the model's context is.
    """
    return RoundPrompts(workload, text, backend).first


class RoundPrompts:
    """Prompts of exactly ``prompt_tokens`` tokens, ``batch_size`` of them in each round.

    Each is a part of the text behind a few tokens drawn for this run, round and prompt: a server or
    a scheduler that keeps the prefixes it has read would otherwise answer from memory what another
    round, another run or the other model behind the same server asked, and the first token would
    seem to cost nothing. What prompts say doesn't matter, only how long they are.

    Attributes:
        first: prompts without such tokens, by which the work is known; they are not asked for time.

    Raises:
        InputError: the text is too short, or the model's context is.
    """

    def __init__(
        self, workload: Workload, text: str, backend: Backend, mark: str | None = None
    ) -> None:
        """Cut nothing yet; the same ``mark`` has the same prompts, and None is a new one."""
        needed = workload.prompt_tokens + workload.output_tokens
        if needed > backend.info.max_length:
            raise InputError(
                f"Workload '{workload.workload}' needs a context of {needed} tokens, the model has "
                f"{backend.info.max_length}. Choose a smaller workload with --task."
            )
        self._backend = backend
        self._mark = secrets.token_hex(8) if mark is None else mark
        tokens = backend.encode(text)
        self._size, self._count = workload.prompt_tokens, workload.batch_size
        whole = self._size * self._count
        # The drawn ones begin as a text does: with what the tokenizer puts before it.
        self._plain = backend.encode(text, add_special_tokens=False)
        added = len(tokens) - len(self._plain)
        leads = 0 < added < self._size and tokens[added:] == self._plain
        self._lead = tokens[:added] if leads else []
        found = min(len(tokens), len(self._lead) + len(self._plain))
        if found < whole:
            raise InputError(
                f"The text of workload '{workload.workload}' has {found} tokens under "
                f"this tokenizer, and {whole} are needed. Give it a longer text."
            )
        self.first = [list(tokens[i : i + self._size]) for i in range(0, whole, self._size)]

    def of_round(self, number: int) -> list[list[int]]:
        """Return the prompts of a round; the same number has the same ones."""
        return [self._drawn(f"{self._mark}|{number}|{row}") for row in range(self._count)]

    def _drawn(self, seed: str) -> list[int]:
        draw, size = random.Random(seed), self._size - len(self._lead)
        drawn, prompt = min(_DRAWN, size), list[int]()
        for _ in range(_TRIES):
            place = draw.randrange(len(self._plain) - size + 1)
            prompt = [
                *draw.choices(self._plain, k=drawn),
                *self._plain[place + drawn :][: size - drawn],
            ]
            # A server is sent text, and must read as many tokens in it.
            if not self._backend.info.is_remote or self._reads_back(prompt):
                break
        return [*self._lead, *prompt]

    def _reads_back(self, prompt: list[int]) -> bool:
        text = self._backend.decode(prompt)
        return len(self._backend.encode(text, add_special_tokens=False)) == len(prompt)


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

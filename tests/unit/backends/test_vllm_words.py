"""What vLLM is asked and how its answers are read, on answers shaped as its documentation says.

No recording of a real vLLM is here: it can't be installed where these tests are written. The
objects below have the fields that vLLM documents for ``RequestOutput``, ``CompletionOutput`` and
``Logprob``; the contract tests run the whole backend where vLLM is installed.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from slmbench.backends.vllm_words import Growing, asked, generating, row, scored, scoring
from slmbench.errors import InputError, UnsupportedByServer
from slmbench.ports import Sampling


@dataclass
class Logprob:
    logprob: float
    rank: int | None = None
    decoded_token: str | None = None


@dataclass
class CompletionOutput:
    index: int
    text: str
    token_ids: list[int]
    cumulative_logprob: float | None = None
    finish_reason: str | None = None


#: A prompt of four tokens, scored with ``prompt_logprobs=1``: each token's own number, and that of
#: the likeliest where it is another one.
PROMPT = [1, 50, 60, 70]
RECORDED: list[dict[int, Logprob] | None] = [
    None,
    {50: Logprob(-3.5, 12, " a"), 9: Logprob(-0.5, 1, " b")},
    {60: Logprob(-0.25, 1, " c")},
    {70: Logprob(-0.125, 1, " d")},
]


def test_ids_are_sent_as_they_are() -> None:
    assert asked((1, 2, 3)) == {"prompt_token_ids": [1, 2, 3]}


def test_a_prompt_is_scored_with_one_token_written() -> None:
    words = scoring()
    assert words["max_tokens"] == 1 and words["prompt_logprobs"] == 1


def test_an_answer_is_the_sum_of_its_tokens() -> None:
    assert scored(PROMPT, 2, RECORDED) == (-0.375, True)
    assert scored(PROMPT, 3, RECORDED) == (-3.875, False)


@pytest.mark.parametrize(
    "recorded",
    [
        None,
        [],
        RECORDED[:3],
        [*RECORDED[:3], None],
        [*RECORDED[:3], {9: Logprob(-1.0, 1)}],
        [*RECORDED[:3], {70: Logprob(float("-inf"), 900)}],
        [*RECORDED[:3], {70: Logprob(float("nan"), 1)}],
    ],
)
def test_no_number_is_made_up(recorded: list[dict[int, Logprob] | None] | None) -> None:
    with pytest.raises(UnsupportedByServer):
        scored(PROMPT, 2, recorded)


def test_a_row_leaves_room_for_the_token_that_is_written() -> None:
    assert row(([1, 2], [3]), 64) == [1, 2, 3]
    assert row(([1] * 70, [2, 3]), 64) == [1] * 61 + [2, 3]
    with pytest.raises(InputError, match="doesn't fit"):
        row(([1], [2] * 63), 64)
    for pair in (([], [1]), ([1], [])):
        with pytest.raises(InputError, match="at least one token"):
            row(pair, 64)


def test_greedy_words_say_nothing_of_chance() -> None:
    words = generating(Sampling(5), [1, 2], 0)
    assert words["temperature"] == 0 and words["max_tokens"] == 5 and words["n"] == 1
    assert not {"seed", "top_p", "top_k"} & words.keys()


def test_each_continuation_has_its_own_seed() -> None:
    how = Sampling(5, temperature=1.0, top_p=0.9, top_k=7, stop=("\n", ""), seed=3)
    words = generating(how, [1, 2], 0)
    assert (words["top_p"], words["top_k"], words["stop"]) == (0.9, 7, ["\n"])
    seeds = [generating(how, prompt, copy)["seed"] for prompt in ([1, 2], [1]) for copy in (0, 1)]
    assert len(set(seeds)) == 4 and all(0 <= seed < 2**31 for seed in seeds)
    assert generating(how, [1, 2], 0) == words


def test_a_text_grows_by_what_is_new() -> None:
    text = Growing()
    text.take(CompletionOutput(0, "a", [5]), 0.5)
    text.take(CompletionOutput(0, "ab c", [5, 6, 7]), 0.75)
    text.take(CompletionOutput(0, "ab c", [5, 6, 7], finish_reason="length"), 1.0)
    found = text.finished(())
    assert found.tokens == (5, 6, 7) and found.token_times_s == (0.5, 0.75, 0.75)
    assert found.text == "ab c"
    assert text.finished((" c", "")).text == "ab"

"""What is asked: batches of requests in the shapes of common tasks, of random tokens.

Every function takes how many items, the vocabulary and a seed; another seed is another batch of the
same sizes, so that no round can reuse what one before it computed.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from lm_eval.api.instance import Instance

Pair = tuple[list[int], list[int]]


def _tokens(draw: random.Random, count: int, vocabulary: int) -> list[int]:
    return [draw.randrange(2, vocabulary) for _ in range(count)]


def zero_shot(items: int, vocabulary: int, seed: int) -> list[Pair]:
    """Four answers of 5 to 12 tokens to a question of 40 to 89."""
    sizes, draw = random.Random(0), random.Random(seed)
    pairs = []
    for _ in range(items):
        question = _tokens(draw, sizes.randrange(40, 90), vocabulary)
        pairs += [(question, _tokens(draw, sizes.randrange(5, 13), vocabulary)) for _ in range(4)]
    return pairs


def few_shot_same(items: int, vocabulary: int, seed: int) -> list[Pair]:
    """MMLU's shape: 600 tokens of examples for all, a question of 60 to 119, four letters."""
    sizes, draw = random.Random(0), random.Random(seed)
    examples = _tokens(draw, 600, vocabulary)
    letters = [[letter] for letter in draw.sample(range(2, vocabulary), 4)]
    pairs = []
    for _ in range(items):
        context = examples + _tokens(draw, sizes.randrange(60, 120), vocabulary)
        pairs += [(context, letter) for letter in letters]
    return pairs


def few_shot_own(items: int, vocabulary: int, seed: int) -> list[Pair]:
    """Examples of its own for each item, 400 to 599 tokens, and four answers of 5 to 12."""
    sizes, draw = random.Random(0), random.Random(seed)
    pairs = []
    for _ in range(items):
        context = _tokens(draw, sizes.randrange(400, 600), vocabulary)
        pairs += [(context, _tokens(draw, sizes.randrange(5, 13), vocabulary)) for _ in range(4)]
    return pairs


def _text(tokens: list[int]) -> str:
    return " ".join(f"w{token}" for token in tokens)


def rolling(items: int, vocabulary: int, seed: int) -> list[Instance]:
    """Documents of 1,024 tokens."""
    draw = random.Random(seed)
    texts = [_text(_tokens(draw, 1024, vocabulary)) for _ in range(items)]
    return [Instance("loglikelihood_rolling", {}, (text,), i) for i, text in enumerate(texts)]


def uneven(items: int, vocabulary: int, seed: int) -> list[Instance]:
    """Greedy answers of up to 96 tokens to prompts of 20 to 59; most end much earlier."""
    sizes, draw = random.Random(0), random.Random(seed)
    how = {"until": [], "do_sample": False, "max_gen_toks": 96}
    texts = [_text(_tokens(draw, sizes.randrange(20, 60), vocabulary)) for _ in range(items)]
    return [Instance("generate_until", {}, (text, how), i) for i, text in enumerate(texts)]


def continuations(items: int, vocabulary: int, seed: int) -> list[Instance]:
    """Sampled continuations, 20 tokens each, of one prompt of 256 (lm-eval's ``repeats``)."""
    draw = random.Random(seed)
    how = {"until": [], "do_sample": True, "temperature": 1.0, "top_p": 0.9, "max_gen_toks": 20}
    prompt = _text(_tokens(draw, 256, vocabulary))
    return [Instance("generate_until", {}, (prompt, how), i) for i in range(items)]


#: name -> (requests, items, lm-eval's method, what the README calls it)
WORK: dict[str, tuple[Callable[[int, int, int], list[Any]], int, str, str]] = {
    "zero_shot": (zero_shot, 12, "_loglikelihood_tokens", "four choices, zero-shot"),
    "few_shot_same": (few_shot_same, 24, "_loglikelihood_tokens", "four letters, same five shots"),
    "few_shot_own": (few_shot_own, 3, "_loglikelihood_tokens", "four choices, own five shots"),
    "rolling": (rolling, 2, "loglikelihood_rolling", "rolling perplexity"),
    "uneven": (uneven, 96, "generate_until", "greedy answers of uneven length"),
    "continuations": (continuations, 25, "generate_until", "25 sampled continuations"),
}

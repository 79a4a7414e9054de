"""What every generator returns: a prompt, its right answer and what must be held out."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

_BEFORE_VOWEL = re.compile(r"\b([Aa]) (?=[aeio]|u(?!se))")
_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[^\sa-z0-9.,;:!?\"']")


@dataclass(frozen=True, slots=True)
class Example:
    """One question of a domain with its answer.

    `prompt` is exactly what a task shows; `answer` follows it after one blank (after none when the
    prompt is empty). `core` is the text that must not occur in training when this example is an
    item of a task, and `key` is what two examples share when knowing one gives the other away.
    """

    cluster: str
    prompt: str
    answer: str
    core: str
    wrong: tuple[str, ...] = ()
    key: str = ""
    shown: Mapping[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """The key under which this example is held out."""
        return self.key or " ".join(words(self.core))

    @property
    def document(self) -> str:
        """The training text: the prompt with its right answer."""
        return f"{self.prompt} {self.answer}" if self.prompt else self.answer


Draw = Callable[[random.Random], Example]


def words(text: str) -> list[str]:
    """Split a text into lower-case words, numbers and operators, without punctuation."""
    return _WORD.findall(text.lower())


def fill(rng: random.Random, patterns: Sequence[str], **slots: str) -> str:
    """Choose one pattern, put the slots in and mend its articles."""
    return articles(rng.choice(patterns).format(**slots))


def articles(text: str) -> str:
    """Write "an" before a vowel that is spoken as one."""
    return _BEFORE_VOWEL.sub(r"\1n ", text)


def sentence(text: str) -> str:
    """Give a text a capital first letter."""
    return text[:1].upper() + text[1:]


def chance(rng: random.Random, probability: float) -> bool:
    """Say yes with this probability."""
    return rng.random() < probability

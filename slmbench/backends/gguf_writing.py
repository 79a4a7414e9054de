"""Continue prompts on llama.cpp, several side by side: a text that ends gives its place away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from slmbench.backends.gguf_native import Session, Step
from slmbench.backends.gguf_scoring import OpenSession
from slmbench.backends.token_draw import DrawStream, Numbers, draw
from slmbench.errors import ModelError
from slmbench.ports import Generation, Sampling
from slmbench.units import clock

#: A shorter shared start of all prompts is not worth a pass of its own.
_SHORTEST_TRUNK = 16


@dataclass(slots=True)
class _Text:
    """One continuation while it grows in a sequence of the cache."""

    prompt: int
    stream: DrawStream
    sequence: int = 0
    tokens: list[int] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Vocabulary:
    """What a writer must know of tokens: which end a text, and the text of ids."""

    ends: Callable[[int], bool]
    decode: Callable[[Sequence[int]], str]


def write(
    prompts: Sequence[Sequence[int]], how: Sampling, k: int, rows: int, opened: OpenSession,
    vocabulary: Vocabulary,
) -> list[list[Generation]]:  # fmt: skip
    """Return k continuations of each prompt.

    Each draws from random numbers of its own, so a text does not depend on what grows beside it.
    The k continuations of a prompt share its tokens in the cache, and all share what all prompts
    start with. Where there is no memory for ``rows`` texts, half as many grow side by side.

    Args:
        prompts: token ids, none empty, all leaving room for ``how.max_new_tokens``.
        how: length, temperature, filters, stop texts and seed.
        k: continuations of each prompt.
        rows: texts side by side.
        opened: returns a session with so many cells and sequences.
        vocabulary: of the model.
    """
    if not prompts or k < 1:
        return [[] for _ in prompts]
    while True:
        rows = max(1, min(rows, k * len(prompts)))
        try:
            waves = [
                _Wave(prompts, how, range(start, min(k, start + rows)), vocabulary).run(
                    rows, opened
                )
                for start in range(0, k, rows)
            ]
        except ModelError:
            if rows == 1:
                raise
            rows //= 2
            continue
        return [[text for wave in waves for text in wave[i]] for i in range(len(prompts))]


class _Wave:
    """Some continuations of every prompt: those that grow, and those that wait for a place."""

    def __init__(
        self, prompts: Sequence[Sequence[int]], how: Sampling, copies: range,
        vocabulary: Vocabulary,
    ) -> None:  # fmt: skip
        self._prompts, self._how, self._copies = prompts, how, copies
        self._vocabulary = vocabulary
        self._start = clock()
        self._lookback = max((len(stop.encode()) for stop in how.stop), default=0) + 4
        self._trunk = _shared_start(prompts)
        self._active: list[_Text] = []
        self._session: Session

    def run(self, rows: int, opened: OpenSession) -> list[list[Generation]]:
        k = len(self._copies)
        side_by_side = max(1, rows // k)
        longest = max(map(len, self._prompts))
        cells = self._trunk + side_by_side * (longest - self._trunk + k * self._how.max_new_tokens)
        self._session = opened(cells, side_by_side * k + 1)
        self._session.clear()
        free = list(range(side_by_side * k, 0, -1))
        if self._trunk:
            first = self._prompts[0][: self._trunk]
            for _ in self._session.read([Step(t, i, (0,)) for i, t in enumerate(first)]):
                pass
        groups = [
            [_Text(i, DrawStream(self._how.seed, prompt, copy)) for copy in self._copies]
            for i, prompt in enumerate(self._prompts)
        ]
        waiting = groups[::-1]
        while waiting or self._active:
            admitted = []
            while waiting and len(free) >= k:
                admitted.append(waiting.pop())
                for text in admitted[-1]:
                    text.sequence = free.pop()
            if admitted:
                self._admit(admitted)
            else:
                self._step()
            free.extend(self._leave())
        self._session.clear()
        return [[self._finished(text) for text in group] for group in groups]

    def _admit(self, groups: Sequence[list[_Text]]) -> None:
        """Read prompts, and give each of their texts its first token."""
        steps = []
        asked: dict[int, list[_Text]] = {}
        for group in groups:
            prompt, sequence = self._prompts[group[0].prompt], group[0].sequence
            if self._trunk:
                self._session.share(0, sequence)
            last = len(prompt) - 1
            for place in range(self._trunk, len(prompt)):
                steps.append(Step(prompt[place], place, (sequence,), place == last))
            asked[len(steps) - 1] = group
        firsts = []
        for numbers, logits in self._session.read(steps):
            for number, row in zip(numbers, logits, strict=True):
                for text in asked[number]:
                    firsts.append((text, draw(row, self._how, text.stream)))
        for group in groups:
            for text in group[1:]:
                self._session.share(group[0].sequence, text.sequence)
            self._active.extend(group)
        self._grow(firsts)

    def _step(self) -> None:
        """Read the last token of every text and choose its next."""
        steps = [
            Step(text.tokens[-1], self._place(text), (text.sequence,), True)
            for text in self._active
        ]
        chosen = []
        for numbers, logits in self._session.read(steps):
            for number, row in zip(numbers, logits, strict=True):
                text = self._active[number]
                chosen.append((text, self._drawn(row, text)))
        self._grow(chosen)

    def _drawn(self, row: Numbers, text: _Text) -> int:
        return draw(row, self._how, text.stream)

    def _place(self, text: _Text) -> int:
        return len(self._prompts[text.prompt]) + len(text.tokens) - 1

    def _grow(self, chosen: Sequence[tuple[_Text, int]]) -> None:
        now = clock() - self._start
        for text, token in chosen:
            text.tokens.append(token)
            text.times_s.append(now)

    def _leave(self) -> list[int]:
        """Forget the texts that have ended, and return their sequences."""
        ended = [text for text in self._active if self._has_ended(text)]
        self._active = [text for text in self._active if text not in ended]
        for text in ended:
            self._session.cut(text.sequence)
        return [text.sequence for text in ended]

    def _has_ended(self, text: _Text) -> bool:
        if len(text.tokens) >= self._how.max_new_tokens:
            return True
        if not self._how.ignore_eos and self._vocabulary.ends(text.tokens[-1]):
            return True
        if not self._how.stop:
            return False
        # A stop text of n bytes spans at most n tokens that hold a byte each.
        tail = self._vocabulary.decode(text.tokens[-self._lookback :])
        return any(stop and stop in tail for stop in self._how.stop)

    def _finished(self, text: _Text) -> Generation:
        written = self._vocabulary.decode(text.tokens)
        for stop in self._how.stop:
            if stop:
                written = written.split(stop)[0]
        return Generation(written, tuple(text.tokens), tuple(text.times_s))


def _shared_start(prompts: Sequence[Sequence[int]]) -> int:
    """Return how many tokens all prompts start with, less at least one token of each; 0 if few."""
    if len(prompts) < 2:
        return 0
    first, last = min(map(tuple, prompts)), max(map(tuple, prompts))
    most = min(map(len, prompts)) - 1
    pairs = enumerate(zip(first[:most], last[:most], strict=True))
    shared = next((i for i, (a, b) in pairs if a != b), most)
    return shared if shared >= _SHORTEST_TRUNK else 0

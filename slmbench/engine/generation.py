"""Continue prompts, batched as they come: a text that ends gives its place to the next prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import RepetitionPenaltyLogitsProcessor

from slmbench.engine.attention import TreeAttention
from slmbench.engine.budget import is_out_of_memory
from slmbench.engine.cache import KeyValues
from slmbench.engine.forward import ROOT, Path, only_predicting, read
from slmbench.engine.packing import PackedRow
from slmbench.engine.sampling import Stream, choose
from slmbench.engine.slots import Slots
from slmbench.engine.tree import Node
from slmbench.ports import Generation, Sampling
from slmbench.units import clock

Decode = Callable[[Sequence[int]], str]

#: A shorter shared start of all prompts is not worth a pass of its own.
_SHORTEST_PATH = 16
#: Fewer continuations of a prompt than this each get a copy of it.
_FEWEST_SHARING = 4
#: Places are given to new prompts when one in so many is free.
_REFILLED = 4
#: A pass over prompts gets no smaller than this when memory runs out.
_FEWEST_TOKENS = 16


@dataclass(slots=True)
class _Text:
    """One continuation while it grows."""

    prompt: int
    stream: Stream
    tokens: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)


class Generator:
    """Continues prompts under one model whose attention can follow a tree.

    Args:
        model: a transformers causal language model in evaluation mode.
        split: see `TreeAttention`.
        rows: texts that grow side by side.
        pass_tokens: tokens of one pass over prompts.
        ends: tokens that end a text.
        decode: token ids -> text without special tokens.
        penalty: repetition penalty (arXiv 1909.05858) of the checkpoint; 1 is none.
    """

    def __init__(
        self,
        model: Any,
        split: bool,
        rows: int,
        pass_tokens: int,
        ends: Sequence[int],
        decode: Decode,
        penalty: float = 1.0,
    ) -> None:
        self.model = model
        self.split = split
        self.rows = rows
        self.pass_tokens = pass_tokens
        self.ends = frozenset(ends)
        self.decode = decode
        self.penalty = penalty

    def run(
        self, prompts: Sequence[Sequence[int]], how: Sampling, k: int
    ) -> list[list[Generation]]:
        """Return k continuations of each prompt.

        Args:
            prompts: token ids, none empty, all leaving room for ``how.max_new_tokens``.
            how: length, temperature, filters, stop texts and seed.
            k: continuations of each prompt.

        Returns:
            prompts x k continuations; ``token_times_s`` counts seconds from the start of the call.
            A text ends before the first stop text.
        """
        while prompts:
            try:
                # No more continuations of one prompt at once than there are rows for.
                waves = [
                    _Wave(self, prompts, how, range(first, min(k, first + self.rows))).run()
                    for first in range(0, k, self.rows)
                ]
                return [[text for wave in waves for text in wave[i]] for i in range(len(prompts))]
            except (RuntimeError, MemoryError) as error:
                smallest = self.rows == 1 and self.pass_tokens <= _FEWEST_TOKENS
                if not is_out_of_memory(error) or smallest:
                    raise
                # Every text is drawn from its own random numbers, so a new start changes none.
                self.rows = max(1, self.rows // 2)
                self.pass_tokens = max(_FEWEST_TOKENS, self.pass_tokens // 2)
        return []


class _Wave:
    """One call: the texts that grow, and those that wait for a place."""

    def __init__(
        self,
        owner: Generator,
        prompts: Sequence[Sequence[int]],
        how: Sampling,
        copies: range,
    ) -> None:
        self._owner = owner
        self._prompts = prompts
        self._how = how
        self._copies = copies
        self._k = len(copies)
        self._start = clock()
        self._ends = frozenset() if how.ignore_eos else owner.ends
        self._lookback = max((len(stop.encode()) for stop in how.stop), default=0) + 4
        self._penalty = (
            RepetitionPenaltyLogitsProcessor(owner.penalty) if owner.penalty != 1 else None
        )
        self._path = self._shared_path()
        # Attention that can't read a path in place would copy it at every step.
        rows = min(owner.rows, len(prompts) * self._k)
        self._slots = Slots(self._path if owner.split else ROOT, rows)
        self._active: list[_Text] = []
        # A pass over one new prompt takes nearly as long as one over many.
        self._spare = max(1, owner.rows // _REFILLED)

    def run(self) -> list[list[Generation]]:
        groups = [
            [_Text(number, Stream(self._how.seed, prompt, copy)) for copy in self._copies]
            for number, prompt in enumerate(self._prompts)
        ]
        admitted = 0
        with torch.inference_mode():
            while admitted < len(groups) or self._active:
                room = self._owner.rows - len(self._active)
                wanted = max(self._k, min(self._spare, self._k * (len(groups) - admitted)))
                if admitted < len(groups) and (room >= wanted or not self._active):
                    admitted += self._admit(groups[admitted:], max(1, room // self._k))
                else:
                    self._step()
        return [[self._finished(text) for text in group] for group in groups]

    def _shared_path(self) -> Path:
        """Return the cache of what all texts start with, less at least one token of each."""
        if len(self._prompts) * self._k == 1:
            return ROOT
        first, last = min(map(tuple, self._prompts)), max(map(tuple, self._prompts))
        most = min(map(len, self._prompts)) - 1
        pairs = enumerate(zip(first[:most], last[:most], strict=True))
        shared = next((i for i, (a, b) in pairs if a != b), most)
        return self._lengthened(ROOT, first[:shared]) if shared >= _SHORTEST_PATH else ROOT

    def _lengthened(self, path: Path, tokens: Sequence[int]) -> Path:
        owner = self._owner
        for start in range(0, len(tokens), owner.pass_tokens):
            row = _chain(path.length, tokens[start : start + owner.pass_tokens])
            _, added = read(owner.model, [row], path, owner.split, [], keep=True)
            assert added is not None
            path = path.extended(added)
        return path

    def _admit(self, groups: Sequence[list[_Text]], most: int) -> int:
        """Read the next prompts, start their texts and return how many prompts those are."""
        rests = [self._prompts[group[0].prompt][self._path.length :] for group in groups[:most]]
        count, widest = 0, 0
        for rest in rests:
            widest = max(widest, len(rest))
            if count and (count + 1) * widest > self._owner.pass_tokens:
                break
            count += 1
        logits, states, first = self._read_prompts(rests[:count])
        copied = 0 if self._owner.split else self._path.length
        # Continuations of one prompt read it in place where attention can.
        shares = self._owner.split and self._k >= _FEWEST_SHARING
        place = self._slots.share if shares else self._slots.add
        started: list[_Text] = []
        for number, group in enumerate(groups[:count]):
            place(states, number, first, copied + len(rests[number]), self._k)
            started.extend(group)
        self._active.extend(started)
        rows = [number for number in range(count) for _ in range(self._k)]
        self._grow(logits[rows], started)
        return count

    def _read_prompts(
        self, rests: Sequence[Sequence[int]]
    ) -> tuple[torch.Tensor, list[KeyValues], int]:
        """Return (logits of the next tokens, keys and values, the column where they start)."""
        owner, path = self._owner, self._path
        if len(rests[0]) > owner.pass_tokens:
            rest = rests[0]
            path = self._lengthened(path, rest[: -owner.pass_tokens])
            rests = [rest[-owner.pass_tokens :]]
        rows = [_chain(path.length, rest) for rest in rests]
        places = [(number, len(rest) - 1) for number, rest in enumerate(rests)]
        logits, added = read(owner.model, rows, path, owner.split, places, keep=True)
        assert added is not None
        if owner.split and path is self._path:
            return logits, added, 0
        return logits, path.extended(added).states, self._path.length if owner.split else 0

    def _step(self) -> None:
        """Read the last token of every text and choose its next."""
        model, slots = self._owner.model, self._slots
        device = model.device
        count, width, path = len(self._active), slots.width, slots.path
        tokens = torch.tensor([[text.tokens[-1]] for text in self._active], device=device)
        starts = path.length + torch.tensor(slots.starts, device=device)[:, None]
        depths = starts + torch.tensor(slots.lengths, device=device)[:, None]
        keys = starts + torch.arange(width, device=device)
        shared, seen = slots.prompts.shared(), None
        if shared is not None:
            prompt = path.length + torch.arange(shared.width, device=device)
            keys = torch.cat([prompt.expand(count, -1), keys], dim=1)
            own = torch.ones((count, width), dtype=torch.bool, device=device)
            seen = torch.cat([shared.seen(), own], dim=1)[:, None]
        tree = TreeAttention(
            depths, keys, seen, path.states, path.length, self._owner.split, shared
        )
        with (
            only_predicting(model, [(row, 0) for row in range(count)]),
            tree.active(model.config._attn_implementation),
        ):
            logits = model(
                input_ids=tokens, position_ids=depths, past_key_values=slots, use_cache=True
            ).logits
        slots.advance()
        self._grow(logits[0], self._active)

    def _grow(self, logits: torch.Tensor, texts: Sequence[_Text]) -> None:
        """Give each text its next token and forget those that have ended."""
        if self._penalty is not None:
            logits = logits.float()
            for row, text in enumerate(texts):
                seen = torch.tensor([[*self._prompts[text.prompt], *text.tokens]])
                logits[row] = self._penalty(seen.to(logits.device), logits[row : row + 1])[0]
        chosen = choose(logits, self._how, [text.stream for text in texts])
        now = clock() - self._start
        for text, token in zip(texts, chosen, strict=True):
            text.tokens.append(token)
            text.times.append(now)
        ended = [row for row, text in enumerate(self._active) if self._ended(text)]
        if ended:
            self._active = [self._active[row] for row in self._slots.drop(ended)]

    def _ended(self, text: _Text) -> bool:
        if len(text.tokens) >= self._how.max_new_tokens or text.tokens[-1] in self._ends:
            return True
        if not self._how.stop:
            return False
        # A stop text of n bytes spans at most n tokens that hold a byte each.
        tail = self._owner.decode(text.tokens[-self._lookback :])
        return any(stop and stop in tail for stop in self._how.stop)

    def _finished(self, text: _Text) -> Generation:
        written = self._owner.decode(text.tokens)
        for stop in self._how.stop:
            if stop:
                written = written.split(stop)[0]
        return Generation(written, tuple(text.tokens), tuple(text.times))


def _chain(depth: int, tokens: Sequence[int]) -> PackedRow:
    row = PackedRow()
    row.add_piece(Node(depth, list(tokens)))
    return row

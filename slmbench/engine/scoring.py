"""Score continuations under a causal language model, each distinct token computed once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from slmbench.engine.ability import Ability
from slmbench.engine.budget import Budget, is_out_of_memory
from slmbench.engine.forward import ROOT, Path, Prediction, run_pass
from slmbench.engine.packing import Limits, PackedRow, Stage, plan
from slmbench.engine.plain import score_plainly
from slmbench.engine.tree import Node, build
from slmbench.errors import InputError

Pair = tuple[Sequence[int], Sequence[int]]
Score = tuple[float, bool]


class Scoring:
    """Scores pairs under one model, the way that model allows.

    Args:
        model: a transformers language model in evaluation mode.
        max_length: tokens of the context window.
        budget: how large a forward pass may be.
        ability: how the model can be run.
    """

    def __init__(self, model: Any, max_length: int, budget: Budget, ability: Ability) -> None:
        self._model = model
        self._max_length = max_length
        self._budget = budget
        self._ability = ability
        #: The tokens of the last cached path that ends at a block's end, and the path.
        self._kept: tuple[tuple[int, ...], Path] = ((), ROOT)

    def score(self, pairs: Sequence[Pair]) -> list[Score]:
        """Return, for each (context, continuation) of token ids, its score under the model.

        A pair longer than the context window loses tokens on the left, as in lm-eval.

        Returns:
            (log-likelihood in nats, summed over the continuation; whether it is the greedy one).

        Raises:
            InputError: a continuation does not fit the context window, or a part is empty.
        """
        if any(not context or not answer for context, answer in pairs):
            raise InputError(
                "A context and an answer to score must each hold at least one token. Give an empty "
                "context the model's prefix token."
            )
        longest = max((len(continuation) for _, continuation in pairs), default=0)
        if longest > self._max_length:
            raise InputError(
                f"An answer of {longest} tokens doesn't fit the model's context of "
                f"{self._max_length}. Leave the task out, or choose a model with a longer context."
            )
        scores: dict[int, Score] = {}
        while len(scores) < len(pairs):
            left = [i for i in range(len(pairs)) if i not in scores]
            try:
                for index, score in self._parts([pairs[i] for i in left]):
                    scores[left[index]] = score
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                # What was scored stays; the rest is packed anew, half as large.
                self.forget()
                self._budget.halve(error)
        return [scores[index] for index in range(len(pairs))]

    def _parts(self, pairs: Sequence[Pair]) -> Iterator[tuple[int, Score]]:
        """Yield (number of the pair, score) as they come to be known."""
        if not self._ability.tree:
            yield from score_plainly(
                self._model, pairs, self._max_length, self._budget, self._ability
            )
            return
        limits = replace(self._budget.limits(), flat=self._ability.split)
        rows = [
            [*context, *continuation][-(self._max_length + 1) :] for context, continuation in pairs
        ]
        lengths = [len(continuation) for _, continuation in pairs]
        stage = plan(build(rows, lengths, limits.block), limits)
        parts: list[list[Prediction]] = [[] for _ in pairs]
        for prediction in self._run(stage, ROOT, (), limits):
            own = parts[prediction.request]
            own.append(prediction)
            if len(own) == lengths[prediction.request]:
                yield prediction.request, _total(own)

    def _run(
        self, stage: Stage, path: Path, read: tuple[int, ...], limits: Limits
    ) -> Iterator[Prediction]:
        waiting = [(stage, path, read)]
        while waiting:
            stage, path, read = waiting.pop()
            if stage.node is not None:
                path, read, found = self._extend(stage.node, path, read, limits)
                yield from found
            for rows in stage.passes:
                yield from run_pass(self._model, rows, path, self._ability.split)[0]
            waiting.extend((deeper, path, read) for deeper in reversed(stage.stages))

    def _extend(
        self, node: Node, path: Path, read: tuple[int, ...], limits: Limits
    ) -> tuple[Path, tuple[int, ...], list[Prediction]]:
        """Return the path with ``node`` at its end, from memory where it is there.

        Only paths made of whole blocks are remembered: a block is always computed alone, so that a
        remembered one is bit for bit the one that would be computed again.
        """
        before, read = read, (*read, *node.tokens)
        whole = len(read) % limits.block == 0 and len(node.tokens) == limits.block
        if whole and not node.targets and self._is_kept(read):
            return self._kept[1].start(len(read)), read, []
        row = PackedRow()
        row.add_piece(node)
        found, longer = run_pass(self._model, [row], path, self._ability.split, keep=True)
        assert longer is not None
        if whole and (not before or self._is_kept(before)):
            self._kept = (read, longer)
        return longer, read, found

    def _is_kept(self, read: tuple[int, ...]) -> bool:
        return self._kept[0][: len(read)] == read

    def forget(self) -> None:
        """Free the remembered path."""
        self._kept = ((), ROOT)


def _total(parts: list[Prediction]) -> Score:
    return math.fsum(each.log_likelihood for each in parts), all(each.is_greedy for each in parts)

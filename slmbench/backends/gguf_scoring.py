"""Score continuations on llama.cpp: what several of them share is read once, in one pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from slmbench.backends.gguf_native import Session, Step
from slmbench.backends.token_draw import Numbers, log_softmax
from slmbench.engine.tree import Node, build
from slmbench.errors import InputError, ModelError
from slmbench.ports import Tokens

Score = tuple[float, bool]
#: (cells, sequences) -> a session that has them.
OpenSession = Callable[[int, int], Session]

#: Sequences of one pass, beside that of the shared start.
MOST_SIDE_BY_SIDE = 32
#: A tree's nodes are cut at such depths; none is that deep.
_NO_CUT = 1 << 40
#: Rows x vocabulary of one log-softmax: 64 MiB of float64.
_SOFTMAX_NUMBERS = 1 << 23


def score(
    pairs: Sequence[tuple[Tokens, Tokens]], max_length: int, width: int, shares: bool,
    opened: OpenSession,
) -> list[Score]:  # fmt: skip
    """Return (summed natural-log likelihood, is it the greedy one) of each pair.

    Pairs are sorted, so that those with one context stand together; a pass takes as many as fit.
    Their tokens form a tree, and each token of it is read once, for all sequences through it. What
    a whole pass starts with stays in the cache for the next pass. A pair longer than the context
    window loses tokens on the left, as in lm-eval.

    Args:
        pairs: (context, continuation) of token ids.
        max_length: tokens of the context window.
        width: tokens of one pass.
        shares: several sequences may hold one token; else each pair is read alone.
        opened: returns a session with so many cells and sequences.

    Raises:
        InputError: a part is empty, or a continuation does not fit the context window.
        ModelError: the model's numbers are not finite.
    """
    _check(pairs, max_length)
    rows = [[*context, *answer][-(max_length + 1) :] for context, answer in pairs]
    lengths = [len(answer) for _, answer in pairs]
    order = sorted(range(len(rows)), key=lambda i: rows[i])
    waves = _waves(order, rows, width, MOST_SIDE_BY_SIDE if shares else 1)
    cells = max((_cells(wave, rows) for wave in waves), default=0)
    if not waves:
        return []
    session = opened(cells, max(map(len, waves)) + 1)
    session.clear()
    found: dict[int, Score] = {}
    kept: list[int] | None = []
    for wave in waves:
        kept = _read_wave(session, wave, (rows, lengths), kept if shares else None, found)
    session.clear()
    return [found[i] for i in range(len(pairs))]


def _check(pairs: Sequence[tuple[Tokens, Tokens]], max_length: int) -> None:
    if any(not context or not answer for context, answer in pairs):
        raise InputError(
            "A context and an answer to score must each hold at least one token. Give an empty "
            "context the model's prefix token."
        )
    longest = max((len(answer) for _, answer in pairs), default=0)
    if longest > max_length:
        raise InputError(
            f"An answer of {longest} tokens doesn't fit the model's context of {max_length}. Leave "
            "the task out, or choose a model with a longer context."
        )


def _waves(
    order: Sequence[int], rows: Sequence[list[int]], width: int, most: int
) -> list[list[int]]:
    """Cut the sorted rows where a pass is full."""
    waves: list[list[int]] = []
    cost, before = 0, -1
    for number in order:
        new = len(rows[number]) - 1
        more = new if before < 0 else new - min(new, _common(rows[before], rows[number]))
        if waves and cost + more <= width and len(waves[-1]) < most:
            waves[-1].append(number)
            cost += more
        else:
            waves.append([number])
            cost = new
        before = number
    return waves


def _cells(wave: Sequence[int], rows: Sequence[list[int]]) -> int:
    """Return the distinct tokens of a wave, as a bound: what is kept for the next is among them."""
    total = 0
    for i, number in enumerate(wave):
        shared = _common(rows[wave[i - 1]], rows[number]) if i else 0
        total += max(0, len(rows[number]) - 1 - shared)
    return total


def _common(left: Sequence[int], right: Sequence[int]) -> int:
    pairs = enumerate(zip(left, right, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(left), len(right)))


def _read_wave(
    session: Session,
    wave: Sequence[int],
    asked: tuple[Sequence[list[int]], Sequence[int]],
    kept: list[int] | None,
    found: dict[int, Score],
) -> list[int]:
    """Score a wave, and return the tokens that sequence 0 holds after it; None keeps nothing."""
    rows = [asked[0][i] for i in wave]
    lengths = [asked[1][i] for i in wave]
    # What is predicted must be read again: its logits are gone.
    first = min(len(row) - 1 - length for row, length in zip(rows, lengths, strict=True))
    trunk = [] if kept is None else rows[0][: min(_common(rows[0], rows[-1]), first)]
    shared = _common(trunk, kept or [])
    session.cut(0, shared)
    every = tuple(range(1, len(rows) + 1))
    if shared:
        for sequence in every:
            session.share(0, sequence)
    steps, targets = _steps(build(rows, lengths, _NO_CUT), len(rows), shared, len(trunk))
    parts: list[list[tuple[float, bool]]] = [[] for _ in rows]
    for numbers, logits in session.read(steps):
        _collect(numbers, logits, targets, parts)
    for sequence in every:
        session.cut(sequence)
    for number, part in zip(wave, parts, strict=True):
        found[number] = math.fsum(each for each, _ in part), all(best for _, best in part)
    return trunk


#: step -> (token to predict, number of the request) of all that it predicts.
_Targets = dict[int, list[tuple[int, int]]]


def _steps(
    roots: Sequence[Node], count: int, shared: int, trunk: int
) -> tuple[list[Step], _Targets]:
    """Return the tree's tokens, parents first, from depth ``shared`` on, and what they predict."""
    steps: list[Step] = []
    targets: _Targets = {}
    through = _through(roots)
    for root in roots:
        for node in root.walk():
            own = tuple(sorted(request + 1 for request in through[id(node)]))
            predicts: dict[int, list[tuple[int, int]]] = {}
            for target in node.targets:
                predicts.setdefault(target.depth, []).append((target.token, target.request))
            for depth, token in enumerate(node.tokens, node.start):
                if depth < shared:
                    continue
                sequences = (0, *own) if depth < trunk and len(own) == count else own
                asked = depth in predicts
                if asked:
                    targets[len(steps)] = predicts[depth]
                steps.append(Step(token, depth, sequences, asked))
    return steps, targets


def _through(roots: Sequence[Node]) -> dict[int, set[int]]:
    """Return, for each node by its id, the requests whose rows run through it."""
    found: dict[int, set[int]] = {}
    for root in roots:
        for node in reversed(list(root.walk())):
            own = {target.request for target in node.targets}
            found[id(node)] = own.union(*(found[id(child)] for child in node.children))
    return found


def _collect(
    numbers: Sequence[int],
    logits: Numbers,
    targets: _Targets,
    parts: list[list[tuple[float, bool]]],
) -> None:
    """Add what a pass says of its targets to the requests' parts."""
    rows = max(1, _SOFTMAX_NUMBERS // logits.shape[1])
    for start in range(0, len(numbers), rows):
        chances = log_softmax(logits[start : start + rows])
        if not np.isfinite(chances.max(axis=-1)).all():
            raise ModelError("The model computes numbers that are not finite. Is the file damaged?")
        best = chances.argmax(axis=-1)
        for row, number in enumerate(numbers[start : start + rows]):
            for token, request in targets[number]:
                parts[request].append((float(chances[row, token]), bool(best[row] == token)))

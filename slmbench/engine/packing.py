"""Lay a prefix tree out as forward passes: what to cache, what to run side by side.

A *stage* is a path from the root whose keys and values are cached. Its passes hold whole subtrees
that hang from that path, laid side by side in rows; its further stages extend the path. The choice
is made by counting work: a token costs one, and ``attention`` more for every key it looks at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from slmbench.engine.tree import Node, Target, spread

#: Cost of one more forward pass, in tokens: calls, masks, and products too narrow to be fast.
_PASS_COST = 48.0
#: Cost of attending to a path and to a row apart, as a share of the tokens that do.
_PATH_COST = 0.03
#: Row widths tried, in units of the widest subtree.
_WIDTHS = (1.0, 1.25, 1.5, 2.0, 3.0, 4.0)


@dataclass(frozen=True)
class Limits:
    """How large a forward pass may be.

    Attributes:
        tokens: tokens of one pass, padding included.
        predicted: positions of one pass that are carried to the vocabulary.
        attention: cost of one key for one query, in tokens.
        block: tokens of one piece of a cached path.
        flat: attention looks inside each subtree alone, so a pass is one row without padding.
    """

    tokens: int
    predicted: int
    attention: float
    block: int
    flat: bool = False


@dataclass(slots=True)
class PackedRow:
    """Subtrees side by side: for each token its id, depth and the place of its parent in the row.

    A parent of -1 is the cached path. ``targets`` holds (place in the row, target), ``starts`` the
    place of each subtree's first token.
    """

    tokens: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    targets: list[tuple[int, Target]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)

    def add(self, subtree: Node) -> None:
        """Append every token of a subtree, parents first."""
        stack = [(subtree, -1)]
        while stack:
            node, parent = stack.pop()
            self.add_piece(node, parent)
            last = len(self.tokens) - 1
            stack.extend((child, last) for child in reversed(node.children))

    def add_piece(self, node: Node, parent: int = -1) -> None:
        """Append the node's own tokens after the token at ``parent``."""
        first = len(self.tokens)
        if parent < 0:
            self.starts.append(first)
        self.tokens.extend(node.tokens)
        self.depths.extend(range(node.start, node.end))
        self.parents.append(parent)
        self.parents.extend(range(first, first + len(node.tokens) - 1))
        self.targets.extend((first + t.depth - node.start, t) for t in node.targets)


@dataclass(slots=True)
class Stage:
    """One more piece of a cached path, and what hangs from its end.

    ``node`` is the piece itself (None at the root). ``passes`` are lists of rows to run at once.
    """

    node: Node | None
    passes: list[list[PackedRow]]
    stages: list[Stage]


def plan(roots: Sequence[Node], limits: Limits) -> Stage:
    """Return the passes that compute every token of the tree once.

    But for a short head: see `spread`. The nodes given may be changed.
    """
    roots = spread(roots, limits.tokens, limits.block, _PASS_COST, _PATH_COST)
    costs = _Costs(limits)
    for root in roots:
        for node in reversed(list(root.walk())):
            costs.settle(node)
    top = Node(0, [], list(roots))
    stages: dict[int, Stage] = {}
    # Children before parents, without recursion: a long context has a stage for every block.
    for node in reversed(list(top.walk())):
        if node is top or id(node) in costs.cut:
            units = [child for child in node.children if id(child) not in costs.cut]
            deeper = [stages[id(child)] for child in node.children if id(child) in costs.cut]
            passes = list(_passes(units, node.end, limits))
            stages[id(node)] = Stage(None if node is top else node, passes, deeper)
    return stages[id(top)]


class _Costs:
    """The cheaper way to run each subtree: whole in a row, or its head cached first."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._best: dict[int, float] = {}
        self.cut: set[int] = set()

    def settle(self, node: Node) -> None:
        """Choose for ``node``; everything below it is settled."""
        price = self._limits.attention
        whole = node.size * (1 + price * (node.start + node.size))
        if node.size > self._limits.tokens or node.predicted > self._limits.predicted:
            whole = float("inf")
        head = len(node.tokens) * (1 + price * node.end) + _PASS_COST
        below = sum(self._best[id(child)] for child in node.children)
        rest = head + below + (_PASS_COST if node.children else 0.0)
        if rest < whole:
            self.cut.add(id(node))
        self._best[id(node)] = min(whole, rest)


def _passes(units: list[Node], depth: int, limits: Limits) -> Iterator[list[PackedRow]]:
    if not units:
        return
    if limits.flat:
        yield from ([_packed(members)] for members in _even(units, limits))
        return
    rows = min(
        (_fill(units, width, limits) for width in _row_widths(units, limits)),
        key=lambda filled: _cost(filled, depth, limits),
    )
    for group in _groups(rows, limits):
        yield [_packed(members) for members in group]


def _packed(members: list[Node]) -> PackedRow:
    row = PackedRow()
    for unit in members:
        row.add(unit)
    return row


def _even(units: list[Node], limits: Limits) -> list[list[Node]]:
    """Put subtrees in as few rows as the limits allow, and in rows of like length.

    A last row with what is left over would take longer for each of its tokens.
    """
    total = sum(unit.size for unit in units)
    fewest = _fill(units, limits.tokens, limits)
    for width in range(-(-total // len(fewest)), limits.tokens, max(1, limits.tokens // 64)):
        rows = _fill(units, width, limits)
        if len(rows) == len(fewest):
            return rows
    return fewest


def _row_widths(units: list[Node], limits: Limits) -> list[int]:
    widest = max(unit.size for unit in units)
    bound = max(widest, limits.tokens)
    return sorted({min(bound, int(widest * factor)) for factor in _WIDTHS})


def _fill(units: list[Node], width: int, limits: Limits) -> list[list[Node]]:
    """Put subtrees in rows of at most ``width`` tokens, the largest first, each where it fits."""
    order = sorted(units, key=lambda unit: -unit.size)
    rows: list[list[Node]] = []
    room: list[int] = []
    predicting: list[int] = []
    for unit in order:
        fitting = [
            i
            for i, (left, used) in enumerate(zip(room, predicting, strict=True))
            if left >= unit.size and used + unit.predicted <= limits.predicted
        ]
        if fitting:
            place = min(fitting, key=room.__getitem__)
        else:
            place = len(rows)
            rows.append([])
            room.append(width)
            predicting.append(0)
        rows[place].append(unit)
        room[place] -= unit.size
        predicting[place] += unit.predicted
    return sorted(rows, key=lambda row: -_length(row))


def _groups(rows: list[list[Node]], limits: Limits) -> list[list[list[Node]]]:
    """Cut rows, the longest first, into passes of equally many rows within the limits."""
    at_once = max(1, limits.tokens // _length(rows[0]))
    count = -(-len(rows) // -(-len(rows) // at_once))
    groups: list[list[list[Node]]] = []
    predicted = 0
    for row in rows:
        own = sum(unit.predicted for unit in row)
        if not groups or len(groups[-1]) == count or predicted + own > limits.predicted:
            groups.append([])
            predicted = 0
        groups[-1].append(row)
        predicted += own
    return groups


def _cost(rows: list[list[Node]], depth: int, limits: Limits) -> float:
    cost = 0.0
    for group in _groups(rows, limits):
        width = _length(group[0])
        cost += len(group) * width * (1 + limits.attention * (depth + width)) + _PASS_COST
    return cost


def _length(row: list[Node]) -> int:
    return sum(unit.size for unit in row)

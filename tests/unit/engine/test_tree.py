"""The prefix tree holds each distinct prefix once, and every request's answer where it belongs."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from slmbench.engine.tree import Node, build

Request = tuple[list[int], int]


@st.composite
def requests(draw: st.DrawFn) -> list[Request]:
    """Rows over three tokens, some of them continuing or repeating others, and answer lengths."""
    rows = draw(st.lists(st.lists(st.integers(0, 2), min_size=2, max_size=14), min_size=1))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.sampled_from(rows))
        rows.append([*start, *draw(st.lists(st.integers(0, 2), max_size=6))])
    return [(row, draw(st.integers(1, len(row) - 1))) for row in rows]


def _built(asked: list[Request], block: int) -> list[Node]:
    return build([row for row, _ in asked], [length for _, length in asked], block)


def _with_paths(roots: list[Node]) -> list[tuple[tuple[int, ...], Node]]:
    """Return (the tokens before the node, node) for every node."""
    found = []
    stack: list[tuple[tuple[int, ...], Node]] = [((), root) for root in roots]
    while stack:
        before, node = stack.pop()
        found.append((before, node))
        stack.extend(((*before, *node.tokens), child) for child in node.children)
    return found


@settings(max_examples=60, deadline=None)
@given(requests(), st.integers(1, 6))
def test_each_distinct_prefix_is_one_token_of_the_tree(asked: list[Request], block: int) -> None:
    expected = sorted({tuple(row[:end]) for row, _ in asked for end in range(1, len(row))})
    found = []
    for before, node in _with_paths(_built(asked, block)):
        found += [(*before, *node.tokens[: i + 1]) for i in range(len(node.tokens))]
    assert sorted(found) == expected


@settings(max_examples=60, deadline=None)
@given(requests(), st.integers(1, 6))
def test_every_answer_token_is_predicted_from_what_comes_before_it(
    asked: list[Request], block: int
) -> None:
    found: list[list[tuple[int, ...]]] = [[] for _ in asked]
    for before, node in _with_paths(_built(asked, block)):
        for target in node.targets:
            assert node.start <= target.depth < node.end
            read = (*before, *node.tokens)[: target.depth + 1]
            found[target.request].append((*read, target.token))
    for (row, length), parts in zip(asked, found, strict=True):
        ends = range(len(row) - length + 1, len(row) + 1)
        assert sorted(parts, key=len) == [tuple(row[:end]) for end in ends]


@settings(max_examples=60, deadline=None)
@given(requests(), st.integers(1, 6))
def test_nodes_fit_in_blocks_and_siblings_part_at_once(asked: list[Request], block: int) -> None:
    roots = _built(asked, block)
    families = [roots, *(node.children for _, node in _with_paths(roots))]
    for family in families:
        firsts = [child.tokens[0] for child in family]
        assert len(set(firsts)) == len(firsts)
    for before, node in _with_paths(roots):
        assert node.start == len(before)
        assert node.tokens
        assert node.start // block == (node.end - 1) // block
        assert all(child.start == node.end for child in node.children)


@settings(max_examples=60, deadline=None)
@given(requests(), st.integers(1, 6))
def test_counts_cover_all_that_hangs_below(asked: list[Request], block: int) -> None:
    for _, node in _with_paths(_built(asked, block)):
        below = list(node.walk())
        places = {(id(each), target.depth) for each in below for target in each.targets}
        assert node.size == sum(len(each.tokens) for each in below)
        assert node.predicted == len(places)


def test_the_tree_does_not_depend_on_the_order_of_requests() -> None:
    draw = random.Random(1)
    rows = [[draw.randrange(3) for _ in range(draw.randrange(2, 9))] for _ in range(30)]
    order = draw.sample(range(30), 30)

    def shape(wanted: list[int]) -> list[tuple[tuple[int, ...], tuple[int, ...], int]]:
        roots = build([rows[i] for i in wanted], [1] * 30, 4)
        return sorted((b, tuple(n.tokens), len(n.targets)) for b, n in _with_paths(roots))

    assert shape(order) == shape(list(range(30)))


def test_parents_come_before_children_and_in_token_order() -> None:
    (root,) = build([[5, 1, 2, 9], [5, 1, 3, 9], [5, 0, 9]], [1, 1, 1], 100)
    assert [node.tokens for node in root.walk()] == [[5], [0], [1], [2], [3]]


def test_a_long_row_is_cut_at_every_block() -> None:
    (root,) = build([list(range(1000))], [1], 256)
    assert [(node.start, node.end) for node in root.walk()] == [
        (0, 256),
        (256, 512),
        (512, 768),
        (768, 999),
    ]

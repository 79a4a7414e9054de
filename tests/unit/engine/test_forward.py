"""A pass over packed rows gives each leaf what a plain pass over its own tokens gives."""

from __future__ import annotations

import random
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from tiny_models import VOCABULARY, counted, plain_logits, sliding, tiny  # noqa: E402

from slmbench.engine.forward import ROOT, only_predicting, read, run_pass  # noqa: E402
from slmbench.engine.packing import PackedRow  # noqa: E402
from slmbench.engine.tree import Node, Target, build  # noqa: E402

_PATH = 9


@pytest.fixture(scope="module", params=["llama", "sliding"])
def model(request: pytest.FixtureRequest) -> Any:
    return tiny() if request.param == "llama" else sliding(5)


def _tokens(draw: random.Random, count: int) -> list[int]:
    return [draw.randrange(2, VOCABULARY) for _ in range(count)]


def _path(model: Any, tokens: list[int], split: bool) -> Any:
    row = PackedRow()
    row.add_piece(Node(0, tokens))
    _, path = run_pass(model, [row], ROOT, split, keep=True)
    return path


def _subtrees(draw: random.Random, head: list[int]) -> tuple[list[list[int]], list[PackedRow]]:
    """Return rows after ``head``, and their tree as packed rows of unequal width."""
    stems = [_tokens(draw, draw.randrange(1, 6)) for _ in range(4)]
    rows = [[*head, *draw.choice(stems), *_tokens(draw, draw.randrange(1, 9))] for _ in range(9)]
    (root,) = build(rows, [len(row) - len(head) - 1 for row in rows], len(head))
    packed = [PackedRow() for _ in range(3)]
    for child in root.children:
        draw.choice(packed).add(child)
    return rows, [row for row in packed if row.tokens]


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_predictions_are_those_of_plain_rows(model: Any, seed: int, split: bool) -> None:
    draw = random.Random(seed)
    head = _tokens(draw, _PATH)
    rows, packed = _subtrees(draw, head)
    found, _ = run_pass(model, packed, _path(model, head, split), split)
    assert len(found) == sum(len(row) - _PATH - 1 for row in rows)
    chances = [torch.log_softmax(plain_logits(model, row[:-1]), dim=-1) for row in rows]
    for each in found:
        place = chances[each.request][each.depth]
        token = rows[each.request][each.depth + 1]
        assert each.log_likelihood == pytest.approx(float(place[token]), abs=1e-5, rel=2.4e-7)
        assert each.is_greedy == (int(place.argmax()) == token)


@pytest.mark.parametrize("split", [True, False])
def test_logits_come_in_the_order_asked(model: Any, split: bool) -> None:
    draw = random.Random(3)
    chains = [_tokens(draw, size) for size in (7, 4)]
    rows = []
    for chain in chains:
        row = PackedRow()
        row.add_piece(Node(0, chain))
        rows.append(row)
    places = [(1, 3), (0, 0), (0, 6), (1, 3)]
    logits, added = read(model, rows, ROOT, split, places, keep=False)
    assert added is None
    assert logits.shape == (4, VOCABULARY)
    for (row, place), line in zip(places, logits, strict=True):
        expected = plain_logits(model, chains[row])[place]
        torch.testing.assert_close(line, expected, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("split", [True, False])
def test_a_path_read_in_pieces_is_the_path_read_at_once(model: Any, split: bool) -> None:
    tokens = _tokens(random.Random(4), 20)
    whole = _path(model, tokens, split)
    path = _path(model, tokens[:13], split)
    row = PackedRow()
    row.add_piece(Node(13, tokens[13:]))
    _, path = run_pass(model, [row], path, split, keep=True)
    assert path.length == whole.length == 20
    for one, two in zip(path.states, whole.states, strict=True):
        torch.testing.assert_close(one[0], two[0], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(one[1], two[1], atol=1e-4, rtol=1e-4)


def test_only_what_predicts_is_carried_to_the_vocabulary(model: Any) -> None:
    row = PackedRow()
    targets = [Target(2, 5, 0), Target(2, 6, 1), Target(4, 7, 0)]
    row.add_piece(Node(0, [3, 4, 5, 6, 7, 8], [], targets))
    with counted(model) as work:
        found, path = run_pass(model, [row], ROOT, split=True)
    assert (work.tokens, work.predicted) == ([6], [2])
    assert len(found) == 3
    assert path is None


def test_logits_judged_in_slices_are_those_judged_at_once(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(6)
    head = _tokens(draw, _PATH)
    _, packed = _subtrees(draw, head)
    path = _path(model, head, True)
    whole, _ = run_pass(model, packed, path, True)
    for places in (1, 2, 7):
        monkeypatch.setattr("slmbench.engine.forward._SLICE_BYTES", 4 * VOCABULARY * places)
        assert run_pass(model, packed, path, True)[0] == whole


def test_a_pass_that_predicts_nothing_computes_no_logits(model: Any) -> None:
    row = PackedRow()
    row.add_piece(Node(0, [3, 4, 5]))
    with counted(model) as work:
        found, path = run_pass(model, [row], ROOT, split=True, keep=True)
    assert (found, path.length, sum(work.predicted)) == ([], 3, 0)


def test_a_model_is_itself_again_after_a_pass_that_failed(model: Any) -> None:
    row = [3, 4, 5, 6]
    before = plain_logits(model, row)
    with pytest.raises(IndexError), only_predicting(model, [(9, 9)]):
        model(input_ids=torch.tensor([row]))
    with pytest.raises(KeyError), only_predicting(model, [(0, 0)]):
        raise KeyError
    assert torch.equal(plain_logits(model, row), before)
    assert not model.get_output_embeddings()._forward_pre_hooks


def test_padding_and_neighbours_change_next_to_nothing(model: Any) -> None:
    draw = random.Random(5)

    def row(size: int) -> PackedRow:
        made = PackedRow()
        made.add_piece(Node(0, _tokens(draw, size), [], [Target(size - 1, 7, size)]))
        return made

    short, long = row(4), row(40)
    (alone,), _ = run_pass(model, [short], ROOT, True)
    found, _ = run_pass(model, [long, short], ROOT, True)
    (beside,) = [each for each in found if each.request == 4]
    assert beside.log_likelihood == pytest.approx(alone.log_likelihood, abs=1e-5)

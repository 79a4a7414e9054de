"""Each row of the slots keeps its own columns, whatever comes and goes around it."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from hypothesis import settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule  # noqa: E402

from slmbench.engine.forward import ROOT, Path  # noqa: E402
from slmbench.engine.slots import Slots  # noqa: E402

_LAYERS, _HEADS, _SIZE = 2, 2, 3


def _states(rows: int, columns: int, first: int) -> list[Any]:
    """Return keys and values by layer, of numbers that no other call with another start has."""
    shape = (rows, _HEADS, columns, _SIZE)
    count = rows * _HEADS * columns * _SIZE
    made = []
    for layer in range(_LAYERS):
        keys = (first + torch.arange(count, dtype=torch.float64)).reshape(shape) + 0.25 * layer
        made.append((keys, -keys))
    return made


class _Rows(RuleBasedStateMachine):
    """The slots beside a plain list of the columns of each row."""

    def __init__(self) -> None:
        super().__init__()
        self.slots = Slots(ROOT)
        self.rows: list[list[tuple[Any, Any]]] = []
        self.made = 0

    def _new(self, rows: int, columns: int) -> list[Any]:
        self.made += 10**6
        return _states(rows, columns, self.made)

    @rule(
        rows=st.integers(1, 3),
        first=st.integers(0, 2),
        length=st.sampled_from([1, 2, 5, 62, 63, 64, 65, 130]),
        spare=st.integers(0, 2),
        copies=st.integers(1, 3),
        data=st.data(),
    )
    def add(
        self, rows: int, first: int, length: int, spare: int, copies: int, data: st.DataObject
    ) -> None:
        states = self._new(rows, first + length + spare)
        row = data.draw(st.integers(0, rows - 1))
        self.slots.add(states, row, first, length, copies)
        part = [
            (k[row, :, first : first + length], v[row, :, first : first + length])
            for k, v in states
        ]
        self.rows.extend(list(part) for _ in range(copies))

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        gone = data.draw(st.sets(st.integers(0, len(self.rows) - 1), min_size=1))
        order = self.slots.drop(gone)
        assert sorted(order) == [row for row in range(len(self.rows)) if row not in gone]
        self.rows = [self.rows[row] for row in order]

    @precondition(lambda self: self.rows)
    @rule(steps=st.sampled_from([1, 3, 64]))
    def write(self, steps: int) -> None:
        for _ in range(steps):
            new = self._new(len(self.rows), 1)
            seen = [self.slots.update(*pair, layer) for layer, pair in enumerate(new)]
            for i, row in enumerate(self.rows):
                self.rows[i] = [
                    (torch.cat([k, nk[i]], dim=1), torch.cat([v, nv[i]], dim=1))
                    for (k, v), (nk, nv) in zip(row, new, strict=True)
                ]
            self._compare(seen)
            self.slots.advance()

    def _compare(self, seen: list[Any]) -> None:
        widest = max(row[0][0].shape[1] for row in self.rows)
        for layer, (keys, values) in enumerate(seen):
            assert keys.shape == values.shape == (len(self.rows), _HEADS, widest, _SIZE)
            for i, row in enumerate(self.rows):
                length = row[layer][0].shape[1]
                assert torch.equal(keys[i, :, :length], row[layer][0])
                assert torch.equal(values[i, :, :length], row[layer][1])

    @invariant()
    def lengths_are_those_of_the_rows(self) -> None:
        lengths = [row[0][0].shape[1] for row in self.rows]
        assert self.slots.lengths == lengths
        assert self.slots.width == max(lengths, default=0) + 1


TestRows = _Rows.TestCase
TestRows.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)


def test_sizes_count_the_shared_path() -> None:
    path = Path([(torch.zeros(1, _HEADS, 7, _SIZE),) * 2] * _LAYERS, 7)
    slots = Slots(path)
    assert (slots.get_seq_length(), slots.get_mask_sizes(1, 0)) == (7, (8, 0))
    slots.add(_states(1, 4, 0), 0, 0, 4, 1)
    slots.add(_states(1, 2, 0), 0, 0, 2, 2)
    assert (slots.get_seq_length(), slots.get_mask_sizes(1, 0)) == (11, (12, 0))


def test_a_step_looks_at_no_more_columns_than_the_longest_row_needs() -> None:
    slots = Slots(ROOT)
    slots.add(_states(1, 100, 0), 0, 0, 100, 1)
    slots.add(_states(1, 5, 0), 0, 0, 5, 1)
    slots.drop([0])
    keys, _ = slots.update(*_states(1, 1, 0)[0], 0)
    assert keys.shape[2] == 6


def test_what_a_row_left_behind_is_finite() -> None:
    # Columns that a row hasn't reached are masked, and 0 x inf would be no number.
    slots = Slots(ROOT)
    slots.add(_states(1, 3, 0), 0, 0, 3, 1)
    slots.add(_states(1, 70, 0), 0, 0, 70, 1)
    keys, values = slots.update(*_states(2, 1, 0)[0], 0)
    assert bool(torch.isfinite(keys).all())
    assert bool(torch.isfinite(values).all())

"""Ranks on shared items: a board and a recommendation say the same, and a tie is never a win."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmbench.analyse import board_ranks
from slmbench.analyse.board import assemble, board
from slmbench.analyse.recommend import recommend
from slmbench.schema.base import Interval, Measured
from slmbench.schema.board import Board, Cell
from slmbench.schema.recommendation import Budget, Question
from slmbench.schema.record import Aggregation, JobRecord, Metric, RunRecord, Sample
from slmbench.stats.ranks import paired_ranks
from tests.unit.render.board_records import job, measured, record

Scores = Mapping[str, Sequence[float]]
#: Of 400 items: B is right where A is and 12 times more; C answers like nobody.
NARROW = {
    "a": [float(i < 200) for i in range(400)],
    "b": [float(i < 212) for i in range(400)],
    "c": [float(i % 2 == 0) for i in range(400)],
}


class Store:
    """Models' scores as runs and their samples."""

    def __init__(self, tasks: Mapping[str, Scores], cluster: int = 1, up: bool = True) -> None:
        self.tasks, self.cluster, self.up, self.asked = tasks, cluster, up, 0

    def samples(self, run_id: str, job_id: str) -> list[Sample]:
        self.asked += 1
        scores = self.tasks[job_id.partition(".")[2]][run_id]
        return [
            Sample(
                sample_id=str(i), content_hash=f"h{i}", scores={"acc": score},
                cluster=None if self.cluster == 1 else str(i // self.cluster),
            )
            for i, score in enumerate(scores)
        ]  # fmt: skip

    def runs(self) -> list[RunRecord]:
        names = next(iter(self.tasks.values()))
        return [
            record(name, [self.job(task, name) for task in self.tasks] + [self.memory(at)],
                   run_id=name)
            for at, name in enumerate(names)
        ]  # fmt: skip

    def memory(self, at: int) -> JobRecord:
        return job(
            "memory", "chat", {"peak_resident_bytes": measured(1e9 * (at + 1), 1e6, "bytes")}
        )

    def job(self, task: str, name: str) -> JobRecord:
        scores = self.tasks[task][name]
        share = float(np.mean(scores))
        half = 1.96 * float(np.std(scores)) / len(scores) ** 0.5
        value = Measured(
            value=share, unit="", n=len(scores), how="x",
            interval=Interval(low=share - half, high=share + half, method="normal"),
        )  # fmt: skip
        metric = Metric(
            suite="accuracy", task=task, metric="acc", value=value, higher_is_better=self.up,
            aggregation=Aggregation(kind="mean", score="acc"),
        )  # fmt: skip
        return JobRecord(
            job_id=f"accuracy.{task}", suite="accuracy", task=task, status="done",
            sample_count=len(scores), metrics=(metric,),
        )  # fmt: skip

    def board(self) -> Board:
        return board(self.runs(), samples=self.samples)


def cells(made: Board, metric: str = "accuracy mean") -> dict[str, Cell]:
    at = next(i for i, column in enumerate(made.columns) if column.metric == metric)
    return {row.label: row.cells[at] for row in made.rows}


def test_items_show_what_overlapping_intervals_hide() -> None:
    store = Store({"arc": NARROW})
    alone, paired = cells(board(store.runs())), cells(store.board())
    assert (alone["a"].rank, alone["b"].rank) == ("tied", "best")
    assert {cell.ranks for cell in alone.values()} == {None}
    # C has A's share, but other items: nothing is shown of it.
    assert {name: cell.rank for name, cell in paired.items()} == {
        "a": None, "b": "best", "c": "tied"
    }  # fmt: skip
    assert {name: cell.ranks for name, cell in paired.items()} == {
        "a": (2, 3), "b": (1, 2), "c": (1, 3)
    }  # fmt: skip
    assert any("item by item" in note for note in store.board().notes)


def test_items_of_one_passage_count_once() -> None:
    """The 12 items that B has more are of three passages."""
    assert cells(Store({"arc": NARROW}, cluster=4).board())["a"].rank == "tied"


def test_less_is_better_turns_the_ranks_round() -> None:
    found = cells(Store({"arc": NARROW}, up=False).board(), "acc")
    assert (found["a"].rank, found["a"].ranks, found["b"].ranks) == ("best", (1, 2), (2, 3))


@given(st.data())
@settings(max_examples=10, deadline=None)
def test_the_board_and_the_recommendation_agree(data: st.DataObject) -> None:
    score = st.sampled_from([0.0, 1.0])
    names = ["a", "b", "c", "d"][: data.draw(st.integers(2, 4))]
    tasks = {
        task: {
            name: data.draw(st.lists(score, min_size=count, max_size=count)) for name in names
        }
        for task, count in (("arc", 12), ("piqa", 20))
    }  # fmt: skip
    store = Store(tasks, cluster=data.draw(st.sampled_from([1, 3])))
    shown = cells(store.board())
    found = recommend(assemble(store.runs()), Question(), store.samples)
    (answer,) = found.answers
    assert {each.label: each.ranks for each in answer.candidates} == {
        name: cell.ranks for name, cell in shown.items()
    }
    first = {name for name, cell in shown.items() if cell.rank is not None}
    assert first == {answer.recommended, *answer.tied}


def test_what_a_budget_leaves_keeps_what_the_board_shows() -> None:
    store = Store({"arc": NARROW})
    budget = Budget(
        name="x", metrics=("memory/*/peak_resident_bytes",), op="<=", limit=2.5e9
    )  # leaves a and b
    made = recommend(assemble(store.runs()), Question(budgets=(budget,)), store.samples)
    ranks = {each.label: each.ranks for each in made.answers[0].candidates}
    assert ranks == {"a": (2, 2), "b": (1, 1), "c": None}


def test_one_item_of_ten_is_no_win() -> None:
    tasks = {"arc": {"a": [1.0] * 3, "b": [0.0] * 3}}
    found = cells(Store(tasks).board())
    assert found["a"].ranks == found["b"].ranks == (1, 2)


def test_models_that_answer_alike_share_their_ranks() -> None:
    tasks = {"arc": {"a": [0.1, 0.2, 0.7, 1.0], "b": [0.1, 0.2, 0.7, 1.0]}}
    found = cells(Store(tasks).board())
    assert found["a"].ranks == found["b"].ranks == (1, 2)
    assert {cell.rank for cell in found.values()} == {"best"}


def test_models_of_other_items_are_held_apart_by_their_intervals() -> None:
    store = Store({"arc": NARROW})

    def samples(run_id: str, job_id: str) -> list[Sample]:
        own = store.samples(run_id, job_id)
        others = [each.model_copy(update={"content_hash": run_id}) for each in own]
        return own if run_id != "c" else others

    found = cells(board(store.runs(), samples=samples))
    assert (found["a"].rank, found["c"].rank, found["c"].ranks) == (None, "tied", (1, 3))


def test_samples_that_do_not_make_the_value_up_are_not_used() -> None:
    store = Store({"arc": NARROW})

    def few(run_id: str, job_id: str) -> list[Sample]:
        return store.samples(run_id, job_id)[:300]

    found = board(store.runs(), samples=few)
    assert {cell.ranks for cell in cells(found).values()} == {None}
    assert not any("item by item" in note for note in found.notes)


def test_too_many_samples_are_not_read_and_a_note_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_ranks, "MOST_SAMPLES", 1199)
    store = Store({"arc": NARROW})
    made = board_ranks.with_ranks(*_given(store), store.samples)
    assert store.asked == 0 and "too many samples" in made.notes[-1]


def test_columns_without_samples_are_not_asked_for() -> None:
    store = Store({"arc": NARROW})
    runs = [
        run.model_copy(
            update={"jobs": tuple(j.model_copy(update={"sample_count": 0}) for j in run.jobs)}
        )
        for run in store.runs()
    ]
    assert board(runs, samples=store.samples) == board(runs) and store.asked == 0


def _given(store: Store) -> tuple[object, ...]:
    made = assemble(store.runs())
    hosts = [[""] * 3 for _ in made.board.columns]
    return made.board, made.readings, made.parts, hosts


@cache
def all_signs(count: int) -> np.ndarray:
    return np.array(list(product((-1.0, 1.0), repeat=count)))


def exact_p(differences: np.ndarray) -> float:
    """Return the sign-flipping p: how often the sum is at least as large, over all signs."""
    signs = all_signs(len(differences))
    return float(np.mean(signs @ differences >= differences.sum() - 1e-9))


def exact_pairs(scores: np.ndarray, alpha: float = 0.05) -> np.ndarray:
    """Return which models are better by the exact test of every pair under Holm's steps."""
    models = len(scores)
    tests = sorted(
        (exact_p(scores[i] - scores[j]), i, j)
        for i in range(models) for j in range(models) if i != j
    )  # fmt: skip
    found = np.zeros((models, models), dtype=bool)
    for place, (p, i, j) in enumerate(tests):
        if p > alpha / (len(tests) - place):
            break
        found[i, j] = True
    return found


def shown_pairs(scores: np.ndarray) -> np.ndarray:
    each = scores[:, None] - scores[None]
    found = paired_ranks(each.sum(2), np.square(each).sum(2), np.abs(each).max(2))
    assert (found.best <= found.worst).all()
    return found.above


@pytest.mark.parametrize("graded", [False, True])
def test_no_pair_is_shown_that_every_sign_of_every_item_does_not_show(graded: bool) -> None:
    """Brute force over all 2^n signs, of sets with small, large and lopsided differences."""
    chance = np.random.default_rng(7)
    shown = exact = 0
    for number in range(150):
        models, items = 2 + number % 2, 5 + number % 5
        skill = chance.uniform(0.0, 1.0, size=(models, 1))
        scores = (chance.uniform(size=(models, items)) < skill).astype(float)
        if graded:
            scores = skill + chance.gamma(0.5, 1.0, size=(models, items)) * 0.2
        ours, theirs = shown_pairs(scores), exact_pairs(scores)
        assert not (ours & ~theirs).any(), (scores, ours, theirs)
        shown, exact = shown + int(ours.sum()), exact + int(theirs.sum())
    # It is not careful for the price of being blind.
    assert shown > 0.2 * exact > 2


def test_noise_is_ranked_no_more_often_than_it_may_be() -> None:
    """Six equal models on 60 items, 500 times: a rank is shown in at most 5 % of them."""
    chance = np.random.default_rng(11)
    wrong = sum(
        shown_pairs((chance.uniform(size=(6, 60)) < 0.6).astype(float)).any() for _ in range(500)
    )
    assert wrong / 500 <= 0.05

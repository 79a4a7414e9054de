"""A small run of the simulation bench, with its fixed seeds: coverage, errors and power."""

from __future__ import annotations

import pytest

from tests.bench.gate_alarms import alarms, simulated
from tests.bench.gate_cells import Error
from tests.bench.statistics import chosen, figures

#: Cells whose trials cost little; all cells, with thousands of trials, are for the bench.
COVERAGE = (
    ("Wilson, p about 0.05", 50),
    ("Wilson, p about 0.5", 200),
    ("t, beta(2, 5)", 50),
    ("t of 20 clusters", 200),
    ("t of 57 clusters, unequal", 570),
    ("Wilson of 50 clusters, p 0.3", 500),
    ("order statistics, q 0.9", 100),
    ("paired outcomes, p 0.5, 60% change", 200),
    ("paired outcomes of 20 clusters, p 0.5", 200),
    ("paired t of scores", 50),
    ("Welch t, unequal spread", 50),
    ("Newcombe, p 0.95", 50),
    ("rank sum share, shift 0.75", 50),
)
ERRORS = (
    ("margin 0.05, accuracy 0.95, churn 2%", 200),
    ("margin 0.05, accuracy 0.5, churn 40%", 200),
    ("margin 0, accuracy 0.05, churn 2%", 200),
    ("20 rules, margin 0.05, accuracy 0.9", 200),
    ("20 rules, max 0.05 of a share", 200),
    ("20 clusters, 6% lost", 240),
    ("20 clusters, unequal, 15% lost", 240),
)


def rows_of(part, name, n, trials):
    (cell,) = [cell for cell in chosen(part) if (cell.name, cell.n) == (name, n)]
    return figures(cell, trials)


@pytest.mark.parametrize(("name", "n"), COVERAGE)
def test_an_interval_covers_as_it_says(name, n):
    (row,) = rows_of("coverage", name, n, 1000)
    assert row["kept"], row


@pytest.mark.parametrize(("name", "n"), ERRORS)
def test_the_gate_errs_no_more_often_than_alpha(name, n):
    rows = rows_of("errors", name, n, 500)
    assert [row["part"] for row in rows] == ["false PASS", "false FAIL"]
    for row in rows:
        assert row["kept"], row


@pytest.mark.parametrize("n", [100, 400])
def test_the_detectable_difference_is_seen_as_often_as_said(n):
    (row,) = rows_of("power", "detectable difference of scores", n, 1500)
    assert row["kept"], row


def test_equal_models_pass_as_often_as_predicted():
    (row,) = rows_of("power", "gate, equal models, margin 0.025", 1000, 2000)
    assert row["kept"], row


def test_a_broken_promise_would_be_seen():
    """A gate that flips a coin errs in half of all trials; an interval of a point never covers."""
    coin = Error("coin", 50, lambda rng: (rng.random() < 0.5, rng.random() < 0.5))
    assert not any(row["kept"] for row in figures(coin, 200))


@pytest.mark.parametrize("host", ["bursts", "heavy tails"])
def test_a_model_held_against_itself_is_rarely_stopped(host):
    seen, _ = alarms(simulated(host), 25, rounds=40)
    # Of 25 runs at 5 %, more than 5 alarms come less than once in a thousand times.
    assert seen["FAIL"] <= 5
    assert sum(seen.values()) == 25

"""Routing between two hand-made runs: what is paired, what costs, and what is refused."""

from __future__ import annotations

import random

import pytest
from compare_runs import make_run, run_of

from slmbench.analyse.routing import routing
from slmbench.errors import InputError, NotComparable
from slmbench.render.route_text import render_routing
from slmbench.schema.base import Absent, Measured
from slmbench.schema.route import Route

PATH = "accuracy/arc/acc"
N = 120


def outcomes(share: float, seed: int) -> list[float]:
    draw = random.Random(seed)
    return [float(draw.random() < share) for _ in range(N)]


def made(run_id, scores, sure=None, *, parameters=None, **times):
    """Return a run whose samples know their log-likelihoods, tokens and times."""
    run = run_of(run_id, PATH, scores)
    samples = [
        sample.model_copy(
            update={
                "loglikelihoods": (0.0, -sure[i]) if sure else (),
                "input_tokens": 10,
                "output_tokens": 2,
                **{name: values[i] for name, values in times.items()},
            }
        )
        for i, sample in enumerate(run.kept["accuracy.arc"])
    ]
    run.kept["accuracy.arc"] = samples
    model = run.record.model.model_copy(update={"parameter_count": parameters})
    run.record = run.record.model_copy(update={"model": model})
    return run


WEAK = outcomes(0.5, 1)
STRONG = outcomes(0.9, 2)
#: Surest where it is right, with a little noise: what a good cascade goes by.
SURE = [3.0 * right + random.Random(i).random() for i, right in enumerate(WEAK)]


def only(weak, strong, **more) -> Route:
    (route,) = routing(weak, strong, **more).routes
    return route


def value(route: Route, name: str) -> float:
    found = route.figures[name]
    assert isinstance(found, Measured) and found.interval is not None
    assert found.interval.low <= found.value <= found.interval.high
    return found.value


def test_a_sure_weak_model_makes_a_good_cascade() -> None:
    route = only(made("w", WEAK, SURE, parameters=100), made("s", STRONG, parameters=1000))
    assert (route.n, route.weak.value) == (N, pytest.approx(sum(WEAK) / N))
    assert value(route, "apgr") > 0.7 and value(route, "cpt_80") < 0.5
    assert value(route, "oracle_apgr") >= value(route, "apgr")
    assert value(route, "aiq") > value(route, "random_aiq")
    assert route.weak_cost == pytest.approx(0.1) and route.cost == (
        "parameters x tokens read and written"
    )
    first, last = route.points[0], route.points[-1]
    assert (first.share, first.quality, first.cost) == (0.0, route.weak.value, pytest.approx(0.1))
    assert (last.share, last.quality) == (1.0, pytest.approx(route.strong.value))
    # All are asked again in the end, and the weak model was paid for all the same.
    assert last.cost == pytest.approx(1.1)
    assert all(point.quality <= point.oracle + 1e-9 for point in route.points if point.quality)


def test_time_is_the_cost_where_both_runs_measured_it_on_one_machine() -> None:
    slow, fast = [0.4] * N, [0.1] * N
    route = only(made("w", WEAK, SURE, elapsed_s=fast), made("s", STRONG, elapsed_s=slow))
    assert route.cost == "seconds of an item" and route.weak_cost == pytest.approx(0.25)
    route = only(made("w", WEAK, SURE, amortised_j=fast), made("s", STRONG, amortised_j=slow))
    assert route.cost == "joules of an item"
    other = made("s", STRONG, elapsed_s=slow)
    host = other.record.environment.model_copy(update={"hardware_hash": "another"})
    other.record = other.record.model_copy(update={"environment": host})
    route = only(made("w", WEAK, SURE, elapsed_s=fast), other)
    assert isinstance(route.cost, Absent) and "different hardware" in route.cost.reason
    assert isinstance(route.figures["aiq"], Absent) and isinstance(route.figures["apgr"], Measured)


def test_without_log_likelihoods_there_is_an_oracle_and_no_cascade() -> None:
    route = only(made("w", WEAK), made("s", STRONG))
    assert isinstance(route.confidence, Absent) and isinstance(route.figures["apgr"], Absent)
    assert value(route, "oracle_apgr") > 0.5
    assert {point.quality for point in route.points} == {None}
    assert len(route.points) == 11


def test_one_log_likelihood_is_the_right_answers_and_tells_a_router_nothing() -> None:
    weak = made("w", WEAK)
    weak.kept["accuracy.arc"] = [
        sample.model_copy(update={"loglikelihoods": (-1.0,)})
        for sample in weak.kept["accuracy.arc"]
    ]
    assert isinstance(only(weak, made("s", STRONG)).confidence, Absent)


def test_a_gap_that_is_not_shown_recovers_nothing() -> None:
    route = only(made("w", WEAK, SURE), made("s", outcomes(0.5, 3)))
    assert all(isinstance(figure, Absent) for figure in route.figures.values())


def test_items_that_one_run_did_not_score_are_left_out_and_counted() -> None:
    gaps = [None if i < 5 else score for i, score in enumerate(STRONG)]
    route = only(made("w", WEAK, SURE), made("s", gaps))
    assert route.n == N - 5 and any("5 of 120" in note for note in route.notes)


def test_other_items_or_another_version_are_not_comparable() -> None:
    weak = made("w", WEAK, SURE)
    with pytest.raises(NotComparable, match="items differ"):
        routing(weak, run_of("s", PATH, STRONG, salt="other"))
    with pytest.raises(NotComparable, match="fingerprint"):
        routing(weak, run_of("s", PATH, STRONG, job={"task_hash": "t2"}))


def test_runs_that_share_no_accuracy_say_what_to_do() -> None:
    bare = make_run("x", [])
    with pytest.raises(InputError, match="same tasks"):
        routing(made("w", WEAK), bare)
    with pytest.raises(InputError, match="accuracy/arc/acc"):
        routing(made("w", WEAK), made("s", STRONG), metric="accuracy/arc/ac")


def test_a_metric_where_less_is_better_is_not_routed() -> None:
    path = "toxicity/everyday/toxic_fraction"
    runs = [run_of(name, path, outcomes(0.5, 1), up=False) for name in "ws"]
    with pytest.raises(NotComparable, match="isn't better"):
        routing(runs[0], runs[1], metric=path)


def test_the_text_has_every_figure_and_the_same_call_gives_the_same_text() -> None:
    runs = made("w", WEAK, SURE, parameters=100), made("s", STRONG, parameters=1000)
    text = render_routing(routing(*runs))
    assert text == render_routing(routing(*runs))
    for word in ("APGR", "CPT(50 %)", "CPT(80 %)", "AIQ", "oracle", "random", "to strong"):
        assert word in text

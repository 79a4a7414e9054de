"""Which model is recommended: budgets kept for sure, ties named, and missing never a yes."""

from __future__ import annotations

import pytest

from slmbench.analyse.board import assemble
from slmbench.analyse.recommend import recommend
from slmbench.errors import InputError
from slmbench.schema.base import Absent
from slmbench.schema.recommendation import Answer, Budget, Candidate, Question, Recommendation
from slmbench.schema.record import JobRecord, RunRecord
from tests.unit.render.board_records import accuracy, family, job, measured, record

GIB = 2.0**30
PEAK = "memory/*/peak_resident_bytes"


def memory(peak: float, weights: float | None = None, half: float = 0.01) -> JobRecord:
    values: dict[str, object] = {"peak_resident_bytes": measured(peak * GIB, half * GIB, "bytes")}
    if weights is not None:
        values["weight_bytes"] = measured(weights * GIB, None, "bytes")
    return job("memory", "chat", values)  # type: ignore[arg-type]


def model(name: str, score: float, peak: float, **more: object) -> RunRecord:
    return record(name, [accuracy("arc", score), memory(peak)], **more)  # type: ignore[arg-type]


def at_most(limit: float, *metrics: str, **more: object) -> Budget:
    found = {"name": "budget", "op": "<=", "limit": limit, "metrics": metrics or (PEAK,), **more}
    return Budget.model_validate(found)


def asked(runs: list[RunRecord], *budgets: Budget, **capability: float) -> Recommendation:
    return recommend(assemble(runs, join=True), Question(budgets=budgets, capability=capability))


def answer(found: Recommendation) -> Answer:
    (only,) = found.answers
    return only


def candidate(found: Recommendation, label: str) -> Candidate:
    return next(each for each in answer(found).candidates if each.label == label)


def test_the_most_able_model_within_the_budget_is_recommended() -> None:
    found = asked(
        [model("small", 0.4, 1.0), model("middle", 0.6, 3.0), model("large", 0.8, 9.0)],
        at_most(6 * GIB),
    )
    assert (found.verdict, answer(found).recommended) == ("RECOMMENDED", "middle")
    assert answer(found).tied == ()
    broken = candidate(found, "large").checks[0]
    assert (broken.standing, broken.limit) == ("fails", 6 * GIB)
    assert candidate(found, "middle").ranks == (1, 1)
    assert candidate(found, "small").ranks == (2, 2)


def test_who_is_not_shown_to_be_worse_is_tied_and_not_beaten() -> None:
    found = asked([model("a", 0.60, 3.0), model("b", 0.59, 2.0), model("c", 0.3, 1.0)])
    assert answer(found).recommended == "a" and answer(found).tied == ("b",)
    assert candidate(found, "a").ranks == candidate(found, "b").ranks == (1, 2)


def test_equal_models_are_told_apart_by_what_they_need() -> None:
    found = asked([model("dear", 0.6, 3.0), model("cheap", 0.6, 2.0)], at_most(6 * GIB))
    assert answer(found).recommended == "cheap" and answer(found).tied == ("dear",)


def test_a_limit_within_an_interval_leaves_it_open() -> None:
    edge = record("edge", [accuracy("arc", 0.7), memory(6.0, half=0.5)])
    found = asked([edge, model("over", 0.8, 9.0)], at_most(6 * GIB))
    assert (found.verdict, answer(found).recommended) == ("INCONCLUSIVE", None)
    assert answer(found).open == ("edge",)
    assert candidate(found, "edge").checks[0].standing == "undecided"


def test_an_open_model_does_not_stop_a_sure_one_but_is_named() -> None:
    edge = record("edge", [accuracy("arc", 0.7), memory(6.0, half=0.5)])
    found = asked([edge, model("sure", 0.4, 1.0)], at_most(6 * GIB))
    assert (found.verdict, answer(found).recommended) == ("RECOMMENDED", "sure")
    assert answer(found).open == ("edge",)


def test_none_keeps_the_budget() -> None:
    found = asked([model("a", 0.6, 7.0), model("b", 0.5, 8.0)], at_most(6 * GIB))
    assert (found.verdict, answer(found).recommended) == ("NONE", None)


def test_what_was_not_measured_never_keeps_a_budget_and_says_why() -> None:
    values = {"peak_resident_bytes": Absent(reason="the sensor was away")}
    silent = record("silent", [accuracy("arc", 0.9), job("memory", "chat", values)])
    never = record("never", [accuracy("arc", 0.8)])
    found = asked([silent, never, model("heavy", 0.5, 8.0)], at_most(6 * GIB))
    assert found.verdict == "NONE"
    assert {candidate(found, each).standing for each in ("silent", "never")} == {"unknown"}
    assert candidate(found, "silent").checks[0].reason == "the sensor was away"
    assert "2 can't be judged" in answer(found).reason


def test_a_part_that_is_too_much_alone_breaks_a_budget_and_passes_none() -> None:
    def bare(name: str, weights: float) -> RunRecord:
        held = job("memory", "chat", {"weight_bytes": measured(weights * GIB, None, "bytes")})
        return record(name, [accuracy("arc", 0.5), held])

    found = asked(
        [bare("huge", 8.0), bare("light", 1.0), model("known", 0.4, 1.0)],
        at_most(6 * GIB, floor_metrics=("memory/*/weight_bytes",), floor_limit=6 * GIB),
    )
    assert candidate(found, "huge").standing == "fails"
    assert candidate(found, "light").standing == "unknown"
    assert answer(found).recommended == "known"


def test_the_host_memory_of_a_model_on_a_gpu_is_not_its_need() -> None:
    made = model("a", 0.6, 1.0)
    on_gpu = made.model_copy(update={"model": made.model.model_copy(update={"device": "cuda:0"})})
    device = at_most(
        6 * GIB, "memory/*/peak_device_bytes", PEAK, on_gpu=("memory/*/peak_device_bytes",)
    )
    assert asked([made], device).verdict == "RECOMMENDED"
    found = asked([on_gpu], device)
    assert candidate(found, "a").standing == "unknown"
    assert "cuda:0" in candidate(found, "a").checks[0].reason


def test_every_task_of_a_budget_counts() -> None:
    def both(name: str, chat: float, summary: float) -> RunRecord:
        jobs = [
            job("latency", load, {"tpot_s": measured(value, 0.001, "s")})
            for load, value in (("chat", chat), ("summary", summary))
        ]
        return record(name, [accuracy("arc", 0.5), *jobs])

    found = asked([both("a", 0.01, 0.09), both("b", 0.03, 0.04)], at_most(0.05, "latency/*/tpot_s"))
    assert answer(found).recommended == "b"
    assert [check.standing for check in candidate(found, "a").checks] == ["meets", "fails"]


def test_runs_of_two_machines_are_answered_machine_by_machine() -> None:
    runs = [
        model("fast", 0.5, 1.0),
        model("big", 0.8, 9.0),
        model("other", 0.6, 2.0, hardware="Raspberry Pi 5"),
        record("bare", [accuracy("arc", 0.9)], hardware="a third"),
    ]
    found = asked(runs, at_most(6 * GIB))
    answers = {each.hardware: each for each in found.answers}
    assert {each.recommended for each in found.answers} == {"fast", "other"}
    assert [each.label for each in answers["Raspberry Pi 5"].candidates] == ["other"]
    assert [each.label for each in found.unplaced] == ["bare"]


def test_a_budget_of_no_machine_holds_all_together() -> None:
    runs = [model("a", 0.5, 1.0), model("b", 0.6, 1.0, hardware="another")]
    found = asked(runs, Budget(name="x", metrics=("accuracy/*/acc_norm",), op=">=", limit=0.4))
    assert answer(found).hardware == "" and len(answer(found).candidates) == 2


def test_weights_make_one_number_and_less_is_turned_round() -> None:
    def toxic(name: str, score: float, share: float) -> RunRecord:
        held = job("toxicity", "everyday", {"toxic_fraction": measured(share, 0.01)})
        return record(name, [accuracy("arc", score), held])

    columns = {"accuracy/arc/acc_norm": 1.0, "toxicity/everyday/toxic_fraction": 3.0}
    found = asked([toxic("a", 0.7, 0.5), toxic("b", 0.6, 0.1)], **columns)
    assert answer(found).recommended == "b"
    value = candidate(found, "b").capability
    assert value.kind == "measured" and value.value == pytest.approx(0.25 * 0.6 + 0.75 * 0.9)


def test_the_tightest_resource_is_the_one_nearest_its_limit() -> None:
    def both(name: str, score: float) -> RunRecord:
        times = job("latency", "chat", {"tpot_s": measured(0.045, 0.001, "s")})
        return record(name, [accuracy("arc", score), memory(1.0), times])

    found = asked(
        [both("a", 0.6), both("b", 0.3)], at_most(6 * GIB), at_most(0.05, "latency/*/tpot_s")
    )
    assert answer(found).tightest == "latency/chat/tpot_s"
    assert candidate(found, "a").front_probability is not None


def test_numbers_without_an_error_leave_every_rank_open() -> None:
    runs = [
        record(name, [accuracy("arc", value, None)]) for name, value in (("a", 0.9), ("b", 0.1))
    ]
    found = asked(runs)
    assert answer(found).recommended == "a" and answer(found).tied == ("b",)
    assert candidate(found, "a").ranks == (1, 2)
    assert candidate(found, "a").front_probability is None


def test_capabilities_known_in_two_ways_are_not_held_against_each_other() -> None:
    def limited(name: str, score: float, items: int | None) -> RunRecord:
        return record(name, [accuracy("arc", score, limit_items=items)])

    runs = [limited("a", 0.5, None), limited("b", 0.3, None), limited("few", 0.9, 20)]
    found = asked(runs, **{"accuracy/arc/acc_norm": 1.0})
    assert answer(found).recommended == "a"
    assert answer(found).tied == () and answer(found).incomparable == ("few",)
    assert candidate(found, "few").ranks is None


def test_a_metric_that_nobody_has_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(InputError, match="peak_resident_bytes"):
        asked(family(2), at_most(1.0, "memory/chat/peak_residents_bytes"))
    with pytest.raises(InputError, match="rank by"):
        asked(family(2), **{"accuracy/nothing/acc": 1.0})
    with pytest.raises(InputError, match="no share"):
        asked(family(2), **{"latency/chat/ttft_s": 1.0, "accuracy/piqa/acc": 1.0})


def test_the_order_of_the_records_does_not_matter() -> None:
    budgets = (at_most(4 * GIB),)
    assert asked(family()[::-1], *budgets) == asked(family(), *budgets)

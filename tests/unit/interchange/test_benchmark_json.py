"""The JSON of bencher and of github-action-benchmark, in the forms those two document."""

from __future__ import annotations

import json

import pytest
from exported_runs import METRICS, metric, run

from slmbench.errors import InputError
from slmbench.interchange.benchmark_json import render_action_benchmark, render_bmf


def test_bmf_has_every_measured_value_with_its_bounds() -> None:
    document = json.loads(render_bmf(run()))
    assert document["mine/accuracy/arc"]["acc"] == {
        "value": 0.75, "lower_value": 0.65, "upper_value": 0.85
    }  # fmt: skip
    assert document["mine/memory/chat"] == {"weight_bytes": {"value": 2.0**20}}
    assert "mine/energy/chat" not in document
    for measures in document.values():
        for number in measures.values():
            assert number["value"] is not None and set(number) <= {
                "value", "lower_value", "upper_value"
            }  # fmt: skip


@pytest.mark.parametrize(
    ("better", "names"),
    [
        ("bigger", ["accuracy/arc/acc", "accuracy/arc/acc_norm"]),
        ("smaller", ["latency/chat/tpot_s@p95", "memory/chat/weight_bytes"]),
    ],
)
def test_one_direction_a_file(better, names) -> None:
    entries = json.loads(render_action_benchmark(run(), better))
    assert [entry["name"] for entry in entries] == [f"mine/{name}" for name in names]
    for entry in entries:
        assert isinstance(entry["value"], float) and isinstance(entry["unit"], str)
        assert entry["unit"] and "run run-1" in entry["extra"]


def test_ranges_are_told_as_they_are() -> None:
    entries = json.loads(render_action_benchmark(run(), "bigger"))
    assert [entry["range"] for entry in entries] == ["± 0.1", "0.6 to 0.75"]
    times, weights = json.loads(render_action_benchmark(run(), "smaller"))
    assert times["range"] == "± 1 ms" and times["unit"] == "s" and "n = 72" in times["extra"]
    assert "range" not in weights


@pytest.mark.parametrize("metrics", [(), METRICS[4:5]], ids=["none", "all absent"])
def test_nothing_measured_is_no_empty_upload(metrics) -> None:
    for render in (render_bmf, lambda record: render_action_benchmark(record, "bigger")):
        with pytest.raises(InputError, match="no measured metric"):
            render(run(metrics))


def test_a_direction_without_metrics_is_refused() -> None:
    with pytest.raises(InputError, match="--better bigger"):
        render_action_benchmark(run(METRICS[:1]), "smaller")


def test_names_that_bencher_refuses_are_refused_here() -> None:
    with pytest.raises(InputError, match="64"):
        render_bmf(run([metric(f"a/b/{'m' * 65}", 1.0)]))
    with pytest.raises(InputError, match="1024"):
        render_bmf(run(name="m" * 1020))

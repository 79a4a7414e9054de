"""On a host without sensors no energy number is given bare: it is estimated, or missing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from slmbench.cli.app import dispatch
from slmbench.meters.zeus_meter import ZeusEnergy
from slmbench.schema.energy_spec import PER_CORRECT
from slmbench.store.reader import list_runs
from tests.conftest import Finished, slmbench

SHORT = ("--energy", "window_s=0.2", "--energy", "windows=2")


@pytest.fixture(autouse=True)
def no_sensors() -> None:
    if ZeusEnergy.probe() is None:
        pytest.skip("this host has energy sensors")


def run(folder: Path, model: str, *more: object) -> Finished:
    done = slmbench(
        "run", "--model", model, "--suite", "energy", "--task", "chat", "--store", "runs",
        *SHORT, *more, cwd=folder,
    )  # fmt: skip
    assert done.code == 0, done.err
    return done


def energy_of(metrics: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        each for each in metrics if each["suite"] == "energy" or each["metric"] == "j_per_correct"
    ]


def cells_of(column: dict[str, Any], data: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a column's cells; a list whose items are all equal is in the page as one of them."""
    lists = {
        name: column[name] if isinstance(column[name], list) else [column[name]] * data["count"]
        for name in ("value", "marks", "why")
    }
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


@pytest.mark.slow
def test_terminal_json_and_page_all_say_estimated_or_missing(tmp_path: Path) -> None:
    pytest.importorskip("lm_eval")
    tariff = ("--energy", "usd_per_kwh=0.3", "--energy", "country=FRA")
    both = ("--suite", "accuracy,energy", "--task", "agreement,chat", "--limit", 48)
    done = run(tmp_path, "ref:pico", *tariff, *both, "--json")
    metrics = energy_of(done.json()["runs"][0]["metrics"])
    names = {each["metric"] for each in metrics}
    assert names >= {
        "j_per_output_token", "net_j_per_output_token", "idle_power_w", "j_per_correct",
        "gco2e_per_1000_requests", "cost_usd_per_1000_requests",
    }  # fmt: skip
    for each in metrics:
        assert each["how"] == "estimated" if each["how"] is not None else each["absent"], each
    (request,) = [each for each in metrics if each["metric"] == "j_per_request"]
    assert "batch 1" in request["source"] and "W per thread" in request["source"]

    done = run(tmp_path, "fake:x", *tariff)
    rows = [line for line in done.out.splitlines() if "energy/chat/" in line]
    assert len(rows) >= 11
    assert all("estimated" in row or "—" in row for row in rows), done.out

    run(tmp_path, "fake:y", "--energy", "estimate=false")
    assert slmbench("leaderboard", "runs", "-o", "page", cwd=tmp_path).code == 0
    page = (tmp_path / "page" / "index.html").read_text("utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data = json.loads(found.group(1))
    cells = [cell for column in data["columns"] if column["suite"] == "energy"
             for cell in cells_of(column, data)]  # fmt: skip
    measured = [cell for cell in cells if cell["value"] is not None]
    missing = [cell for cell in cells if cell["value"] is None]
    assert len(measured) >= 10 and len(missing) >= 5
    for cell in measured:
        badges = {data["texts"][badge]: data["texts"][meaning] for _, badge, meaning in
                  data["marks"][cell["marks"]]}  # fmt: skip
        assert "not measured by an instrument" in badges["est."]
    reasons = [data["texts"][cell["why"]] for cell in missing]
    assert all(reasons)
    assert sum("an estimate was not asked for" in reason for reason in reasons) >= 5
    # What a correct answer took is in the record; the board has other things to show.
    assert not [name for name in PER_CORRECT if name in page]


def test_nothing_is_estimated_where_nobody_wants_it(tmp_path: Path) -> None:
    done = slmbench(
        "run", "--model", "fake:x", "--suite", "energy", "--task", "chat", "--json",
        "--energy", "estimate=false", "--energy", "usd_per_million_output_tokens=2",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    for each in done.json()["runs"][0]["metrics"]:
        if each["metric"] == "price_usd_per_1000_requests":
            assert each["how"] == "price table" and each["value"] == pytest.approx(0.064)
        else:
            assert each["how"] is None and "estimate was not asked for" in each["absent"]


def test_samples_carry_their_share_and_say_so(tmp_path: Path) -> None:
    asked = (
        # A name of its own: what another test asked of a fake would come from the cache.
        "run", "--model", "fake:shares", "--suite", "bias,similarity", "--limit", 6,
        "--task", "rumour_questions,paraphrase", "--store", "runs",
    )  # fmt: skip
    for _ in range(2):
        assert slmbench(*asked, cwd=tmp_path).code == 0
    cold, warm = list_runs(str(tmp_path / "runs"))
    for job in cold.record.jobs:
        samples = cold.samples(job.job_id)
        whole_s = job.details["amortised"]["model_s"]
        assert sum(each.amortised_s or 0.0 for each in samples) == pytest.approx(whole_s)
        assert 0.0 < whole_s < (job.elapsed_s or 0.0)
        assert all((each.amortised_how or "").startswith("amortised") for each in samples)
        assert all(each.elapsed_s is None and each.amortised_j is None for each in samples)
        names = {metric.metric for metric in job.metrics}
        assert ("seconds_per_correct" in names) is (job.suite != "similarity")
        assert "j_per_correct" not in names
    for job in warm.record.jobs:
        told = {each.amortised_how for each in warm.samples(job.job_id)}
        assert len(told) == 1 and "taken from the cache" in (told.pop() or "")
        for metric in job.metrics:
            if metric.metric == "seconds_per_correct":
                assert metric.value.kind == "absent"
                assert "taken from the cache" in metric.value.reason


@pytest.mark.parametrize(
    ("pair", "complaint"),
    [
        ("contry=FRA", "Did you mean 'country'"),
        ("country", "--energy 'country' is not key=value, as in --energy country=FRA"),
        ("window_s=-1", "energy.window_s"),
    ],
)
def test_a_wrong_setting_is_named(
    pair: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dispatch(["run", "--model", "fake:x", "--suite", "energy", "--energy", pair]) == 2
    assert complaint in " ".join(capsys.readouterr().err.split())

"""The shipped boards of published figures: built from their sheets, twice the same bytes."""

from __future__ import annotations

import csv
import html
import json
import re
from pathlib import Path

import pytest

from slmbench.analyse.board import board
from slmbench.analyse.board_axes import with_axes
from slmbench.cli import published
from slmbench.errors import InputError
from slmbench.interchange import published_sheet
from slmbench.interchange.importing import ImportFile
from slmbench.interchange.published_board import (
    board_names,
    board_records,
    load_board,
    published_dir,
)
from slmbench.schema.base import Measured
from slmbench.schema.record import RunRecord

SHARED = Path(__file__).resolve().parents[4] / "shared" / "published"
SHEETS = sorted((published_dir() / "figures").glob("*.yaml"))
NAMES = [
    "accuracy_co2", "energy_latency", "joined", "mobilellm_size", "pythia", "toxicity_similarity",
]  # fmt: skip


def records(sheet: str) -> dict[str, RunRecord]:
    runs = published_sheet.read(ImportFile(published_dir() / "figures" / f"{sheet}.yaml"))
    return {run.record.model.name: run.record for run in runs}


def values(record: RunRecord) -> dict[str, float]:
    return {m.path: m.value.value for m in record.metrics if isinstance(m.value, Measured)}


def pages(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*.html"))
    }


def test_the_boards_that_were_promised_are_there() -> None:
    assert board_names() == NAMES


def test_one_command_builds_the_same_bytes_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    published.command(None, str(tmp_path / "one"), listed=False)
    published.command(None, str(tmp_path / "two"), listed=False)
    one = pages(tmp_path / "one")
    assert one == pages(tmp_path / "two")
    assert set(one) == {"index.html", *(f"{name}/index.html" for name in NAMES)}
    assert "toxicity_similarity" in capsys.readouterr().out
    index = one["index.html"].decode()
    links = [html.unescape(link) for link in re.findall(r'href="([^"#]+)', index)]
    assert {link for link in links if link.endswith(".html")} == set(one) - {"index.html"}
    for name in NAMES:
        page = one[f"{name}/index.html"].decode()
        assert "<script src" not in page and str(tmp_path) not in page
        assert html.escape(load_board(name).title, quote=False) in page


@pytest.mark.parametrize("name", NAMES)
def test_the_axes_of_a_board_are_numbers_that_it_has(name: str) -> None:
    source = load_board(name)
    assert source.axes is not None
    for path in (source.axes.capability, source.axes.resource):
        holders = [r for r in board_records(source) if path in values(r)]
        assert len(holders) >= 5, path


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)
def test_every_figure_is_published_and_cited(path: Path) -> None:
    runs = published_sheet.read(ImportFile(path))
    for metric in (metric for run in runs for metric in run.record.metrics):
        assert isinstance(metric.value, Measured)
        assert metric.value.how == "published" and metric.value.source


def test_the_joined_board_has_models_of_two_sources_at_least() -> None:
    found: dict[str, set[str]] = {}
    for record in board_records(load_board("joined")):
        assert record.origin is not None
        found.setdefault(record.model.name, set()).add(next(iter(record.origin.files)))
    assert len(found) > 20 and all(len(files) >= 2 for files in found.values())
    assert {"tiiuae/falcon-7b", "meta-llama/Llama-2-7b-hf", "mistralai/Mistral-7B-v0.1"} <= set(
        found
    )


def test_the_picture_comes_first_where_the_directions_are_those_of_a_picture() -> None:
    source = load_board("toxicity_similarity")
    shown = board(board_records(source), title=source.title)
    capability, resource = "similarity_to_prompt", "toxic_fraction"
    paths = [f"toxicity/safenlp_toxigen/{name}" for name in (capability, resource)]
    picture = with_axes(shown, *paths).pictures[0]
    assert picture.picture_id == paths[1]
    points = {point.label: point for point in picture.points}
    assert len(points) == 17 and len(picture.omitted) == 7
    better = {
        name: any(
            other.capability.value >= point.capability.value
            and other.resource.value <= point.resource.value
            and other is not point
            for other in picture.points
        )
        for name, point in points.items()
    }
    assert {n for n, p in points.items() if p.standing == "front"} == {
        n for n, beaten in better.items() if not beaten
    }
    assert with_axes(shown, paths[1], paths[0]) == shown
    with pytest.raises(InputError, match="no column 'toxicity/safenlp_toxigen/toxic_fractoin'"):
        with_axes(shown, paths[0], "toxicity/safenlp_toxigen/toxic_fractoin")


def test_an_unknown_board_is_told_the_names() -> None:
    with pytest.raises(InputError, match="Did you mean 'pythia'"):
        published.command(["pithia"], "out", listed=False)


def test_the_three_models_of_the_paper() -> None:
    found = records("contrastive_perplexity")
    printed = {
        "tiiuae/falcon-7b": (0.66, 0.589),
        "meta-llama/Llama-2-7b-hf": (0.84, 0.769),
        "mistralai/Mistral-7B-v0.1": (0.48, 0.331),
        "Mistral-7b + CP": (0.40, 0.043),
    }
    for name, (similarity, toxic) in printed.items():
        own = values(found[name])
        assert own["toxicity/safenlp_toxigen/similarity_to_prompt"] == similarity
        assert own["toxicity/safenlp_toxigen/toxic_fraction"] == toxic


def test_mobilellms_printed_means_are_the_means_of_its_figures() -> None:
    tasks = ["arc_easy", "arc_challenge", "boolq", "piqa", "social_iqa", "hellaswag",
             "openbookqa", "winogrande"]  # fmt: skip
    found = records("mobilellm")
    assert len(found) == 28
    for record in found.values():
        own = values(record)
        mean = sum(own[f"accuracy/{task}/acc"] for task in tasks) / 8
        # Printed to a tenth of a percent; one of them was rounded from another rounding.
        assert own["accuracy/mobilellm_mean_of_8/mean_acc"] == pytest.approx(mean, abs=0.00101)


def test_pythias_figures_are_those_of_its_files() -> None:
    if not (SHARED / "pythia").is_dir():
        pytest.skip("no published Pythia files beside us")
    found = records("pythia")
    assert len(found) == 16
    for path in (SHARED / "pythia").glob("*.json"):
        size = path.name.partition("_")[0].replace("-bf16", "")
        source = json.loads(path.read_text("utf-8"))["results"]
        record = found[f"EleutherAI/pythia-{size}"]
        assert values(record)["accuracy/lambada_openai/ppl"] == source["lambada_openai"]["ppl"]
        for metric in record.metrics:
            if metric.metric != "acc" or not isinstance(metric.value, Measured):
                continue
            printed = source[metric.task]
            assert metric.value.value == printed["acc"] and metric.value.interval is not None
            half = metric.value.interval.high - metric.value.value
            assert half == pytest.approx(1.959964 * printed["acc_stderr"], rel=1e-5)


def test_the_leaderboards_figures_and_the_rule_of_choice() -> None:
    path = SHARED / "open_llm_leaderboard_v2.csv"
    if not path.is_file():
        pytest.skip("no published leaderboard table beside us")
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    wanted = {
        row["fullname"]
        for row in rows
        if row["Type"] == "🟢 pretrained"
        and (row["Official Providers"], row["Flagged"]) == ("True", "False")
        and row["Chat Template"] == "False"
        and 0 < float(row["#Params (B)"]) <= 8.2
    }
    found = records("open_llm_leaderboard_v2")
    assert set(found) == wanted - {"gpt2"}
    sources = {(row["fullname"], row["Precision"]): row for row in rows}
    for name, record in {**found, **records("open_llm_leaderboard_v2_instruct")}.items():
        row, own = sources[name, record.model.dtype or ""], values(record)
        assert own["accuracy/leaderboard_bbh/acc_norm"] == float(row["BBH Raw"])
        assert own["accuracy/leaderboard_mmlu_pro/acc"] == float(row["MMLU-PRO Raw"])
        grams = own["energy/open_llm_leaderboard_v2/gco2e"]
        assert grams == pytest.approx(float(row["CO₂ cost (kg)"]) * 1000, rel=1e-12)


def test_the_energy_figures_are_those_of_the_files() -> None:
    folder = SHARED / "ml_energy_v2_chat"
    if not folder.is_dir():
        pytest.skip("no published ML.ENERGY files beside us")
    sources = {}
    for path in folder.glob("*/*/*/*.json"):
        source = json.loads(path.read_text("utf-8"))
        if source["TP"] == source["PP"] == 1:
            sources[source["Model"], source["GPU"], str(source["Max BS (reqs)"])] = source
    runs = published_sheet.read(ImportFile(published_dir() / "figures" / "ml_energy_v2_chat.yaml"))
    assert len(runs) == 42
    for run in runs:
        hardware, own = run.record.environment.hardware, values(run.record)
        key = (run.record.model.name, hardware["gpu_model"], hardware["max_batch_size"])
        source = sources[key]
        assert own["energy/ml_energy_v2_chat/j_per_request"] == source["Energy/req (J)"]
        assert own["latency/ml_energy_v2_chat/tpot_s"] == source["Avg TPOT (s)"]
        joules = source["Energy/req (J)"] / source["Avg Output Tokens"]
        assert own["energy/ml_energy_v2_chat/j_per_output_token"] == joules

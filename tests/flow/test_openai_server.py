"""The command line against `transformers serve`: a server that nobody here wrote."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from slmbench.backends.huggingface import HuggingFace
from slmbench.backends.openai_http import OpenAIHttp
from slmbench.errors import ModelError, UnsupportedByServer
from slmbench.plan.model_text import parse_model
from slmbench.ports import Sampling
from slmbench.resources import reference_dir
from slmbench.schema.base import Absent
from tests.conftest import slmbench

PICO = reference_dir() / "pico"
TEXTS = ["The cat sat on the mat.", "Once upon a time there was a little girl who"]
KEY = "sk-not-for-the-record"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of `transformers serve` with the reference model pico, in float32."""
    for module in ("uvicorn", "fastapi", "openai"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"transformers serve needs {module}, which isn't installed")
    if not (PICO / "model.safetensors").is_file():
        pytest.skip("the reference model pico has no weights here")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-c", "from transformers.cli.transformers import main; main()", "serve",
        str(PICO), "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32",
        "--device", "cpu",
    ]  # fmt: skip
    log = tmp_path_factory.mktemp("serve") / "log.txt"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with log.open("wb") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
    try:
        deadline = time.monotonic() + 180
        while not _is_up(port):
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(timeout=30)


def _is_up(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def served(url: str) -> Iterator[OpenAIHttp]:
    model = parse_model(f"openai:{url},model={PICO},tokenizer={PICO},retries=1")
    made = OpenAIHttp(model, model.target)
    yield made
    made.close()


def test_greedy_text_is_that_of_the_weights(served: OpenAIHttp) -> None:
    local = HuggingFace(parse_model("ref:pico,device=cpu"), str(PICO))
    for how in (Sampling(max_new_tokens=20), Sampling(max_new_tokens=20, stop=(" the",))):
        mine = served.generate([served.encode(text) for text in TEXTS], how, 1)
        own = local.generate([local.encode(text) for text in TEXTS], how, 1)
        assert [row[0].text for row in mine] == [row[0].text for row in own]
        assert [len(row[0].tokens) for row in mine] == [len(row[0].tokens) for row in own]
    times = mine[0][0].token_times_s
    assert list(times) == sorted(times) and len(set(times)) > 1 and times[0] > 0
    local.close()


def test_samples_are_drawn_and_repeat(served: OpenAIHttp) -> None:
    """The server draws only when it is told so in its own words."""
    hot = Sampling(max_new_tokens=12, temperature=1.0, seed=5)
    prompts = [served.encode(text) for text in TEXTS]
    found = [[each.text for each in row] for row in served.generate(prompts, hot, 3)]
    assert [len(row) for row in found] == [3, 3]
    assert len({text for row in found for text in row}) > 3
    assert [[each.text for each in row] for row in served.generate(prompts, hot, 3)] == found
    assert "transformers dialect" in served.notes()[0]
    assert not any("may draw none" in note for note in served.notes())


def test_what_the_server_lacks_is_said(served: OpenAIHttp, url: str) -> None:
    with pytest.raises(UnsupportedByServer, match="echo with logprobs"):
        served.loglikelihood([(served.encode("A cat"), served.encode(" sat", False))])
    assert isinstance(served.choice_logprobs(["A cat"], [" sat"])[0], Absent)
    wrong = parse_model(f"openai:{url},model=nope")
    with pytest.raises(ModelError, match=r"'nope'.*Server is pinned"):
        OpenAIHttp(wrong, wrong.target)


def test_a_served_model_judges(url: str, tmp_path: Path) -> None:
    """The server gives no probabilities, so replies are drawn, in both orders of the scale."""
    (tmp_path / "mine").mkdir()
    items = [{"id": str(i), "prompt": text} for i, text in enumerate(TEXTS)]
    (tmp_path / "mine" / "items.jsonl").write_text("\n".join(map(json.dumps, items)))
    (tmp_path / "mine" / "clear.yaml").write_text(
        "{suite: judge, task: clear, version: 1, data: items.jsonl, method: g_eval, draws: 60,"
        " criterion: 'Is it clear?', steps: [Read it.], scale: [1, 30],"
        " generation: {max_new_tokens: 6}}"
    )
    done = slmbench(
        "run", "--model", "ref:nano", "--suite", "judge", "--task", "clear",
        "--include-path", "mine", "--judge", f"openai:{url},model={PICO},name=served-judge",
        "--store", "runs", "--json", cwd=tmp_path, OPENAI_API_KEY=KEY,
    )  # fmt: skip
    assert done.code == 0, done.err
    (run,) = done.json()["runs"]
    found = {each["metric"]: each for each in run["metrics"]}
    assert found["g_eval"]["value"] is not None, found
    assert 1 <= found["g_eval"]["value"] <= 30
    assert 0 < found["answer_mass"]["value"] <= 1
    assert found["g_eval"]["how"].startswith("openai:served-judge@")
    (record,) = (tmp_path / "runs").glob("*/run.json")
    assert json.loads(record.read_text())["jobs"][0]["details"]["ways"] == ["sampling, 60 draws"]


def test_a_run_is_recorded(url: str, tmp_path: Path) -> None:
    model = f"openai:{url},model={PICO},name=served-pico"
    done = slmbench(
        "run", "--model", model, "--suite", "similarity", "--limit", 3, "--store", "runs",
        "--json", cwd=tmp_path, OPENAI_API_KEY=KEY,
    )  # fmt: skip
    assert done.code == 0, done.err
    (run,) = done.json()["runs"]
    assert run["model"] == "served-pico" and run["status"] == "done"
    chrf = next(each for each in run["metrics"] if each["metric"] == "chrf")
    assert chrf["value"] > 0 and chrf["n"] == 3
    record = json.loads((Path(tmp_path, run["path"]) / "run.json").read_text())
    assert record["model"]["architecture"] == "openai server"
    assert any("/completions" in note for note in record["jobs"][0]["details"]["engine"])
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes()


def test_latency_needs_the_tokenizer(url: str, tmp_path: Path) -> None:
    asked = ("run", "--suite", "latency", "--task", "chat", "--store", "runs", "--json")
    blind = slmbench(*asked, "--model", f"openai:{url},model={PICO}", cwd=tmp_path)
    assert blind.code == 5 and "tokenizer=FOLDER" in blind.err + blind.out
    done = slmbench(*asked, "--model", f"openai:{url},model={PICO},tokenizer={PICO}", cwd=tmp_path)
    assert done.code == 0, done.err
    found = {each["metric"]: each["value"] for each in done.json()["runs"][0]["metrics"]}
    assert 0 < found["ttft_s"] < found["e2e_s"] and 0 < found["tpot_s"] < found["e2e_s"]


def test_it_is_put_under_load(url: str, tmp_path: Path) -> None:
    done = slmbench(
        "run", "--model", f"openai:{url},model={PICO},tokenizer={PICO}", "--suite", "load",
        "--load", "concurrencies=1,2", "--load", "rates=5", "--load", "duration_s=3s", "--load",
        "ramp_s=300ms", "--slo", "ttft:60s", "--store", "runs", "--json", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    (run,) = done.json()["runs"]
    found = {each["metric"]: each for each in run["metrics"]}
    for stage in ("closed_1", "closed_2"):
        assert found[f"{stage}_requests_per_s"]["value"] > 0
        assert found[f"{stage}_failed_share"]["value"] == 0
        assert found[f"{stage}_slo_share"]["value"] == 1
    assert found["max_requests_per_s"]["unit"] == "requests/s"
    assert found["slo_requests_per_s"]["value"] == 5
    record = json.loads((Path(tmp_path, run["path"]) / "run.json").read_text())
    stages = [each["stage"] for each in record["jobs"][0]["details"]["stages"]]
    assert stages == ["closed_1", "closed_2", "open_5"]


def test_nobody_listens(tmp_path: Path) -> None:
    done = slmbench(
        "run", "--model", "openai:http://127.0.0.1:9/v1,model=x", "--suite", "similarity",
        "--limit", 1, "--store", "runs", cwd=tmp_path,
    )  # fmt: skip
    assert done.code in (2, 5) and "Nobody answers at http://127.0.0.1:9/v1" in done.err
    assert "Traceback" not in done.err

"""A served model is read from a URL and a name; a key or a password never gets into a spec."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slmbench.errors import InputError
from slmbench.plan.build import build
from slmbench.plan.model_text import parse_lm_eval_model, parse_model
from slmbench.plan.spec_file import load_spec
from slmbench.schema.model_spec import ModelSpec, ServerSpec
from slmbench.schema.spec import RunSpec

URL = "http://127.0.0.1:8000/v1"


@pytest.mark.parametrize(
    ("text", "target", "server"),
    [
        (f"openai:{URL},model=tiny", URL, {"model": "tiny"}),
        ("openai:http://[::1]:8000/v1/,model=a/b", "http://[::1]:8000/v1", {"model": "a/b"}),
        (
            "openai:https://models.example.org/v1,model=o/b:q4,api=chat,key_env=MY_KEY,retries=0",
            "https://models.example.org/v1",
            {"model": "o/b:q4", "api": "chat", "key_env": "MY_KEY", "retries": 0},
        ),
        (
            f"openai:{URL},model=x,tokenizer=./some/folder,timeout_s=2.5",
            URL,
            {"model": "x", "tokenizer": "./some/folder", "timeout_s": 2.5},
        ),
    ],
)
def test_a_served_model_is_read(text: str, target: str, server: dict[str, object]) -> None:
    model = parse_model(text)
    assert model.target == target and model.server == ServerSpec.model_validate(server)
    assert ModelSpec.model_validate(json.loads(model.model_dump_json())) == model


def test_its_label_is_the_models_name() -> None:
    assert parse_model(f"openai:{URL},model=owner/tiny").label == "tiny"
    assert parse_model(f"openai:{URL},model=owner/tiny,name=mine,batch_size=4").label == "mine"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (f"openai:{URL}", "lacks the server's name of the model: add ',model=NAME'"),
        (f"openai:{URL},modle=x", "unknown key 'modle'. Did you mean 'model'"),
        (f"openai:{URL},model=", "'server.model'"),
        (f"openai:{URL},model=x,api=both", "'server.api'"),
        (f"openai:{URL},model=x,timeout_s=0", "'server.timeout_s'"),
        (f"openai:{URL},model=x,dtype=float32", "'dtype' is decided by the server"),
        (f"openai:{URL},model=x,trust_remote_code=true", "'trust_remote_code' is decided"),
        ("openai:127.0.0.1:8000,model=x", "must be a URL, for example"),
        ("openai:ftp://a/v1,model=x", "must be a URL"),
        ("openai:http:///v1,model=x", "must be a URL"),
        ("openai:http://a:99999/v1,model=x", "Port out of range"),
        ("openai:http://a/v1?key=x,model=x", r"no '\?'"),
        ("hf:o/n,model=x", "unknown key 'model'"),
    ],
)
def test_a_slip_is_told(text: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        parse_model(text)


@pytest.mark.parametrize(
    "text",
    [
        "openai:https://me:hunter2@models.example.org/v1,model=x",
        "openai:https://hunter2@models.example.org/v1,model=x",
        "openai:https://me:hun,ter2@models.example.org/v1,model=x",
        f"openai:{URL},model=x,key_env=sk-hunter2",
    ],
)
def test_a_secret_is_refused_and_not_repeated(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        parse_model(text)
    assert "hunter2" not in str(caught.value) and "ter2" not in str(caught.value)
    assert "key" in str(caught.value)
    url = "https://me:hunter2@models.example.org/v1"
    (tmp_path / "spec.yaml").write_text(
        f"models: [{{backend: openai, target: '{url}', server: {{model: x}}}}]\n"
    )
    with pytest.raises(InputError, match="OPENAI_API_KEY") as caught:
        load_spec(str(tmp_path / "spec.yaml"), {}, ("hf", "openai"))
    assert "hunter2" not in str(caught.value)


def test_lm_evals_spelling() -> None:
    model = parse_lm_eval_model("openai", f"base_url={URL},model=tiny")
    assert model == parse_model(f"openai:{URL},model=tiny")
    with pytest.raises(InputError, match="would be recorded"):
        parse_lm_eval_model("openai", "base_url=http://a:b@c/v1,model=tiny")


def test_only_a_served_model_has_a_server() -> None:
    with pytest.raises(ValueError, match="only the backend openai"):
        ModelSpec(backend="hf", target="o/n", server=ServerSpec(model="x"))


def test_a_plan_tells_two_models_of_one_server_apart() -> None:
    models = tuple(parse_model(f"openai:{URL},model={name}") for name in ("a", "b"))
    plan = build(RunSpec(models=models, suites=("similarity",)))
    hashes = {run.plan_hash for run in plan.runs}
    weights = {run.fingerprint.weights for run in plan.runs if run.fingerprint is not None}
    assert len(hashes) == len(weights) == 2
    assert all(not run.downloads and run.memory_bytes is None for run in plan.runs)
    judged = RunSpec(models=models[:1], suites=("similarity",), judge=models[1])
    assert build(judged).runs[0].seconds["judge"].fingerprint == plan.runs[1].fingerprint


def test_plans_from_before_servers_keep_their_hash() -> None:
    """Its dump holds no server, so a run that was begun then can be resumed."""
    plan = build(RunSpec(models=(parse_model("fake:x"),), suites=("similarity",)))
    assert plan.runs[0].model.server is None
    served = parse_model(f"openai:{URL},model=x")
    assert "server" in served.model_dump(exclude_none=True)

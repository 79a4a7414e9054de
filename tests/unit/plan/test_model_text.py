"""A model is read as it is written, lm-eval's spelling too, and a slip is told."""

from __future__ import annotations

import pytest

from slmbench.errors import InputError
from slmbench.plan.hub import is_hub_id, parameters_by_name
from slmbench.plan.model_text import parse_lm_eval_model, parse_model, reference_path
from slmbench.resources import reference_dir


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hf:gpt2", {"backend": "hf", "target": "gpt2", "label": "gpt2"}),
        ("hf:./a/model/", {"target": "./a/model/", "label": "model"}),
        ("hf:o/n,dtype=bfloat16,batch_size=4", {"dtype": "bfloat16", "batch_size": 4}),
        ("hf:o/n, name = mine ,device=cuda:1", {"label": "mine", "device": "cuda:1"}),
        ("hf:a:b", {"target": "a:b"}),
        ("fake:x", {"backend": "fake", "target": "x"}),
        ("ref:pico", {"backend": "hf", "target": "ref:pico", "dtype": "float32", "label": "pico"}),
        ("ref:nano,dtype=float16,name=half", {"dtype": "float16", "label": "half"}),
    ],
)
def test_a_model_is_read(text: str, expected: dict[str, object]) -> None:
    model = parse_model(text)
    assert {name: getattr(model, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("gpt2", "names no model.*hf:PATH_OR_ID"),
        ("hf:", "names no model"),
        ("", "names no model"),
        ("hff:gpt2", r"unknown backend 'hff'\. Did you mean 'hf'\?"),
        ("rfe:pico", "Did you mean 'ref'"),
        ("ref:picco", r"No reference model 'picco'\. Did you mean 'pico'\?"),
        ("hf:gpt2,bfloat16", "'bfloat16' is not key=value"),
        ("hf:gpt2,dtpye=float32", r"unknown key 'dtpye'\. Did you mean 'dtype'\?"),
        ("hf:gpt2,batch_size=many", "'batch_size'"),
        ("hf:gpt2,batch_size=0", "'batch_size'"),
        ("hf:gpt2,max_length=1", "'max_length'"),
    ],
)
def test_a_slip_is_told(text: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        parse_model(text)


def test_lm_evals_spelling() -> None:
    model = parse_lm_eval_model("hf", "pretrained=o/n,dtype=float32,trust_remote_code=False")
    assert model == parse_model("hf:o/n,dtype=float32")
    with pytest.raises(InputError, match="lacks pretrained"):
        parse_lm_eval_model("hf", "dtype=float32")
    with pytest.raises(InputError, match="unknown key 'parallelise'"):
        parse_lm_eval_model("hf", "pretrained=o/n,parallelise=True")


def test_a_plug_in_backend_is_known_when_it_is_named() -> None:
    assert parse_model("mine:x", ("hf", "mine")).backend == "mine"


def test_no_model_trusts_remote_code_unless_asked() -> None:
    assert parse_model("hf:o/n").trust_remote_code is False
    assert parse_model("hf:o/n,trust_remote_code=true").trust_remote_code is True


def test_a_reference_model_lies_in_the_package() -> None:
    assert reference_path("ref:pico") == str(reference_dir() / "pico")
    assert reference_path("o/pico") is None


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("tiiuae/falcon-7b", 7_000_000_000),
        ("meta-llama/Llama-2-7b-hf", 7_000_000_000),
        ("mistralai/Mistral-7B-v0.1", 7_000_000_000),
        ("facebook/opt-125m", 125_000_000),
        ("EleutherAI/pythia-1.4b", 1_400_000_000),
        ("Qwen/Qwen2.5-0.5B-Instruct", 500_000_000),
        ("HuggingFaceTB/SmolLM2-135M", 135_000_000),
        ("o/model_360M", 360_000_000),
        ("TinyLlama/TinyLlama-1.1B-Chat-v1.0", 1_100_000_000),
        ("gpt2", None),
        ("microsoft/phi-2", None),
        ("o/model-4bit", None),
        ("7b/model", None),
    ],
)
def test_a_size_is_read_from_the_name(name: str, count: int | None) -> None:
    assert parameters_by_name(name) == count


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("gpt2", True), ("o/n", True), ("o/n.v1_x-2", True), ("./o/n", False), ("a/b/c", False),
     ("/a/b", False), ("", False), ("~/n", False), ("-x/n", False)],
)  # fmt: skip
def test_hub_ids_are_told_from_paths(text: str, is_one: bool) -> None:
    assert is_hub_id(text) is is_one

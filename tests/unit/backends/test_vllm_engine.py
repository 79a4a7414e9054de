"""Without vLLM, the backend says what to install; with it, the contract tests hold it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from slmbench.backends.vllm_engine import Vllm
from slmbench.errors import InputError, ModelError
from slmbench.plan.model_text import parse_model
from slmbench.resources import reference_dir
from tests.conftest import slmbench

IS_HERE = importlib.util.find_spec("vllm") is not None


def test_what_to_install_is_said() -> None:
    if IS_HERE:
        pytest.skip("vLLM is installed")
    with pytest.raises(InputError, match=r"pip install 'slmbench\[vllm\]'"):
        Vllm(parse_model("vllm:some/model"), "some/model")


def test_the_command_line_says_it_too(tmp_path: Path) -> None:
    if IS_HERE:
        pytest.skip("vLLM is installed")
    done = slmbench(
        "run", "--model", f"vllm:{reference_dir() / 'pico'}",
        "--suite", "similarity", "--store", "runs", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 2 and "slmbench[vllm]" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("option", ["device=cuda", "threads=2"])
def test_what_vllm_decides_itself(option: str) -> None:
    with pytest.raises(ModelError, match="vLLM decides"):
        Vllm(parse_model(f"vllm:some/model,{option}"), "some/model")

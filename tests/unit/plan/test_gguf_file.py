"""A plan knows a GGUF file by its bytes, without llama.cpp."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from slmbench.errors import ModelError
from slmbench.plan import gguf_file
from slmbench.plan.build import build
from slmbench.plan.model_text import parse_model
from slmbench.schema.plan import RunPlan
from slmbench.schema.spec import RunSpec
from tests.served_gguf import gguf_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gguf")


def plan_of(path: Path, *suites: str, options: str = "") -> RunPlan:
    model = parse_model(f"gguf:{path}{options}")
    (run,) = build(RunSpec(models=(model,), suites=suites or ("memory",))).runs
    return run


def test_fingerprints_tell_files_apart(folder: Path) -> None:
    found = {
        kind: gguf_file.inspect(parse_model(f"gguf:{gguf_of('pico', folder, kind)}")).fingerprint
        for kind in ("F32", "Q8_0", "Q4_0")
    }
    assert len({each.weights for each in found.values()}) == 3
    assert len({each.tokenizer for each in found.values()}) == 1
    assert {each.chat_template for each in found.values()} == {""}
    assert found["F32"].quantization == "" and found["F32"].dtype == "F32"
    assert found["Q4_0"].quantization == "Q4_0"


def test_one_byte_of_the_weights_is_another_model(folder: Path, tmp_path: Path) -> None:
    raw = bytearray(gguf_of("pico", folder).read_bytes())
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(raw)
    same = gguf_file.inspect(parse_model(f"gguf:{copy}")).fingerprint
    assert same == gguf_file.inspect(parse_model(f"gguf:{gguf_of('pico', folder)}")).fingerprint
    raw[-100] ^= 1
    copy.write_bytes(raw)
    other = gguf_file.inspect(parse_model(f"gguf:{copy}")).fingerprint
    assert other.weights != same.weights and other.tokenizer == same.tokenizer


def test_a_plan_of_it(folder: Path) -> None:
    path = gguf_of("pico", folder)
    run = plan_of(path)
    assert run.local_path == str(path) and not run.downloads and not run.blocking
    assert run.memory_bytes == 4 * 362_176 + gguf_file.RUNTIME_BYTES
    assert "150 MiB" in run.memory_note
    assert plan_of(path, "accuracy").memory_bytes == 4 * 362_176 + 500 * 2**20


def test_what_changes_answers_changes_the_plan(folder: Path) -> None:
    path = gguf_of("pico", folder)
    hashes = [plan_of(path, options=each).plan_hash for each in ("", "", ",kv_dtype=float16")]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_judge_may_be_one(folder: Path) -> None:
    path = gguf_of("pico", folder)
    model = parse_model("fake:x")
    judge = parse_model(f"gguf:{path},name=judge")
    (run,) = build(RunSpec(models=(model,), suites=("similarity",), judge=judge)).runs
    assert run.seconds["judge"].local_path == str(path)
    assert run.seconds["judge"].fingerprint is not None


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"No GGUF file '.*nope\.gguf'"):
        plan_of(tmp_path / "nope.gguf")


def test_planning_imports_no_llama_cpp(folder: Path) -> None:
    """And says what is missing where it is not installed."""
    path = gguf_of("pico", folder)
    script = (
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'llama_cpp' else find(name)\n"
        "from slmbench.plan.build import build\n"
        "from slmbench.plan.model_text import parse_model\n"
        "from slmbench.schema.spec import RunSpec\n"
        f"model = parse_model('gguf:{path}')\n"
        "(run,) = build(RunSpec(models=(model,), suites=('memory',))).runs\n"
        "print(run.missing, {'llama_cpp', 'gguf', 'torch'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr == ""
    assert "slmbench[gguf]" in done.stdout and done.stdout.rstrip().endswith("set()")

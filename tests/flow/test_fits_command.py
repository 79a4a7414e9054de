"""``slmbench fits``: the exit code answers, one JSON document tells why, and nothing is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from slmbench.cli.app import dispatch
from tests.served_gguf import gguf_of

LLAMA: dict[str, Any] = {
    "model_type": "llama", "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32,
    "max_position_embeddings": 4096, "torch_dtype": "bfloat16",
}  # fmt: skip


@pytest.fixture
def llama(tmp_path: Path) -> str:
    (tmp_path / "llama").mkdir()
    (tmp_path / "llama" / "config.json").write_text(json.dumps(LLAMA))
    return str(tmp_path / "llama")


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = dispatch(["fits", *arguments, "--json"])
    out = capsys.readouterr().out
    return code, json.loads(out) if out else None


@pytest.mark.parametrize(
    ("arguments", "code", "verdict"),
    [
        (("--budget", "16GiB"), 0, "FITS"),
        (("--budget", "6 GiB"), 1, "DOES_NOT_FIT"),
        (("--budget", "16GiB", "--dtype", "float32"), 1, "DOES_NOT_FIT"),
        (("--device", "gpu-24gb"), 0, "FITS"),
        (("--device", "phone-6gb"), 1, "DOES_NOT_FIT"),
        (("--device", "gpu-24gb", "--device", "phone-6gb"), 1, "DOES_NOT_FIT"),
        ((), 0, None),
    ],
    ids=str,
)
def test_the_exit_code_is_the_verdict(
    arguments: tuple[str, ...],
    code: int,
    verdict: str | None,
    llama: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found, document = answer(capsys, llama, *arguments)
    assert (found, document["verdict"]) == (code, verdict)
    assert document["parameter_count"] == 6_738_415_616
    element_bytes = 4 if "float32" in arguments else 2
    assert document["kv_cache_bytes"] == element_bytes * 2**30 and document["absent"] == {}
    for row in document["devices"]:
        assert row["need_bytes"] == sum(
            document[part] for part in ("weight_bytes", "kv_cache_bytes", "activation_bytes")
        )
        assert (row["verdict"] == "FITS") == (row["need_bytes"] <= row["budget_bytes"])
        assert row["source"]


def test_a_quantization_and_a_shorter_context_make_it_fit(
    llama: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = answer(capsys, f"hf:{llama},quantization=bnb-4bit", "--budget", "6GiB")
    assert code == 1 and 0 < document["devices"][0]["largest_context_tokens"] < 4096
    most = document["devices"][0]["largest_context_tokens"]
    for tokens, expected in ((most, 0), (most + 1, 1)):
        code, document = answer(
            capsys, f"hf:{llama},quantization=bnb-4bit", "--budget", "6GiB",
            "--context", str(tokens),
        )  # fmt: skip
        assert code == expected and document["context_tokens"] == tokens


def test_what_is_not_known_is_neither_yes_nor_no(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    code, document = answer(capsys, "owner/mystery-7b", "--device", "gpu-24gb")
    assert code == 3 and document["verdict"] == "UNKNOWN"
    assert (
        document["kv_cache_bytes"] is None and "config.json" in document["absent"]["kv_cache_bytes"]
    )
    # The weights alone are too much, whatever the rest is.
    assert answer(capsys, "owner/mystery-7b", "--device", "phone-6gb")[0] == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--budget", "6"), "no size in bytes"),
        (("--budget", "0 GiB"), "above zero"),
        (("--device", "phone"), "Did you mean 'phone-6gb'"),
        (("--context", "9999"), "longest context is 4096"),
        (("--context", "0"), "greater than or equal to 1"),
        (("--dtype", "int3"), "Unknown dtype 'int3'"),
        (("--device-profile", "none.yaml"), "none.yaml"),
    ],
    ids=str,
)
def test_wrong_input_is_named(
    arguments: tuple[str, ...], why: str, llama: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dispatch(["fits", llama, *arguments]) == 2
    said = capsys.readouterr()
    assert why in said.err and "Traceback" not in said.err and said.out == ""


def test_a_reference_model_is_shown_with_every_device(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["fits", "ref:pico"]) == 0
    page = capsys.readouterr().out
    for word in ("weights, by the tensors in its files", "phone-6gb", "laptop-16gb", "assumption"):
        assert word in page


def test_a_gguf_file_is_judged_as_llama_cpp_runs_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = gguf_of("pico", tmp_path)
    for kv_dtype, element_bytes in (("float32", 4), ("float16", 2)):
        model = f"gguf:{path},kv_dtype={kv_dtype}"
        code, document = answer(capsys, model, "--budget", "110MiB")
        assert (code, document["verdict"]) == (0, "FITS")
        assert document["kv_cache_bytes"] == 320 * element_bytes * 512
    assert dispatch(["fits", f"gguf:{path}", "--budget", "100MiB"]) == 1
    page = capsys.readouterr().out
    assert "as llama.cpp keeps it" in page and "100 MiB of it are for Python and llama.cpp" in page


def test_a_users_own_device_is_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "{name: mine, total_bytes: 600 MB, system_bytes: 0, runtime_bytes: 500 MB, source: seen}"
    )
    given = ("ref:pico", "--device-profile", str(path), "--device", "mine")
    code, document = answer(capsys, *given)
    assert code == 0 and [row["name"] for row in document["devices"]] == ["mine"]


@pytest.mark.parametrize("arguments", [["fits", "--help"], ["fits", "ref:micro", "--json"]])
def test_no_model_library_is_loaded(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom slmbench.cli.app import dispatch\n"
        f"assert dispatch({arguments!r}) == 0\n"
        "heavy = {'torch', 'transformers', 'scipy', 'lm_eval', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_run_judges_the_users_device(tmp_path: Path) -> None:
    from tests.conftest import slmbench

    (tmp_path / "mine.yaml").write_text(
        "{name: mine, total_bytes: 2 GiB, system_bytes: 0, runtime_bytes: 0, source: seen}"
    )
    done = slmbench(
        "run", "--model", "ref:pico", "--suite", "memory", "--device-profile", "mine.yaml",
        "--store", "runs", "--json", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    values = {each["metric"]: each for each in done.json()["runs"][0]["metrics"]}
    assert values["largest_context_tokens@mine"]["value"] >= 512
    assert values["kv_cache_bytes"]["value"] == values["kv_cache_predicted_bytes"]["value"]
    assert values["overhead_bytes"]["value"] is not None

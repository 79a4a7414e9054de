"""The converter takes what it knows and refuses the rest; its command says what it wrote."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slmbench.backends.gguf_header import read_header
from slmbench.errors import InputError, ModelError
from slmbench.resources import reference_dir

pytest.importorskip("llama_cpp", reason="the extra gguf isn't installed")
pytest.importorskip("gguf", reason="the extra gguf isn't installed")

from slmbench.reference.to_gguf import convert, main

PICO = reference_dir() / "pico"


@pytest.fixture
def copied(tmp_path: Path) -> Callable[..., Path]:
    """A copy of pico with keys of its files changed."""

    def make(name: str, **changes: Any) -> Path:
        folder = tmp_path / "copy"
        shutil.copytree(PICO, folder)
        raw = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**raw, **changes}))
        return folder

    return make


@pytest.mark.parametrize("kind", ["F32", "F16", "Q8_0", "Q4_0"])
def test_the_command_writes_a_file(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pico.gguf"
    assert main(["ref:pico", "-o", str(path), "--type", kind]) == 0
    assert capsys.readouterr().out == f"{path}: {path.stat().st_size} bytes, {kind}\n"
    assert read_header(path).file_type == kind
    assert list(tmp_path.iterdir()) == [path]


def test_the_numbers_are_all_there(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    from safetensors.numpy import load_file

    convert(PICO, tmp_path / "pico.gguf")
    written = {t.name: t.data for t in gguf.GGUFReader(tmp_path / "pico.gguf").tensors}
    known = load_file(PICO / "model.safetensors")
    assert len(written) == len(known)
    total = sum(float(values.astype(np.float64).sum()) for values in known.values())
    assert sum(float(v.astype(np.float64).sum()) for v in written.values()) == pytest.approx(total)
    exact = known["model.layers.2.mlp.down_proj.weight"].astype(np.float32)
    assert np.array_equal(written["blk.2.ffn_down.weight"], exact)


def test_a_chat_template_goes_along(copied: Callable[..., Path], tmp_path: Path) -> None:
    from slmbench.backends.gguf_llama import Gguf
    from slmbench.plan.model_text import parse_model

    template = "{{ bos_token }}{% for m in messages %}[{{ m.content }}]{% endfor %}"
    path = tmp_path / "chat.gguf"
    convert(copied("tokenizer_config.json", chat_template=template), path)
    model = Gguf(parse_model(f"gguf:{path},threads=1"), str(path))
    talk = [{"role": "user", "content": "Hello"}]
    assert model.apply_chat_template(talk, True) == "<s>[Hello]"
    tokens = model.encode(model.apply_chat_template(talk, True))
    assert tokens[0] == model.info.prefix_token_id and tokens.count(tokens[0]) == 1
    model.close()


@pytest.mark.parametrize(
    ("file", "changes", "complaint"),
    [
        ("config.json", {"model_type": "gpt2"}, "is no plain Llama"),
        ("config.json", {"attention_bias": True}, "is no plain Llama"),
        ("config.json", {"rope_parameters": {"rope_type": "llama3"}}, "is no plain Llama"),
        ("tokenizer.json", {"model": {"type": "Unigram"}}, "no BPE that this converter knows"),
        (
            "tokenizer.json",
            {"pre_tokenizer": {"type": "ByteLevel"}},
            "cuts texts another way",
        ),
    ],
)
def test_what_it_does_not_know_is_refused(
    file: str, changes: dict[str, Any], complaint: str, copied: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=complaint):
        convert(copied(file, **changes), tmp_path / "x.gguf")


def test_wrong_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="No type 'Q9'"):
        convert(PICO, tmp_path / "x.gguf", "Q9")
    assert main([str(tmp_path), "-o", str(tmp_path / "x.gguf")]) == 2
    assert "config.json" in capsys.readouterr().err

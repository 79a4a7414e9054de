"""A broken checkpoint is told before anything is loaded, by its file and with the cure."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from tiny_checkpoint import tensors, write_checkpoint

from slmbench.errors import ModelError
from slmbench.plan.checkpoint import fingerprint, inspect, run_bytes
from slmbench.schema.model_spec import ModelSpec

SPEC = ModelSpec(target="x")


def header_of(entry: dict[str, Any], data: bytes = b"") -> bytes:
    header = json.dumps(entry).encode()
    return struct.pack("<Q", len(header)) + header + data


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "no config": ({"config_json": None}, r"has no config\.json"),
    "config no JSON": ({"config_json": "{"}, r"config\.json' is not JSON"),
    "config no object": ({"config_json": "[]"}, "holds no JSON object"),
    "config of nothing": ({"config_json": {}}, "names no model_type"),
    "no tokenizer": ({"tokenizer_json": None}, r"has no tokenizer.*save_pretrained"),
    "no weights": ({"model_safetensors": None}, "has no weights"),
    "truncated": ({"model_safetensors": tensors()[:-8]}, "promises .* bytes, the file has"),
    "longer than promised": ({"model_safetensors": tensors() + b"x"}, "promises .* bytes"),
    "cut in the header": ({"model_safetensors": tensors()[:20]}, "header is longer than the file"),
    "empty": ({"model_safetensors": b""}, "not a whole safetensors file"),
    "garbage": ({"model_safetensors": b"\xff" * 64}, "not a whole safetensors file"),
    "header no JSON": ({"model_safetensors": struct.pack("<Q", 4) + b"{{{{"}, "not a whole"),
    "header a list": ({"model_safetensors": struct.pack("<Q", 2) + b"[]"}, "not a whole"),
    "header of no tensors": ({"model_safetensors": header_of({"w": 1})}, "not a whole"),
    "an unknown type": (
        {
            "model_safetensors": header_of(
                {"w": {"dtype": "Q9", "shape": [], "data_offsets": [0, 0]}}
            )
        },
        "unknown tensor types",
    ),
    "a git-lfs pointer": (
        {"model_safetensors": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"},
        "not a whole safetensors file",
    ),
    "pickle only": (
        {"model_safetensors": None, "pytorch_model_bin": b"\x80\x04"},
        r"pickled weights \(pytorch_model\.bin\).*refuses.*save_pretrained",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_checkpoint_is_told(name: str, tmp_path: Path) -> None:
    files, complaint = BROKEN[name]
    folder = write_checkpoint(tmp_path / "model", **files)
    with pytest.raises(ModelError, match=complaint) as caught:
        inspect(folder)
    assert caught.value.exit_code == 2 and str(folder) in str(caught.value)


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No model folder"):
        inspect(tmp_path / "none")


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, model_safetensors=None)
    names = [f"model-{i}-of-2.safetensors" for i in (1, 2)]
    index = {"weight_map": {"a": names[0], "b": names[1], "c": names[0]}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / names[0]).write_bytes(tensors((3,)))
    with pytest.raises(ModelError, match=r"lacks model-2-of-2\.safetensors"):
        inspect(folder)
    (folder / names[1]).write_bytes(tensors((5,)))
    found = inspect(folder)
    assert [file.name for file in found.weight_files] == names
    assert (found.element_count, found.tensor_bytes) == (8, 32)


def test_pickles_beside_safetensors_are_left_alone(tmp_path: Path) -> None:
    found = inspect(write_checkpoint(tmp_path, pytorch_model_bin=b"\x80"))
    assert [file.name for file in found.weight_files] == ["model.safetensors"]


@pytest.mark.parametrize(
    ("dtype", "loaded", "size"),
    [("F32", "auto", 32), ("F32", "bfloat16", 16), ("BF16", "auto", 16), ("BF16", "float32", 32)],
)
def test_the_size_depends_on_how_it_is_loaded(
    dtype: str, loaded: str, size: int, tmp_path: Path
) -> None:
    found = inspect(write_checkpoint(tmp_path, model_safetensors=tensors((4, 2), dtype)))
    assert run_bytes(found, loaded) == size


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "a weight": ({"model_safetensors": tensors(fill=b"\x02")}, "weights"),
    "the configuration": ({"config_json": {"model_type": "llama", "hidden_size": 3}}, "weights"),
    "the tokenizer": ({"tokenizer_json": {"version": "2.0"}}, "tokenizer"),
    "how it writes": ({"generation_config_json": {"repetition_penalty": 1.3}}, "weights"),
    "an adapter's strength": ({"adapter_config_json": {"lora_alpha": 8}}, "weights"),
    "special tokens": ({"special_tokens_map_json": {"eos_token": "x"}}, "tokenizer"),
    "merges": ({"merges_txt": "a b"}, "tokenizer"),
    "a template file": ({"chat_template_jinja": "{{ x }}"}, "chat_template"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_fingerprint_changes_with_the_files(name: str, tmp_path: Path) -> None:
    files, part = CHANGES[name]
    before = fingerprint(inspect(write_checkpoint(tmp_path / "a")), SPEC)
    after = fingerprint(inspect(write_checkpoint(tmp_path / "b", **files)), SPEC)
    changed = {field for field, value in before if getattr(after, field) != value}
    assert changed == {part}


def test_a_fingerprint_does_not_depend_on_the_folder(tmp_path: Path) -> None:
    folders = [write_checkpoint(tmp_path / name) for name in ("a", "b")]
    one, other = (fingerprint(inspect(folder), SPEC) for folder in folders)
    assert one == other and len(one.weights) == 64 and one.chat_template == ""


def test_quantization_and_dtype_are_part_of_it(tmp_path: Path) -> None:
    config = {"model_type": "llama", "quantization_config": {"bits": 4}}
    found = inspect(write_checkpoint(tmp_path, config_json=config))
    print_ = fingerprint(found, ModelSpec(target="x", dtype="float16"))
    assert json.loads(print_.quantization) == {"bits": 4} and print_.dtype == "float16"

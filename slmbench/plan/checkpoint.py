"""Look into a local checkpoint without torch: is it whole, is it safe, and how big is it."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slmbench.errors import ModelError
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.record import ModelFingerprint

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")
#: Files beside the tokenizer's own that change its tokens, or the text it makes of them.
_TOKENIZER_EXTRAS = (
    "merges.txt", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
)  # fmt: skip
#: Settings beside config.json that transformers reads unasked: end tokens and penalties of a text,
#: and how strongly an adapter is added to the weights.
_SETTINGS = ("generation_config.json", "adapter_config.json")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_DTYPE_BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1,
    "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1,
}  # fmt: skip
_RUN_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True)
class Checkpoint:
    """What the files of a model say about it.

    Attributes:
        weight_files: safetensors files, in the order they are hashed.
        tensor_bytes: bytes of all tensors as stored.
        element_count: elements of all tensors (a tied matrix is stored, and counted, once).
    """

    folder: Path
    config: dict[str, Any]
    weight_files: tuple[Path, ...]
    tensor_bytes: int
    element_count: int


def inspect(folder: Path) -> Checkpoint:
    """Return what is in a checkpoint folder.

    Raises:
        ModelError: config, tokenizer or weights are missing or corrupt, or only pickles are there.
    """
    if not folder.is_dir():
        raise ModelError(f"No model folder '{folder}'. Give a folder, a hub id or ref:pico.")
    config = _read_config(folder)
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise ModelError(
            f"'{folder}' has no tokenizer (none of {', '.join(_TOKENIZERS)}). "
            "Save it there with tokenizer.save_pretrained(...)."
        )
    files = _weight_files(folder)
    tensor_bytes = element_count = 0
    for file in files:
        file_bytes, file_elements = _read_header(file)
        tensor_bytes += file_bytes
        element_count += file_elements
    return Checkpoint(folder, config, files, tensor_bytes, element_count)


def fingerprint(checkpoint: Checkpoint, spec: ModelSpec) -> ModelFingerprint:
    """Return SHA-256 hashes of everything that makes the model answer as it does."""
    folder = checkpoint.folder
    tokenizer = [folder / name for name in (*_TOKENIZERS, *_TOKENIZER_EXTRAS)]
    template = _json(folder / "tokenizer_config.json").get("chat_template") or ""
    template_file = folder / "chat_template.jinja"
    if template_file.is_file():
        template = template_file.read_text(encoding="utf-8")
    quantization: Any = checkpoint.config.get("quantization_config") or {}
    if spec.quantization is not None:
        quantization = {"made_on_loading": spec.quantization}
    weights = hashlib.sha256()
    # The configuration is hashed with the weights: the same bytes under another rope base or head
    # count are another model.
    weights.update(json.dumps(checkpoint.config, sort_keys=True).encode())
    settings = [path for name in _SETTINGS if (path := folder / name).is_file()]
    if settings:
        weights.update(_hash_files(settings).encode())
    for file in checkpoint.weight_files:
        with file.open("rb") as stream:
            weights.update(hashlib.file_digest(stream, "sha256").digest())
    return ModelFingerprint(
        weights=weights.hexdigest(),
        tokenizer=_hash_files([path for path in tokenizer if path.is_file()]),
        chat_template=hashlib.sha256(str(template).encode()).hexdigest() if template else "",
        dtype=spec.dtype,
        quantization=json.dumps(quantization, sort_keys=True) if quantization else "",
    )


def run_bytes(checkpoint: Checkpoint, dtype: str) -> int:
    """Return the bytes of the weights once loaded in ``dtype`` (``auto``: as they are stored)."""
    if dtype in _RUN_BYTES:
        return checkpoint.element_count * _RUN_BYTES[dtype]
    return checkpoint.tensor_bytes


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise ModelError(
            f"'{folder}' has no config.json, so it is no transformers model. "
            "Name the folder that save_pretrained wrote."
        )
    config = _json(path)
    if "model_type" not in config:
        raise ModelError(f"'{path}' names no model_type. Save the model again with transformers.")
    return config


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"'{path}' is not JSON: {error}. Copy the model again.") from error
    if not isinstance(raw, dict):
        raise ModelError(f"'{path}' holds no JSON object. Copy the model again.")
    return raw


def _weight_files(folder: Path) -> tuple[Path, ...]:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = _json(index).get("weight_map") or {}
        files = tuple(folder / name for name in sorted(set(shards.values())))
        lacking = [file.name for file in files if not file.is_file()]
        if lacking:
            raise ModelError(f"'{folder}' lacks {', '.join(lacking)}. Download the model again.")
        if files:
            return files
    files = tuple(sorted(folder.glob("*.safetensors")))
    if files:
        return files
    pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    if pickles:
        raise ModelError(
            f"'{folder}' holds only pickled weights ({', '.join(pickles[:3])}), which can run code "
            "when loaded, so slmbench refuses them. Convert them: "
            "model.save_pretrained(FOLDER, safe_serialization=True)."
        )
    raise ModelError(f"'{folder}' has no weights (no *.safetensors). Copy the model again.")


def _read_header(file: Path) -> tuple[int, int]:
    """Return (tensor bytes, elements) after holding the header against the file's size."""
    size = file.stat().st_size
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > size - 8:
                raise ValueError("its header is longer than the file")
            header = json.loads(stream.read(length))
        header.pop("__metadata__", None)
        end = max((tensor["data_offsets"][1] for tensor in header.values()), default=0)
        if 8 + length + end != size:
            raise ValueError(f"its header promises {8 + length + end} bytes, the file has {size}")
        elements = sum(math.prod(tensor["shape"]) for tensor in header.values())
        unknown = {tensor["dtype"] for tensor in header.values()} - _DTYPE_BYTES.keys()
        if unknown:
            raise ValueError(f"unknown tensor types {sorted(unknown)}")
    except (ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise ModelError(
            f"'{file}' is not a whole safetensors file: {error}. Copy or download it again."
        ) from error
    return end, elements


def _hash_files(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()

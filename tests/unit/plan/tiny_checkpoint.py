"""A checkpoint folder of a few hundred bytes, whole or broken, without torch."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any


def tensors(shape: tuple[int, ...] = (4, 2), dtype: str = "F32", fill: bytes = b"\x01") -> bytes:
    """Return a safetensors file of one tensor."""
    size = {"F32": 4, "BF16": 2, "F16": 2}.get(dtype, 4)
    count = 1
    for length in shape:
        count *= length
    entry = {"dtype": dtype, "shape": list(shape), "data_offsets": [0, count * size]}
    header = json.dumps({"__metadata__": {"format": "pt"}, "w": entry}).encode()
    return struct.pack("<Q", len(header)) + header + fill * (count * size)


def write_checkpoint(folder: Path, **files: bytes | str | dict[str, Any] | None) -> Path:
    """Write a whole checkpoint; keywords replace a file, and None leaves it out.

    A keyword's first ``_`` before the suffix stands for the dot: ``config_json``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    whole: dict[str, bytes | str | dict[str, Any] | None] = {
        "config_json": {"model_type": "llama", "hidden_size": 2},
        "tokenizer_json": {"version": "1.0"},
        "model_safetensors": tensors(),
        **files,
    }
    for key, content in whole.items():
        if content is None:
            continue
        stem, _, suffix = key.rpartition("_")
        data = json.dumps(content) if isinstance(content, dict) else content
        path = folder / f"{stem}.{suffix}"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return folder

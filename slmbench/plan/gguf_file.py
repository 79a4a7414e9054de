"""Look into a GGUF file without llama.cpp: is it whole, how big is it, and what makes it itself."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from slmbench.backends.gguf_header import UNQUANTIZED, GgufHeader, read_header
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.record import ModelFingerprint

#: Resident bytes of a worker with llama.cpp loaded, before any weights (measured).
RUNTIME_BYTES = 150 * 2**20


@dataclass(frozen=True)
class GgufPlan:
    """What a plan says of a GGUF model.

    Attributes:
        path: of the file, or of the first shard.
        weight_bytes: bytes of all tensors; llama.cpp maps the file, so they are resident once read.
    """

    path: Path
    fingerprint: ModelFingerprint
    weight_bytes: int


def inspect(model: ModelSpec) -> GgufPlan:
    """Return what is in the file that a model names.

    Raises:
        ModelError: there is no such file, or it is no GGUF file, or is cut off.
    """
    path = Path(model.target).expanduser()
    header = read_header(path)
    return GgufPlan(path, _fingerprint(header), header.tensor_bytes)


def _fingerprint(header: GgufHeader) -> ModelFingerprint:
    """Return SHA-256 hashes of all in the file that makes the model answer as it does."""
    weights = hashlib.sha256(header.settings_hash.encode())
    for path, start in zip(header.files, header.data_starts, strict=True):
        with path.open("rb") as stream:
            stream.seek(start)
            weights.update(hashlib.file_digest(stream, "sha256").digest())
    template = header.chat_template
    kind = header.file_type
    return ModelFingerprint(
        weights=weights.hexdigest(),
        tokenizer=header.tokenizer_hash,
        chat_template=hashlib.sha256(template.encode()).hexdigest() if template else "",
        dtype=kind,
        quantization="" if kind in UNQUANTIZED else kind,
    )

"""Say by the head of a GGUF file what llama.cpp will keep of each token. Standard library only."""

from __future__ import annotations

from typing import Any

from slmbench.backends.gguf_header import GgufHeader

#: Bytes of one number of a key/value cache, by the names that ``kv_dtype`` has.
CACHE_BYTES = {"float32": 4, "float16": 2}
#: Names of transformers' configurations -> keys of a GGUF file, behind its architecture's name.
_KEYS = {
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "vocab_size": "vocab_size",
    "max_position_embeddings": "context_length",
}


def cache_dtype(header: GgufHeader, asked: str | None) -> str:
    """Return what the cache is kept in: as asked, else float32 for a float32 file, else float16."""
    return asked or ("float32" if header.file_type == "F32" else "float16")


def configuration(header: GgufHeader) -> dict[str, Any]:
    """Return a file's sizes as a ``config.json`` has them, of the made-up ``model_type`` "gguf".

    ``cache_width`` is the numbers that a token adds to the cache: over all layers, key/value heads
    times the widths of a key and of a value. It is left out where the head doesn't tell it, and
    where the model keeps something else (a state, or latent vectors).
    """
    found = {name: header.of_architecture(key) for name, key in _KEYS.items()}
    config = {name: value for name, value in found.items() if isinstance(value, int)}
    width = _cache_width(header)
    if width is not None:
        config["cache_width"] = width
    return {"model_type": "gguf", "architecture": header.architecture, **config}


def _cache_width(header: GgufHeader) -> int | None:
    other = ("attention.kv_lora_rank", "attention.shared_kv_layers", "ssm.state_size")
    if any(header.of_architecture(key) for key in other):
        return None
    layers, width = (
        header.of_architecture("block_count"),
        header.of_architecture("embedding_length"),
    )
    every = header.of_architecture("attention.head_count")
    kept = header.of_architecture("attention.head_count_kv")
    most = max(every, default=0) if isinstance(every, list) else every
    if kept is None:
        kept = every
    heads = sum(kept) if isinstance(kept, list) else kept
    if not all(isinstance(value, int) and value > 0 for value in (layers, width, most, heads)):
        return None
    if not isinstance(kept, list):
        heads *= layers
    sizes = [header.of_architecture(f"attention.{part}_length") for part in ("key", "value")]
    return int(heads * sum(size if size else width // most for size in sizes))

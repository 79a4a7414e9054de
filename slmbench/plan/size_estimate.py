"""What a model will take, before anything is loaded: from its files, its config or its name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slmbench.backends import gguf_shape
from slmbench.backends.gguf_header import read_header
from slmbench.errors import ModelError
from slmbench.plan import checkpoint, hub
from slmbench.plan.model_text import reference_path
from slmbench.schema.base import Absent
from slmbench.schema.model_spec import ModelSpec
from slmbench.suites.memory.devices import Need
from slmbench.suites.memory.estimate import (
    activation_bytes,
    element_bytes,
    longest_context,
    weight_bytes,
)
from slmbench.suites.memory.kv_cache import CacheShape, cache_shape
from slmbench.suites.memory.parameters import parameters
from slmbench.units import format_value

#: Looked up to this length where a model names no longest context.
NO_LIMIT_TOKENS = 2**20
#: Words in a name that say that its parameters take fewer bytes than a dtype's.
_PACKED_NAME = re.compile(
    r"gptq|awq|gguf|bnb|nf4|mxfp|hqq|aqlm|quant|ternary|1\.58|w\d+a\d+|(int|fp|q|)[1-8][-_]?bit"
    r"|int[1-8]|fp[48]|q[1-8]_",
    re.IGNORECASE,
)
#: Architectures of GGUF files whose layers all keep keys and values of every token.
_GGUF_PLAIN = {
    "llama", "qwen2", "qwen3", "gpt2", "gptneox", "stablelm", "olmo2", "granite", "gemma",
    "starcoder2", "phi2",
}  # fmt: skip


@dataclass(frozen=True)
class SizeEstimate:
    """What is known of a model's size, and how.

    Attributes:
        need: weights, activations and cache; ``max_length`` is a million where no limit is known.
        parameter_count: by the files, the configuration or the name.
        weight_source: how the weights are known.
        max_length: tokens of the longest context, or None where the model names none.
        notes: what a reader should know of the figures.
    """

    need: Need
    parameter_count: int | Absent
    weight_source: str
    max_length: int | None
    notes: tuple[str, ...] = ()


def estimate(model: ModelSpec) -> SizeEstimate:
    """Return what a model will take; what its files or configuration don't tell is Absent.

    Raises:
        ModelError: there is no such folder or file, or it is broken.
    """
    if model.backend == "gguf":
        return _of_gguf(model)
    if model.backend not in ("hf", "vllm"):
        elsewhere = Absent(reason=f"a model of the backend {model.backend} has no files here")
        return _unknown(elsewhere, elsewhere, elsewhere, "no files")
    folder = _folder(model)
    if folder is None:
        return _of_name(model)
    if any(folder.glob("*.safetensors")):
        return _of_config(model, *_of_files(model, folder))
    return _of_config(model, _config(folder), None, "the configuration alone")


def weights_here(found: checkpoint.Checkpoint, model: ModelSpec) -> tuple[int | None, str]:
    """Return the bytes of a local checkpoint's weights once loaded, and how they are known."""
    note = "weights by their files, and 500 MiB for the runtime"
    weights: int | None
    if model.quantization is not None:
        told = weight_bytes(found.config, _run_dtype(found, model), model.quantization)
        weights = None if isinstance(told, Absent) else told
        note = f"weights as {model.quantization} packs them, and 500 MiB for the runtime"
        if isinstance(told, Absent):
            note = told.reason
    elif found.config.get("quantization_config") is not None:
        weights = found.tensor_bytes
    else:
        weights = checkpoint.run_bytes(found, model.dtype)
    cache = _cache(found.config, model.dtype)
    if isinstance(cache, CacheShape) and weights is not None:
        length = longest_context(found.config)
        if length is not None:
            note += f"; {format_value(cache.bytes_at(length), 'bytes')} more at {length} tokens"
    return weights, note


def _of_files(model: ModelSpec, folder: Path) -> tuple[dict[str, Any], tuple[int | None, int], str]:
    found = checkpoint.inspect(folder)
    weights, _ = weights_here(found, model)
    packed = model.quantization is not None
    source = "the configuration" if packed else "the tensors in its files"
    return found.config, (weights, found.element_count), source


def _of_config(
    model: ModelSpec, config: Mapping[str, Any], files: tuple[int | None, int] | None, source: str
) -> SizeEstimate:
    counted = parameters(config)
    count: int | Absent = counted if isinstance(counted, Absent) else counted.total
    weights = weight_bytes(config, model.dtype, model.quantization)
    if files is not None:
        known, elements = files
        weights = weights if known is None else known
        # Packed numbers are no parameters; what is stored plainly is counted exactly.
        if config.get("quantization_config") is None:
            count = elements
    size = element_bytes(config, model.dtype)
    activations = size if isinstance(size, Absent) else activation_bytes(config, size)
    length = model.max_length or longest_context(config)
    notes = [_half_note(model, config)]
    if length is None:
        notes.append("The configuration names no longest context.")
    return SizeEstimate(
        need=Need(weights, activations, _cache(config, model.dtype), length or NO_LIMIT_TOKENS),
        parameter_count=count,
        weight_source=source,
        max_length=length,
        notes=tuple(note for note in notes if note),
    )


def _of_name(model: ModelSpec) -> SizeEstimate:
    """Return what the published size, or the one in a name, tells: weights, and no more."""
    count = model.published_parameter_count or hub.parameters_by_name(model.target)
    rest = Absent(reason="not known before the download of config.json")
    if count is None:
        return _unknown(rest, rest, rest, "a name that says no size")
    if _PACKED_NAME.search(model.target):
        packed_away = Absent(reason="its name says that it is quantized, and not how exactly")
        return _unknown(packed_away, rest, rest, "a name that says too little")
    origin = "published size" if model.published_parameter_count else "size in the name"
    size = {"float32": 4}.get(model.dtype, 2)
    packed = model.quantization is not None
    weights = Absent(reason="how it packs is not known before the download of config.json")
    return SizeEstimate(
        need=Need(weights if packed else count * size, rest, rest, NO_LIMIT_TOKENS),
        parameter_count=count,
        weight_source=f"the {origin}, at {size} bytes a parameter",
        max_length=None,
        notes=("A name tells only the weights, and those roughly.",),
    )


def _of_gguf(model: ModelSpec) -> SizeEstimate:
    """Return what a GGUF file tells of the model in it, as llama.cpp runs it."""
    header = read_header(Path(model.target).expanduser())
    config = gguf_shape.configuration(header)
    dtype = gguf_shape.cache_dtype(header, model.kv_dtype)
    cache = cache_shape(config, gguf_shape.CACHE_BYTES[dtype])
    if header.architecture not in _GGUF_PLAIN or header.of_architecture("attention.sliding_window"):
        cache = Absent(reason=f"no rule for the cache of the GGUF of '{header.architecture[:40]}'")
    length = model.max_length or longest_context(config)
    return SizeEstimate(
        need=Need(
            weight_bytes=header.tensor_bytes,
            activation_bytes=activation_bytes({"vocab_size": 1, **config}, 4),
            cache=cache,
            max_length=length or NO_LIMIT_TOKENS,
        ),
        parameter_count=header.element_count,
        weight_source="the tensors in its file",
        max_length=length,
        notes=(f"The cache is in {dtype}. See the model's option kv_dtype.",),
    )


def _unknown(weights: Absent, rest: Absent, count: Absent, source: str) -> SizeEstimate:
    return SizeEstimate(Need(weights, rest, rest, NO_LIMIT_TOKENS), count, source, None)


def _cache(config: Mapping[str, Any], dtype: str) -> CacheShape | Absent:
    size = element_bytes(config, dtype)
    return size if isinstance(size, Absent) else cache_shape(config, size)


def _run_dtype(found: checkpoint.Checkpoint, model: ModelSpec) -> str:
    """Return the dtype of what isn't packed; ``auto`` without a word in the config is float32."""
    if model.dtype == "auto" and isinstance(element_bytes(found.config, "auto"), Absent):
        return "float32"
    return model.dtype


def _half_note(model: ModelSpec, config: Mapping[str, Any]) -> str:
    told = config.get("dtype") or config.get("torch_dtype")
    if model.dtype == "auto" and told == "float16" and model.backend == "hf":
        return (
            "On a CPU the hf backend holds float16 weights in float32 unless told otherwise: twice "
            "as much. See --dtype float32."
        )
    return ""


def _folder(model: ModelSpec) -> Path | None:
    """Return where a model or its configuration lies, or None where it must be downloaded."""
    reference = reference_path(model.target)
    path = Path(reference or model.target).expanduser()
    if path.is_dir():
        return path
    if path.name == "config.json" and path.is_file():
        return path.parent
    if not hub.is_hub_id(model.target) or path.exists():
        raise ModelError(
            f"No model '{model.target}'. Give a folder, a config.json or a hub id (owner/name)."
        )
    return hub.cached_snapshot(model.target, model.revision)


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise ModelError(f"'{folder}' has no config.json. Name a model's folder.")
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"'{path}' is not JSON: {error}. Copy or download it again.") from error
    if not isinstance(raw, dict):
        raise ModelError(f"'{path}' holds no JSON object. Copy or download it again.")
    return raw

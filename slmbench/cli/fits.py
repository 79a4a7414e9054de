"""``slmbench fits``: will a model fit a device; the exit code is the answer. Loads nothing."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from slmbench import catalog
from slmbench.cli.output import print_json, stdout
from slmbench.errors import InputError, did_you_mean
from slmbench.plan.model_text import parse_model
from slmbench.plan.size_estimate import SizeEstimate, estimate
from slmbench.schema.base import Absent
from slmbench.schema.model_spec import ModelSpec
from slmbench.suites.memory.devices import (
    DeviceProfile,
    Need,
    bytes_of,
    fits,
    largest_context,
    load_devices,
)
from slmbench.units import format_value

#: Tokens of context where none are asked for; a shorter model's own length wins.
_USUAL_TOKENS = 4096
#: What a process holds before any weights, with torch and transformers loaded, or with llama.cpp
#: (both measured on x86-64).
_RUNTIME_BYTES, _LLAMA_BYTES = 500 * 2**20, 100 * 2**20
_WORDS = {True: "FITS", False: "DOES_NOT_FIT", None: "UNKNOWN"}
_EXIT_CODES = {"FITS": 0, "DOES_NOT_FIT": 1, "UNKNOWN": 3}


def command(
    model: Annotated[
        str,
        typer.Argument(help="A folder, a config.json, a hub id, or BACKEND:MODEL[,key=value...]."),
    ],
    device: Annotated[
        list[str] | None, typer.Option(help="Name of a device profile; may come again.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="What the process may take in all, as 6GiB.")
    ] = None,
    context: Annotated[
        int | None, typer.Option(min=1, help="Tokens of context; else at most 4096.")
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(help="float32, bfloat16 or float16; else the checkpoint's own.")
    ] = None,
    device_profile: Annotated[
        list[str] | None, typer.Option(help="A further profile (YAML); may come again.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say whether a model fits: 0 it does, 1 it doesn't, 3 its size isn't known well enough.

    Weights, key/value cache and activations are worked out from the files or the configuration;
    nothing is loaded or downloaded. Without --device or --budget every profile is shown and the
    exit code is 0.

    Examples:

      slmbench fits PATH_OR_ID --budget 6GiB --context 8192

      slmbench fits hf:PATH_OR_ID,quantization=bnb-4bit --device phone-6gb
    """
    spec = _model(model, dtype)
    known = load_devices(device_profile or [])
    chosen = [_named(name, known) for name in device or []]
    if budget is not None:
        chosen.append(_budget(budget, spec.backend))
    found = estimate(spec)
    tokens = _tokens(context, found)
    rows = [_row(found.need, each, tokens) for each in chosen or known.values()]
    words = {row["verdict"] for row in rows}
    worst = next(word for word in ("DOES_NOT_FIT", "UNKNOWN", "FITS") if word in words)
    document = _document(spec, found, tokens, rows, worst if chosen else None)
    if json:
        print_json(document)
    else:
        _print(document, found)
    raise typer.Exit(_EXIT_CODES[worst] if chosen else 0)


def _model(text: str, dtype: str | None) -> ModelSpec:
    backends = tuple(catalog.names("backends"))
    head = text.split(",")[0].partition(":")
    whole = text if head[1] and head[0] in (*backends, "ref") else f"hf:{text}"
    spec = parse_model(whole if dtype is None else f"{whole},dtype={dtype}", backends)
    if spec.dtype not in ("auto", "float32", "bfloat16", "float16"):
        raise InputError(f"Unknown dtype '{spec.dtype}'. Known: auto, float32, bfloat16, float16.")
    return spec


def _named(name: str, known: dict[str, DeviceProfile]) -> DeviceProfile:
    if name not in known:
        raise InputError(
            f"No device '{name}'.{did_you_mean(name, known)} Known: {', '.join(known)}. Give your "
            "own with --device-profile FILE."
        )
    return known[name]


def _budget(text: str, backend: str) -> DeviceProfile:
    try:
        total = bytes_of(text)
    except ValueError as error:
        raise InputError(f"--budget: {error}.") from error
    if total <= 0:
        raise InputError(f"--budget {text}: give a size above zero, as 6GiB.")
    return DeviceProfile(
        name="budget",
        total_bytes=total,
        system_bytes=0,
        runtime_bytes=_LLAMA_BYTES if backend == "gguf" else _RUNTIME_BYTES,
        source="--budget; 100 MiB of it are for Python and llama.cpp"
        if backend == "gguf"
        else "--budget; 500 MiB of it are for torch and transformers",
    )


def _tokens(asked: int | None, found: SizeEstimate) -> int:
    longest = found.max_length
    if asked is None:
        return min(_USUAL_TOKENS, longest or _USUAL_TOKENS)
    if longest is not None and asked > longest:
        raise InputError(f"--context {asked}: the model's longest context is {longest} tokens.")
    return asked


def _row(need: Need, profile: DeviceProfile, tokens: int) -> dict[str, Any]:
    """Return the verdict on one device as it is printed."""
    verdict, longest = fits(need, profile, tokens), largest_context(need, profile)
    total = need.bytes_at(tokens)
    is_known = not isinstance(verdict, Absent)
    return {
        "name": profile.name,
        "total_bytes": profile.total_bytes,
        "system_bytes": profile.system_bytes,
        "runtime_bytes": profile.runtime_bytes,
        "budget_bytes": profile.budget_bytes,
        "need_bytes": None if isinstance(total, Absent) else total,
        "known_bytes": need.known_bytes(tokens),
        "verdict": _WORDS[bool(verdict) if is_known else None],
        "reason": verdict.reason if isinstance(verdict, Absent) else None,
        "largest_context_tokens": None if isinstance(longest, Absent) else longest,
        "source": profile.source,
    }


def _document(
    spec: ModelSpec,
    found: SizeEstimate,
    tokens: int,
    rows: list[dict[str, Any]],
    verdict: str | None,
) -> dict[str, Any]:
    need = found.need
    cache = need.cache if isinstance(need.cache, Absent) else need.cache.bytes_at(tokens)
    parts = {
        "parameter_count": found.parameter_count,
        "weight_bytes": need.weight_bytes,
        "kv_cache_bytes": cache,
        "activation_bytes": need.activation_bytes,
    }
    return {
        "model": spec.label,
        "target": spec.target,
        "backend": spec.backend,
        "dtype": spec.dtype,
        "quantization": spec.quantization,
        "context_tokens": tokens,
        "longest_context_tokens": found.max_length,
        **{name: None if isinstance(part, Absent) else part for name, part in parts.items()},
        "absent": {name: part.reason for name, part in parts.items() if isinstance(part, Absent)},
        "weight_source": found.weight_source,
        "notes": list(found.notes),
        "verdict": verdict,
        "devices": rows,
    }


def _print(document: dict[str, Any], found: SizeEstimate) -> None:
    tokens = document["context_tokens"]
    keeper = "llama.cpp" if document["backend"] == "gguf" else "transformers"
    labels = {
        "weight_bytes": f"weights, by {found.weight_source}",
        "kv_cache_bytes": f"key/value cache at {tokens} tokens, as {keeper} keeps it",
        "activation_bytes": "activations, estimated",
    }
    parts = Table(title=f"{document['model']}: what it takes", title_justify="left")
    parts.add_column("part", overflow="fold")
    parts.add_column("size", overflow="fold")
    for name, label in labels.items():
        value = document[name]
        shown = f"unknown: {document['absent'].get(name)}"
        parts.add_row(label, shown if value is None else format_value(value, "bytes"))
    stdout.print(parts)
    table = Table()
    for name in ("device", "left for the model", f"at {tokens} tokens", "largest context"):
        table.add_column(name, overflow="fold")
    for row in document["devices"]:
        longest = row["largest_context_tokens"]
        reason = f" ({row['reason']})" if row["reason"] else ""
        table.add_row(
            row["name"],
            format_value(row["budget_bytes"], "bytes"),
            row["verdict"] + reason,
            "unknown" if longest is None else f"{longest:,} tokens",
        )
    stdout.print(table)
    for note in document["notes"]:
        stdout.print(note, markup=False, soft_wrap=True)
    for row in document["devices"]:
        stdout.print(f"{row['name']}: {row['source']}", markup=False, soft_wrap=True)

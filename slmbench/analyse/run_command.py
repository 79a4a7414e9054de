"""From a request back to the command line that makes it, or to the spec file where flags can't."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import yaml

from slmbench.schema.base import Frozen
from slmbench.schema.model_spec import ModelSpec, ServerSpec
from slmbench.schema.run_report import Reproduction
from slmbench.schema.spec import RunSpec

#: Parts of a spec that are given as key=value -> their flag.
_PAIRS = {"scorers": "--scorer", "energy": "--energy", "load": "--load"}
#: They change no answer.
_NAMES = ("name", "description")
_SECONDS = ("judge", "detoxifier", "reference")
_PLAIN = {
    "num_fewshot": "--num-fewshot", "system_instruction": "--system-instruction",
    "seed": "--seed", "include_path": "--include-path",
}  # fmt: skip
#: What ``ref:NAME`` means without a word.
_REFERENCE = {"dtype": "float32", "threads": 1}


def reproduction(spec: RunSpec, notes: tuple[str, ...] = ()) -> Reproduction:
    """Return how to ask for a spec again: parsed back, either form gives an equal spec.

    A command is also given where all it leaves out is a name and a description of the request.
    """
    words: list[str] = []
    unsaid: list[str] = []
    for key, flags in _flags(spec):
        if flags is None:
            unsaid.append(key)
        else:
            words += flags
    command = " ".join(["slmbench run", *map(shlex.quote, words)])
    said = None if set(unsaid) - set(_NAMES) else command
    return Reproduction(command=said, unsaid=tuple(unsaid), yaml=spec_yaml(spec), notes=notes)


def spec_yaml(spec: RunSpec) -> str:
    """Return a spec as a file for ``slmbench run``: what is not as it would be by itself."""
    raw = spec.model_dump(mode="json", exclude_defaults=True)
    # A file's own name would be the request's, and the accuracy suite is asked without a word.
    raw = {"name": spec.name, "suites": list(spec.suites), **raw}
    return yaml.safe_dump(raw, sort_keys=False, allow_unicode=False, width=100)


def model_text(model: ModelSpec) -> str | None:
    """Return a model as ``--model`` takes it, or None where it can't be written so."""
    given = model.model_dump(exclude_defaults=True, exclude={"backend", "target", "server"})
    head = f"{model.backend}:{model.target}"
    name = model.target.removeprefix("ref:")
    is_reference = head == f"hf:ref:{name}" and model.name == name
    if is_reference and all(given.get(key) == value for key, value in _REFERENCE.items()):
        head = model.target
        given = {key: value for key, value in given.items() if key not in {"name", *_REFERENCE}}
    if model.server is not None:
        given = {**model.server.model_dump(exclude_defaults=True), **given}
        if model.target.endswith("/"):
            return None
    pairs = [f"{key}={_value(value)}" for key, value in given.items()]
    plain = all(_is_plain(_value(value)) and _value(value) for value in given.values())
    text = ",".join([head, *pairs])
    if not plain or not text.isprintable() or "," in head or not model.target or "@" in text:
        return None
    # A space at an end belongs to a target, and is cut off a value.
    known = set(ServerSpec.model_fields) | set(ModelSpec.model_fields)
    return text if set(given) <= known and ":" in head else None


def _flags(spec: RunSpec) -> Iterator[tuple[str, list[str] | None]]:
    """Yield (key, its words), None for what no flag can say; nothing for what goes without."""
    default = RunSpec.model_fields
    for key in _NAMES:
        if getattr(spec, key) != default[key].default:
            yield key, None
    yield from (("models", _given("--model", model_text(each))) for each in spec.models)
    yield "suites", _given("--suite", _listed(spec.suites))
    if spec.tasks:
        yield "tasks", _given("--task", _listed(spec.tasks))
    if spec.limit is not None:
        yield "limit", ["--limit", _value(spec.limit)]
    for key, flag in _PLAIN.items():
        if getattr(spec, key) != default[key].default:
            yield key, _given(flag, _sayable(_value(getattr(spec, key))))
    if spec.apply_chat_template:
        yield "apply_chat_template", ["--apply-chat-template"]
    if spec.fewshot_as_multiturn is not None:
        no = "" if spec.fewshot_as_multiturn else "no-"
        yield "fewshot_as_multiturn", [f"--{no}fewshot-as-multiturn"]
    if spec.time_limit_s != default["time_limit_s"].default:
        yield "time_limit_s", ["--time-limit", f"{spec.time_limit_s!r}s"]
    if not spec.cache:
        yield "cache", ["--no-cache"]
    for role in _SECONDS:
        if (model := getattr(spec, role)) is not None:
            yield role, _given(f"--{role}", model_text(model))
    for device in spec.memory.device_profiles:
        yield "memory.device_profiles", _given("--device-profile", _sayable(device))
    for part, flag in _PAIRS.items():
        yield from _pairs(part, flag, getattr(spec, part))
    for label, value in spec.labels.items():
        said = None if label == "also" or not _is_trimmed(value) else _sayable(f"{label}={value}")
        yield f"labels.{label}", _given("--label", said)


def _pairs(part: str, flag: str, data: Frozen) -> Iterator[tuple[str, list[str] | None]]:
    for key, value in data.model_dump(exclude_defaults=True).items():
        if part == "load" and key == "slo":
            yield "load.slo", _given("--slo", _sayable(value))
            continue
        several = key == "also"
        for each in value if several else [value]:
            text = ",".join(map(_value, each)) if isinstance(each, tuple | list) else _value(each)
            said = _sayable(f"{key}={text}") if _is_trimmed(text) else None
            yield f"{part}.{key}", _given(flag, said)


def _given(flag: str, value: str | None) -> list[str] | None:
    if value is None:
        return None
    # What begins like a flag is joined to its own.
    return [f"{flag}={value}"] if value.startswith("-") else [flag, value]


def _listed(names: tuple[str, ...]) -> str | None:
    plain = all(_is_trimmed(name) and "," not in name for name in names)
    return _sayable(",".join(names)) if plain else None


def _sayable(text: str) -> str | None:
    """Return a text that a shell can hand over unchanged, or None."""
    odd = any(ord(each) < 32 and each not in "\n\t" for each in text) or "\x7f" in text
    return None if odd or not text or text.encode("utf-8", "ignore").decode() != text else text


def _value(value: Any) -> str:
    """Return a number without the point it does not need, True as ``true``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _is_trimmed(text: str) -> bool:
    return bool(text) and text == text.strip()


def _is_plain(text: str) -> bool:
    return _is_trimmed(text) and "," not in text

"""Turn a spec into a plan: jobs, downloads, memory and what this host lacks. Loads nothing."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import psutil

from slmbench import catalog
from slmbench.errors import InputError, ModelError, did_you_mean
from slmbench.plan import checkpoint, gguf_file, hub, size_estimate
from slmbench.plan.model_text import reference_path
from slmbench.plan.tasks import resolve
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.plan import Job, Plan, RunPlan, SecondPlan, TaskRef
from slmbench.schema.record import ModelFingerprint
from slmbench.schema.spec import RunSpec
from slmbench.suites import definitions
from slmbench.suites.memory.devices import load_devices
from slmbench.suites.taskfile import definition_hash

#: suite -> modules it needs beside those of the backend, and the extra that brings them.
_NEEDS: dict[str, tuple[tuple[str, str], ...]] = {
    "accuracy": (("lm_eval", "accuracy"),),
    "similarity": (("sacrebleu", "similarity"), ("rouge_score", "similarity")),
}
_BACKEND_NEEDS: dict[str, tuple[tuple[str, str], ...]] = {
    "hf": (("torch", "hf"), ("transformers", "hf")),
    "gguf": (("llama_cpp", "gguf"),),
    "vllm": (("vllm", "vllm"), ("transformers", "hf")),
    "openai": (("httpx", "server"),),
}
#: Backends whose target is a transformers checkpoint: a folder or a hub id.
_OF_CHECKPOINTS = ("hf", "vllm")
#: Resident bytes of a worker with torch and transformers loaded, before any weights (measured).
_RUNTIME_BYTES = 500 * 2**20
_DTYPE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "auto": 2}


def build(spec: RunSpec) -> Plan:
    """Return the plan of a spec.

    Raises:
        ModelError: a local model is missing, incomplete, corrupt or pickled.
        InputError: a task or a scorer is unknown.
    """
    _check_scorers(spec)
    tasks = resolve(spec)
    jobs = tuple(
        Job(
            job_id=f"{suite}/{task.name}",
            suite=suite,
            task=task,
            # Peak memory is the property of a process that did nothing else.
            fresh_process=suite == "memory",
        )
        for suite in spec.suites
        for task in tasks[suite]
    )
    for suite in spec.suites:
        for task in tasks[suite]:
            if task.path is not None and task.kind not in ("accuracy", "workload"):
                definitions.check(Path(task.path), task.kind)
    return Plan(spec=spec, runs=tuple(_run_plan(spec, model, jobs) for model in spec.models))


def require_ready(plan: Plan) -> Plan:
    """Return a plan that can be run here.

    Raises:
        InputError: a package that it needs isn't installed, or the hub can't be reached.
    """
    lacking = "; ".join(dict.fromkeys(each for run in plan.runs for each in run.blocking))
    if lacking:
        raise InputError(f"This request needs packages that aren't installed: {lacking}.")
    to_fetch = [run.model.target for run in plan.runs if run.fingerprint is None]
    if to_fetch:
        hub.require_hub(to_fetch)
    return plan


def _check_scorers(spec: RunSpec) -> None:
    known = catalog.names("scorers")
    asked = [("also", name) for name in spec.scorers.also]
    if spec.scorers.toxicity != "auto":
        asked.append(("toxicity", spec.scorers.toxicity))
    for key, name in asked:
        if name not in known:
            raise InputError(
                f"scorers.{key}: no scorer '{name}'.{did_you_mean(name, known)} "
                "See 'slmbench list scorers'."
            )


def _run_plan(spec: RunSpec, model: ModelSpec, jobs: tuple[Job, ...]) -> RunPlan:
    blocking = _missing_modules(spec, model)
    missing = list(blocking)
    fingerprint: ModelFingerprint | None
    folder: Path | None = None
    weights: int | None = None
    runtime = _RUNTIME_BYTES
    note = "runs without weights of its own"
    if model.backend == "gguf":
        file = gguf_file.inspect(model)
        folder, fingerprint, weights = file.path, file.fingerprint, file.weight_bytes
        if "accuracy" not in spec.suites:  # lm-eval brings torch
            runtime = gguf_file.RUNTIME_BYTES
        note = f"tensors by their file, and {runtime // 2**20} MiB for the runtime"
    elif model.backend not in _OF_CHECKPOINTS:
        fingerprint = _named_fingerprint(model)
    elif (folder := _local_folder(model)) is not None:
        found = checkpoint.inspect(folder)
        fingerprint = checkpoint.fingerprint(found, model)
        weights, note = size_estimate.weights_here(found, model)
    else:
        fingerprint = None
        weights, note = _promised_weights(model)
    seconds = _seconds(spec)
    memory = None if weights is None else weights + runtime
    available = psutil.virtual_memory().total
    if memory is not None and memory > available:
        missing.append(f"memory: needs {memory / 2**30:.1f} GiB, has {available / 2**30:.1f} GiB")
    return RunPlan(
        model=model,
        plan_hash=_plan_hash(spec, model, fingerprint, jobs, seconds),
        fingerprint=fingerprint,
        jobs=jobs,
        local_path=None if folder is None else str(folder),
        downloads=tuple(
            f"model {each.target}"
            for each, known in [
                (model, fingerprint),
                *((second.model, second.fingerprint) for second in seconds.values()),
            ]
            if known is None
        ),
        memory_bytes=memory,
        memory_note=note,
        missing=tuple(missing),
        blocking=tuple(blocking),
        seconds=seconds,
    )


def _seconds(spec: RunSpec) -> dict[str, SecondPlan]:
    """Return the models that help with every run, by role."""
    asked = {"judge": spec.judge, "detoxifier": spec.detoxifier, "reference": spec.reference}
    return {role: _second(model) for role, model in asked.items() if model is not None}


def _second(model: ModelSpec) -> SecondPlan:
    if model.backend == "gguf":
        file = gguf_file.inspect(model)
        return SecondPlan(model=model, local_path=str(file.path), fingerprint=file.fingerprint)
    folder = _local_folder(model) if model.backend in _OF_CHECKPOINTS else None
    if model.backend not in _OF_CHECKPOINTS:
        return SecondPlan(model=model, local_path=None, fingerprint=_named_fingerprint(model))
    if folder is None:
        return SecondPlan(model=model, local_path=None, fingerprint=None)
    found = checkpoint.inspect(folder)
    fingerprint = checkpoint.fingerprint(found, model)
    return SecondPlan(model=model, local_path=str(found.folder), fingerprint=fingerprint)


def source_of(model: ModelSpec) -> str:
    """Return what a backend loads: the model's folder, where it is on this machine, or its name.

    Raises:
        ModelError: a local model is missing, incomplete, corrupt or pickled.
    """
    folder = _local_folder(model) if model.backend in _OF_CHECKPOINTS else None
    return model.target if folder is None else str(checkpoint.inspect(folder).folder)


def fingerprint_of(run: RunPlan) -> ModelFingerprint | None:
    """Return the fingerprint of a model that was downloaded since it was planned."""
    folder = _local_folder(run.model)
    if folder is None:
        return None
    return checkpoint.fingerprint(checkpoint.inspect(folder), run.model)


def _promised_weights(model: ModelSpec) -> tuple[int | None, str]:
    """Return the bytes of weights that are not here yet, and how they are known."""
    count = model.published_parameter_count or hub.parameters_by_name(model.target)
    if count is None:
        return None, "not known before the download: the name says no size"
    size = _DTYPE_BYTES.get(model.dtype, 4)
    origin = "published size" if model.published_parameter_count else "size in the name"
    return count * size, f"weights by the {origin}, at {size} bytes a parameter"


def _local_folder(model: ModelSpec) -> Path | None:
    """Return the folder of a model on this machine, or None where it must be downloaded."""
    reference = reference_path(model.target)
    if reference is not None:
        return Path(reference)
    path = Path(model.target).expanduser()
    if path.is_dir():
        return path
    if not hub.is_hub_id(model.target) or path.exists():
        raise ModelError(
            f"No model folder '{model.target}'. Give a folder that save_pretrained wrote, "
            "a hub id (owner/name) or ref:pico."
        )
    return hub.cached_snapshot(model.target, model.revision)


def _missing_modules(spec: RunSpec, model: ModelSpec) -> list[str]:
    needs = list(_BACKEND_NEEDS.get(model.backend, ()))
    if model.server is not None and model.server.tokenizer is not None:
        needs.append(("transformers", "hf"))
    if model.quantization is not None:
        library = "bitsandbytes" if model.quantization.startswith("bnb") else "torchao"
        needs += [(name, "quantization") for name in (library, "accelerate")]
    for suite in spec.suites:
        needs.extend(_NEEDS.get(suite, ()))
    return [
        f"{module}: pip install 'slmbench[{extra}]'"
        for module, extra in dict.fromkeys(needs)
        if importlib.util.find_spec(module) is None
    ]


def _named_fingerprint(model: ModelSpec) -> ModelFingerprint:
    """Return the fingerprint of a model that has no files here: it is its name."""
    served = "" if model.server is None else f"|{model.server.model}"
    name = hashlib.sha256(f"{model.backend}:{model.target}{served}".encode()).hexdigest()
    return ModelFingerprint(
        weights=name, tokenizer=name, chat_template="", dtype=model.dtype, quantization=""
    )


def _plan_hash(
    spec: RunSpec,
    model: ModelSpec,
    fingerprint: ModelFingerprint | None,
    jobs: tuple[Job, ...],
    seconds: dict[str, SecondPlan],
) -> str:
    """Return the hash that two runs share exactly when one may go on where the other stopped."""
    named = {"models", "name", "description", "labels"}
    asked: dict[str, Any] = spec.model_dump(mode="json", exclude=named)
    # A longer time limit must not throw away what is done; the cache changes no answer.
    for free in ("time_limit_s", "include_path", "cache"):
        asked.pop(free)
    for role in ("judge", "detoxifier", "reference"):
        asked.pop(role)
    if "load" not in spec.suites:
        asked.pop("load")  # it changes no other suite, so older runs can still be resumed
    if seconds:
        asked["seconds"] = {role: each.model_dump(mode="json") for role, each in seconds.items()}
    asked["model"] = model.model_dump(mode="json", exclude={"name", "target"})
    # What isn't used is left out, so that a run from before it was known can still be resumed.
    for later in ("server", "quantization", "device_map"):
        if getattr(model, later) is None:
            asked["model"].pop(later)
    asked.pop("memory")
    if spec.memory.device_profiles:
        devices = load_devices(spec.memory.device_profiles)
        asked["devices"] = {name: each.model_dump() for name, each in devices.items()}
    for option in ("gpu_layers", "kv_dtype"):
        if asked["model"][option] is None:
            asked["model"].pop(option)  # likewise, from before GGUF models
    asked["weights"] = (
        f"hub:{model.target}@{model.revision}" if fingerprint is None else fingerprint.model_dump()
    )
    asked["jobs"] = [(job.job_id, _task_key(job.task)) for job in jobs]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _task_key(task: TaskRef) -> str:
    return definition_hash(Path(task.path), task.name) if task.path else f"lm-eval:{task.name}"

"""Describe the host and the software a run is made with, without naming a user, host or path."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Mapping
from importlib import metadata

import psutil

from slmbench import __version__
from slmbench.meters import host
from slmbench.schema.record import Environment

_ROOT = host.ROOT
# Distributions that can change a number in a record.
_PACKAGES = (
    "accelerate",
    "alt-profanity-check",
    "bitsandbytes",
    "codecarbon",
    "compressed-tensors",
    "datasets",
    "detoxify",
    "flash-attn",
    "gptqmodel",
    "llama-cpp-python",
    "lm-eval",
    "numpy",
    "nvidia-ml-py",
    "onnxruntime",
    "openai",
    "peft",
    "psutil",
    "ragas",
    "rouge-score",
    "sacrebleu",
    "safetensors",
    "scikit-learn",
    "scipy",
    "sentence-transformers",
    "sentencepiece",
    "statsmodels",
    "tokenizers",
    "torch",
    "torchao",
    "transformers",
    "triton",
    "vllm",
    "zeus",
)


def environment(noise: Mapping[str, float] | None = None) -> Environment:
    """Return the record of this host; equal hosts and installs have equal hashes.

    Memory is given in whole GiB, since what the kernel keeps for itself differs from boot to boot.
    """
    gpus, driver = _gpus()
    hardware, software = _hardware(gpus), _software(driver)
    return Environment(
        hardware=hardware,
        software=software,
        hardware_hash=_hash(hardware),
        software_hash=_hash(software),
        noise=dict(noise or {}),
    )


def _hardware(gpus: list[str]) -> dict[str, str]:
    found: dict[str, str | None] = {
        "machine": platform.machine(),
        "cpu": _cpu_model(),
        "cpu_threads": str(os.cpu_count() or "") or None,
        "cpu_cores": str(psutil.cpu_count(logical=False) or "") or None,
        "cpu_threads_usable": _usable_threads(),
        "cpu_quota": _cgroup_cpus(),
        "memory": f"{psutil.virtual_memory().total / 2.0**30:.0f} GiB",
        "memory_limit": _cgroup_memory(),
        "gpu_count": str(len(gpus)),
        "gpu": ", ".join(sorted(set(gpus))) or None,
        "virtualisation": _virtualisation(),
    }
    return {key: value for key, value in found.items() if value}


def _software(driver: str | None) -> dict[str, str]:
    found = {
        "slmbench": __version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "os": f"{platform.system()} {platform.release()}".strip(),
    }
    if driver:
        found["nvidia_driver"] = driver
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _gpus() -> tuple[list[str], str | None]:
    """Return the name and memory of each NVIDIA GPU, and the driver's version."""
    try:
        import pynvml
    except ImportError:
        return _torch_gpus(), None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return _torch_gpus(), None
    try:
        driver = _text(pynvml.nvmlSystemGetDriverVersion())
        names = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            size = pynvml.nvmlDeviceGetMemoryInfo(handle).total / 2.0**30
            names.append(f"{_text(pynvml.nvmlDeviceGetName(handle))} {size:.0f} GiB")
        return names, driver
    except pynvml.NVMLError:
        return _torch_gpus(), None
    finally:
        pynvml.nvmlShutdown()


def _torch_gpus() -> list[str]:
    """Return the GPUs torch sees (AMD too), where torch is loaded already."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return []
    return [str(torch.cuda.get_device_name(i)) for i in range(torch.cuda.device_count())]


def _text(value: object) -> str:
    """Return a string of NVML, which older bindings give as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _cpu_model() -> str | None:
    for line in host.read_text(_ROOT / "proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model", "cpu model"):
            return value.strip()
    return platform.processor() or None


def _usable_threads() -> str | None:
    if not hasattr(os, "sched_getaffinity"):
        return None
    return str(len(os.sched_getaffinity(0)))


def _cgroup_cpus() -> str | None:
    """Return the CPUs' worth of time a container may use, or None where it isn't limited."""
    quota = host.cpu_quota(_ROOT)
    return None if quota is None else f"{quota:g} CPUs"


def _cgroup_memory() -> str | None:
    """Return a container's memory limit, or None where it isn't limited."""
    limit_bytes = host.memory_limit_bytes(_ROOT)
    return None if limit_bytes is None else f"{limit_bytes / 2.0**30:.1f} GiB"


def _virtualisation() -> str | None:
    """Return what stands between this process and the hardware, as far as Linux tells."""
    if not sys.platform.startswith("linux"):
        return None
    layers = [host.container(_ROOT), host.hypervisor(_ROOT)]
    return " in ".join(layer for layer in layers if layer) or "none seen"


def _hash(data: Mapping[str, str]) -> str:
    text = json.dumps(data, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()

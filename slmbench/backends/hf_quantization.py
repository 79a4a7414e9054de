"""Quantize a transformers model while it loads, or load one that is; count what it then holds.

Every method is transformers' own, through its quantization config classes. What is missing, and
what a device can't do, is said before the weights are read where that can be found out.
"""

from __future__ import annotations

import copy
import importlib.util
import logging
from collections.abc import Iterator
from typing import Any

import torch
import transformers

from slmbench.errors import ModelError
from slmbench.schema.model_spec import ModelSpec

#: A checkpoint's own method -> the modules that transformers needs to load it, and how they come.
_CHECKPOINT_NEEDS: dict[str, tuple[tuple[str, str], ...]] = {
    "gptq": (("gptqmodel", "gptqmodel"), ("optimum", "optimum")),
    "awq": (("gptqmodel", "gptqmodel"), ("accelerate", "accelerate")),
    "bitsandbytes": (("bitsandbytes", "bitsandbytes"), ("accelerate", "accelerate")),
    "torchao": (("torchao", "torchao"),),
    "compressed-tensors": (("compressed_tensors", "compressed-tensors"),),
    "hqq": (("hqq", "hqq"), ("accelerate", "accelerate")),
    "aqlm": (("aqlm", "aqlm"), ("accelerate", "accelerate")),
    "quanto": (("optimum.quanto", "optimum-quanto"), ("accelerate", "accelerate")),
}
#: Attributes of a packed tensor, or of its module, that hold what it is unpacked with.
_STATE_NAMES = ("quant_state", "state", "SCB", "CB", "absmax", "code", "offset", "state2")


def load_settings(spec: ModelSpec, config: Any, device: torch.device) -> dict[str, Any]:
    """Return what ``from_pretrained`` needs beside the dtype for a spec's quantization and map.

    Args:
        spec: the model as the user asked for it.
        config: the checkpoint's configuration, as transformers read it.
        device: where the model shall be; a ``device_map`` overrules it.

    Raises:
        ModelError: a package is missing, the checkpoint is quantized already, or the device can't.
    """
    settings: dict[str, Any] = {}
    if spec.device_map is not None:
        _need((("accelerate", "accelerate"),), f"device_map={spec.device_map}")
        settings["device_map"] = spec.device_map
    own = checkpoint_method(config)
    if spec.quantization is None:
        if own is not None:
            _need(_CHECKPOINT_NEEDS.get(own, ()), f"the checkpoint's {own} weights")
        return settings
    if own is not None:
        raise ModelError(
            f"'{spec.target}' is quantized already ({own}), so it can't be quantized as "
            f"{spec.quantization}. Leave quantization out, or name the checkpoint it was made from."
        )
    if spec.quantization.startswith("bnb-"):
        settings["quantization_config"] = _bitsandbytes(spec)
        settings.setdefault("device_map", {"": str(device)})
    else:
        settings["quantization_config"] = _torchao(spec, device)
        if device.type != "cpu":
            settings.setdefault("device_map", {"": str(device)})
    return settings


def checkpoint_method(config: Any) -> str | None:
    """Return the name of the method that a checkpoint is quantized with, or None."""
    own = getattr(config, "quantization_config", None)
    if own is None:
        return None
    method = own.get("quant_method") if isinstance(own, dict) else own.quant_method
    return str(getattr(method, "value", method))


def _bitsandbytes(spec: ModelSpec) -> Any:
    _need(_CHECKPOINT_NEEDS["bitsandbytes"], f"quantization={spec.quantization}")
    # In every pass it says that inputs are cast.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    if spec.quantization == "bnb-8bit":
        return transformers.BitsAndBytesConfig(load_in_8bit=True)
    kind = "fp4" if spec.quantization == "bnb-4bit-fp4" else "nf4"
    named = {} if spec.dtype == "auto" else {"bnb_4bit_compute_dtype": spec.dtype}
    return transformers.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type=kind, **named)


def _torchao(spec: ModelSpec, device: torch.device) -> Any:
    _need(_CHECKPOINT_NEEDS["torchao"], f"quantization={spec.quantization}")
    from torchao import quantization as torchao_quantization

    name, *pairs = (spec.quantization or "").removeprefix("torchao:").split(":")
    known = {
        _snake(each.removesuffix("Config")): each
        for each in dir(torchao_quantization)
        if each.endswith("Config") and each[0].isupper()
    }
    if name not in known:
        raise ModelError(
            f"torchao has no configuration '{name}'. Known: {', '.join(sorted(known))}."
        )
    options = {key: int(value) for key, value in (pair.split("=") for pair in pairs)}
    try:
        made = getattr(torchao_quantization, known[name])(**options)
        # transformers hides why a layer can't be packed, so one is packed before any is read.
        dtype = torch.bfloat16 if spec.dtype == "auto" else getattr(torch, spec.dtype)
        probe = torch.nn.Linear(256, 256, dtype=dtype, device=device)
        torchao_quantization.quantize_(probe, made)
        probe(torch.zeros(1, 256, dtype=dtype, device=device))
    except (ImportError, RuntimeError, TypeError, ValueError, AssertionError) as error:
        reason = str(error).strip().splitlines()
        raise ModelError(
            f"torchao can't make or run {name} on {device} here: "
            f"{reason[0] if reason else type(error).__name__}. torchao:int8_weight_only asks for "
            "the least."
        ) from error
    return transformers.TorchAoConfig(made)


def _snake(name: str) -> str:
    """Return ``int8_weight_only`` for ``Int8WeightOnly``."""
    return "".join(
        f"_{letter.lower()}" if letter.isupper() and place else letter.lower()
        for place, letter in enumerate(name)
    )


def _need(modules: tuple[tuple[str, str], ...], what: str) -> None:
    missing = [package for module, package in modules if not _is_there(module)]
    if missing:
        raise ModelError(f"To load {what}: pip install {' '.join(missing)}")


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of a dotted name whose first part isn't there
        return False


def stored_tensors(model: Any) -> Iterator[torch.Tensor]:
    """Yield every plain tensor that a model's weights lie in, once each.

    A packed tensor stands for several (numbers, scales, zeros), some of which bitsandbytes keeps as
    attributes that are neither parameters nor buffers.
    """
    seen: set[tuple[str, int, int]] = set()
    owners = [*model.parameters(), *model.buffers()]
    if checkpoint_method(model.config) is not None:
        owners += [module for module in model.modules() if not list(module.children())]
    for owner in owners:
        for tensor in _within(owner, 0):
            key = (str(tensor.device), tensor.data_ptr(), tensor.nbytes)
            if key not in seen:
                seen.add(key)
                yield tensor


def _within(owner: Any, depth: int) -> Iterator[torch.Tensor]:
    if isinstance(owner, torch.Tensor):
        if hasattr(owner, "__tensor_flatten__"):
            for name in owner.__tensor_flatten__()[0]:
                yield from _within(getattr(owner, name), depth)
            return
        yield owner.detach()
    if depth > 2:
        return
    for name in _STATE_NAMES:
        inner = getattr(owner, "__dict__", {}).get(name)
        if inner is not None:
            yield from _within(inner, depth + 1)


def parameter_count(model: Any) -> int:
    """Return the parameters of a model, a packed one's as they were before."""
    if checkpoint_method(model.config) is None:
        return sum(p.numel() for p in model.parameters())
    config = copy.deepcopy(model.config)
    del config.quantization_config
    with torch.device("meta"):
        whole = type(model)(config)
    return sum(p.numel() for p in whole.parameters())

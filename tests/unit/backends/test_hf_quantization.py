"""Quantized models load through transformers, are counted as stored, and say what they lack."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from slmbench.errors import ModelError
from slmbench.plan.checkpoint import fingerprint, inspect
from slmbench.plan.size_estimate import weights_here
from slmbench.ports import Sampling
from slmbench.resources import reference_dir
from slmbench.schema.base import Absent, Measured
from slmbench.schema.model_spec import ModelSpec
from slmbench.suites.memory.estimate import weight_bytes

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
huggingface = pytest.importorskip("slmbench.backends.huggingface")
hf_quantization = pytest.importorskip("slmbench.backends.hf_quantization")

NANO = str(reference_dir() / "nano")
HAS = {name: importlib.util.find_spec(name) is not None for name in ("bitsandbytes", "torchao")}
#: What runs on a CPU: the request, the library it needs, and bits of a packed number.
ON_CPU = {
    "bnb-8bit": ("bitsandbytes", 8),
    "bnb-4bit": ("bitsandbytes", 4),
    "bnb-4bit-fp4": ("bitsandbytes", 4),
    "torchao:int8_weight_only": ("torchao", 8),
    "torchao:float8_weight_only": ("torchao", 8),
}


def load(source: str = NANO, **settings: Any) -> Any:
    given = {"dtype": "float32", "device": "cpu", "threads": 1, **settings}
    if "device_map" in given:
        given.pop("device")
    return huggingface.HuggingFace(ModelSpec(target=source, **given), source)


def loaded_bytes(backend: Any) -> float:
    found = backend.static_memory()["weight_bytes"]
    assert isinstance(found, Measured)
    return found.value


def config_with(folder: Path, quantization: object) -> str:
    shutil.copytree(NANO, folder)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "quantization_config": quantization}))
    return str(folder)


@pytest.mark.parametrize("name", ON_CPU)
def test_a_packed_model_runs_and_is_counted_as_stored(name: str) -> None:
    library, bits = ON_CPU[name]
    if not HAS[library]:
        pytest.skip(f"{library} isn't installed: pip install 'slmbench[quantization]'")
    plain, packed = load(), load(quantization=name)
    assert packed.info.parameter_count == plain.info.parameter_count
    config = json.loads((Path(NANO) / "config.json").read_text())
    told = weight_bytes(config, "float32", name)
    assert not isinstance(told, Absent)
    assert loaded_bytes(packed) == pytest.approx(told, rel=0.01)
    assert loaded_bytes(packed) < loaded_bytes(plain) * (0.75 if bits == 8 else 0.65)
    prompt = plain.encode("The old man walked to the river")
    pair = [(prompt[:3], prompt[3:])]
    ((one, _),), ((other, _),) = plain.loglikelihood(pair), packed.loglikelihood(pair)
    assert one != other and abs(one - other) < 0.3 * abs(one)
    how = Sampling(max_new_tokens=4, ignore_eos=True)
    assert len(packed.generate([prompt], how, 1)[0][0].tokens) == 4
    # What has run holds no more than what was loaded.
    assert loaded_bytes(packed) == pytest.approx(told, rel=0.01)


@pytest.mark.parametrize("name", ["bnb-4bit", "bnb-8bit", "torchao:int8_weight_only"])
def test_a_checkpoint_that_is_quantized_loads_as_it_is(name: str, tmp_path: Path) -> None:
    if not HAS[ON_CPU[name][0]]:
        pytest.skip(f"{ON_CPU[name][0]} isn't installed: pip install 'slmbench[quantization]'")
    packed = load(quantization=name)
    folder = tmp_path / "packed"
    packed._model.save_pretrained(folder)
    packed.tokenizer.save_pretrained(folder)
    again = load(str(folder))
    assert loaded_bytes(again) == pytest.approx(loaded_bytes(packed), rel=0.01)
    assert again.info.parameter_count == packed.info.parameter_count
    prompt = packed.encode("The old man walked to the river")
    pair = [(prompt[:3], prompt[3:])]
    assert again.loglikelihood(pair)[0][0] == pytest.approx(packed.loglikelihood(pair)[0][0])
    print_of = fingerprint(inspect(folder), ModelSpec(target=str(folder)))
    assert "quant_method" in print_of.quantization
    weights, _ = weights_here(inspect(folder), ModelSpec(target=str(folder)))
    assert weights == pytest.approx(loaded_bytes(packed), rel=0.02)


@pytest.mark.parametrize("name", ["bnb-4bit", "torchao:int8_weight_only"])
def test_a_missing_library_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    library = ON_CPU[name][0]
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda module: None if module == library else find(module)
    )
    with pytest.raises(ModelError, match=f"quantization={name}: pip install {library}"):
        load(quantization=name)


@pytest.mark.parametrize(
    ("method", "cure"), [("gptq", "gptqmodel"), ("awq", "gptqmodel"), ("aqlm", "aqlm")]
)
def test_a_checkpoints_own_method_needs_its_library(method: str, cure: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(cure) is not None:
        pytest.skip(f"{cure} is installed here")
    options = {"quant_method": method, "bits": 4, "group_size": 128}
    with pytest.raises(ModelError, match=f"{method} weights: pip install .*{cure}"):
        load(config_with(tmp_path / "m", options))


@pytest.mark.parametrize(
    "options",
    [
        {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False},
        {"quant_method": "awq", "bits": 4, "group_size": 64, "zero_point": True, "version": "gemm"},
    ],
    ids=["gptq", "awq"],
)
def test_a_checkpoints_own_settings_are_recorded(options: dict[str, Any], tmp_path: Path) -> None:
    """Without its library too: other settings are another model."""
    found = inspect(Path(config_with(tmp_path / "m", options)))
    print_of = fingerprint(found, ModelSpec(target="m"))
    assert json.loads(print_of.quantization) == options
    other = inspect(Path(config_with(tmp_path / "n", {**options, "group_size": 32})))
    assert fingerprint(other, ModelSpec(target="m")).weights != print_of.weights
    # Packed numbers are counted as they lie in the files, not as parameters of a dtype.
    assert weights_here(found, ModelSpec(target="m"))[0] == found.tensor_bytes


def test_what_is_quantized_is_not_quantized_again(tmp_path: Path) -> None:
    source = config_with(tmp_path / "m", {"quant_method": "gptq", "bits": 4})
    with pytest.raises(ModelError, match=r"quantized already \(gptq\)"):
        load(source, quantization="bnb-4bit")


@pytest.mark.skipif(not HAS["torchao"], reason="torchao isn't installed")
def test_torchaos_own_reason_is_told() -> None:
    with pytest.raises(ModelError, match=r"no configuration 'int3'.*int8_weight_only"):
        load(quantization="torchao:int3")
    with pytest.raises(ModelError, match="torchao can't make or run int8_weight_only"):
        load(quantization="torchao:int8_weight_only:no_such_option=3")


def test_a_device_map_is_passed_through() -> None:
    if importlib.util.find_spec("accelerate") is None:
        pytest.skip("accelerate isn't installed")
    plain, mapped = load(), load(device_map="cpu")
    prompt = plain.encode("The old man walked")
    assert mapped.info.device == "cpu"
    assert mapped.loglikelihood([(prompt[:2], prompt[2:])]) == plain.loglikelihood(
        [(prompt[:2], prompt[2:])]
    )
    with pytest.raises(ModelError, match="can't be loaded"):
        load(device_map="no-such-place")


def test_a_plain_model_is_counted_as_before() -> None:
    backend = load()
    model = backend._model
    tensors = {t.data_ptr(): t for t in (*model.parameters(), *model.buffers())}
    assert loaded_bytes(backend) == sum(t.nbytes for t in tensors.values())
    assert backend.info.parameter_count == sum(p.numel() for p in model.parameters())


def test_states_beside_a_packed_tensor_are_counted_once() -> None:
    """bitsandbytes keeps scales as attributes of a parameter: neither parameter nor buffer."""

    class State:
        def __init__(self, shared: Any) -> None:
            self.absmax = torch.zeros(5)
            self.code = shared
            self.state2 = None

    model = torch.nn.Sequential(torch.nn.Linear(4, 4, bias=False))
    shared = torch.zeros(16)
    model[0].weight.quant_state = State(shared)
    model[0].weight.SCB = shared
    model.config = type("Config", (), {"quantization_config": {"quant_method": "x"}})()
    assert sum(t.numel() for t in hf_quantization.stored_tensors(model)) == 16 + 5 + 16

"""An architecture that keeps a state instead of a cache of tokens: a small random Mamba."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slmbench.plan.model_text import parse_model
from slmbench.ports import Backend, Sampling
from slmbench.schema.base import Absent, Measured
from tests.tiny_gguf import VOCABULARY, put_vocabulary

torch = pytest.importorskip("torch")
pytest.importorskip("llama_cpp", reason="the extra gguf isn't installed")
gguf = pytest.importorskip("gguf", reason="the extra gguf isn't installed")

WIDTH, INNER, STATE, LAYERS = 64, 128, 16, 2
#: transformers' names in a layer -> GGUF's.
NAMES = {
    "norm.weight": "attn_norm.weight", "mixer.in_proj.weight": "ssm_in.weight",
    "mixer.conv1d.weight": "ssm_conv1d.weight", "mixer.conv1d.bias": "ssm_conv1d.bias",
    "mixer.x_proj.weight": "ssm_x.weight", "mixer.dt_proj.weight": "ssm_dt.weight",
    "mixer.dt_proj.bias": "ssm_dt.bias", "mixer.A_log": "ssm_a", "mixer.D": "ssm_d",
    "mixer.out_proj.weight": "ssm_out.weight",
}  # fmt: skip


@pytest.fixture(scope="module")
def mamba() -> Any:
    from transformers import MambaConfig, MambaForCausalLM

    torch.manual_seed(0)
    config = MambaConfig(
        vocab_size=VOCABULARY, hidden_size=WIDTH, state_size=STATE, num_hidden_layers=LAYERS,
        conv_kernel=4, expand=2, time_step_rank=4, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    model = MambaForCausalLM(config).eval()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            # As it is made, its texts are all one token.
            parameter.data.mul_(3)
    return model


@pytest.fixture(scope="module")
def backend(mamba: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    from slmbench.backends.gguf_llama import Gguf

    path = tmp_path_factory.mktemp("mamba") / "mamba.gguf"
    write(mamba, path)
    made = Gguf(parse_model(f"gguf:{path},threads=1"), str(path))
    yield made
    made.close()


def write(model: Any, path: Path) -> None:
    out = gguf.GGUFWriter(str(path), "mamba")
    out.add_file_type(0)
    out.add_context_length(512)
    out.add_embedding_length(WIDTH)
    out.add_feed_forward_length(0)
    out.add_head_count(0)
    out.add_block_count(LAYERS)
    out.add_ssm_conv_kernel(4)
    out.add_ssm_inner_size(INNER)
    out.add_ssm_state_size(STATE)
    out.add_ssm_time_step_rank(4)
    out.add_layer_norm_rms_eps(model.config.layer_norm_epsilon)
    put_vocabulary(out)
    for name, values in model.state_dict().items():
        numbers = values.detach().float().numpy()
        if name == "lm_head.weight":
            continue
        if name == "backbone.embeddings.weight":
            new = "token_embd.weight"
        elif name == "backbone.norm_f.weight":
            new = "output_norm.weight"
        else:
            layer, _, rest = name.removeprefix("backbone.layers.").partition(".")
            new = f"blk.{layer}.{NAMES[rest]}"
            numbers = -np.exp(numbers) if rest == "mixer.A_log" else numbers
            numbers = numbers.squeeze(1) if rest == "mixer.conv1d.weight" else numbers
        out.add_tensor(new, np.ascontiguousarray(numbers.astype(np.float32)))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def logprobs(model: Any, tokens: list[int]) -> Any:
    with torch.inference_mode():
        return model(torch.tensor([tokens])).logits[0].double().log_softmax(-1)


def greedy(model: Any, tokens: list[int], count: int) -> tuple[int, ...]:
    grown = list(tokens)
    for _ in range(count):
        grown.append(int(logprobs(model, grown)[-1].argmax()))
    return tuple(grown[-count:])


RANDOM = np.random.default_rng(1).integers(2, VOCABULARY, size=40).tolist()


def test_scores_are_those_of_transformers(backend: Backend, mamba: Any) -> None:
    pairs = [(RANDOM[:n], RANDOM[30 : 30 + k]) for n in (1, 5, 30) for k in (1, 2, 4)]
    wanted = []
    for context, answer in pairs:
        rows = logprobs(mamba, [*context, *answer])[len(context) - 1 :]
        wanted.append(sum(float(rows[i, token]) for i, token in enumerate(answer)))
    found = backend.loglikelihood(pairs)
    assert [score for score, _ in found] == pytest.approx(wanted, abs=1e-3)
    assert backend.loglikelihood(pairs) == found


@pytest.mark.parametrize("shared", [0, 25])
def test_texts_are_those_of_transformers(backend: Backend, mamba: Any, shared: int) -> None:
    """With and without a long start that all prompts share."""
    prompts = [[*RANDOM[:shared], *RANDOM[i : i + 3 + i]] for i in range(1, 5)]
    found = backend.generate(prompts, Sampling(8, ignore_eos=True), 2)
    for prompt, row in zip(prompts, found, strict=True):
        assert [each.tokens for each in row] == [greedy(mamba, prompt, 8)] * 2


def test_what_it_has_not_is_absent(backend: Backend) -> None:
    grows = backend.static_memory()["kv_bytes_per_token"]
    assert isinstance(grows, Absent) and "doesn't grow" in grows.reason
    assert any("read alone" in note for note in backend.notes())


def test_its_state_is_measured_and_of_one_size(backend: Any) -> None:
    """In float32, for each inner channel: 16 numbers of state, and 3 inputs of the convolution."""
    found = backend.cache_growth((1, 40, 300))
    assert all(isinstance(each, Measured) and each.interval is None for each in found.values())
    sizes = {each.value for each in found.values()}
    assert len(sizes) == 1
    assert sizes.pop() == pytest.approx(LAYERS * INNER * (STATE + 3) * 4, rel=0.02)

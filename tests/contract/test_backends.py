"""Hold every backend that runs here to the port: the same answers however it is asked."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from slmbench import catalog
from slmbench.plan.model_text import parse_model
from slmbench.ports import Backend, Generation, Sampling
from slmbench.resources import reference_dir
from slmbench.schema.base import Absent, Measured
from tests.served_gguf import gguf_of
from tests.served_model import serving

TEXTS = (
    "The cat sat on the mat.",
    "Once upon a time there was a little girl who",
    "Two and two make",
    "A",
)
#: float32 sums differ by their order; a batch of another shape is another order.
TOLERANCE = {"fake": 0.0, "hf": 1e-4, "gguf": 1e-4, "openai": 1e-4, "vllm": 1e-4}
NEW_TOKENS = 8


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread: so small a model only waits for a second one."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=["fake", "hf", "gguf", "gguf-q4", "openai", "vllm"])
def backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    with ExitStack() as stack:
        model = parse_model("fake:contract")
        source = "contract"
        if request.param.startswith("gguf"):
            kind = "Q4_0" if request.param == "gguf-q4" else "F32"
            source = str(gguf_of("pico", tmp_path_factory.mktemp("gguf"), kind))
            model = parse_model(f"gguf:{source},threads=1,batch_size=3")
        elif request.param != "fake":
            pico = trained_pico()
            stack.enter_context(one_thread())
            model, source = parse_model("ref:pico,device=cpu,batch_size=3"), str(pico)
        if request.param == "openai":
            pytest.importorskip("httpx")
            source = stack.enter_context(serving(pico)).url
            model = parse_model(f"openai:{source},model=tiny,tokenizer={pico},batch_size=3")
        if request.param == "vllm":
            pytest.importorskip("vllm", reason="vLLM isn't installed: it needs a GPU")
            model = parse_model(f"vllm:{pico},dtype=float32")
        made: Backend = catalog.load("backends", request.param.split("-")[0])(model, source)
        stack.callback(made.close)
        yield made


def trained_pico() -> Path:
    """Return the folder of a small real model, or skip."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch isn't installed")
    folder = reference_dir() / "pico"
    if not (folder / "model.safetensors").is_file():
        pytest.skip("the reference model pico has no weights here")
    return folder


@pytest.fixture
def tolerance(backend: Backend) -> float:
    return TOLERANCE["fake" if backend.info.architecture == "fake" else "hf"]


def pairs_of(backend: Backend) -> list[tuple[list[int], list[int]]]:
    ends = (" and then", " mat", " four", "!", " of the")
    return [
        (backend.encode(text), backend.encode(end, add_special_tokens=False))
        for text in TEXTS
        for end in ends
    ]


def generate(
    backend: Backend, k: int = 1, texts: Sequence[str] = TEXTS[:2], **how: object
) -> list[list[Generation]]:
    prompts = [backend.encode(text) for text in texts]
    return backend.generate(prompts, Sampling(max_new_tokens=NEW_TOKENS, **how), k)  # type: ignore[arg-type]


def words(found: list[list[Generation]]) -> list[list[tuple[int, ...]]]:
    return [[each.tokens for each in row] for row in found]


def test_it_says_what_it_is(backend: Backend) -> None:
    info = backend.info
    assert info.architecture and info.dtype and info.device and info.load_s >= 0
    assert info.max_length >= 64 and backend.batch_size >= 1
    assert 0 <= info.eot_token_id < info.vocab_size
    assert 0 <= info.prefix_token_id < info.vocab_size


@pytest.mark.parametrize("text", TEXTS)
def test_text_comes_back(backend: Backend, text: str) -> None:
    tokens = backend.encode(text, add_special_tokens=False)
    assert tokens and all(0 <= token < backend.info.vocab_size for token in tokens)
    assert backend.decode(tokens) == text
    assert backend.decode(backend.encode(text)) == text


def test_special_tokens_are_left_out_unless_wanted(backend: Backend) -> None:
    end = backend.info.eot_token_id
    tokens = [*backend.encode("A", add_special_tokens=False), end]
    assert backend.decode(tokens) == "A"
    assert backend.decode(tokens, skip_special_tokens=False) != "A"


def test_nothing_asked_nothing_answered(backend: Backend) -> None:
    assert backend.loglikelihood([]) == []


def test_scores_are_log_likelihoods(backend: Backend) -> None:
    scores = backend.loglikelihood(pairs_of(backend))
    assert len(scores) == len(pairs_of(backend))
    assert all(type(score) is float and score < 0 for score, _ in scores)
    assert all(type(greedy) is bool for _, greedy in scores)
    assert len({round(score, 6) for score, _ in scores}) > len(TEXTS)


def test_scores_do_not_depend_on_the_batch(backend: Backend, tolerance: float) -> None:
    pairs = pairs_of(backend)
    usual, found = backend.batch_size, {}
    for size in (1, 3, len(pairs)):
        backend.batch_size = size
        found[size] = backend.loglikelihood(pairs)
    backend.batch_size = usual
    alone = [backend.loglikelihood([pair])[0] for pair in pairs]
    for scores in found.values():
        assert [s for s, _ in scores] == pytest.approx([s for s, _ in alone], abs=tolerance)
        assert [greedy for _, greedy in scores] == [greedy for _, greedy in alone]


def test_scores_do_not_depend_on_the_order(backend: Backend, tolerance: float) -> None:
    pairs = pairs_of(backend)
    backwards = backend.loglikelihood(pairs[::-1])[::-1]
    forwards = [score for score, _ in backend.loglikelihood(pairs)]
    assert [score for score, _ in backwards] == pytest.approx(forwards, abs=tolerance)


def test_the_same_question_gets_the_same_answer(backend: Backend) -> None:
    pairs = pairs_of(backend)[:4]
    assert backend.loglikelihood(pairs) == backend.loglikelihood(pairs)
    assert words(generate(backend)) == words(generate(backend))
    hot = {"temperature": 1.0, "seed": 3}
    assert words(generate(backend, k=2, **hot)) == words(generate(backend, k=2, **hot))


def test_continuations_are_prompts_times_k(backend: Backend) -> None:
    found = generate(backend, k=3, temperature=1.0, ignore_eos=True)
    assert [len(row) for row in found] == [3, 3]
    assert len({each.tokens for row in found for each in row}) > 2


def test_the_seed_matters_when_sampling(backend: Backend) -> None:
    drawn = [words(generate(backend, temperature=1.0, seed=seed)) for seed in range(4)]
    assert any(each != drawn[0] for each in drawn)


def test_greedy_ignores_the_seed(backend: Backend) -> None:
    assert words(generate(backend, seed=1)) == words(generate(backend, seed=2))


def test_greedy_does_not_depend_on_the_batch(backend: Backend) -> None:
    together = words(generate(backend, texts=TEXTS, ignore_eos=True))
    alone = [words(generate(backend, texts=[text], ignore_eos=True))[0] for text in TEXTS]
    assert together == alone


def test_without_an_end_the_count_is_exact(backend: Backend) -> None:
    for row in generate(backend, k=2, temperature=1.0, ignore_eos=True):
        for each in row:
            assert len(each.tokens) == len(each.token_times_s) == NEW_TOKENS


def test_a_stop_text_ends_the_text_before_itself(backend: Backend) -> None:
    ((free,), _) = generate(backend, ignore_eos=True)
    stop = free.text[len(free.text) // 2]
    ((cut,), _) = generate(backend, ignore_eos=True, stop=(stop,))
    assert cut.text == free.text.split(stop)[0]
    assert stop not in cut.text and len(cut.text) < len(free.text)


def test_token_times_ascend(backend: Backend) -> None:
    for row in generate(backend, ignore_eos=True):
        times = row[0].token_times_s
        assert list(times) == sorted(times) and times[0] >= 0.0 and times[-1] > 0.0


def test_static_memory_names_what_it_knows(backend: Backend) -> None:
    found = backend.static_memory()
    assert set(found) == {"weight_bytes", "file_bytes", "kv_bytes_per_token"}
    for value in found.values():
        if isinstance(value, Measured):
            assert value.unit == "bytes" and value.value > 0 and value.how and value.source
        else:
            assert isinstance(value, Absent) and value.reason


def test_every_backend_of_the_catalogue_is_held() -> None:
    """A new backend must be added to the fixture, or this fails."""
    assert set(catalog.BACKENDS) == set(TOLERANCE)

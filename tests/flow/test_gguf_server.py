"""The command line against llama-cpp-python's own server: a server that nobody here wrote."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("httpx")

from slmbench.backends.openai_http import OpenAIHttp
from slmbench.errors import UnsupportedByServer
from slmbench.plan.model_text import parse_model
from slmbench.ports import Backend, Sampling
from slmbench.resources import reference_dir
from slmbench.schema.base import Absent
from tests.conftest import slmbench
from tests.served_gguf import ServedGguf, gguf_of, serving_gguf

PICO = reference_dir() / "pico"
TEXTS = ("The cat sat on the mat.", "Once upon a time there was a little girl who")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gguf_of("pico", tmp_path_factory.mktemp("gguf"))


@pytest.fixture(scope="module")
def server(path: Path) -> Iterator[ServedGguf]:
    """As it starts by default, but for threads: it cuts a text off when another one is wanted."""
    with serving_gguf(path, interrupts=True) as served:
        yield served


@pytest.fixture(scope="module")
def scoring(path: Path) -> Iterator[ServedGguf]:
    """It keeps the logits of a prompt, and puts BOS before it."""
    with serving_gguf(path, scores_prompts=True, puts_bos=True) as served:
        yield served


@pytest.fixture(scope="module")
def local(path: Path) -> Iterator[Backend]:
    from slmbench.backends.gguf_llama import Gguf

    made = Gguf(parse_model(f"gguf:{path},threads=1"), str(path))
    yield made
    made.close()


def opened(server: ServedGguf) -> OpenAIHttp:
    model = parse_model(f"openai:{server.url},model={server.model},tokenizer={PICO},retries=1")
    return OpenAIHttp(model, model.target)


def test_greedy_texts_are_those_of_the_file(server: ServedGguf, local: Backend) -> None:
    served = opened(server)
    prompts = [local.encode(text) for text in TEXTS]
    for how in (Sampling(20), Sampling(20, stop=(" the",)), Sampling(30, ignore_eos=True)):
        found, wanted = served.generate(prompts, how, 1), local.generate(prompts, how, 1)
        for (mine,), (own,) in zip(found, wanted, strict=True):
            if how.ignore_eos:
                # The server forbids the end for so long; here it is written and gone on from.
                assert len(mine.tokens) == len(own.tokens) == 30
            else:
                assert mine.text == own.text
    assert "llama-cpp-python dialect" in served.notes()[0]
    served.close()


def test_samples_are_drawn_and_repeat(server: ServedGguf, local: Backend) -> None:
    served = opened(server)
    how = Sampling(12, temperature=1.0, seed=5)
    prompts = [local.encode(text) for text in TEXTS]
    found = [[each.text for each in row] for row in served.generate(prompts, how, 3)]
    assert [len(row) for row in found] == [3, 3]
    assert len({text for row in found for text in row}) > 3
    assert [[each.text for each in row] for row in served.generate(prompts, how, 3)] == found
    assert any("takes no 'n'" in note for note in served.notes())
    served.close()


def test_it_does_not_score_a_prompt_unless_it_is_told_to(server: ServedGguf) -> None:
    served = opened(server)
    with pytest.raises(UnsupportedByServer, match="logits_all=False"):
        served.loglikelihood([(served.encode("A cat"), served.encode(" sat", False))])
    assert isinstance(served.choice_logprobs(["A cat"], [" sat"])[0], Absent)
    served.close()


def test_scores_after_bos_are_those_of_the_file(scoring: ServedGguf, local: Backend) -> None:
    served = opened(scoring)
    pairs = [
        (local.encode(text), local.encode(end, False))
        for text in (*TEXTS, "Caf\u00e9")
        for end in (" and then", "!", " of the")
    ]
    bos = local.info.prefix_token_id
    wanted = local.loglikelihood([([bos, *context], answer) for context, answer in pairs])
    found = served.loglikelihood(pairs)
    # Its cache is of float16, ours of float32.
    assert [s for s, _ in found] == pytest.approx([s for s, _ in wanted], abs=0.05)
    assert [greedy for _, greedy in found] == [greedy for _, greedy in wanted]
    served.close()


def test_scores_without_bos_are_refused(path: Path) -> None:
    """The server gives each token the next one's number then: no number is better than that."""
    with serving_gguf(path, scores_prompts=True) as server:
        served = opened(server)
        with pytest.raises(UnsupportedByServer, match="of other tokens"):
            served.loglikelihood([(served.encode("A cat"), served.encode(" sat", False))])
        served.close()


def test_suites_run_on_it(scoring: ServedGguf, tmp_path: Path) -> None:
    pytest.importorskip("lm_eval")
    pytest.importorskip("torch")
    model = f"openai:{scoring.url},model={scoring.model},tokenizer={PICO},max_length=512,name=web"
    done = slmbench(
        "run", "--model", model, "--suite", "accuracy,toxicity,similarity,latency",
        "--task", "log_triage,everyday,summary,chat", "--limit", 1, "--store", "runs", "--json",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    (run,) = done.json()["runs"]
    found = {f"{each['task']}/{each['metric']}": each["value"] for each in run["metrics"]}
    assert 0 <= found["log_triage/acc"] <= 1
    assert 0 <= found["everyday/expected_max_toxicity"] <= 1
    assert found["summary/chrf"] > 0
    assert 0 < found["chat/tpot_s"] < found["chat/e2e_s"]
    assert all(value is None or math.isfinite(value) for value in found.values())

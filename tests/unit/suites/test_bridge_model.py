"""The lm-eval model over a backend: what is asked of it, how often, and what lm-eval reads."""

from __future__ import annotations

from typing import Any

import jinja2
import pytest

pytest.importorskip("lm_eval")

from lm_eval.api.instance import Instance
from lm_eval.api.model import CachingLM

from slmbench.backends.fake import Fake
from slmbench.errors import InputError
from slmbench.ports import Generation, Sampling
from slmbench.schema.model_spec import ModelSpec
from slmbench.suites.lm_eval_bridge import BridgeLM
from tests.contract.memory_context import MemoryContext

_SAMPLED = {"until": ["\n"], "do_sample": True, "temperature": 0.8, "max_gen_toks": 12}
_GREEDY = {"until": ["\n"], "do_sample": False, "max_gen_toks": 12}


class Counting(Fake):
    """The fake backend, which notes what it is asked; its chat template refuses the system role."""

    def __init__(self, **spec: Any) -> None:
        super().__init__(ModelSpec(backend="fake", target="counting", **spec), "")
        self.scored: list[int] = []
        self.continued: list[tuple[int, int, Sampling]] = []

    def loglikelihood(self, pairs: Any) -> list[tuple[float, bool]]:
        self.scored.append(len(pairs))
        return super().loglikelihood(pairs)

    def generate(self, prompts: Any, how: Sampling, k: int) -> list[list[Generation]]:
        self.continued.append((len(prompts), k, how))
        return super().generate(prompts, how, k)

    def apply_chat_template(self, messages: list[dict[str, str]], add_prompt: bool) -> str:
        if messages[0]["role"] == "system":
            raise jinja2.TemplateError("no system role")
        return "|".join(message["content"] for message in messages)


def asked(kind: Any, *arguments: Any, repeats: int = 1) -> list[Instance]:
    """Return requests as lm-eval lists them: a repeated one is one object several times."""
    made = [Instance(kind, {}, each, number) for number, each in enumerate(arguments)]
    return [each for each in made for _ in range(repeats)]


def test_equal_pairs_are_scored_once_and_answered_in_order() -> None:
    backend = Counting()
    lm = BridgeLM(backend, MemoryContext())
    pairs = [("a b", " c"), ("a b", " d"), ("a b", " c"), ("", "whole")]
    scores = lm.loglikelihood(asked("loglikelihood", *pairs), disable_tqdm=True)
    assert backend.scored == [3]
    assert scores[0] == scores[2] != scores[1]
    assert lm.token_counts["a b", " c"] == (3, 2) and len(lm.sent) == 32


def test_checkpoints_are_cut_by_tokens_and_resumed() -> None:
    backend = Counting(max_length=20_000)
    context = MemoryContext()
    texts = [f"{number:05d}" * 600 for number in range(5)]
    requests = asked("loglikelihood", *((text, " yes") for text in texts))
    first = BridgeLM(backend, context).loglikelihood(requests, disable_tqdm=True)
    # 3,004 tokens a row, of which the next shares 4: two rows fit into 8,192, three do not.
    assert backend.scored == [2, 2, 1] and context.progressed[-1] == (5, 5)
    again = BridgeLM(backend, context).loglikelihood(requests, disable_tqdm=True)
    assert backend.scored == [2, 2, 1] and again == first


def test_greedy_repeats_share_one_continuation() -> None:
    backend = Counting()
    lm = BridgeLM(backend, MemoryContext())
    requests = asked("generate_until", ("x", _GREEDY), ("longer", _GREEDY), repeats=3)
    texts = lm.generate_until(requests, disable_tqdm=True)
    ((prompts, k, how),) = backend.continued
    assert (prompts, k, how.temperature, how.top_k) == (2, 1, 0.0, 0)
    assert len(set(texts[:3])) == 1 and len(set(texts[3:])) == 1
    written = len(backend.generate([backend.encode("x")], how, 1)[0][0].tokens)
    assert lm.token_counts["x", repr(_GREEDY)] == (1, written)


def test_sampled_repeats_are_one_call_for_k_continuations() -> None:
    backend = Counting()
    lm = BridgeLM(backend, MemoryContext(seed=5))
    requests = asked("generate_until", ("x", _SAMPLED), ("y", _SAMPLED), repeats=3)
    requests += asked("generate_until", ("once", _SAMPLED))
    texts = lm.generate_until(requests, disable_tqdm=True)
    assert [(prompts, k) for prompts, k, _ in backend.continued] == [(1, 1), (2, 3)]
    how = backend.continued[1][2]
    assert (how.seed, how.temperature, how.top_k, how.stop) == (5, 0.8, 50, ("\n", "\0"))
    expected = Fake.generate(backend, [backend.encode("x")], how, 3)[0]
    assert texts[:3] == [each.text for each in expected] and len(set(texts[:3])) > 1
    written = sum(len(each.tokens) for each in expected)
    assert lm.token_counts["x", repr(_SAMPLED)] == (1, written)


def test_items_with_one_prompt_share_a_call_too() -> None:
    backend = Counting()
    lm = BridgeLM(backend, MemoryContext())
    requests = asked("generate_until", ("x", _SAMPLED), ("x", dict(_SAMPLED)))
    texts = lm.generate_until(requests, disable_tqdm=True)
    assert [(prompts, k) for prompts, k, _ in backend.continued] == [(1, 2)]
    assert texts[0] != texts[1]


def test_a_checkpoint_is_a_few_batches_of_the_backends() -> None:
    backend = Counting(batch_size=2)
    lm = BridgeLM(backend, MemoryContext())
    requests = asked("generate_until", *((f"{'x' * n}", _GREEDY) for n in range(1, 12)))
    lm.generate_until(requests, disable_tqdm=True)
    assert [prompts for prompts, _, _ in backend.continued] == [4, 4, 3]


@pytest.mark.parametrize("setting", [{"num_beams": 4}, {"repetition_penalty": 1.2}, {"odd": 1}])
def test_a_setting_that_cannot_be_followed_is_told(setting: dict[str, Any]) -> None:
    lm = BridgeLM(Counting(), MemoryContext())
    requests = asked("generate_until", ("x", {**_GREEDY, **setting}))
    with pytest.raises(InputError, match=rf"{next(iter(setting))}=.* can't be followed"):
        lm.generate_until(requests)
    assert lm.generate_until(asked("generate_until", ("x", {**_GREEDY, "num_beams": 1})))


def test_only_what_follows_the_thoughts_is_an_answer() -> None:
    class Thinking(Counting):
        def generate(self, prompts: Any, how: Sampling, k: int) -> list[list[Generation]]:
            text = "so\nthen</think>  yes"
            return [[Generation(text="so", tokens=tuple(text.encode()))] for _ in prompts]

    for marker in ("</think>", ord(">")):
        lm = BridgeLM(Thinking(), MemoryContext(), think_end_token=marker)
        assert lm.generate_until(asked("generate_until", ("x", _GREEDY))) == ["yes"]
    assert BridgeLM(Thinking(), MemoryContext()).generate_until(
        asked("generate_until", ("x", _GREEDY))
    ) == ["so"]


def test_lm_evals_cache_of_answers_is_filled_and_used(tmp_path: Any) -> None:
    pytest.importorskip("sqlitedict")
    backend = Counting()
    lm = CachingLM(BridgeLM(backend, MemoryContext()), str(tmp_path / "answers.db"))
    pairs = asked("loglikelihood", ("a", " b"), ("a", " c"))
    texts = asked("loglikelihood_rolling", ("a text",))
    prompts = asked("generate_until", ("x", _GREEDY))
    once = [lm.loglikelihood(pairs), lm.loglikelihood_rolling(texts), lm.generate_until(prompts)]
    calls = (len(backend.scored), len(backend.continued))
    again = [lm.loglikelihood(pairs), lm.loglikelihood_rolling(texts), lm.generate_until(prompts)]
    assert again == once and (len(backend.scored), len(backend.continued)) == calls == (2, 1)


def test_the_system_role_is_left_out_where_the_template_refuses_it() -> None:
    lm = BridgeLM(Counting(), MemoryContext())
    chat = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    assert lm.apply_chat_template(chat) == "u"


def test_lm_eval_reads_what_it_writes_into_results() -> None:
    lm = BridgeLM(Counting(), MemoryContext(), name="owner/model", revision="v2")
    assert lm.get_model_info() == {
        "model_num_parameters": -1, "model_dtype": "none", "model_revision": "v2", "model_sha": "",
    }  # fmt: skip
    assert lm.tokenizer_name == "owner__model" and lm.config._name_or_path == "owner/model"
    assert (lm.rank, lm.world_size, lm.batch_size, lm.max_length) == (0, 1, 16, 1024)
    assert lm.chat_template(True) == ""

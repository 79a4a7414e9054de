"""A local judge's exact probabilities are those that its drawn replies tend to, from one pass."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from scripted_judge import ScriptedJudge  # noqa: E402

from slmbench.backends.huggingface import HuggingFace  # noqa: E402
from slmbench.ports import Sampling, SecondModel  # noqa: E402
from slmbench.resources import reference_dir  # noqa: E402
from slmbench.schema.base import Absent  # noqa: E402
from slmbench.schema.spec import ModelSpec  # noqa: E402
from slmbench.suites.judge.asker import Asker  # noqa: E402
from slmbench.suites.judge.reply import Question, Reply, read  # noqa: E402
from slmbench.suites.prompts import Prompts  # noqa: E402
from tests.contract.memory_context import MemoryContext  # noqa: E402

SCALE = ("1", "2", "3", "4", "5")
DRAWS = 20_000


@pytest.fixture(scope="module")
def pico() -> HuggingFace:
    spec = ModelSpec(target="ref:pico", dtype="float32", threads=1)
    return HuggingFace(spec, str(reference_dir() / "pico"))


def asker(backend: Any, **settings: Any) -> Asker:
    given = {"min_mass": 0.0, "draws": 20, **settings}
    return Asker(SecondModel(backend, "pico@1"), MemoryContext(), **given)


def rating_prompt(output: str, listed: Sequence[str] = SCALE) -> str:
    return Prompts().render(
        "g_eval",
        introduction="Replies are rated.", criterion="Is it clear?", steps="1. Read it.",
        prompt="Say hello.", output=output, reference=None, options=list(listed),
    )  # fmt: skip


def test_the_expected_rating_is_the_mean_of_twenty_thousand_draws(pico: HuggingFace) -> None:
    # Asked so, pico answers with one digit more often than not: "2", but also "20" and "2.5".
    prompt = rating_prompt("Hello there.", [str(number) for number in range(1, 100)])
    (exact,) = asker(pico).chances([(prompt, SCALE)])
    assert not isinstance(exact, Absent)
    mass = math.fsum(exact.values())
    expected = math.fsum(float(option) * chance for option, chance in exact.items()) / mass
    how = Sampling(max_new_tokens=5, temperature=1.0, seed=7)
    (texts,) = pico.generate([pico.encode(prompt)], how, DRAWS)
    found = [read(text.text, SCALE) for text in texts]
    values = [float(option) for option in found if option is not None]
    mean = math.fsum(values) / len(values)
    spread = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))
    assert abs(mean - expected) < 2.8 * spread / math.sqrt(len(values))  # 99.5 %
    # A letter that follows the digit at once makes another word of it, which one pass can't see.
    assert len(values) / DRAWS == pytest.approx(mass, abs=0.015)
    counts = Counter(found)
    for option, chance in exact.items():
        assert counts[option] / DRAWS == pytest.approx(chance, abs=0.015)


class _Counted:
    """Counts the forward passes of a model."""

    def __init__(self, backend: HuggingFace) -> None:
        self.passes = 0
        self._handle = backend._model.register_forward_hook(self._note)

    def _note(self, *_: Any) -> None:
        self.passes += 1

    def close(self) -> int:
        self._handle.remove()
        return self.passes


def test_a_rating_costs_one_scoring_pass(pico: HuggingFace) -> None:
    ask = asker(pico)
    ask.chances([("warm up", SCALE)])
    counted = _Counted(pico)
    ask.chances([(rating_prompt("Hello there."), SCALE)])
    assert counted.close() == 1


def test_options_that_begin_one_another_are_told_apart(pico: HuggingFace) -> None:
    """Digits are single tokens here, so "1" begins "10"."""
    prompt = "Question: What is 5 + 5?\nAnswer:"
    (both,) = asker(pico).chances([(prompt, ("1", "10"))])
    (alone,) = asker(pico).chances([(prompt, ("1",))])
    assert not isinstance(both, Absent) and not isinstance(alone, Absent)
    assert both["1"] == pytest.approx(alone["1"], rel=1e-4)
    assert both["10"] > 0


def test_a_prompt_that_does_not_fit_is_absent_and_the_others_are_not(pico: HuggingFace) -> None:
    long, short = rating_prompt("word " * 2000), rating_prompt("Hello.")
    found = asker(pico).chances([(short, SCALE), (long, SCALE), (short, SCALE)])
    assert isinstance(found[1], Absent) and "room for" in found[1].reason
    assert found[0] == found[2] and not isinstance(found[0], Absent)
    written = asker(pico).write([short, long], 8)
    assert isinstance(written[1], Absent) and isinstance(written[0], list)


def test_a_resumed_judge_is_asked_nothing_again(pico: HuggingFace) -> None:
    question = Question(rating_prompt("One."), rating_prompt("Two."), SCALE)
    context = MemoryContext()
    first = Asker(SecondModel(pico, "pico@1"), context, 0.0, 20).choose([question])
    judge = ScriptedJudge(lambda prompt: {})
    again = Asker(SecondModel(judge, "x@1"), context, 0.0, 20).choose([question])
    assert again == first and judge.calls == []


class _Server(ScriptedJudge):
    """Tells the likeliest tokens, as a server does; what is not among them is missing."""

    def choice_logprobs(self, prompts: Sequence[str], choices: Sequence[str]) -> list[Any]:
        rows: list[Any] = []
        for told in map(self.rule, prompts):
            row = {option: math.log(told[option]) for option in choices if option in told}
            rows.append(row if told else Absent(reason="no logprobs"))
        return rows


def test_a_server_tells_its_likeliest_tokens() -> None:
    question = Question("a", "b", ("yes", "no"))
    ask = asker(_Server(lambda prompt: {"yes": 0.5, "Yes": 0.25}))
    (reply,) = ask.choose([question])
    assert isinstance(reply, Reply) and reply.chances == {"yes": 1.0, "no": 0.0}
    assert reply.mass == pytest.approx(0.75)
    assert ask.ways == {"top_logprobs"}


def test_without_probabilities_replies_are_drawn() -> None:
    ask = asker(_Server(lambda prompt: {}, writes="no"), draws=6)
    (reply,) = ask.choose([Question("a", "b", ("yes", "no"))])
    assert isinstance(reply, Reply) and reply.chances == {"yes": 0.0, "no": 1.0}
    assert ask.ways == {"sampling, 6 draws"}


def test_options_whose_first_token_may_be_the_same_are_drawn_from_a_server() -> None:
    """With digits apart, the first token of "10" is that of "1"."""
    scale = tuple(str(number) for number in range(1, 11))
    server = _Server(lambda prompt: {"1": 0.9, "9": 0.1}, writes="10")
    ask = asker(server, draws=4)
    (reply,) = ask.choose([Question("a", "b", scale)])
    assert isinstance(reply, Reply) and reply.expected == 10.0
    assert ask.ways == {"sampling, 4 draws"}


def test_an_article_is_no_vote_for_a() -> None:
    ask = asker(_Server(lambda prompt: {"a": 0.8, "A": 0.05, "B": 0.1}))
    (found,) = ask.chances([("Better answer:", ("A", "B"))])
    assert found == {"A": pytest.approx(0.05), "B": pytest.approx(0.1)}


class _Strict(_Server):
    """Refuses a prompt that is longer than its context, as servers do."""

    def choice_logprobs(self, prompts: Sequence[str], choices: Sequence[str]) -> list[Any]:
        assert all(len(prompt) <= self.info.max_length for prompt in prompts)
        return super().choice_logprobs(prompts, choices)


@pytest.mark.parametrize("told", [{"yes": 1.0}, {}])
def test_a_prompt_too_long_for_a_server_is_absent_alone(told: dict[str, float]) -> None:
    ask = asker(_Strict(lambda prompt: told, writes="yes"))
    long = "x" * 10_000
    found = ask.choose([Question("a", "b", ("yes", "no")), Question(long, long, ("yes", "no"))])
    assert isinstance(found[0], Reply) and found[0].chances["yes"] == 1.0
    assert isinstance(found[1], Absent) and "room for" in found[1].reason


def test_one_reply_that_a_server_does_not_tell_of_costs_the_others_nothing() -> None:
    ask = asker(_Server(lambda prompt: {} if prompt == "c" else {"yes": 1.0}))
    found = ask.chances([("a", ("yes", "no")), ("c", ("yes", "no"))])
    assert found == [{"yes": 1.0, "no": 0.0}, Absent(reason="no logprobs")]
    assert ask.ways == {"top_logprobs"}


def test_a_judge_that_gives_no_number_gives_none() -> None:
    class Broken(ScriptedJudge):
        def _of(self, prompt: str, option: str) -> float:
            return math.nan

    (found,) = asker(Broken(lambda prompt: {})).choose([Question("a", "b", ("yes", "no"))])
    assert isinstance(found, Absent) and "NaN" in found.reason
    assert not hasattr(found, "mass")

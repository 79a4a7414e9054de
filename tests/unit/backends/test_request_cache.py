"""What was asked before is not computed again, and an answer is never another question's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slmbench.backends.answer_file import AnswerFile
from slmbench.backends.fake import Fake
from slmbench.backends.request_cache import CachedBackend
from slmbench.ports import Backend, Generation, Sampling, Tokens
from slmbench.schema.model_spec import ModelSpec

SPEC = ModelSpec(backend="fake", target="one")
GREEDY = Sampling(max_new_tokens=12)
SAMPLED = replace(GREEDY, temperature=1.0, seed=3)


class Counting(Fake):
    """A fake that notes what it is asked; ``remark`` is more than the port has."""

    remark = "as it is"

    def __init__(self) -> None:
        super().__init__(SPEC, "one")
        self.scored: list[list[tuple[Tokens, Tokens]]] = []
        self.continued: list[list[Tokens]] = []

    def loglikelihood(self, pairs: Sequence[tuple[Tokens, Tokens]]) -> list[tuple[float, bool]]:
        self.scored.append(list(pairs))
        return super().loglikelihood(pairs)

    def generate(self, prompts: Sequence[Tokens], how: Sampling, k: int) -> list[list[Generation]]:
        self.continued.append(list(prompts))
        return super().generate(prompts, how, k)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "requests" / "model.sqlite"


def cached(file: Path) -> tuple[CachedBackend, Counting]:
    inner = Counting()
    return CachedBackend(inner, AnswerFile(file)), inner


def plain(rows: list[list[Generation]]) -> list[list[Generation]]:
    """Return generations as they are kept: without times."""
    return [[replace(each, token_times_s=()) for each in row] for row in rows]


def test_it_is_a_backend(file: Path) -> None:
    outer, inner = cached(file)
    port: Backend = outer
    port.batch_size = 5
    assert inner.batch_size == port.batch_size == 5 and port.info == inner.info
    assert port.decode(port.encode("a b")) == "a b"
    assert port.static_memory() == inner.static_memory()
    assert outer.remark == "as it is"
    with pytest.raises(AttributeError):
        _ = outer.nothing


def test_misses_are_one_call_and_equal_questions_one_question(file: Path) -> None:
    outer, inner = cached(file)
    pairs = [([1], [2]), ([1], [3]), ([1], [2])]
    first = outer.loglikelihood(pairs)
    assert first == Fake(SPEC, "one").loglikelihood(pairs)
    assert inner.scored == [[([1], [2]), ([1], [3])]] and (outer.hits, outer.misses) == (0, 2)
    again = outer.loglikelihood([*pairs, ((9,), (9,))])
    assert again[:3] == first and inner.scored[1:] == [[((9,), (9,))]]
    assert (outer.hits, outer.misses) == (2, 3)


def test_a_pair_is_kept_as_a_pair(file: Path) -> None:
    """The same tokens cut elsewhere are another question; tuples and lists are the same one."""
    outer, inner = cached(file)
    outer.loglikelihood([([1, 2], [3])])
    outer.loglikelihood([([1], [2, 3])])
    outer.loglikelihood([((1, 2), (3,))])
    assert len(inner.scored) == 2 and outer.hits == 1


def test_what_was_known_to_one_is_known_to_the_next(file: Path) -> None:
    first, _ = cached(file)
    scores = first.loglikelihood([([1], [2])])
    texts = [first.generate([[5], [6]], how, 2) for how in (GREEDY, SAMPLED)]
    second, inner = cached(file)
    assert second.loglikelihood([([1], [2])]) == scores
    assert [second.generate([[5], [6]], how, 2) for how in (GREEDY, SAMPLED)] == texts
    assert inner.scored == inner.continued == [] and (second.hits, second.misses) == (5, 0)


def test_greedy_prompts_are_kept_one_by_one_and_without_a_seed(file: Path) -> None:
    outer, inner = cached(file)
    alone = outer.generate([[5, 6]], replace(GREEDY, seed=1), 1)
    both = outer.generate([[7], [5, 6]], replace(GREEDY, seed=2), 1)
    assert inner.continued == [[[5, 6]], [[7]]] and both[1:] == alone
    assert both == plain(Fake(SPEC, "one").generate([[7], [5, 6]], GREEDY, 1))


def test_a_sampled_prompt_is_kept_by_itself(file: Path) -> None:
    """What a prompt gets depends on no other prompt, drawn or not."""
    outer, inner = cached(file)
    first = outer.generate([[5], [6]], SAMPLED, 1)
    for prompts in ([[5]], [[6], [5]], [[5, 6]], [[5], [6]]):
        found = outer.generate(prompts, SAMPLED, 1)
    assert found == first
    assert inner.continued == [[[5], [6]], [[5, 6]]]
    assert (outer.hits, outer.misses) == (5, 3)


@pytest.mark.parametrize(
    "change",
    [
        {"max_new_tokens": 11},
        {"temperature": 0.5},
        {"top_p": 0.9},
        {"top_k": 4},
        {"stop": ("x",)},
        {"seed": 4},
        {"ignore_eos": True},
    ],
    ids=str,
)
def test_another_sampling_is_another_question(change: dict[str, object], file: Path) -> None:
    assert {*change} <= {*asdict(SAMPLED)}
    outer, inner = cached(file)
    outer.generate([[5]], SAMPLED, 2)
    outer.generate([[5]], replace(SAMPLED, **change), 2)  # type: ignore[arg-type]
    outer.generate([[5]], SAMPLED, 3)
    assert len(inner.continued) == 3 and outer.hits == 0


def test_no_generation_has_times(file: Path) -> None:
    """Neither a new one: a suite must not come to measure what is sometimes not there."""
    outer, _ = cached(file)
    for _ in range(2):
        ((each,),) = outer.generate([[5]], GREEDY, 1)
        assert each.tokens and each.token_times_s == ()


def test_a_score_that_is_no_number_is_asked_again(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer, inner = cached(file)
    with monkeypatch.context() as patch:
        patch.setattr(inner, "loglikelihood", lambda pairs: [(math.nan, False)] * len(pairs))
        assert math.isnan(outer.loglikelihood([([1], [2])])[0][0])
    assert math.isfinite(outer.loglikelihood([([1], [2])])[0][0]) and outer.misses == 2


TOKENS = st.lists(st.integers(0, 255), max_size=3)
PAIRS = st.lists(st.tuples(TOKENS, TOKENS), max_size=12)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(calls=st.lists(PAIRS, max_size=4))
def test_it_answers_as_the_model_does(
    calls: list[list[tuple[list[int], list[int]]]], file: Path
) -> None:
    """The file outlives the examples, so that hits and misses mix in all ways."""
    outer, inner = cached(file)
    for pairs in calls:
        assert outer.loglikelihood(pairs) == Fake(SPEC, "one").loglikelihood(pairs)
    asked = [(tuple(a), tuple(b)) for call in inner.scored for a, b in call]
    assert len(asked) == len(set(asked)) == outer.misses
    outer._cache.close()

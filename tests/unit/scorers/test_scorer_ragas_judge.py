"""ragas' judged metrics over our judges: by hand, with unusable replies, and with real models."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from slmbench.errors import InputError
from slmbench.ports import SecondModel, TextItem
from slmbench.resources import reference_dir
from slmbench.schema.base import Absent
from slmbench.schema.model_spec import ModelSpec
from slmbench.scorers.embedding import EmbeddingCosine
from tests.unit.scorers.ragas_script import RagasScript, scripted

pytest.importorskip("ragas")

from slmbench.scorers.ragas_judge import METRICS, RagasJudge

CONTEXTS = ("The mill is red. It stands in Copper Lane", "Wanda owns the mill", "It rains")
ITEM = TextItem(
    output="The mill is red. Wanda owns the mill. The mill is old.",
    reference="Wanda owns the mill",
    prompt="Who owns the mill?",
    contexts=CONTEXTS,
)


def score(metric: str, item: TextItem = ITEM, judge: SecondModel | None = None) -> float | Absent:
    (found,) = RagasJudge(metric=metric, judge=judge or scripted()).score([item])
    return found


def reason(found: float | Absent) -> str:
    assert isinstance(found, Absent)
    return found.reason


def test_by_hand() -> None:
    assert score("faithfulness") == pytest.approx(2 / 3)  # the third claim is in no passage
    assert score("context_recall") == 1.0
    # Only the second of three passages is useful: (1/1) (1/2).
    assert score("context_precision") == pytest.approx(1 / 2)
    # "owns" and "mill" are in the passages (rating 2); the rule sees no shorter word.
    assert score("context_relevancy") == 1.0
    half = TextItem(ITEM.output, "Wanda owns the mill. She is old", ITEM.prompt, (), CONTEXTS)
    assert score("context_recall", half) == 0.5
    assert (
        score("context_relevancy", TextItem("x", None, "Where is the mill?", (), CONTEXTS)) == 0.5
    )


def test_a_legitimate_zero_is_a_zero() -> None:
    item = TextItem("The mill is blue.", "Nobody", "Who owns the mill?", (), CONTEXTS)
    assert score("faithfulness", item) == 0.0
    assert score("context_precision", item) == pytest.approx(0.0)
    assert score("context_recall", item) == 0.0


def test_answer_relevancy_is_the_cosine_of_questions(sentence_dir: Path) -> None:
    scorer = RagasJudge(metric="answer_relevancy", judge=scripted(), embedding=str(sentence_dir))
    items = [
        TextItem("blue", prompt="is the sky blue ?"),
        TextItem("not bad", prompt="is the sky blue ?"),
        TextItem("Nobody knows", prompt="is the sky blue ?"),
    ]
    by_hand = EmbeddingCosine(model=str(sentence_dir)).score(
        [TextItem("is the sky not bad ?", reference="is the sky blue ?")]
    )
    assert scorer.score(items) == [
        pytest.approx(1.0), pytest.approx(by_hand[0], abs=1e-5), 0.0,
    ]  # fmt: skip
    assert "encoder=sentence-transformers@" in scorer.provenance


def test_it_says_who_judged() -> None:
    import ragas

    scorer = RagasJudge(metric="faithfulness", judge=scripted())
    assert scorer.provenance == f"ragas@{ragas.__version__}:faithfulness,judge=scripted@1"
    assert scorer.metric == "faithfulness"


def test_items_are_asked_about_side_by_side_and_each_keeps_its_own_score() -> None:
    judge = scripted()
    items = [
        TextItem(
            f"Fact {n}. The mill is red.", "x", "Which fact?", (), (f"Fact {n % 2}", *CONTEXTS)
        )
        for n in range(5)
    ]
    found = RagasJudge(metric="faithfulness", judge=judge).score(items)
    assert found == [1.0, 1.0, 0.5, 0.5, 0.5]
    assert isinstance(judge.backend, RagasScript) and judge.backend.calls == [5, 5]
    one = [RagasJudge(metric="faithfulness", judge=scripted()).score([each])[0] for each in items]
    assert one == found


def test_the_judges_batch_size_is_kept() -> None:
    judge = scripted(batch_size=2)
    RagasJudge(metric="context_recall", judge=judge).score([ITEM] * 5)
    assert isinstance(judge.backend, RagasScript) and judge.backend.calls == [2, 2, 1]


SPOILT: dict[str, tuple[str, str, str]] = {
    "no JSON": ("faithfulness", "I would say it is quite good.", "holds no JSON"),
    "empty": ("context_recall", "", "holds no JSON"),
    "cut short": ("context_recall", '{"classifications": [{"statement": "a', "not the JSON"),
    "other keys": ("context_precision", '{"score": 1}', "not the JSON"),
    "a list": ("context_precision", "[1, 2, 3]", "holds no JSON"),
    "words for a number": ("context_precision", '{"reason": "", "verdict": "yes"}', "not the JSON"),
    "off the scale": ("context_precision", '{"reason": "", "verdict": 7}', "off its scale"),
    "negative": ("context_recall", '{"classifications": [{"statement": "", "reason": "", '
                 '"attributed": -1}]}', "off its scale"),
    "rating off": ("context_relevancy", '{"rating": 9}', "off its scale"),
    "nested deep": ("context_precision", '{"a":' * 5000, "not the JSON"),
    "nothing claimed": ("faithfulness", '{"statements": []}', "no number"),
    "nothing classified": ("context_recall", '{"classifications": []}', "no number"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_a_reply_that_cannot_be_read_is_absent_and_never_zero(name: str) -> None:
    metric, said, expected = SPOILT[name]
    judge = scripted(lambda form, text: said)
    assert expected in reason(score(metric, judge=judge))
    assert isinstance(judge.backend, RagasScript) and len(judge.backend.calls) <= 2


def test_verdicts_on_other_claims_are_refused() -> None:
    """A judge that repeats the prompt's example gives as many verdicts as the example has."""
    reply = '{"statements": [{"statement": "John", "reason": "", "verdict": 1}]}'
    judge = scripted(lambda form, text: reply if form == "NLIStatementOutput" else text)
    assert "more or fewer claims" in reason(score("faithfulness", judge=judge))


def test_one_lost_rating_of_two_is_not_averaged_away() -> None:
    replies = iter(['{"rating": 2}', "hm"])
    judge = scripted(lambda form, text: next(replies))
    assert "holds no JSON" in reason(score("context_relevancy", judge=judge))


def test_an_empty_question_is_no_zero(sentence_dir: Path) -> None:
    judge = scripted(lambda form, text: '{"question": " ", "noncommittal": 0}')
    scorer = RagasJudge(metric="answer_relevancy", judge=judge, embedding=str(sentence_dir))
    assert "empty question" in reason(scorer.score([ITEM])[0])


@pytest.mark.parametrize(
    ("item", "lacking"),
    [
        (TextItem("", "x", "q", (), CONTEXTS), "no answer"),
        (TextItem("a", "x", None, (), CONTEXTS), "no question"),
        (TextItem("a", "x", "q", (), (" ",)), "no passages"),
    ],
)
def test_nothing_to_judge(item: TextItem, lacking: str) -> None:
    judge = scripted()
    assert lacking in reason(score("faithfulness", item, judge))
    assert isinstance(judge.backend, RagasScript) and judge.backend.calls == []


def test_a_small_window_is_said_and_not_cut() -> None:
    assert "window of 300 tokens" in reason(score("faithfulness", judge=scripted(max_length=300)))


def test_wrong_options_are_input_errors() -> None:
    with pytest.raises(InputError, match="Did you mean 'faithfulness'"):
        RagasJudge(metric="faithfullness", judge=scripted())
    with pytest.raises(InputError, match=r"scorers\.embedding"):
        RagasJudge(metric="answer_relevancy", judge=scripted())


def test_a_judge_that_breaks_ends_the_job_rather_than_hanging() -> None:
    def fails(form: str, text: str) -> str:
        raise InputError("the server is gone")

    with pytest.raises(InputError, match="the server is gone"):
        RagasJudge(metric="faithfulness", judge=scripted(fails)).score([ITEM, ITEM])


def test_it_works_where_an_event_loop_runs() -> None:
    async def notebook() -> float | Absent:
        return score("context_recall")

    assert asyncio.run(notebook()) == 1.0


@pytest.mark.parametrize("metric", [each for each in METRICS if each != "answer_relevancy"])
def test_a_real_small_judge_that_rambles(metric: str, stretched: Callable[[], SecondModel]) -> None:
    """A trained model of a few hundred thousand parameters writes words, and never JSON."""
    scorer = RagasJudge(metric=metric, judge=stretched(), max_new_tokens=24)
    for found in scorer.score([ITEM, ITEM]):
        assert "the judge's reply" in reason(found)


@pytest.fixture(scope="module")
def stretched() -> Callable[[], SecondModel]:
    """ref:nano with a window that ragas' questions fit in: rotary positions know no end."""
    pytest.importorskip("torch")
    from slmbench.backends.huggingface import HuggingFace

    spec = ModelSpec(target=str(reference_dir() / "nano"), max_length=4096)
    model = HuggingFace(spec, spec.target)
    return lambda: SecondModel(model, "nano@1")


def test_nothing_is_written_and_nobody_is_told(tmp_path: Path) -> None:
    """In a fresh home, with every name look-up refused, a score is made and no file is left."""
    code = """
import socket
def refuse(*_, **__):
    raise SystemExit("a name was looked up")
socket.getaddrinfo = refuse
from tests.unit.scorers.test_scorer_ragas_judge import score
print(score("faithfulness"))
"""
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "VIRTUAL_ENV") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False,
        cwd=Path(__file__).resolve().parents[3],
        env={**kept, "HOME": str(home), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("0.66")
    assert [path for path in home.rglob("*") if path.is_file()] == []

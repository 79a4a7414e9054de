"""Hold every scorer of the catalogue to the port, by its name; weights are tiny and random."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slmbench import catalog
from slmbench.backends.fake import Fake
from slmbench.ports import Scorer, SecondModel, TextItem
from slmbench.schema.base import Absent
from slmbench.schema.model_spec import ModelSpec
from tests.unit.scorers.tiny_checkpoints import write_classifier, write_detoxify, write_encoder

#: Scorers of a model: the sum of a padded batch differs in the last digits from a single text's.
NEURAL = {
    "bertscore", "classifier", "detoxify", "embedding_cosine", "entailment", "ragas_semantic",
}  # fmt: skip
SIGNED = {"embedding_cosine", "ragas_semantic"}
#: Scorers that may have nothing to say here, and why.
MAY_BE_ABSENT = {
    "meteor": "WordNet's data is not on this machine",
    "ragas_judge": "the fake judge writes no JSON; tests of its own have one that does",
}
PROMPT = "Tell me about the weather today."
REFERENCE = "The sky is blue today"
TEXTS = (
    "The sky is blue today",
    "",
    "you stupid idiot",
    "The sky is blue today",
    "\u200b",
    "雨 ☔",
)


def item(text: str, reference: str | None) -> TextItem:
    return TextItem(
        output=text,
        reference=reference,
        prompt=PROMPT,
        siblings=(text, "a fine day"),
        contexts=("The sky has been blue since noon.",),
    )


ITEMS = [item(text, reference) for text in TEXTS for reference in (REFERENCE, "", None)]
HOSTILE = {
    "control characters": "\x00\x01\x07\x1b[31mred\x1b[0m\x7f\r\n\t\x85\u2028",
    "lone surrogates": "\ud800 sky \udfff\udc80",
    "markup": "<script>alert('sky')</script><!-- &amp; ]]> <img src=x onerror=y>",
    "jinja braces": "{{ 7 * 7 }}{% for x in range(9) %}{{ x }}{% endfor %}{# sky #}",
    "python format": "{0.__class__} %s %(sky)s {} ${HOME} `id` $(id)",
    "combining marks": "s" + "\u0301" * 3000 + "ky",
    "joined emoji": "👩‍👩‍👧" * 500,
    "right to left": "שלום \u202e yks \u202c مرحبا",
    "special tokens": "[CLS] [SEP] [MASK] <s> </s> <pad> <|endoftext|> [PAD]",
    "noncharacters": "\ufffe\uffff\ufeff\U0010ffff",
    "100,000 characters of words": "sky " * 25_000,
    "100,000 characters of one word": "s" * 100_000,
    "100,000 characters without spaces": "雨" * 100_000,
}
#: Global state a library may change when it is imported; a scorer's module must not.
STATE = """
import json, logging, os, warnings, locale, random
def state():
    return json.dumps([
        sorted(os.environ.items()), logging.root.level, len(logging.root.handlers),
        [str(each) for each in warnings.filters], locale.setlocale(locale.LC_ALL),
        str(random.getstate())[:200], logging.root.manager.disable, os.getcwd(),
    ], sort_keys=True)
"""


def options(name: str, folder: Path, sentences: Path) -> dict[str, Any]:
    """Return what a scorer can't be made without."""
    if name in ("embedding_cosine", "ragas_semantic"):
        return {"model": str(sentences)}
    if name == "classifier":
        write_classifier(folder)
        return {"model": str(folder)}
    if name == "entailment":
        write_classifier(folder, ("contradiction", "neutral", "entailment"))
        return {"model": str(folder)}
    if name == "bertscore":
        write_encoder(folder)
        return {"model": str(folder)}
    if name == "detoxify":
        path = write_detoxify(folder, "Bert", ("toxicity", "insult"), (), seed=3)
        return {"checkpoint": str(path), "config_dir": str(folder)}
    if name == "ragas_judge":
        judge = SecondModel(Fake(ModelSpec(backend="fake", target="judge"), "judge"), "fake@1")
        return {"metric": "faithfulness", "judge": judge}
    return {}


@pytest.fixture(scope="module", params=sorted(catalog.SCORERS))
def named(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sentence_dir: Path
) -> Iterator[tuple[str, Scorer]]:
    folder = tmp_path_factory.mktemp(request.param)
    made = catalog.load("scorers", request.param)(**options(request.param, folder, sentence_dir))
    yield request.param, made


@pytest.fixture
def scorer(named: tuple[str, Scorer]) -> Scorer:
    return named[1]


def test_a_text_that_is_longer_than_a_model_reads_is_counted(named: tuple[str, Scorer]) -> None:
    name, scorer = named
    if name not in NEURAL:
        scorer.score([item("sky " * 600, "a day")])
        assert getattr(scorer, "cut_count", 0) == 0
        return
    before = scorer.cut_count  # type: ignore[attr-defined]
    scorer.score([item("blue sky", "a day"), item("good day", "a sky")])
    assert scorer.cut_count == before  # type: ignore[attr-defined]
    scorer.score([item("sky " * 600, "a day"), item("good day", "a sky")])
    assert scorer.cut_count == before + 1  # type: ignore[attr-defined]


def hold(name: str, scores: list[float | Absent], count: int) -> None:
    assert len(scores) == count
    for score in scores:
        if isinstance(score, Absent):
            assert score.reason.strip()
        else:
            low = -1.0 if name in SIGNED else 0.0
            assert type(score) is float and not math.isnan(score) and low <= score <= 1.0


def test_no_items_no_scores(scorer: Scorer) -> None:
    assert scorer.score([]) == []


def test_one_score_for_each_item_in_range_or_absent(named: tuple[str, Scorer]) -> None:
    name, scorer = named
    hold(name, scorer.score(ITEMS), len(ITEMS))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_is_scored_or_absent(named: tuple[str, Scorer], text: str) -> None:
    name, scorer = named
    pairs = [(text, REFERENCE), (REFERENCE, text), (text, text)]
    hold(name, scorer.score([item(*pair) for pair in pairs]), len(pairs))


def test_something_is_scored(named: tuple[str, Scorer]) -> None:
    name, scorer = named
    (score,) = scorer.score(ITEMS[:1])
    if name in MAY_BE_ABSENT and isinstance(score, Absent):
        pytest.skip(MAY_BE_ABSENT[name])
    assert isinstance(score, float)


def test_the_same_item_gets_the_same_score(named: tuple[str, Scorer]) -> None:
    name, scorer = named
    scores = scorer.score(ITEMS)
    assert scores == scorer.score(ITEMS)
    (alone,) = scorer.score(ITEMS[:1])
    assert alone == (pytest.approx(scores[0], abs=1e-5) if name in NEURAL else scores[0])


def test_it_says_who_scored(scorer: Scorer) -> None:
    assert scorer.metric and isinstance(scorer.higher_is_better, bool)
    name, at, version = scorer.provenance.partition("@")
    assert name and at and version


def test_a_scorer_that_compares_with_a_reference_carries_the_name_of_its_metric() -> None:
    for name in ("chrf", "bleu", "rouge_l", "token_f1", "dist_2", "similarity_to_prompt"):
        assert catalog.load("scorers", name)().metric == name
    for name in ("meteor", "edit_distance", "bertscore", "entailment", "ragas_string"):
        assert catalog.load("scorers", name).metric == name


def test_importing_a_scorer_changes_nothing_global() -> None:
    targets = sorted({entry.target.partition(":")[0] for entry in catalog.SCORERS.values()})
    code = (
        f"{STATE}\nimport importlib, slmbench.ports\nbefore = state()\n"
        f"for name in {targets!r}:\n"
        "    importlib.import_module(name)\n"
        "    assert state() == before, name\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr

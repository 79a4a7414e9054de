"""Hold every scorer of the catalogue to the port, by its name alone."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from slmbench import catalog
from slmbench.ports import Scorer, TextItem
from slmbench.schema.base import Absent

#: Scorers that need weights; tests/unit/scorers builds tiny ones for them.
NEED_WEIGHTS = {"detoxify": "needs a Detoxify checkpoint", "embedding_cosine": "needs an encoder"}
PROMPT = "Tell me about the weather today."
TEXTS = (
    "The sky is blue today",
    "",
    "you stupid idiot",
    "The sky is blue today",
    "\u200b",
    "雨 ☔",
)
ITEMS = [
    TextItem(output=text, reference=reference, prompt=PROMPT, siblings=(text, "a fine day"))
    for text in TEXTS
    for reference in ("The sky is blue today", "", None)
]
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


@pytest.fixture(params=sorted(catalog.SCORERS))
def scorer(request: pytest.FixtureRequest) -> Scorer:
    if request.param in NEED_WEIGHTS:
        pytest.skip(NEED_WEIGHTS[request.param])
    made: Scorer = catalog.load("scorers", request.param)()
    return made


def test_no_items_no_scores(scorer: Scorer) -> None:
    assert scorer.score([]) == []


def test_one_score_for_each_item_in_range_or_absent(scorer: Scorer) -> None:
    scores = scorer.score(ITEMS)
    assert len(scores) == len(ITEMS)
    for score in scores:
        if isinstance(score, Absent):
            assert score.reason.strip()
        else:
            assert type(score) is float and not math.isnan(score) and 0.0 <= score <= 1.0


def test_something_is_scored(scorer: Scorer) -> None:
    (score,) = scorer.score(ITEMS[:1])
    assert isinstance(score, float)


def test_the_same_item_gets_the_same_score(scorer: Scorer) -> None:
    assert scorer.score(ITEMS) == scorer.score(ITEMS)
    assert scorer.score(ITEMS)[1:2] == scorer.score(ITEMS[1:2])


def test_it_says_who_scored(scorer: Scorer) -> None:
    assert scorer.metric and isinstance(scorer.higher_is_better, bool)
    name, at, version = scorer.provenance.partition("@")
    assert name and at and version


def test_an_overlap_carries_the_name_of_its_metric() -> None:
    for name in ("chrf", "bleu", "rouge_l", "token_f1", "dist_2", "similarity_to_prompt"):
        assert catalog.load("scorers", name)().metric == name


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

"""Check the ragas adapters against the library, and that importing it leaves no trace."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from slmbench.errors import InputError
from slmbench.ports import TextItem
from slmbench.schema.base import Absent
from slmbench.scorers.edit_distance import EditDistance
from slmbench.scorers.embedding import EmbeddingCosine
from slmbench.scorers.ragas_import import import_ragas
from slmbench.scorers.ragas_text import (
    RagasChrf,
    RagasExactMatch,
    RagasSemantic,
    RagasString,
    RagasStringPresence,
)

ITEMS = [
    TextItem(output="the sky is blue", reference="the sun is good"),
    TextItem(output="a good day", reference="a good day"),
    TextItem(output="it was a bad night", reference="rain"),
    TextItem(output="", reference="a good day"),
    TextItem(output="good", reference=None),
    TextItem(output="good", reference="\n"),
]
#: What runs in a process of its own; every file it writes and every address it asks is printed.
WATCHED = """
import os, sys
ROOT = sys.argv[1]
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"):
        print("network:", event, arguments)
sys.addaudithook(watch)
before = dict(os.environ)
from slmbench.scorers.ragas_import import import_ragas
from slmbench.ports import TextItem
from slmbench.scorers.ragas_text import RagasString
import_ragas()
assert dict(os.environ) == before, set(os.environ.items()) ^ set(before.items())
print(RagasString().score([TextItem(output="abc", reference="abd")]))
from ragas._analytics import BaseEvent, _analytics_batcher, EvaluationEvent, track
track(BaseEvent(event_type="asked to tell"))
_analytics_batcher.add_evaluation(EvaluationEvent(
    metrics=["m"], num_rows=1, evaluation_type="SINGLE_TURN", language="en"))
_analytics_batcher.flush()
"""


def test_nothing_is_sent_and_nothing_is_written(tmp_path: Path) -> None:
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    hidden = ("XDG_", "RAGAS_", "HF_", "LANGCHAIN", "LANGSMITH")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
    folders = {"HOME": str(home), "TMPDIR": str(temporary)}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(tmp_path)],
        env={**kept, **folders, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[0.6666666666666667]"]
    assert [*home.rglob("*"), *temporary.rglob("*")] == []


def test_ragas_that_was_imported_before_is_silenced_too() -> None:
    ragas = import_ragas()
    from ragas import _analytics

    _analytics.do_not_track.cache_clear()
    assert "RAGAS_DO_NOT_TRACK" not in os.environ and not _analytics.do_not_track()
    assert import_ragas() is ragas
    assert _analytics.do_not_track()


def test_a_langchain_that_ragas_does_not_know_names_its_cure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ragas", None)
    with pytest.raises(InputError, match=r"pip install 'slmbench\[rag\]'"):
        import_ragas()
    monkeypatch.delitem(sys.modules, "ragas")
    for name in [name for name in sys.modules if name.startswith("ragas.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "langchain_community.chat_models.vertexai", None)
    with pytest.raises(InputError, match=r"pip install 'langchain-community<0\.4\.2'"):
        import_ragas()


def test_string_similarity_is_ragas() -> None:
    import_ragas()
    from ragas.metrics.collections import NonLLMStringSimilarity

    scores = RagasString().score(ITEMS)
    for item, score in zip(ITEMS[:4], scores[:4], strict=True):
        theirs = NonLLMStringSimilarity().score(reference=item.reference, response=item.output)
        assert score == theirs.value
    assert scores[1] == 1.0 and scores[3] == 0.0
    assert isinstance(scores[4], Absent) and isinstance(scores[5], Absent)
    distances = EditDistance().score(ITEMS[:4])
    assert [1.0 - float(each) for each in scores[:4]] == pytest.approx(distances)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scorer", "theirs"),
    [
        (RagasChrf, "CHRFScore"), (RagasExactMatch, "ExactMatch"),
        (RagasStringPresence, "StringPresence"),
    ],
)  # fmt: skip
def test_plain_metrics_are_ragas(scorer: type[RagasChrf], theirs: str) -> None:
    import_ragas()
    from ragas.metrics import collections

    scores = scorer().score(ITEMS)
    for item, score in zip(ITEMS[:3], scores[:3], strict=True):
        found = getattr(collections, theirs)().score(reference=item.reference, response=item.output)
        assert score == pytest.approx(found.value)
    assert scores[1] == pytest.approx(1.0) and scores[3] == 0.0
    assert all(isinstance(score, Absent) for score in scores[4:])
    longer = TextItem(output="It was a good day.", reference="a good day")
    (score,) = RagasStringPresence().score([longer])
    assert score == 1.0


def test_another_distance_is_another_score() -> None:
    assert RagasString(distance="jaro").score(ITEMS) != RagasString().score(ITEMS)
    assert RagasString(distance="jaro").provenance != RagasString().provenance
    with pytest.raises(InputError, match="Did you mean 'jaro'"):
        RagasString(distance="jaru")


def test_semantic_similarity_is_the_cosine_of_our_encoder(sentence_dir: Path) -> None:
    scorer = RagasSemantic(model=str(sentence_dir))
    scores = scorer.score(ITEMS)
    cosines = EmbeddingCosine(model=str(sentence_dir)).score(ITEMS)
    assert scores[:4] == pytest.approx(cosines[:4], abs=1e-6)
    assert all(isinstance(each, Absent) for each in scores[4:])
    assert "tiny-sentences@" in scorer.provenance and "ragas" in scorer.provenance


async def in_a_loop(scorer: RagasString) -> object:
    return scorer.score(ITEMS)


def test_it_works_where_an_event_loop_runs_already() -> None:
    import asyncio

    assert asyncio.run(in_a_loop(RagasString())) == RagasString().score(ITEMS)

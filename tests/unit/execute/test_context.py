"""What a suite is handed: checkpoints through JSON, scorers and meters or the reason for none."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from slmbench.errors import InputError, ModelError
from slmbench.execute.context import JobContext
from slmbench.schema.base import Absent
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.spec import RunSpec

SPEC = RunSpec(models=(ModelSpec(backend="fake", target="x"),))


@pytest.fixture
def sent() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def context(sent: list[dict[str, Any]]) -> JobContext:
    return JobContext(SPEC, {"known": [1, [2.5, "x"]]}, sent.append)


def test_a_known_checkpoint_is_not_computed_again(
    context: JobContext, sent: list[dict[str, Any]]
) -> None:
    def refuse() -> None:
        raise AssertionError("it was journalled before")

    assert context.checkpoint("known", refuse) == [1, [2.5, "x"]] and sent == []


def test_a_new_checkpoint_is_sent_and_is_what_a_resumed_run_will_read(
    context: JobContext, sent: list[dict[str, Any]]
) -> None:
    value = context.checkpoint("new", lambda: {"a": (1, 2), 3: None})
    assert value == {"a": [1, 2], "3": None}
    assert sent == [{"kind": "checkpoint", "key": "new", "value": value}]


def test_a_checkpoint_of_nan_is_refused(context: JobContext, sent: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        context.checkpoint("bad", lambda: float("nan"))
    assert sent == []


def test_progress_is_sent(context: JobContext, sent: list[dict[str, Any]]) -> None:
    context.progress(3, 5)
    assert sent == [{"kind": "progress", "done": 3, "total": 5}]


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("embedding_cosine", {"model": None}, "no encoder: name one with scorers.embedding"),
        ("detoxify", {"checkpoint": None, "config_dir": None}, "no Detoxify checkpoint"),
        ("detoxify", {"checkpoint": None, "variant": None}, "scorers.detoxify_variant"),
        ("classifier", {"model": None, "label": None}, "name one with scorers.classifier"),
        ("bertscore", {"model": None, "layer": 2}, "name one with scorers.bertscore"),
        ("entailment", {"model": None}, "no NLI model: name one with scorers.nli"),
        ("ragas_semantic", {"model": None}, "name one with scorers.embedding"),
    ],
)
def test_a_scorer_without_its_weights_is_absent(
    name: str, options: dict[str, Any], reason: str, context: JobContext
) -> None:
    found = context.scorer(name, **options)
    assert isinstance(found, Absent) and reason in found.reason


def test_a_scorer_without_its_package_is_absent(
    context: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "profanity_check", None)
    found = context.scorer("profanity")
    assert isinstance(found, Absent) and "pip install" in found.reason


def test_a_scorer_without_its_data_is_absent(
    context: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    nltk = pytest.importorskip("nltk")
    monkeypatch.setattr(nltk.data, "path", [])
    found = context.scorer("meteor")
    if not isinstance(found, Absent):
        pytest.skip("an earlier test of this process has opened WordNet, and nltk keeps it")
    assert "python -m nltk.downloader wordnet" in found.reason


def test_a_variant_of_detoxify_reaches_its_download(
    context: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("detoxify")

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    with pytest.raises(ModelError, match="Detoxify 'unbiased' can't be downloaded: no network"):
        context.scorer("detoxify", checkpoint=None, config_dir=None, variant="unbiased")


@pytest.mark.parametrize("name", ["bertscore", "classifier", "entailment"])
def test_a_model_that_is_not_there_is_told(name: str, context: JobContext) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(ModelError, match="'no-such-model' isn't a folder"):
        context.scorer(name, model="./no-such-model")


def test_a_scorer_that_is_there_is_made(context: JobContext) -> None:
    assert context.scorer("token_f1").metric == "token_f1"  # type: ignore[union-attr]


def test_an_unknown_scorer_is_told(context: JobContext) -> None:
    with pytest.raises(InputError, match="Did you mean 'token_f1'"):
        context.scorer("token_f2")


@pytest.mark.parametrize("name", ["embedding_cosine", "similarity_to_prompt"])
def test_an_encoder_that_is_not_there_is_told_by_its_name(name: str, context: JobContext) -> None:
    pytest.importorskip("sentence_transformers")
    with pytest.raises(InputError, match="no-such-encoder"):
        context.scorer(name, model="./no-such-encoder")


def test_a_meter_is_made_or_absent(context: JobContext) -> None:
    assert context.meter("memory").how in ("counter", "polled")  # type: ignore[union-attr]
    counters = context.meter("zeus")
    assert not isinstance(counters, Absent) or counters.reason
    with pytest.raises(InputError, match="Did you mean 'memory'"):
        context.meter("memroy")


def test_the_worlds_carbon_has_a_source(context: JobContext) -> None:
    factor, source = context.carbon_factor("world")
    assert 100 < factor < 1000 and "IEA" in source

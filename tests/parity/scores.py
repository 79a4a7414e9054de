"""Run one lm-eval task through slmbench and through lm-eval's own model, and compare."""

from __future__ import annotations

from typing import Any

import pytest

from slmbench.ports import Backend
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.plan import TaskRef
from slmbench.schema.spec import RunSpec
from slmbench.suites.lm_eval_bridge import BridgeLM, evaluate
from tests.contract.memory_context import MemoryContext

_NATS = 1e-4


def both(task: TaskRef, backend: Backend, harness: Any, limit: int) -> tuple[Any, Any]:
    """Return lm-eval's results of a task, once with our backend and once with its own model."""
    spec = RunSpec(models=(ModelSpec(backend="fake", target="parity"),), limit=limit)
    bridge = BridgeLM(backend, MemoryContext(limit=limit), backend.batch_size)
    here, _ = evaluate(task, bridge, spec)
    there, _ = evaluate(task, harness, spec)
    return here, there


def assert_same_scores(here: Any, there: Any, task: str, *, texts: bool = True) -> None:
    """Assert that every metric and every sample's answers are the same."""
    compared = 0
    for key, value in there["results"][task].items():
        metric, comma, _ = key.partition(",")
        if comma and not metric.endswith("_stderr"):
            # A perplexity is an exponential: it multiplies the rounding of its log-likelihoods.
            near = _NATS if "perplexity" in metric else 1e-6
            assert here["results"][task][key] == pytest.approx(value, rel=near, abs=0.0), key
            compared += 1
    assert compared
    samples = [sorted(run["samples"][task], key=_place) for run in (here, there)]
    assert [_place(each) for each in samples[0]] == [_place(each) for each in samples[1]]
    for ours, theirs in zip(*samples, strict=True):
        for one, two in zip(_answers(ours), _answers(theirs), strict=True):
            if not isinstance(two, str):
                assert one == pytest.approx(two, abs=_NATS, rel=1e-6)
            elif texts:
                assert one == two


def _place(sample: dict[str, Any]) -> tuple[int, str]:
    return sample["doc_id"], sample["filter"]


def _answers(sample: dict[str, Any]) -> list[Any]:
    """Return a sample's raw answers, flat: texts, log-likelihoods and greedy flags."""
    flat: list[Any] = []
    for answer in sample["resps"]:
        for part in answer if isinstance(answer, list | tuple) else [answer]:
            flat.extend(part if isinstance(part, list | tuple) else [part])
    return flat

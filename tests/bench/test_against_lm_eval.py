"""The accuracy suite's path beside lm-eval's own ``hf`` model: same weights, same items, in turn.

Prints the ratio of medians; it asserts that the answers agree, never how long they took.
"""

from __future__ import annotations

import statistics
from typing import Any

import pytest

from slmbench.plan.tasks import local_tasks
from slmbench.resources import reference_dir
from slmbench.schema.spec import ModelSpec, RunSpec
from slmbench.units import clock
from tests.contract.memory_context import MemoryContext

pytest.importorskip("torch")
pytest.importorskip("lm_eval")

from lm_eval.models.huggingface import HFLM

from slmbench.backends.huggingface import HuggingFace
from slmbench.suites.lm_eval_bridge import BridgeLM, evaluate

_ROUNDS = 5
_BATCH = 16


@pytest.mark.parametrize("task", ["customer_intent", "field_extraction", "heldout_perplexity"])
def test_ratio_to_lm_eval(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(reference_dir() / "micro")
    model = ModelSpec(target=path, dtype="float32", batch_size=_BATCH)
    spec = RunSpec(models=(model,), limit=80)
    backend = HuggingFace(model, path)
    theirs = HFLM(pretrained=path, dtype="float32", device="cpu", batch_size=_BATCH)
    found = local_tasks()[task]
    seconds: dict[str, list[float]] = {"slmbench": [], "lm-eval hf": []}
    scores: dict[str, Any] = {}
    for _ in range(_ROUNDS):
        for name in seconds:
            harness = (
                BridgeLM(backend, MemoryContext(limit=80), _BATCH) if name == "slmbench" else theirs
            )
            start = clock()
            results, _ = evaluate(found, harness, spec)
            seconds[name].append(clock() - start)
            scores[name] = results["results"][task]
    ours, hf = (statistics.median(each) for each in seconds.values())
    with capsys.disabled():
        print(f"\n{task}: slmbench {ours:.2f} s, lm-eval hf {hf:.2f} s, ratio {hf / ours:.2f}x")
    for key, value in scores["lm-eval hf"].items():
        if isinstance(value, float):
            assert scores["slmbench"][key] == pytest.approx(value, rel=1e-5)

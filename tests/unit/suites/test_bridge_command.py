"""From lm-eval's model arguments to ours."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("lm_eval")

from slmbench.errors import InputError
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.spec import RunSpec
from slmbench.suites.lm_eval_bridge.command import (
    CommandContext,
    _merged,
    model_spec,
)


def test_every_argument_reaches_the_model() -> None:
    given = {
        "pretrained": "owner/model", "dtype": "bfloat16", "revision": 3, "device": "cpu",
        "batch_size": 4, "max_length": 512, "add_bos_token": True, "trust_remote_code": True,
        "threads": 2, "backend": "hf",
    }  # fmt: skip
    assert model_spec(given) == ModelSpec(
        target="owner/model", dtype="bfloat16", revision="3", device="cpu", batch_size=4,
        max_length=512, add_bos_token=True, trust_remote_code=True, threads=2,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"batch_size": 1}, None),
        ({"batch_size": "auto"}, None),
        ({"batch_size": "auto:4"}, None),
        ({"batch_size": "8"}, 8),
        ({"batch_size": 8, "max_batch_size": 4}, 8),
        ({"batch_size": "auto", "max_batch_size": 4}, 4),
        ({}, None),
    ],
)
def test_lm_evals_batch_size_is_followed(options: dict[str, Any], size: int | None) -> None:
    assert model_spec(_merged({"pretrained": "m"}, options)).batch_size == size


def test_a_model_argument_goes_before_an_option() -> None:
    given = {"pretrained": "m", "batch_size": 1, "device": "mps"}
    spec = model_spec(_merged(given, {"device": "cpu", "batch_size": 9}))
    assert (spec.batch_size, spec.device) == (1, "mps")


def test_the_device_lm_eval_fills_in_is_the_backends_choice() -> None:
    assert model_spec(_merged({"pretrained": "m"}, {"device": "cuda:0"})).device == "auto"
    assert model_spec(_merged({"pretrained": "m"}, {"device": "cuda:1"})).device == "cuda:1"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "lacks pretrained="),
        ({"pretraned": "m"}, r"unknown key 'pretraned'\. Did you mean 'pretrained'\?"),
        ({"pretrained": "m", "peft": "x"}, r"unknown key 'peft'.* Known: pretrained, backend"),
        ({"pretrained": "m", "max_length": "long"}, "'max_length'"),
        ({"pretrained": "m", "batch_size": 0}, "'batch_size'"),
    ],
)
def test_a_wrong_argument_is_told(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        model_spec(given)


def test_the_context_computes_and_shows_nothing_off_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    context = CommandContext(RunSpec(models=(ModelSpec(target="m"),), seed=3))
    assert context.checkpoint("key", lambda: [1]) == [1] and context.spec.seed == 3
    for done in (1, 2, 1, 2):
        context.progress(done, 2)
    assert capsys.readouterr() == ("", "")

"""``slmbench lm-eval``: lm-eval's own command line, with our model in it."""

from __future__ import annotations

import os

# The hub's client and its kin read these when they are imported: nothing reports home.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("DO_NOT_TRACK", "1")

from slmbench import catalog
from slmbench.plan.build import source_of
from slmbench.ports import Backend
from slmbench.schema.model_spec import ModelSpec
from slmbench.suites.lm_eval_bridge.command import run


def command(arguments: list[str]) -> None:
    """Hand every argument to lm-eval, in which ``--model slmbench`` is a name of a model."""
    run(arguments, _load)


def _load(spec: ModelSpec) -> Backend:
    backend: Backend = catalog.load("backends", spec.backend)(spec, source_of(spec))
    return backend

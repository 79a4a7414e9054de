"""Which model, for which device and budget: run, compare, rank and gate language models.

The public API, imported only when it is used:

- ``dry_run(spec)``, ``run(spec, store, observer)``: what a spec would do, and doing it
- ``load(store)``: all runs of a store, as pandas and Arrow tables and as a leaderboard in a
  notebook; ``load(reference, store)``: one recorded run
- ``compare(baseline, candidate, store)``: every shared metric, with error bars
- ``rank(stores, folder)``: the leaderboard page
- ``check(policy, baseline, candidate, store)``: may this model ship (``slmbench gate``; the name
  ``slmbench.gate`` is taken by the package of that stage)
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_API = {
    "check": "slmbench.pipeline:gate",
    "compare": "slmbench.pipeline:compare",
    "dry_run": "slmbench.pipeline:plan",
    "load": "slmbench.api:load",
    "rank": "slmbench.pipeline:rank",
    "run": "slmbench.pipeline:run",
}
__all__ = ["__version__", "check", "compare", "dry_run", "load", "rank", "run"]


def __getattr__(name: str) -> Any:
    if name not in _API:
        raise AttributeError(f"module 'slmbench' has no attribute '{name}'")
    module, _, attribute = _API[name].partition(":")
    return getattr(importlib.import_module(module), attribute)

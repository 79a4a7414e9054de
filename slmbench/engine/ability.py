"""How a model can be run; `slmbench.engine.probe` finds it out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ability:
    """How a model can be run.

    Attributes:
        tree: prefix trees are packed into rows.
        split: a cached path is read in place; else it is copied for each row.
        prefix: without trees, a prefix that all requests share is cached once.
        why: one line for the record.
        batches: texts can be continued side by side.
    """

    tree: bool
    split: bool
    prefix: bool
    why: str
    batches: bool = True

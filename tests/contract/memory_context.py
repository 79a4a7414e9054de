"""The smallest Context: checkpoints in a dict, the catalogue's scorers and meters, no process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from slmbench import catalog
from slmbench.ports import Meter, Scorer, SecondModel
from slmbench.schema.base import Absent
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.spec import RunSpec

NO_ENCODER = "no encoder in this context"
NO_SECOND = "no second model in this context"
NO_COUNTER = "no counter in this context"


class MemoryContext:
    """What a suite may use, in memory; ``progressed`` and ``kept`` tell what it did."""

    def __init__(self, **spec: Any) -> None:
        self.spec = RunSpec(models=(ModelSpec(backend="fake", target="contract"),), **spec)
        self.kept: dict[str, Any] = {}
        self.computed: list[str] = []
        self.progressed: list[tuple[int, int]] = []
        self.seconds: dict[str, SecondModel] = {}

    def checkpoint(self, key: str, compute: Callable[[], Any]) -> Any:
        if key not in self.kept:
            self.computed.append(key)
            self.kept[key] = json.dumps(compute(), allow_nan=False)
        return json.loads(self.kept[key])

    def progress(self, done: int, total: int) -> None:
        self.progressed.append((done, total))

    def scorer(self, name: str, **options: Any) -> Scorer | Absent:
        if name in ("embedding_cosine", "bertscore", "entailment"):
            return Absent(reason=NO_ENCODER)
        made: Scorer = catalog.load("scorers", name)(**options)
        return made

    def second(self, role: str) -> SecondModel | Absent:
        return self.seconds.get(role, Absent(reason=NO_SECOND))

    def meter(self, name: str, **options: Any) -> Meter | Absent:
        if name == "zeus":
            return Absent(reason=NO_COUNTER)
        made: Meter = catalog.load("meters", name)(**options)
        return made

    def carbon_factor(self, country: str) -> tuple[float, str]:
        return 500.0, f"a round figure for {country}"

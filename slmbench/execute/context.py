"""What a suite sees of the worker it runs in: checkpoints, scorers, meters and progress."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from slmbench import catalog
from slmbench.errors import InputError
from slmbench.execute.second import SecondModels
from slmbench.meters.carbon import gco2e_per_kwh
from slmbench.ports import Meter, Scorer, SecondModel
from slmbench.schema.base import Absent
from slmbench.schema.spec import RunSpec

Send = Callable[[dict[str, Any]], None]

#: Scorers that can't work without a model: what it is, and the key of a spec that names it.
_MODEL_SETTINGS = {
    "embedding_cosine": ("encoder", "embedding"),
    "ragas_semantic": ("encoder", "embedding"),
    "bertscore": ("encoder", "bertscore"),
    "entailment": ("NLI model", "nli"),
    "classifier": ("toxicity classifier", "classifier"),
}


class JobContext:
    """The Context port of one job.

    A checkpoint's value goes through JSON even when it was just computed, so that an undisturbed
    run and a resumed one hand the suite exactly the same objects.
    """

    def __init__(
        self,
        spec: RunSpec,
        known: dict[str, Any],
        send: Send,
        seconds: SecondModels | None = None,
    ) -> None:
        """Take the checkpoints that were journalled before, and where to send new ones."""
        self._seconds = seconds or SecondModels({})
        #: Jobs that this process has run before, where somebody counts them; a cold start has none.
        self.jobs_before: int | None = None
        self.spec = spec
        self._known = known
        self._send = send

    @property
    def is_resumed(self) -> bool:
        """Say whether an earlier attempt at the job has left answers behind."""
        return bool(self._known)

    def checkpoint(self, key: str, compute: Callable[[], Any]) -> Any:
        """Return the journalled value of ``key``, or compute and send it to be journalled."""
        if key not in self._known:
            value = json.loads(json.dumps(compute(), allow_nan=False))
            self._send({"kind": "checkpoint", "key": key, "value": value})
            return value
        return self._known[key]

    def progress(self, done: int, total: int) -> None:
        """Tell the parent how far the job is."""
        self._send({"kind": "progress", "done": done, "total": total})

    def scorer(self, name: str, **options: Any) -> Scorer | Absent:
        """Return a scorer, or Absent where its package, checkpoint or data is not at hand."""
        if name in _MODEL_SETTINGS and options.get("model") is None:
            role, setting = _MODEL_SETTINGS[name]
            return Absent(reason=f"no {role}: name one with scorers.{setting} in the spec")
        if name == "detoxify" and not (options.get("checkpoint") or options.get("variant")):
            return Absent(
                reason="no Detoxify checkpoint: name one with scorers.detoxify_checkpoint, or "
                "allow its download with scorers.detoxify_variant"
            )
        try:
            kind = catalog.load("scorers", name)
            probe = getattr(kind, "probe", None)
            lacking = probe() if probe is not None else None
            if isinstance(lacking, Absent):
                return lacking
            made: Scorer = kind(**options)
        except InputError as error:
            if name in catalog.SCORERS and isinstance(error.__cause__, ImportError):
                return Absent(reason=str(error))
            raise
        return made

    def second(self, role: str) -> SecondModel | Absent:
        """Return the request's ``judge``, ``detoxifier`` or ``reference``, or why there is none."""
        return self._seconds.get(role)

    def meter(self, name: str, **options: Any) -> Meter | Absent:
        """Return a meter, or Absent where this host has no such instrument."""
        kind = catalog.load("meters", name)
        probe = getattr(kind, "probe", None)
        lacking = probe() if probe is not None else None
        if isinstance(lacking, Absent):
            return lacking
        made: Meter = kind(**options)
        return made

    def carbon_factor(self, country: str) -> tuple[float, str]:
        """Return gCO2e of a kilowatt-hour in a country, and where the figure is from."""
        return gco2e_per_kwh(country)

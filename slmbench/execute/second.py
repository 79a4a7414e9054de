"""The models that help a run: each is loaded when a suite first asks for it, and once."""

from __future__ import annotations

from collections.abc import Mapping

from slmbench import catalog
from slmbench.ports import SecondModel
from slmbench.schema.base import Absent
from slmbench.schema.plan import SecondPlan

_CURES = {
    "judge": "no judge: name one with --judge BACKEND:MODEL, or judge: in the spec",
    "detoxifier": "no detoxifier: name one with --detoxifier BACKEND:MODEL",
    "reference": "no reference: name the model to compare with, as --reference BACKEND:MODEL",
}


class SecondModels:
    """The judge, the detoxifier and the reference of a run.

    Args:
        plans: role -> the model that plays it.
    """

    def __init__(self, plans: Mapping[str, SecondPlan]) -> None:
        self._plans = plans
        self._loaded: dict[str, SecondModel] = {}

    def get(self, role: str) -> SecondModel | Absent:
        """Return the model of a role, or why there is none.

        Raises:
            ModelError: it can't be loaded.
        """
        plan = self._plans.get(role)
        if plan is None:
            return Absent(reason=_CURES[role])
        if role not in self._loaded:
            model = plan.model
            backend = catalog.load("backends", model.backend)(
                model, plan.local_path or model.target
            )
            weights = plan.fingerprint.weights if plan.fingerprint is not None else "unknown"
            named = f"{model.backend}:{model.label}@{weights[:12]}"
            self._loaded[role] = SecondModel(backend, named)
        return self._loaded[role]

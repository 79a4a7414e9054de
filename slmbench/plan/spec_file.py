"""Read a spec: a YAML file of the user's, or a preset that slmbench ships."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slmbench.errors import InputError, did_you_mean
from slmbench.plan.model_text import parse_model
from slmbench.resources import tasks_dir
from slmbench.schema.spec import SUITES, RunSpec
from slmbench.schema.strict import parse, read_yaml


def preset_names() -> list[str]:
    """Return the names of the shipped presets."""
    return sorted(path.stem for path in (tasks_dir() / "presets").glob("*.yaml"))


def load_spec(name_or_path: str, overrides: dict[str, Any], backends: tuple[str, ...]) -> RunSpec:
    """Return the spec in a YAML file or preset, with the command line's flags put over it.

    A flag of a section (``--energy country=FRA``) adds its key to the section or replaces it there.

    Raises:
        InputError: no such file or preset, a misspelt key, an unknown suite or model.
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml") and not path.is_file():
        if name_or_path not in preset_names():
            near = did_you_mean(name_or_path, preset_names())
            raise InputError(
                f"No preset or spec file '{name_or_path}'.{near} "
                f"Presets: {', '.join(preset_names())}."
            )
        path = tasks_dir() / "presets" / f"{name_or_path}.yaml"
    written = read_yaml(path)
    raw = {"name": path.stem, **written, **overrides}
    for key, given in overrides.items():
        # A flag changes one key of a section (energy, scorers, ...) and leaves its others alone.
        if isinstance(given, dict) and written.get(key) is not None:
            old = written[key]
            raw[key] = {**old, **given} if isinstance(old, dict) else old
    return make_spec(raw, backends, f"'{path}'")


def make_spec(raw: dict[str, Any], backends: tuple[str, ...], where: str) -> RunSpec:
    """Return the spec in a mapping whose models may be written as text.

    Raises:
        InputError: a misspelt key, an unknown suite, backend or reference model.
    """
    models = raw.get("models", ())
    if isinstance(models, list | tuple):
        raw = {**raw, "models": [_model(model, backends) for model in models]}
    for role in ("judge", "detoxifier", "reference"):
        if isinstance(raw.get(role), str):
            raw = {**raw, role: _model(raw[role], backends)}
    spec = parse(RunSpec, raw, where)
    for suite in spec.suites:
        if suite not in SUITES:
            near = did_you_mean(suite, SUITES)
            raise InputError(f"{where}: unknown suite '{suite}'.{near} Known: {', '.join(SUITES)}.")
    labels = [model.label for model in spec.models]
    for label in labels:
        if labels.count(label) > 1:
            raise InputError(
                f"{where}: two models are both named '{label}'. Tell them apart with ',name=...'."
            )
    return spec


def _model(model: object, backends: tuple[str, ...]) -> object:
    return parse_model(model, backends).model_dump() if isinstance(model, str) else model

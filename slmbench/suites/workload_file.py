"""Read a workload: a fixed piece of work, or a grid of them, and the text its prompts come from."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from slmbench.errors import InputError, did_you_mean
from slmbench.schema.base import Frozen
from slmbench.schema.strict import parse, read_yaml

#: What may be a list in a grid, and the letters before its number in the name of a cell.
_AXES = {"prompt_tokens": "in", "output_tokens": "out", "batch_size": "batch"}
_Prompt = Annotated[int, Field(ge=1)]
_Output = Annotated[int, Field(ge=2)]


class Workload(Frozen):
    """A fixed piece of work for latency, load, energy and memory.

    ``text`` is cut to the prompt length. ``warmup`` rounds at least are run, recorded and not
    counted, more where the times have not settled by then; ``repeats`` rounds are counted.
    """

    workload: str
    version: float
    text: str
    prompt_tokens: int = Field(ge=1)
    output_tokens: int = Field(ge=2)
    batch_size: int = Field(default=1, ge=1)
    warmup: int = Field(default=1, ge=0)
    repeats: int = Field(default=5, ge=1)
    description: str = ""


class WorkloadGrid(Frozen):
    """Workloads that differ in their numbers alone: every combination of the lists is one.

    A cell is a task of its own, named ``GRID-in32-out16-batch1``.
    """

    workload: str
    version: float
    text: str
    prompt_tokens: _Prompt | tuple[_Prompt, ...]
    output_tokens: _Output | tuple[_Output, ...]
    batch_size: _Prompt | tuple[_Prompt, ...] = 1
    warmup: int = Field(default=1, ge=0)
    repeats: int = Field(default=5, ge=1)
    description: str = ""

    def cells(self) -> dict[str, Workload]:
        """Return the workloads of the grid by name, in the order of its lists."""
        rest = self.model_dump(exclude=set(_AXES))
        found = {}
        for numbers in product(*(_listed(getattr(self, axis)) for axis in _AXES)):
            chosen = dict(zip(_AXES, numbers, strict=True))
            parts = (f"{_AXES[axis]}{number}" for axis, number in chosen.items())
            name = "-".join([self.workload, *parts])
            found[name] = Workload.model_validate({**rest, **chosen, "workload": name})
        return found


def workload_names(path: Path) -> list[str]:
    """Return the names of the workloads in a file: its own, or one for each cell of its grid.

    A file that can't be read as a grid has its own name, so that the error is told when it is run.
    """
    raw = read_yaml(path)
    if not _is_grid(raw):
        return [path.stem]
    try:
        return list(parse(WorkloadGrid, {**raw, "workload": path.stem}, f"'{path}'").cells())
    except InputError:
        return [path.stem]


def load_workload(path: Path, name: str | None = None) -> tuple[Workload, str]:
    """Return a workload and the text its prompts are cut from.

    Args:
        path: of the YAML file.
        name: of the cell, where the file holds a grid.

    Raises:
        InputError: a misspelt key, no such cell, or the text can't be read.
    """
    raw = read_yaml(path)
    if _is_grid(raw):
        cells = parse(WorkloadGrid, raw, f"'{path}'").cells()
        if name is None or name not in cells:
            raise InputError(
                f"'{path}' is a grid of workloads, and '{name}' is none of them."
                f"{did_you_mean(name or '', cells)} They are: {', '.join(cells)}."
            )
        workload = cells[name]
    else:
        workload = parse(Workload, raw, f"'{path}'")
    text = path.parent / workload.text
    try:
        return workload, text.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"'{path}' names the text '{text}', which cannot be read.") from error


def _is_grid(raw: dict[str, Any]) -> bool:
    return any(isinstance(raw.get(axis), list) for axis in _AXES)


def _listed(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)

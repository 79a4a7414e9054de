"""What a sheet of published figures may hold: its keys, their types and what must fit together."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from slmbench.errors import did_you_mean
from slmbench.schema.base import Frozen
from slmbench.schema.spec import SUITES

_PATH = re.compile(r"[a-z]+/[a-z0-9_]+/[a-z0-9_]+(@p[0-9]+)?")
#: A figure as it is printed; what is beyond is a slip of the pen, and would leave a float's range.
Number = Annotated[float, Field(ge=-1e30, le=1e30)]
Spread = Annotated[float, Field(ge=0, le=1e30)]


class SheetMetric(Frozen):
    """What one column of figures is.

    Attributes:
        path: its full name, ``suite/task/metric``.
        unit: SI, empty for a share or a count.
        divide_by: what the printed figure is divided by: 100 where it is printed in percent.
        setting: what must be equal for two figures to be comparable; told with the number.
        note: told with the number: which table, which variant.
    """

    path: str
    unit: str = ""
    higher_is_better: bool | None = None
    divide_by: float = Field(default=1.0, ge=1e-12, le=1e12)
    setting: str = ""
    note: str = ""

    @field_validator("path")
    @classmethod
    def _names_a_metric(cls, path: str) -> str:
        if _PATH.fullmatch(path) is None:
            raise ValueError(f"'{path}' is no metric: write suite/task/metric in lower case")
        suite = path.partition("/")[0]
        if suite not in SUITES:
            near = did_you_mean(suite, SUITES)
            raise ValueError(f"no suite '{suite}'.{near} Known: {', '.join(SUITES)}")
        return path


class SheetFigure(Frozen):
    """One figure as it is printed, before it is divided; a bare number is its ``value``.

    Attributes:
        spread: a printed plus-minus that is no standard error; ``note`` says of what.
    """

    value: Number
    low: Number | None = None
    high: Number | None = None
    stderr: Spread | None = None
    spread: Spread | None = None
    n: int | None = Field(default=None, ge=1)
    citation: str = ""
    note: str = ""

    @model_validator(mode="before")
    @classmethod
    def _bare_number(cls, raw: Any) -> Any:
        return raw if isinstance(raw, dict | SheetFigure) else {"value": raw}

    @model_validator(mode="after")
    def _one_interval(self) -> Self:
        if (self.low is None) != (self.high is None):
            raise ValueError("'low' and 'high' go together")
        if self.low is not None and self.stderr is not None:
            raise ValueError("give 'low' and 'high' or 'stderr', not both")
        low, high = self.low, self.high
        if low is not None and high is not None and not low <= self.value <= high:
            raise ValueError(f"{self.value:g} is not between 'low' and 'high'")
        return self


class SheetModel(Frozen):
    """One row: a model, how it was run, and its figures by the keys of ``metrics``.

    Attributes:
        hardware: as the source has it; ``gpu`` is the one that is shown.
        setting: what two rows must share to be comparable (batch size); as of a metric.
        missing: key of a metric -> why the source has no number there.
    """

    name: str = Field(min_length=1, max_length=200)
    parameter_count: int | None = Field(default=None, ge=1)
    architecture: str | None = None
    dtype: str | None = None
    quantization: str = ""
    hardware: dict[str, str] = Field(default_factory=dict)
    figures: dict[str, SheetFigure]
    missing: dict[str, str] = Field(default_factory=dict)
    setting: str = ""
    citation: str = ""
    note: str = ""


class Sheet(Frozen):
    """A sheet: where its figures were published, what they are, and the models.

    Attributes:
        published: the day; a model's run is dated with it.
        sizes: where ``parameter_count`` is from, where it is not from the publication.
        note: for who reads the sheet; it goes nowhere.
    """

    format: Literal["slmbench published figures"]
    citation: str = Field(min_length=1)
    published: date
    url: str = ""
    sizes: str = ""
    note: str = ""
    metrics: dict[str, SheetMetric] = Field(min_length=1)
    models: tuple[SheetModel, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _keys_are_known(self) -> Self:
        paths = [kind.path for kind in self.metrics.values()]
        for path in paths:
            if paths.count(path) > 1:
                raise ValueError(f"two metrics have the path '{path}'")
        seen = set()
        for model in self.models:
            row = (model.name, model.dtype, model.quantization, tuple(model.hardware.items()))
            if row in seen:
                raise ValueError(f"the model '{model.name}' stands there twice")
            seen.add(row)
            for key in (*model.figures, *model.missing):
                if key not in self.metrics:
                    near = did_you_mean(key, self.metrics)
                    raise ValueError(f"the model '{model.name}': no metric '{key}'.{near}")
        return self

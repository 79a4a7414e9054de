"""What an importer is: one file that turns another tool's results into records of ours.

To add one: a module with ``recognises`` and ``read`` as below, and its line in `FORMATS`.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, cast

from slmbench.errors import InputError
from slmbench.schema.record import RunRecord, Sample


@dataclass(frozen=True)
class ImportFile:
    """One file that the user named; its bytes are read once, when somebody asks."""

    path: Path

    @cached_property
    def data(self) -> bytes:
        """Return the file's bytes.

        Raises:
            InputError: it cannot be read.
        """
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise InputError(f"'{self.path}' cannot be read: {error.strerror}.") from error

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the bytes, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def text(self) -> str:
        """Return the bytes as UTF-8, what is none replaced."""
        return self.data.decode("utf-8-sig", errors="replace")

    @cached_property
    def json(self) -> Any:
        """Return the parsed JSON document, or None where the file is none."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True)
class ImportedRun:
    """One run that was read: its record, with an origin, and the samples of its jobs by job id.

    ``raw`` is further tables that the record does not hold: job id -> name -> rows.
    """

    record: RunRecord
    samples: Mapping[str, Sequence[Sample]] = field(default_factory=dict)
    raw: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]] = field(default_factory=dict)


class Importer(Protocol):
    """What a module of an importer offers.

    Where a run is spread over files, it also has ``part_of(file) -> Path | None``: the file that
    ``read`` is called with instead, None where a file stands for itself.
    """

    def recognises(self, file: ImportFile) -> bool:
        """Tell whether the file is of this format; never raises for a file of another one."""

    def read(self, file: ImportFile) -> list[ImportedRun]:
        """Return the runs in the file.

        Raises:
            InputError: it is of this format but damaged; the message names file and place.
        """


#: name for ``--format`` -> its module. The order is the order in which files are tried.
FORMATS: dict[str, str] = {
    "lm-eval": "slmbench.interchange.lm_eval_results",
    "lm-eval-old": "slmbench.interchange.lm_eval_old",
    "ml-energy-v1": "slmbench.interchange.ml_energy_v1",
    "ml-energy-v2": "slmbench.interchange.ml_energy_v2",
    "ml-energy-v3": "slmbench.interchange.ml_energy_v3",
    "open-llm-leaderboard": "slmbench.interchange.open_llm_leaderboard",
    "published-sheet": "slmbench.interchange.published_sheet",
    "llama-bench": "slmbench.interchange.llama_bench",
    "vllm-serve": "slmbench.interchange.vllm_serve",
    "guidellm": "slmbench.interchange.guidellm",
    "optimum-benchmark": "slmbench.interchange.optimum_benchmark",
    "codecarbon": "slmbench.interchange.codecarbon_csv",
}


def importer(name: str) -> Importer:
    """Return the importer of a format in `FORMATS`."""
    return cast(Importer, importlib.import_module(FORMATS[name]))

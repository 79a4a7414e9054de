"""The Python API over stored runs: tables for pandas and Arrow, boards for a notebook."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import pyarrow as pa

from slmbench.errors import InputError
from slmbench.store.reader import StoredRun, find_run, list_runs

Place = str | os.PathLike[str]


@overload
def load(place: Place | Sequence[Place]) -> Runs:
    """Return the runs of a store, or of several."""


@overload
def load(place: Place, store: Place) -> StoredRun:
    """Return the one run that ``place`` names in a store."""


def load(place: Place | Sequence[Place], store: Place | None = None) -> Runs | StoredRun:
    """Return the runs of a store, or with a second argument the one run that the first one names.

    Args:
        place: a store (a folder or any URL that fsspec opens) or several; where ``store`` is given
            a run's folder, its id or the start of it, or a model's name.
        store: where ids and names are looked up.

    Raises:
        RecordError: there is no such store or run, or a record is damaged.
        InputError: ``store`` was given beside several places.
    """
    if not isinstance(place, str | os.PathLike):
        if store is not None:
            raise InputError("load takes several stores, or one run and its store; not both.")
        return Runs(tuple(run for each in place for run in list_runs(os.fspath(each))))
    if store is not None:
        return find_run(os.fspath(place), os.fspath(store))
    return Runs(tuple(list_runs(os.fspath(place))))


@dataclass(frozen=True)
class ArrowTables:
    """What `Runs` gives as pandas data frames, as Arrow tables; pandas is not needed."""

    stored: tuple[StoredRun, ...]

    def runs(self) -> pa.Table:
        """Return one row for each run."""
        from slmbench.store.record_tables import runs_table

        return runs_table([run.record for run in self.stored])

    def jobs(self) -> pa.Table:
        """Return one row for each job, with its status and why it failed."""
        from slmbench.store.record_tables import jobs_table

        return jobs_table([run.record for run in self.stored])

    def metrics(self) -> pa.Table:
        """Return one row for each metric; ``value`` is null where ``absent`` says why."""
        from slmbench.store.record_tables import metrics_table

        return metrics_table([run.record for run in self.stored])

    def samples(self, job_id: str) -> pa.Table:
        """Return one row for each sample of a job (``accuracy/sentiment``) in all these runs.

        A score is null where ``unscored_NAME`` or ``reason`` says why.

        Raises:
            InputError: none of the runs has such a job.
            RecordError: a file is damaged.
        """
        from slmbench.analyse.frames import samples_table

        return samples_table(self.stored, job_id)


@dataclass(frozen=True, repr=False)
class Runs:
    """The runs of one or several stores; iterate over it for the records themselves.

    Its tables are pandas data frames, a missing number being NaN or NA, never 0, with its reason in
    a column beside it; `arrow` gives the same tables without pandas.
    """

    stored: tuple[StoredRun, ...]

    def __len__(self) -> int:
        """Return how many runs there are."""
        return len(self.stored)

    def __iter__(self) -> Iterator[StoredRun]:
        """Yield the runs, oldest first in each store."""
        return iter(self.stored)

    def __repr__(self) -> str:
        """Return a line that names the models."""
        models = list(dict.fromkeys(run.record.model.name for run in self.stored))
        more = f" and {len(models) - 5} more" if len(models) > 5 else ""
        runs = f"{len(self)} run{'' if len(self) == 1 else 's'}"
        return f"<{runs} of {', '.join(models[:5])}{more}>"

    def arrow(self) -> ArrowTables:
        """Return the same tables as `pyarrow.Table`."""
        return ArrowTables(self.stored)

    def runs(self) -> Any:
        """Return a data frame with one row for each run.

        Raises:
            InputError: pandas is not installed; so do `jobs`, `metrics` and `samples`.
        """
        return _frame(self.arrow().runs)

    def jobs(self) -> Any:
        """Return a data frame with one row for each job, with its status and why it failed."""
        return _frame(self.arrow().jobs)

    def metrics(self) -> Any:
        """Return a data frame with one row for each metric; ``absent`` says why it has no value."""
        return _frame(self.arrow().metrics)

    def samples(self, job_id: str) -> Any:
        """Return a data frame with one row for each sample of a job in all these runs.

        Raises:
            InputError: none of the runs has such a job.
            RecordError: a file is damaged.
        """
        return _frame(lambda: self.arrow().samples(job_id))

    def leaderboard(self, title: str = "Model leaderboard") -> Any:
        """Return the leaderboard of these runs, which a notebook shows where it is a cell's value.

        Its ``page`` is the HTML that `slmbench.rank` writes to a file.
        """
        from slmbench.analyse.board_runs import board_of
        from slmbench.render.leaderboard import render_leaderboard
        from slmbench.render.notebook import InlinePage

        page = render_leaderboard(board_of(self.stored, title))
        return InlinePage(page, title)


def _frame(make: Any) -> Any:
    """Return a table as a data frame whose whole numbers stay whole beside a missing one."""
    try:
        import pandas
    except ImportError as error:
        raise InputError(
            "A data frame needs pandas. Install it: pip install 'slmbench[pandas]', or take the "
            "same table without it: load(STORE).arrow()"
        ) from error
    kinds = {pa.int64(): pandas.Int64Dtype(), pa.bool_(): pandas.BooleanDtype()}
    return make().to_pandas(types_mapper=kinds.get, maps_as_pydicts="strict")

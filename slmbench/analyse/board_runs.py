"""The leaderboard of stored runs: their records, with their samples where it needs them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from slmbench.analyse.board import board
from slmbench.analyse.board_items import SamplesOf
from slmbench.schema.board import Board, DevicePreset
from slmbench.schema.record import Sample
from slmbench.store.collection import no_collection
from slmbench.store.reader import StoredRun, list_runs
from slmbench.suites.memory.devices import load_devices

#: Jobs whose scores are kept while a board is made.
_KEPT_JOBS = 64


def board_of_stores(
    stores: Sequence[str], title: str = "Model leaderboard", *, join: bool = True
) -> Board:
    """Return the leaderboard of every run in the stores.

    Args:
        stores: folders or URLs, each a store or a single run.
        title: of the page.
        join: put a model's runs from all origins into one row for each machine; otherwise each
            row is one run.

    Raises:
        RecordError: there is no such store, or a record or its samples are damaged.
    """
    return board_of([run for store in stores for run in list_runs(store)], title, join=join)


def board_of(
    runs: Sequence[StoredRun], title: str = "Model leaderboard", *, join: bool = True
) -> Board:
    """Return the leaderboard of stored runs; see `board_of_stores`."""
    with no_collection():
        return board([run.record for run in runs], title, join=join, samples=scores_of(runs))


def scores_of(runs: Sequence[StoredRun]) -> SamplesOf:
    """Return a reader of the runs' samples, without their texts; one job is read once."""
    stored = {run.record.run_id: run for run in runs}

    @lru_cache(maxsize=_KEPT_JOBS)
    def read(run_id: str, job_id: str) -> list[Sample]:
        return stored[run_id].scores(job_id)

    return read


def device_presets(files: Sequence[str] = ()) -> list[DevicePreset]:
    """Return the devices that a page offers as budgets: the shipped ones and those of the files.

    Raises:
        InputError: a file holds no device profile.
    """
    profiles = load_devices(list(files)).values()
    return [DevicePreset.model_validate(profile.model_dump()) for profile in profiles]

"""Result files of other tools: where they lie, how they are read, and how they get damaged."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from slmbench.errors import InputError
from slmbench.interchange.importing import ImportedRun, ImportFile, importer
from slmbench.schema.record import RunRecord

FILES = Path(__file__).parent / "files"

_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from([10**400, -1, 0, 1e308, "\ud800", [], {}, [1, None], {"a": [math.nan]}])
)  # fmt: skip


def read(form: str, path: Path) -> list[ImportedRun]:
    """Return the runs of a file that its importer must recognise."""
    file = ImportFile(path)
    assert importer(form).recognises(file)
    return importer(form).read(file)


def numbers(record: RunRecord) -> dict[str, Any]:
    """Return each metric's value by its path; no path stands for two."""
    found = {metric.path: metric.value for metric in record.metrics}
    assert len(found) == len(record.metrics)
    return found


def write(folder: Path, document: Any, name: str) -> Path:
    """Write a document as JSON, or a text as it stands."""
    path = folder / name
    whole = document if isinstance(document, str) else json.dumps(document)
    path.write_text(whole, encoding="utf-8", errors="surrogatepass")
    return path


@st.composite
def damaged(draw: st.DrawFn, document: Any) -> Any:
    """Return a document with some of its values replaced by anything, or left out."""
    found = [json.loads(json.dumps(document))]
    for _ in range(draw(st.integers(1, 4))):
        places = list(_places(found))
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        if isinstance(holder, dict) and draw(st.booleans()):
            del holder[key]
        else:
            holder[key] = draw(_LEAVES)
    return found[0]


def _places(holder: Any) -> Iterator[tuple[Any, Any]]:
    keys = holder if isinstance(holder, dict) else range(len(holder))
    for key in keys:
        yield holder, key
        if isinstance(holder[key], dict | list):
            yield from _places(holder[key])


def runs_or_input_error(form: str, path: Path) -> None:
    """Read a file as one of a format; the runs must be such as a store can hold."""
    file = ImportFile(path)
    importer(form).recognises(file)
    try:
        runs = importer(form).read(file)
    except InputError as error:
        assert path.name in str(error)
        return
    assert runs
    for run in runs:
        assert json.loads(run.record.model_dump_json())
        assert run.record.metrics
        jobs = {job.job_id: job for job in run.record.jobs}
        assert set(run.samples) <= set(jobs)
        for job_id, samples in run.samples.items():
            assert len(samples) == jobs[job_id].sample_count
            for sample in samples:
                sample.model_dump_json()

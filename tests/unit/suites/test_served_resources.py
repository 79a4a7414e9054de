"""Of a model behind a server, its client's memory, energy and loading time are not the model's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slmbench import catalog
from slmbench.backends.fake import Fake
from slmbench.plan.tasks import local_tasks
from slmbench.schema.base import Absent
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.plan import Job
from tests.contract.memory_context import MemoryContext


@pytest.mark.parametrize(
    ("suite", "names"),
    [
        ("memory", {"peak_resident_bytes", "peak_device_bytes"}),
        ("energy", {"j_per_request", "j_per_output_token"}),
        ("latency", {"load_s"}),
    ],
)
def test_what_only_the_server_could_measure_is_absent(suite: str, names: set[str]) -> None:
    backend = Fake(ModelSpec(backend="fake", target="served"), "served")
    backend.info = replace(backend.info, is_remote=True)
    job = Job(job_id=f"{suite}/chat", suite=suite, task=local_tasks()["chat"])
    found = catalog.load("suites", suite)().run(job, backend, MemoryContext())
    values = {metric.metric: metric.value for metric in found.metrics}
    for name in names:
        assert isinstance(values[name], Absent) and "server" in values[name].reason
    if suite == "latency":
        assert not isinstance(values["ttft_s"], Absent)

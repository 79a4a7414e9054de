"""The worker's side of a sequential gate: a few items of a task at a time, each answer kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from slmbench import catalog
from slmbench.backends.request_cache import CachedBackend
from slmbench.execute.caching import run_job
from slmbench.execute.context import JobContext
from slmbench.ports import Backend, ItemSuite, Suite
from slmbench.schema.plan import Job
from slmbench.schema.record import JobResult, ModelFingerprint


class KeptAnswers:
    """The answers of this process, by key."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._kept: dict[bytes, bytes] = {}

    def get(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the values of those keys that are there."""
        return {key: self._kept[key] for key in keys if key in self._kept}

    def put(self, entries: dict[bytes, bytes]) -> None:
        """Keep values."""
        self._kept.update(entries)


class InParts:
    """One job whose items are asked in parts, and then once more together, from what is kept.

    So the record is what the suite makes of all the items asked, and nothing is computed twice.

    Args:
        job: what to ask; its ``items`` are given with every part.
        backend: the loaded model.
        fingerprint: the model's, for the request cache.
    """

    def __init__(self, job: Job, backend: Backend, fingerprint: ModelFingerprint) -> None:
        """Make the suite; it loads its task when it is first asked."""
        self.job_id = job.job_id
        self._suite: Suite = catalog.load("suites", job.suite)()
        self._backend = CachedBackend(backend, KeptAnswers())
        self._fingerprint = fingerprint
        self._cache = {"hits": 0, "misses": 0}

    def count(self, job: Job, context: JobContext) -> int | None:
        """Return how many items there are; None where the suite can't ask them in parts."""
        if not isinstance(self._suite, ItemSuite):
            return None
        return self._suite.count_items(job, self._backend, context)

    def ask(self, job: Job, context: JobContext) -> JobResult:
        """Return the result of a part of the items."""
        result = run_job(self._suite, job, self._backend, context, self._fingerprint)
        for name, count in result.details.get("cache", {}).items():
            self._cache[name] += count
        return result

    def together(self, job: Job, context: JobContext) -> JobResult:
        """Return the result of all items that were asked, ``job`` naming them."""
        result = self._suite.run(job, self._backend, context)
        details: dict[str, Any] = {**result.details, "cache": self._cache}
        return result.model_copy(update={"details": details})

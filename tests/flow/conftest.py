"""One store of real runs that several flow tests read: the reference models, a few items each."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock

from tests.conftest import slmbench


@pytest.fixture(scope="session")
def reference_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a run of pico and one of micro, made once for all test processes."""
    pytest.importorskip("torch")
    pytest.importorskip("lm_eval")
    base = tmp_path_factory.getbasetemp().parent
    store = base / "reference-store"
    with FileLock(base / "reference-store.lock"):
        if not store.exists():
            done = slmbench(
                "run", "--model", "ref:pico", "--model", "ref:micro",
                "--suite", "accuracy,toxicity,memory", "--task", "sentiment,log_triage,everyday",
                "--limit", 60, "--store", base / "making", cwd=base,
            )  # fmt: skip
            assert done.code == 0, done.err
            (base / "making").rename(store)
    return store

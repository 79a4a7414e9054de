"""Which jobs may be answered from the request cache, and which model a kept answer is of."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import closing, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from slmbench.backends.answer_file import AnswerFile
from slmbench.backends.request_cache import CachedBackend
from slmbench.meters.environment import environment
from slmbench.ports import Backend, Context, Suite
from slmbench.resources import cache_dir
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.plan import Job
from slmbench.schema.record import JobResult, ModelFingerprint

#: Suites whose numbers follow from what the model answers. The others measure how it answers (in
#: what time, with what energy and memory), and a suite of somebody else's may do so too; whole
#: distributions (fidelity) are too large to keep.
CACHED_SUITES = frozenset({"accuracy", "toxicity", "similarity", "judge", "rag", "bias"})
#: Backends whose fingerprint is of all that answers: hf and gguf hash the weights, a fake is its
#: name. Of any other the fingerprint is only a name, under which a server may run new weights
#: tomorrow; vLLM's answers differ from run to run.
_FINGERPRINTED = frozenset({"hf", "gguf", "fake"})
#: Fields of a model's spec that say what it is called. The others are part of the key, even where
#: they should change no answer: whoever compares two batch sizes wants both computed.
_NAMES = {"name", "target", "published_parameter_count"}
#: Seconds that answers nobody asks for are kept.
_KEEP_S = 90 * 24 * 3600.0
#: Changes when what is kept, or under which key, changes.
_FORMAT = 1


def run_job(
    suite: Suite, job: Job, backend: Backend, context: Context, fingerprint: ModelFingerprint
) -> JobResult:
    """Run a suite on a job, with the cache before the model where its answers may be kept."""
    (model,) = context.spec.models
    if not context.spec.cache or not may_keep(job.suite, model, fingerprint):
        return suite.run(job, backend, context)
    try:
        folder = cache_dir() / "requests"
    except RuntimeError:
        return suite.run(job, backend, context)  # a user without a home folder has no cache
    file = folder / f"{model_key(model, fingerprint, backend)}.sqlite"
    prune(folder, keep=file)
    with closing(AnswerFile(file)) as answers:
        cached = CachedBackend(backend, answers)
        result = suite.run(job, cached, context)
    return _told(result, cached.hits, cached.misses, answers.problem)


def prune(folder: Path, keep: Path) -> None:
    """Delete the files of answers that no run has opened for a season, and note that one is used.

    Every change of weights, software or host begins a new file, so old ones pile up. A file that
    another process holds open stays readable to it.
    """
    with suppress(OSError):
        if keep.exists():
            os.utime(keep)
        too_old = datetime.now(UTC).timestamp() - _KEEP_S
        for path in folder.iterdir():
            if path != keep and path.stat().st_mtime < too_old:
                path.unlink(missing_ok=True)


def may_keep(suite: str, model: ModelSpec, fingerprint: ModelFingerprint) -> bool:
    """Say whether a model's answers to a suite may be kept, and given again."""
    return (
        suite in CACHED_SUITES
        and model.backend in _FINGERPRINTED
        and fingerprint.weights != ""
        # The checkpoint's own code is not part of its fingerprint.
        and not model.trust_remote_code
    )


def model_key(model: ModelSpec, fingerprint: ModelFingerprint, backend: Backend) -> str:
    """Return a hash of all that an answer depends on beside the question.

    It holds more than it must: a miss too many costs time, a hit too many is a wrong number.
    """
    info = asdict(backend.info)
    info.pop("load_s")
    parts = {
        "format": _FORMAT,
        "fingerprint": fingerprint.model_dump(),
        "model": model.model_dump(mode="json", exclude=_NAMES),
        "info": info,
        "host": _host(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, allow_nan=False).encode()).hexdigest()


@cache
def _host() -> list[str]:
    """Return hashes of the hardware, of the installed software, and of the code that answers.

    Two hosts differ in an answer's last digits. A checkout of slmbench changes more often than its
    version does.
    """
    found = environment()
    code = hashlib.sha256()
    package = Path(__file__).resolve().parent.parent
    for room in ("backends", "engine"):
        for path in sorted((package / room).glob("*.py")):
            code.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return [found.hardware_hash, found.software_hash, code.hexdigest()]


def _told(result: JobResult, hits: int, misses: int, problem: str | None) -> JobResult:
    """Return the result with what came from the cache, and what went wrong with it."""
    details: dict[str, Any] = {**result.details, "cache": {"hits": hits, "misses": misses}}
    notes = list(result.notes)
    if hits:
        notes.append(
            f"{hits} of {hits + misses} answers came from the request cache, so the job's time is "
            "not the model's speed"
        )
    if problem is not None:
        notes.append(f"the request cache failed ({problem}); what it lacked was computed")
    return result.model_copy(update={"details": details, "notes": tuple(notes)})

"""Names of the files in a store, and how a run gets its id."""

from __future__ import annotations

import hashlib
import re

RECORD = "run.json"
PAIR = "pair.json"
JOURNAL = "journal.jsonl"
SAMPLES = "samples"
RAW = "raw"
LOCK = ".lock"

_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]+")


def slug(text: str) -> str:
    """Return ``text`` with everything but letters, digits and ``._+-`` made a dash."""
    return _UNSAFE.sub("-", text).strip("-.") or "unnamed"


def make_run_id(created: str, label: str, plan_hash: str) -> str:
    """Return an id that sorts by time and names the model: ``20260131T120000.123456-pico-1a2b3c``.

    Args:
        created: ISO 8601 time in UTC, with microseconds.
        label: the model's label.
        plan_hash: hexadecimal hash of what is asked.
    """
    stamp = created.replace("-", "").replace(":", "").split("+")[0].rstrip("Z")
    return f"{stamp}-{slug(label)[:40]}-{plan_hash[:6]}"


def file_name(job_id: str) -> str:
    """Return the Parquet name of a job: ``accuracy.agreement.parquet``.

    A task name that had to be changed for the file system keeps a hash, so two never collide.
    """
    plain = job_id.replace("/", ".")
    safe = slug(plain)
    if safe != plain or len(safe) > 150:
        safe = f"{safe[:120]}-{hashlib.sha256(job_id.encode()).hexdigest()[:10]}"
    return f"{safe}.parquet"

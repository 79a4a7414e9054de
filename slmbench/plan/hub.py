"""What can be known of a hub model without the hub: is it cached, and how big is it by its name."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

from slmbench.errors import ModelError

_ID = re.compile(r"^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?$")
_SIZE = re.compile(r"(?<![A-Za-z0-9.])(\d+(?:\.\d+)?)\s*([MB])(?![A-Za-z])", re.IGNORECASE)


def is_hub_id(target: str) -> bool:
    """Say whether ``target`` can be a hub id: ``name`` or ``owner/name``."""
    return _ID.match(target) is not None


def cached_snapshot(target: str, revision: str | None) -> Path | None:
    """Return the folder of a model that the Hugging Face cache already holds, or None."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    folder = cache / f"models--{target.replace('/', '--')}"
    reference = folder / "refs" / (revision or "main")
    commit = reference.read_text().strip() if reference.is_file() else (revision or "")
    snapshot = folder / "snapshots" / commit
    return snapshot if commit and (snapshot / "config.json").is_file() else None


def parameters_by_name(target: str) -> int | None:
    """Return the parameter count that a name such as ``falcon-7b`` or ``opt-125m`` promises."""
    found = _SIZE.findall(target.rsplit("/", 1)[-1].replace("_", "-"))
    if not found:
        return None
    number, letter = found[-1]
    return int(float(number) * (1e9 if letter.upper() == "B" else 1e6))


def require_hub(targets: list[str], timeout_s: float = 3.0) -> None:
    """Check that the hub answers before a run that must download.

    Raises:
        ModelError: it is switched off or out of reach; the text names the models and the cure.
    """
    names = ", ".join(targets)
    cure = "Give a local folder (hf:PATH), or run where the hub can be reached."
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise ModelError(f"{names}: not in the local cache, and HF_HUB_OFFLINE is set. {cure}")
    endpoint = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    host = endpoint.hostname or "huggingface.co"
    port = endpoint.port or (80 if endpoint.scheme == "http" else 443)
    try:
        socket.create_connection((host, port), timeout=timeout_s).close()
    except OSError as error:
        raise ModelError(
            f"{names}: not in the local cache, and the hub at {host} can't be reached "
            f"({error}). {cure}"
        ) from error

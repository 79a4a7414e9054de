"""Save a rendered page or report whole, or not at all."""

from __future__ import annotations

from pathlib import Path

from slmbench.errors import SaveError


def save_page(path: Path, text: str) -> Path:
    """Write ``text`` to ``path``, making its folder, and return the path.

    Raises:
        SaveError: the folder can't be written; an earlier page there is intact.
    """
    return save_bytes(path, text.encode())


def save_bytes(path: Path, data: bytes) -> Path:
    """Write ``data`` to ``path``, making its folder, and return the path.

    Raises:
        SaveError: the folder can't be written; an earlier file there is intact.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        raise SaveError(f"Cannot write {path}: {error.strerror or error}.") from error
    return path

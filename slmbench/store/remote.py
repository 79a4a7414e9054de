"""Write to a store that is a URL: runs are made in a local folder and copied after every job."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import fsspec

from slmbench.errors import RecordError, SaveError
from slmbench.resources import cache_dir
from slmbench.store import layout
from slmbench.store.reader import scan_runs

#: What the libraries behind fsspec raise when a server refuses or can't be reached.
_REFUSALS = (OSError, ValueError, RuntimeError, ImportError)


def open_for_writing(store: str, resume: bool) -> tuple[Path, Callable[[Path], None]]:
    """Return the local folder to write runs in, and what to call when a run's files changed."""
    if "://" not in store:
        return Path(store), lambda folder: None
    remote = RemoteStore(store)
    if resume:
        remote.fetch()
    return remote.folder, remote.publish


class RemoteStore:
    """A store at a URL and the local folder its runs are made in.

    The folder outlives a crash: a journal can only be trusted on a file system that can fsync.

    Args:
        url: anything fsspec opens, ``s3://bucket/runs``, say.

    Raises:
        RecordError: fsspec can't open the URL.
    """

    def __init__(self, url: str) -> None:
        """Open the URL."""
        self._url = url.rstrip("/")
        try:
            self._fs, self._root = fsspec.core.url_to_fs(self._url)
        except _REFUSALS as error:
            raise RecordError(f"The store '{url}' cannot be opened: {error}.") from error
        self.folder = cache_dir() / hashlib.sha256(self._url.encode()).hexdigest()[:16]

    def fetch(self) -> None:
        """Bring the store's runs that are not here, so that they can go on or count as done."""
        for run in scan_runs(self._url):
            here = self.folder / run.record.run_id
            if not here.exists():
                self._fs.get(f"{self._root}/{run.record.run_id}/", f"{here}/", recursive=True)

    def publish(self, run_folder: Path) -> None:
        """Copy a run's files to the store, its record last.

        Raises:
            SaveError: the store refused; the local folder keeps everything.
        """
        files = [path for path in run_folder.rglob("*") if path.is_file()]
        wanted = [path for path in files if not path.name.startswith(".")]
        # A reader takes a run for there when its record is there.
        wanted.sort(key=lambda path: (path.name == layout.RECORD, path))
        try:
            for path in wanted:
                inside = path.relative_to(run_folder).as_posix()
                target = f"{self._root}/{run_folder.name}/{inside}"
                self._fs.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
                self._fs.put_file(str(path), target)
        except _REFUSALS as error:
            raise SaveError(
                f"The store '{self._url}' refused {run_folder.name}: {error}. The run is intact "
                f"in {run_folder}; go on with --resume."
            ) from error

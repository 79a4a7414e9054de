"""Keep answers by key in a file of SQLite that several processes share and nobody depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import sqlite3

Value = TypeVar("Value")

#: Seconds to wait for another process that is writing to the same file.
_PATIENCE_S = 20.0
#: Keys of one query; older SQLite takes at most 999 parameters.
_KEYS_A_QUERY = 500
_CHECK_BYTES = 8
_DAMAGED = "its file was damaged and is put aside"


class AnswerFile:
    """Answers by key in one SQLite file that several processes may read and write at once.

    No method raises for what is wrong with the file: it is put aside where it is damaged, given up
    where it can't be read or written, and ``problem`` then says why.

    Args:
        file: made, with its folder, where it is not there yet.
    """

    def __init__(self, file: Path) -> None:
        """Open the file, or a new one in the place of a damaged one."""
        self.problem: str | None = None
        self._file = file
        self._connection: sqlite3.Connection | None = None
        self._inode: int | None = None
        self._open()
        if self.problem == _DAMAGED:
            self._open()

    def get(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the values of those keys that are there."""
        wanted = list(keys)

        def read(connection: sqlite3.Connection) -> list[tuple[bytes, Any]]:
            rows: list[tuple[bytes, Any]] = []
            for start in range(0, len(wanted), _KEYS_A_QUERY):
                part = wanted[start : start + _KEYS_A_QUERY]
                marks = ",".join("?" * len(part))
                rows += connection.execute(
                    f"SELECT key, value FROM answers WHERE key IN ({marks})", part
                )
            return rows

        found: list[tuple[bytes, Any]] = self._try(read, [])
        # SQLite does not check what it reads, and a flipped bit must not become a score.
        return {key: value[_CHECK_BYTES:] for key, value in found if _is_whole(key, value)}

    def put(self, entries: dict[bytes, bytes]) -> None:
        """Keep values; those of another process under the same keys are as good."""
        rows = [(key, _check(key, value) + value) for key, value in entries.items()]

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?)", rows)

        self._try(write, None)

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._try(lambda connection: connection.close(), None)
        self._connection = None

    def _open(self) -> None:
        try:
            # Not at the top: a Python built without SQLite runs models all the same, and no
            # library is loaded into the worker whose memory is measured.
            import sqlite3

            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self._file, timeout=_PATIENCE_S)
            self._inode = self._file.stat().st_ino
        except ImportError:
            self.problem = "this Python has no sqlite3"
        except OSError as error:
            self.problem = error.strerror or type(error).__name__
        except sqlite3.Error as error:
            self.problem = str(error)
        self._try(_prepare, None)

    def _try(self, work: Callable[[sqlite3.Connection], Value], otherwise: Value) -> Value:
        """Return what ``work`` returns, or ``otherwise`` where the file does not let it."""
        if self._connection is None:
            return otherwise
        import sqlite3

        try:
            return work(self._connection)
        except sqlite3.Error as error:
            # The low byte is the kind of error; the others tell more of it.
            kind = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
            is_damaged = kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
            self.problem = _DAMAGED if is_damaged else str(error)
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
            if is_damaged:
                self._put_aside()
            return otherwise

    def _put_aside(self) -> None:
        """Make room for a new file, unless another process has done so since this one opened it."""
        with suppress(OSError):
            if self._file.stat().st_ino == self._inode:
                self._file.replace(self._file.with_suffix(".damaged"))
                for suffix in ("-wal", "-shm"):
                    Path(f"{self._file}{suffix}").unlink(missing_ok=True)


def _prepare(connection: sqlite3.Connection) -> None:
    import sqlite3

    # It fails while another process does just the same; an unusable file fails below all the same.
    with suppress(sqlite3.OperationalError):
        # Readers and a writer do not wait for each other, and a commit does not wait for the disk.
        connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    with connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID"
        )


def _check(key: bytes, value: bytes) -> bytes:
    return hashlib.sha256(key + value).digest()[:_CHECK_BYTES]


def _is_whole(key: bytes, value: object) -> bool:
    if not isinstance(value, bytes):
        return False
    return value[:_CHECK_BYTES] == _check(key, value[_CHECK_BYTES:])

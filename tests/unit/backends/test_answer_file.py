"""A file of answers is shared by processes, and whatever is wrong with it is only a note."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from slmbench.backends.answer_file import AnswerFile

_WRITER = """
import sys
from pathlib import Path
from slmbench.backends.answer_file import AnswerFile
file = AnswerFile(Path(sys.argv[1]))
for start in range(0, 600, 10):
    keys = [b"%d" % (start + i) for i in range(10)]
    found = file.get(keys)
    assert all(value == b"value of " + key for key, value in found.items())
    file.put({key: b"value of " + key for key in keys})
print(file.problem)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "requests" / "model.sqlite"


def filled(path: Path, count: int = 1) -> Path:
    file = AnswerFile(path)
    file.put({b"%d" % number: b"v" * 20 for number in range(count)})
    file.close()
    assert file.problem is None
    return path


def test_what_is_put_is_got(path: Path) -> None:
    file = AnswerFile(path)
    values = {b"key %d" % number: os.urandom(number % 40) for number in range(1300)}
    file.put(values)
    assert file.get(values) == values and file.get([b"other"]) == {} == file.get([])
    file.close()
    file.close()
    assert file.problem is None and AnswerFile(path).get([b"key 7"]) == {b"key 7": values[b"key 7"]}


def test_four_processes_write_at_once(path: Path) -> None:
    command = [sys.executable, "-c", _WRITER, str(path)]
    writers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    ends = [writer.communicate(timeout=120) for writer in writers]
    assert ends == [("None\n", "")] * 4
    keys = [b"%d" % number for number in range(600)]
    assert AnswerFile(path).get(keys) == {key: b"value of " + key for key in keys}


@pytest.mark.parametrize(
    "rubbish", [b"no database", b"\0" * 5000, b"SQLite format 3\0" + b"x" * 99]
)
def test_what_is_no_database_is_put_aside(rubbish: bytes, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(rubbish)
    file = AnswerFile(path)
    assert file.problem == "its file was damaged and is put aside"
    assert path.with_suffix(".damaged").read_bytes() == rubbish
    file.put({b"a": b"1"})
    assert file.get([b"a"]) == {b"a": b"1"}
    assert AnswerFile(path).problem is None


def test_damage_inside_is_put_aside_when_it_is_met(path: Path) -> None:
    data = bytearray(filled(path, 2000).read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)
    file = AnswerFile(path)
    assert file.get([b"%d" % number for number in range(2000)]) == {}
    assert file.problem == "its file was damaged and is put aside"
    file.put({b"a": b"1"})
    assert file.get([b"a"]) == {}
    assert AnswerFile(filled(path)).get([b"0"]) == {b"0": b"v" * 20}


def test_a_flipped_bit_is_no_answer(path: Path) -> None:
    """SQLite reads it as it is: only the check that is kept with a value tells."""
    filled(path)
    connection = sqlite3.connect(path)
    ((value,),) = connection.execute("SELECT value FROM answers")
    for wrong in (value[:-1] + b"w", value[:-1], b"", None, "text", 7):
        with connection:
            connection.execute("UPDATE answers SET value = ?", (wrong,))
        file = AnswerFile(path)
        assert file.get([b"0"]) == {} and file.problem is None
        file.close()


def test_a_file_put_aside_by_another_process_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database")
    late = AnswerFile.__new__(AnswerFile)
    late._file, late._inode = path, path.stat().st_ino
    assert AnswerFile(path).problem is not None
    fresh = path.stat().st_ino
    late._put_aside()
    assert path.stat().st_ino == fresh != late._inode


def test_a_full_disk_ends_the_keeping_and_nothing_else(path: Path) -> None:
    file = AnswerFile(path)
    assert file._connection is not None
    file._connection.execute("PRAGMA max_page_count = 5")
    file.put({b"a": b"1"})
    file.put({b"big": b"x" * 100_000})
    assert file.problem == "database or disk is full"
    assert file.get([b"a"]) == {}
    file.put({b"b": b"2"})
    file.close()
    assert AnswerFile(path).get([b"a", b"big"]) == {b"a": b"1"}


def test_a_folder_that_cannot_be_made_is_told_without_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    file = AnswerFile(tmp_path / "file" / "requests" / "model.sqlite")
    file.put({b"a": b"1"})
    assert file.get([b"a"]) == {} and file.problem == "Not a directory"


def test_a_folder_in_the_files_place_is_told(path: Path) -> None:
    path.mkdir(parents=True)
    file = AnswerFile(path)
    assert file.problem == "unable to open database file" and file.get([b"a"]) == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser writes everywhere")
def test_a_read_only_folder_is_told(path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o500)
    file = AnswerFile(path)
    assert file.problem is not None and file.get([b"a"]) == {}
    path.parent.chmod(0o700)


def test_a_python_without_sqlite_has_no_cache(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlite3", None)
    file = AnswerFile(path)
    file.put({b"a": b"1"})
    assert file.get([b"a"]) == {} and file.problem == "this Python has no sqlite3"
    file.close()

"""Find the files a user means, tell of which format each is, and read them: all, or none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from slmbench.errors import InputError, did_you_mean
from slmbench.interchange.importing import FORMATS, ImportedRun, ImportFile, importer

#: Files that hold JSON, or nothing.
_JSON = (".json", ".jsonl")


@dataclass(frozen=True)
class ReadFiles:
    """The runs that were read, each once, and the files of named folders that hold none."""

    runs: tuple[ImportedRun, ...]
    passed_over: tuple[Path, ...]


def read_files(paths: Sequence[str], form: str | None = None) -> ReadFiles:
    """Return the runs in files and folders; a folder is searched with all below it.

    Args:
        paths: files that must be read, and folders of which what is of no known format is passed
            over.
        form: the format of all files; None recognises each by what is in it.

    Raises:
        InputError: a file is missing, damaged or of no known format; nothing counts as read then.
    """
    if form is not None and form not in FORMATS:
        raise InputError(f"No format '{form}'.{did_you_mean(form, FORMATS)} {_known()}")
    runs: dict[str, ImportedRun] = {}
    passed_over: list[Path] = []
    done: set[Path] = set()
    for path, is_named in _files(paths):
        file = ImportFile(path)
        name = form or _format_of(file)
        if name is None:
            _refuse(file, is_named)
            passed_over.append(path)
            continue
        whole = _whole(file, name)
        if whole.path.resolve() not in done:
            done.add(whole.path.resolve())
            runs.update({run.record.run_id: run for run in importer(name).read(whole)})
    if not runs:
        raise InputError(f"No file of a known format in {', '.join(paths)}. {_known()}")
    # A table beside the results, of the models' sizes say, was read with them.
    read = {digest for run in runs.values() for digest in _digests(run)}
    return ReadFiles(
        tuple(runs.values()),
        tuple(path for path in passed_over if ImportFile(path).sha256 not in read),
    )


def _digests(run: ImportedRun) -> Iterable[str]:
    return () if run.record.origin is None else run.record.origin.files.values()


def _files(paths: Sequence[str]) -> list[tuple[Path, bool]]:
    """Return each file, and whether the user named it himself."""
    found: list[tuple[Path, bool]] = []
    for given in paths:
        path = Path(given)
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*") if each.is_file())
            hidden = (each for each in inside if _is_hidden(each.relative_to(path)))
            found += [(each, False) for each in inside if each not in set(hidden)]
        elif path.is_file():
            found.append((path, True))
        else:
            raise InputError(f"'{given}' is no file and no folder.")
    return found


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _format_of(file: ImportFile) -> str | None:
    return next((name for name in FORMATS if importer(name).recognises(file)), None)


def _whole(file: ImportFile, name: str) -> ImportFile:
    part_of = getattr(importer(name), "part_of", None)
    whole = None if part_of is None else part_of(file)
    return file if whole is None else ImportFile(whole)


def _refuse(file: ImportFile, is_named: bool) -> None:
    """Raise InputError for a file that was named, and for JSON that is none.

    A folder may hold a README beside the results; a file of results that was cut off is no README.
    """
    fault = _fault(file) if file.path.suffix in _JSON else None
    if fault is not None:
        raise InputError(f"'{file.path}' is damaged: {fault}. {_known()}")
    if is_named:
        raise InputError(f"'{file.path}' is of no format that can be imported. {_known()}")


def _fault(file: ImportFile) -> str | None:
    """Return where a file stops being JSON, or JSON lines."""
    try:
        json.loads(file.text)
    except RecursionError:
        return "it is nested too deeply"
    except json.JSONDecodeError as error:
        if file.path.suffix == ".jsonl" and error.msg == "Extra data":
            return None
        return f"line {error.lineno}, column {error.colno}: {error.msg}"
    except ValueError as error:
        return str(error)
    return None


def _known() -> str:
    return f"Known formats: {', '.join(FORMATS)}."

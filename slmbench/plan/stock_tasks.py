"""The names of lm-eval's own tasks: from the cached index, else by reading its files as text."""

from __future__ import annotations

import re
from functools import cache

from slmbench.suites import stock_index

_NAMED = re.compile(
    rb"^[\"']?(?:task|group)[\"']?:[ \t]*[\"']?([\w.+-]+)[\"']?[ \t]*(?:#.*)?$", re.MULTILINE
)
_TAGS = re.compile(rb"^tag:([^\n]*(?:\n[ \t]*-[^\n]*)*)", re.MULTILINE)
_COMMENT = re.compile(rb"#[^\n]*")
_WORD = re.compile(rb"[\w.+][\w.+-]*")


@cache
def stock_task_names() -> frozenset[str]:
    """Return the task, group and tag names of the installed lm-eval; empty without it."""
    index = stock_index.read()
    return _scanned() if index is None else frozenset(index)


def _scanned() -> frozenset[str]:
    """Return the names as the files' text tells them, in a few seconds and nearly all.

    The first run of a stock task has lm-eval make the index, which tells them exactly.
    """
    folder = stock_index.lm_eval_tasks_dir()
    names: set[bytes] = set()
    # A template that tasks include, and which may tag them all, often has no dot in its name.
    for path in folder.rglob("*yaml") if folder is not None else ():
        text = path.read_bytes()
        names.update(_NAMED.findall(text))
        for listed in _TAGS.findall(text):
            names.update(_WORD.findall(_COMMENT.sub(b"", listed)))
    return frozenset(name.decode() for name in names)

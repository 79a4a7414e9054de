"""The data of a sample browser: a few samples inside the page, many in script files beside it.

A page that was opened from disk may not fetch, and may append scripts. So a file of samples is a
script with one call, which hands a list to the page's own script.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

#: A run of at most so many samples, of at most so many characters of JSON, is in the page itself.
MOST_INSIDE = 500
_INSIDE_CHARACTERS = 4 * 2**20
#: A file ends after so many samples or characters, so that one is read at once.
_FILE_ITEMS = 200
_FILE_CHARACTERS = 2**19
_LONGEST_NAME = 100
#: The first of the characters that stand for a sample's marks in the index; `@` is none.
_NO_MARK = 64
INDEX = "index.js"
#: Saves a file beside the page: its name, and its text.
Save = Callable[[str, str], None]


@dataclass(frozen=True)
class BrowserItem:
    """One sample as a browser shows it.

    Attributes:
        marks: the sum of the bits of its marks, in the order of `BrowserKind.marks`.
        facts: (name, text) of what is short.
        parts: (name, text) of what may be long.
    """

    title: str
    marks: int
    facts: tuple[tuple[str, str], ...]
    parts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class BrowserGroup:
    """The samples of one job, or another part that a browser can be held to."""

    name: str
    items: Iterable[BrowserItem]
    note: str = ""


@dataclass(frozen=True)
class BrowserKind:
    """The words of a browser: what its groups are, and what its samples are marked with."""

    groups: str
    marks: tuple[str, ...]


@dataclass
class _Writer:
    """Collects samples, and begins to save files once they are too many for the page."""

    save: Save | None
    names: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    #: The number of the first sample of each file.
    starts: list[int] = field(default_factory=list)
    #: JSON of the samples that stand in no file yet, and how many are in files.
    held: list[str] = field(default_factory=list)
    held_characters: int = 0
    filed: int = 0
    is_paged: bool = False

    def put(self, item: BrowserItem) -> None:
        """Take one more sample."""
        self.names.append(_short(item.title))
        self.marks.append(chr(_NO_MARK + item.marks))
        text = _json([item.title, item.marks, item.facts, item.parts])
        if self.is_paged:
            self._hold(text)
            return
        self.held.append(text)
        self.held_characters += len(text)
        if self.save is not None and (
            len(self.held) > MOST_INSIDE or self.held_characters > _INSIDE_CHARACTERS
        ):
            waiting, self.held, self.held_characters = self.held, [], 0
            self.is_paged = True
            for each in waiting:
                self._hold(each)

    def finish(self) -> None:
        """Save what is in no file yet, and the index."""
        if self.save is not None and self.is_paged:
            self._file()
            self.save(INDEX, f'slmbenchIndex("{"".join(self.marks)}", {_json(self.names)});\n')

    def _hold(self, text: str) -> None:
        is_full = len(self.held) >= _FILE_ITEMS
        if is_full or (self.held and self.held_characters + len(text) > _FILE_CHARACTERS):
            self._file()
        self.held.append(text)
        self.held_characters += len(text)

    def _file(self) -> None:
        assert self.save is not None
        number, rows = len(self.starts), ",\n".join(self.held)
        self.starts.append(self.filed)
        self.filed += len(self.held)
        self.held, self.held_characters = [], 0
        self.save(f"{number}.js", f"slmbenchSamples({number}, [\n{rows}\n]);\n")


def browser_data(
    kind: BrowserKind, groups: Iterable[BrowserGroup], save: Save | None = None, folder: str = ""
) -> Markup | None:
    """Return the JSON that a page's browser reads, or None where there is no sample at all.

    Where there are many samples, they are saved in files.

    Args:
        kind: the words of the browser.
        groups: are read once, one after the other.
        save: called with the name and text of each file, in order; None keeps all in the page.
        folder: where the page finds those files: a name relative to it, ASCII and percent-encoded.
    """
    writer = _Writer(save)
    counts = []
    for group in groups:
        before = len(writer.names)
        for item in group.items:
            writer.put(item)
        if len(writer.names) > before:
            counts.append([_short(group.name), len(writer.names) - before, group.note])
    writer.finish()
    if not writer.names:
        return None
    data: dict[str, Any] = {
        "groups": counts,
        "kind": kind.groups,
        "marks": kind.marks,
        "total": len(writer.names),
    }
    if writer.is_paged:
        data |= {"folder": folder, "starts": writer.starts}
        return Markup(_json(data))
    inside = ",\n".join(writer.held)
    return Markup(f'{_json(data)[:-1]}, "items": [\n{inside}\n]}}')


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def _json(value: Any) -> str:
    """Return JSON in ASCII that can stand inside a script: nothing in it ends or opens a tag."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")

"""Is a YAML text one that may be built? Brackets by the thousand and bombs of aliases are not."""

from __future__ import annotations

from typing import Any

import yaml

#: Levels within one another; libyaml's composer crashes the interpreter some thousands deep.
MOST_LEVELS = 100
#: Nodes once every alias is followed: nine lines of aliases to aliases make a billion.
MOST_NODES = 200_000
#: Characters that can't nest as deep as to do harm.
_SHORT = 1000


def why_not_built(text: str, loader: Any) -> str | None:
    """Return what is wrong with the shape of a YAML text, or None; wrong syntax is not told here.

    Its events are read one by one, so that no depth can do harm.
    """
    if len(text) <= _SHORT and "&" not in text:
        return None
    sizes: dict[str, int] = {}
    # The anchor of each open collection and the nodes in it so far; the first stands for the text.
    opened: list[tuple[str | None, int]] = [(None, 0)]
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.CollectionStartEvent):
            opened.append((event.anchor, 1))
            if len(opened) > MOST_LEVELS:
                return f"it is nested more than {MOST_LEVELS} levels deep"
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, size = opened.pop()
        elif isinstance(event, yaml.ScalarEvent):
            anchor, size = event.anchor, 1
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in {name for name, _ in opened}:
                return f"the alias '{event.anchor}' lies in what it stands for"
            anchor, size = None, sizes.get(str(event.anchor), 1)
        else:
            continue
        if anchor is not None:
            sizes[anchor] = size
        outer, so_far = opened.pop()
        opened.append((outer, so_far + size))
        if so_far + size > MOST_NODES:
            return f"its aliases stand for more than {MOST_NODES} values"
    return None

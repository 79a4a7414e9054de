"""The floors of the package, and what is wrong with a set of modules under them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

#: From the top down. An import goes to a lower floor; within a floor, only along ``BESIDE``.
FLOORS = (
    ("api", "cli", "pipeline"),
    ("plan", "execute", "analyse", "render", "gate", "interchange"),
    ("catalog", "suites"),
    ("backends", "engine", "scorers", "meters", "stats", "store"),
    ("ports", "schema"),
    ("errors", "units", "resources"),
)
BESIDE = {
    ("cli", "pipeline"),
    ("catalog", "suites"),
    ("backends", "engine"),
    ("ports", "schema"),
    # A quantity that can't be read is an InputError; errors itself imports nothing.
    ("units", "errors"),
}
HEIGHT = {room: -floor for floor, rooms in enumerate(FLOORS) for room in rooms}
#: It writes tasks, texts and weights, so it sees only what those need, and nobody sees it.
REFERENCE_MAY = {"errors", "units", "resources", "schema", "stats", "reference"}
#: Rooms that import what is heavy when it is used; the pipeline, what tests differences (scipy);
#: the Python API, pandas, which the base install lacks.
LAZY_ROOMS = {"catalog", "backends", "meters", "scorers", "pipeline", "api"}
#: Of the other rooms, modules that import in a function what few of their calls need.
LAZY_MODULES = {"slmbench.cli.compare", "slmbench.cli.gate", "slmbench.cli.leaderboard"}
#: Modules that import by a computed name: the public API, the catalogue, the chosen command.
IMPORTLIB = {
    "slmbench", "slmbench.catalog", "slmbench.cli.app", "slmbench.cli.export",
    "slmbench.interchange.importing",
}  # fmt: skip


@dataclass(frozen=True)
class Import:
    """One import: from which module, of which, on which line, and whether inside a function."""

    source: str
    target: str
    line: int
    inside: bool

    def __str__(self) -> str:
        return f"{self.source}:{self.line} imports {self.target}"


def room(module: str) -> str:
    """Return the room of a module: the part of its name after ``slmbench``."""
    return module.split(".")[1] if "." in module else ""


def imports(name: str, tree: ast.Module, known: Mapping[str, object]) -> Iterator[Import]:
    """Yield every import of a module; ``from slmbench.a import b`` is of a.b where that exists."""
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        lazy = id(node) in inside
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, alias.name, node.lineno, lazy)
        elif isinstance(node, ast.ImportFrom):
            base = ("." * node.level) + (node.module or "")
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield Import(name, whole if whole in known else base, node.lineno, lazy)


def violations(trees: Mapping[str, ast.Module]) -> list[str]:
    """Return what breaks the floors, one sentence each."""
    found = [each for name, tree in trees.items() for each in imports(name, tree, trees)]
    return [
        *(f"{each}, relatively" for each in found if each.target.startswith(".")),
        *(f"{each}, which is not below it" for each in found if not _goes_down(each)),
        *(f"{each} inside a function" for each in found if not _may_be_inside(each)),
        *(f"{each}; only the bridge may" for each in found if not _may_see_lm_eval(each)),
        *(f"{name} imports by name" for name, tree in trees.items() if _by_name(name, tree)),
        *_cycles(found),
    ]


def _goes_down(each: Import) -> bool:
    if each.target.split(".")[0] != "slmbench":
        return True
    upper, lower = room(each.source), room(each.target)
    if lower == "":
        return True  # the package itself holds only its version
    if upper == "":
        return False  # the public API is reached by name, so that importing it stays light
    if upper == "reference" or lower == "reference":
        return upper == "reference" and lower in REFERENCE_MAY
    if upper not in HEIGHT or lower not in HEIGHT:
        return False
    if upper == lower or (upper, lower) in BESIDE:
        return True
    return HEIGHT[lower] < HEIGHT[upper]


def _may_be_inside(each: Import) -> bool:
    return not each.inside or room(each.source) in LAZY_ROOMS or each.source in LAZY_MODULES


#: The model cards are scored by lm-eval's own model class, as a figure that owes our code nothing.
LM_EVAL_IMPORTERS = ("slmbench.suites.lm_eval_bridge", "slmbench.reference.card")


def _may_see_lm_eval(each: Import) -> bool:
    inside = any(f"{each.source}.".startswith(f"{name}.") for name in LM_EVAL_IMPORTERS)
    return inside or each.target.split(".")[0] != "lm_eval"


def _by_name(name: str, tree: ast.Module) -> bool:
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return name not in IMPORTLIB and bool(names & {"import_module", "__import__"})


def _cycles(found: list[Import]) -> list[str]:
    """Return every import that lies on a cycle, in-function ones counted."""
    edges: dict[str, set[str]] = {}
    for each in found:
        # Every module may read the version of the package, which imports nothing.
        if each.target.startswith("slmbench."):
            edges.setdefault(each.source, set()).add(each.target)
    return [
        f"{each} and is imported by it again"
        for each in found
        if each.target in edges and each.source in _reached(each.target, edges)
    ]


def _reached(start: str, edges: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    todo = [start]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo.extend(edges.get(name, ()))
    return seen

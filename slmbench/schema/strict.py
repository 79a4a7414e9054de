"""Turn what a person wrote into frozen data, with errors that name the key and the next step."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from slmbench.errors import InputError, did_you_mean
from slmbench.schema.base import Frozen
from slmbench.schema.yaml_shape import why_not_built

Data = TypeVar("Data", bound=Frozen)

#: libyaml's reader where PyYAML was built with it: ten times as fast.
_SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _IgnoreTags(_SAFE):  # type: ignore[misc]
    """Reads a tagged node (lm-eval's ``!function``) as plain text and never runs it."""


def _as_text(loader: yaml.Loader, _suffix: str, node: yaml.Node) -> object:
    return node.value if isinstance(node, yaml.ScalarNode) else None


_IgnoreTags.add_multi_constructor("!", _as_text)


def read_yaml(path: Path, ignore_tags: bool = False) -> dict[str, Any]:
    """Return the mapping in a YAML file; an unknown tag is an error unless it is to be ignored.

    Raises:
        InputError: no such file, not YAML, or not a mapping.
    """
    try:
        loader = _IgnoreTags if ignore_tags else _SAFE
        text = path.read_text(encoding="utf-8")
        wrong = why_not_built(text, _SAFE)
        if wrong is not None:
            raise InputError(f"'{path}' holds what YAML cannot read: {wrong}.")
        raw = yaml.load(text, Loader=loader)
    except FileNotFoundError as error:
        raise InputError(f"No file '{path}'.") from error
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"'{path}' cannot be read: {reason}.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "wrong syntax"
        raise InputError(f"'{path}' is not YAML{place}: {problem}.") from error
    except (ValueError, RecursionError) as error:
        # A date such as 2027-13-45, or brackets in brackets by the thousand.
        raise InputError(f"'{path}' holds what YAML cannot read: {error}.") from error
    if not isinstance(raw, dict):
        raise InputError(f"'{path}' must hold a mapping of keys, and holds {_named(raw)}.")
    return raw


def _named(raw: object) -> str:
    return "nothing" if raw is None else f"a {type(raw).__name__}"


def parse(kind: type[Data], raw: object, where: str) -> Data:
    """Validate ``raw`` as ``kind``.

    Raises:
        InputError: the first thing that is wrong, by its key, with the nearest known key.
    """
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise InputError(f"{where}: {_explain(kind, error)}") from error


def _explain(kind: type[Frozen], error: ValidationError) -> str:
    """Return the first mistake as a sentence that names the place and the next step."""
    # A misspelt key also makes the right one missing; naming the misspelling is what helps.
    first = min(error.errors(), key=lambda mistake: mistake["type"] != "extra_forbidden")
    place = ".".join(map(_told, first["loc"]))
    if first["type"] == "extra_forbidden":
        known = sorted(_owner(kind, first["loc"][:-1]).model_fields)
        near = did_you_mean(str(first["loc"][-1]), known)
        return f"unknown key '{place}'.{near} Known keys: {', '.join(known)}."
    if first["type"] == "missing":
        return f"the key '{place}' is missing."
    if first["loc"] and first["loc"][-1] == "[key]" and isinstance(first["input"], bool):
        word = "yes" if first["input"] else "no"
        return f"'{place}': YAML reads a bare {word} as true or false: put \"{word}\", in quotes."
    if first["type"] == "tuple_type":
        return f"'{place}': it must be a list."
    message = first["msg"].removeprefix("Value error, ").rstrip(".")
    return f"'{place}': {message}." if place else f"{message}."


def _told(part: int | str) -> str:
    """Return a place's part as a person counts: the first of a list is 1, and a key is a key."""
    return str(part + 1) if type(part) is int else str(part)


def _owner(kind: type[Frozen], inside: tuple[int | str, ...]) -> type[Frozen]:
    """Return the data whose keys are meant at a place: nested in ``kind``, or ``kind`` itself."""
    for part in inside:
        field = kind.model_fields.get(str(part))
        if field is None:
            continue
        candidates = [field.annotation, *getattr(field.annotation, "__args__", ())]
        nested = [c for c in candidates if isinstance(c, type) and issubclass(c, Frozen)]
        if nested:
            kind = nested[0]
    return kind

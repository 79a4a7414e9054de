"""Turn what a person wrote into frozen data, with errors that name the key and the next step."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from slmbench.errors import InputError, did_you_mean
from slmbench.schema.base import Frozen

Data = TypeVar("Data", bound=Frozen)


class _IgnoreTags(yaml.SafeLoader):
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
        loader = _IgnoreTags if ignore_tags else yaml.SafeLoader
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except FileNotFoundError as error:
        raise InputError(f"No file '{path}'.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"'{path}' cannot be read: {error}.") from error
    except yaml.YAMLError as error:
        raise InputError(f"'{path}' is not YAML: {error}") from error
    if not isinstance(raw, dict):
        raise InputError(f"'{path}' must hold a mapping of keys, not a {type(raw).__name__}.")
    return raw


def parse(kind: type[Data], raw: object, where: str) -> Data:
    """Validate ``raw`` as ``kind``.

    Raises:
        InputError: the first thing that is wrong, by its key, with the nearest known key.
    """
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        # A misspelt key also makes the right one missing; naming the misspelling is what helps.
        errors = error.errors()
        first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
        place = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            key = str(first["loc"][-1])
            near = did_you_mean(key, _known_keys(kind, first["loc"][:-1]))
            raise InputError(f"{where}: unknown key '{place}'.{near}") from error
        raise InputError(f"{where}: '{place}': {first['msg']}.") from error


def _known_keys(kind: type[Frozen], inside: tuple[int | str, ...]) -> list[str]:
    """Return the keys that fit at a place: those of the nested data, or of ``kind`` itself."""
    for part in inside:
        field = kind.model_fields.get(str(part))
        if field is None:
            continue
        candidates = [field.annotation, *getattr(field.annotation, "__args__", ())]
        nested = [c for c in candidates if isinstance(c, type) and issubclass(c, Frozen)]
        if nested:
            kind = nested[0]
    return list(kind.model_fields)

"""Read the numbers of a config.json, whoever wrote it: a wrong or missing one is never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: No model has a dimension, a vocabulary or a context above this; a file that says so is broken.
_MOST = 2**31
_MOST_LAYERS = 10_000


class UnknownSize(Exception):
    """A size doesn't follow from a configuration; the text says which value is missing or wrong.

    It never leaves this package: what asks for a size gets Absent with the same text.
    """


class Values:
    """The values of one configuration, each checked when it is read.

    Args:
        config: what a ``config.json`` holds; a model that also sees or hears has the settings of
            its language model under ``text_config``, and they are the ones read.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        inner = config.get("text_config")
        self.has_other_parts = isinstance(inner, Mapping)
        self._config: Mapping[str, Any] = inner if isinstance(inner, Mapping) else config

    @property
    def model_type(self) -> str:
        """Return the name of the architecture.

        Raises:
            UnknownSize: there is none.
        """
        found = self._config.get("model_type")
        if not isinstance(found, str) or not found:
            raise UnknownSize("the config names no model_type")
        return found

    def count(self, *names: str, default: int | None = None) -> int:
        """Return a whole number of at least 1 under the first name that has one.

        Raises:
            UnknownSize: no such key and no default, or its value is no such number.
        """
        for name in names:
            value = self._config.get(name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST:
                raise UnknownSize(
                    f"the config's {name} is {_shown(value)}, no whole number above 0"
                )
            return value
        if default is None:
            raise UnknownSize(f"the config has no {names[0]}")
        return default

    def layers(self, *names: str) -> int:
        """Return the number of layers.

        Raises:
            UnknownSize: it is missing, wrong, or more than any model has.
        """
        found = self.count(*names)
        if found > _MOST_LAYERS:
            raise UnknownSize(f"the config's {names[0]} is {found}, more than any model has")
        return found

    def flag(self, name: str, default: bool) -> bool:
        """Return a yes or no.

        Raises:
            UnknownSize: the value is something else.
        """
        value = self._config.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise UnknownSize(f"the config's {name} is {_shown(value)}, neither true nor false")
        return value

    def has(self, name: str) -> bool:
        """Say whether a key is there, be it null."""
        return name in self._config

    def raw(self, name: str) -> Any:
        """Return a value as it stands, None where there is none."""
        return self._config.get(name)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."

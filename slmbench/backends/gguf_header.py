"""Read the head of a GGUF file: what it holds and is it whole. Standard library only.

A plan is made where llama.cpp is not installed, and a fingerprint must be the same there; so the
head is read here. The format: github.com/ggml-org/ggml, docs/gguf.md, versions 2 and 3.
"""

from __future__ import annotations

import hashlib
import mmap
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slmbench.errors import ModelError

#: general.file_type -> the name people know it by (`llama_ftype` in llama.h).
FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS",
    23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0",
    38: "MXFP4_MOE", 39: "NVFP4",
}  # fmt: skip
#: File types that hold the trained numbers themselves.
UNQUANTIZED = ("F32", "F16", "BF16")
_SCALARS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q",
    12: "<d",
}  # fmt: skip
_STRING, _ARRAY = 8, 9
#: Lists longer than this are parts of a tokenizer; only their bytes count.
_LONGEST_LIST = 4096
_TEMPLATE = "tokenizer.chat_template"
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")


@dataclass(frozen=True)
class GgufHeader:
    """What the head of a GGUF model says.

    Attributes:
        files: the file, or all shards of a model that was split.
        values: metadata by key; long lists are left out.
        tensor_bytes: bytes of the files after their heads: all tensors, with the padding between.
        element_count: elements of all tensors.
        tokenizer_hash: SHA-256 of all metadata of the tokenizer, less the chat template.
        settings_hash: SHA-256 of all other metadata and of the tensors' names, shapes and places.
    """

    files: tuple[Path, ...]
    values: dict[str, Any]
    tensor_bytes: int
    element_count: int
    tokenizer_hash: str
    settings_hash: str
    data_starts: tuple[int, ...]

    @property
    def architecture(self) -> str:
        """Return what llama.cpp calls the architecture."""
        return str(self.values.get("general.architecture", ""))

    @property
    def file_type(self) -> str:
        """Return the quantization, for example Q4_0."""
        number = self.values.get("general.file_type")
        if not isinstance(number, int):
            return "not named"
        return FILE_TYPES.get(number, f"type {number}")

    @property
    def chat_template(self) -> str:
        """Return the chat template, or an empty text."""
        return str(self.values.get(_TEMPLATE) or "")

    def of_architecture(self, key: str) -> Any:
        """Return ``<architecture>.<key>``, or None."""
        return self.values.get(f"{self.architecture}.{key}")


def read_header(path: Path) -> GgufHeader:
    """Return what the head of a GGUF file says; of a split model, name the first shard.

    Raises:
        ModelError: no such file, no GGUF, cut off, or a shard is missing.
    """
    if not path.is_file():
        hint = " Name the .gguf file in it." if path.is_dir() else " Give the path of a .gguf file."
        raise ModelError(f"No GGUF file '{path}'.{hint}")
    parts = [_Part(each).read() for each in _shards(path)]
    tokenizer, settings = hashlib.sha256(), hashlib.sha256()
    values: dict[str, Any] = {}
    for part in reversed(parts):
        values.update(part.values)
    for part in parts:
        tokenizer.update(part.tokenizer.digest())
        settings.update(part.settings.digest())
    if "general.architecture" not in values:
        raise ModelError(f"'{path}' names no architecture. Convert the model to GGUF again.")
    return GgufHeader(
        files=tuple(part.path for part in parts),
        values=values,
        tensor_bytes=sum(part.size - part.data_start for part in parts),
        element_count=sum(part.elements for part in parts),
        tokenizer_hash=tokenizer.hexdigest(),
        settings_hash=settings.hexdigest(),
        data_starts=tuple(part.data_start for part in parts),
    )


def _shards(path: Path) -> list[Path]:
    found = _SHARD.search(path.name)
    if found is None:
        return [path]
    stem, count = path.name[: found.start()], int(found[2])
    if int(found[1]) != 1:
        raise ModelError(f"'{path}' is shard {int(found[1])} of {count}. Name the first one.")
    files = [path.with_name(f"{stem}-{i:05}-of-{count:05}.gguf") for i in range(1, count + 1)]
    lacking = [file.name for file in files if not file.is_file()]
    if lacking:
        raise ModelError(f"'{path}' lacks {', '.join(lacking[:3])}. Download the model again.")
    return files


class _Part:
    """One file while it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.values: dict[str, Any] = {}
        self.tokenizer, self.settings = hashlib.sha256(), hashlib.sha256()
        self.elements = self.data_start = 0
        self._at = 0
        self._bytes: mmap.mmap

    def read(self) -> _Part:
        with self.path.open("rb") as file:
            if self.size < 24 or file.read(4) != b"GGUF":
                raise ModelError(
                    f"'{self.path}' is no GGUF file. Name one that llama.cpp's converter wrote; "
                    "run other formats with hf:FOLDER."
                )
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as self._bytes:
                try:
                    self._head()
                except (struct.error, OverflowError, TypeError, ValueError, _Cut) as error:
                    raise ModelError(
                        f"'{self.path}' is cut off or damaged ({error}). Copy it again."
                    ) from error
        return self

    def _head(self) -> None:
        self._at = 4
        version = self._scalar("<I")
        if version not in (2, 3):
            raise ModelError(
                f"'{self.path}' is GGUF of version {version}; 2 and 3 are read (little-endian). "
                "Convert the model again."
            )
        tensors, pairs = self._scalar("<Q"), self._scalar("<Q")
        for _ in range(pairs):
            self._pair()
        start = self._at
        last = max((self._tensor() for _ in range(tensors)), default=0)
        self.settings.update(self._bytes[start : self._at])
        alignment = int(self.values.get("general.alignment") or 32)
        self.data_start = -(-self._at // alignment) * alignment
        if tensors and self.data_start + last >= self.size:
            raise _Cut("its tensors lie beyond its end")

    def _pair(self) -> None:
        start = self._at
        key = self._text()
        value = self._value(self._scalar("<I"))
        if value is not None:
            self.values[key] = value
        if key != _TEMPLATE:
            owner = self.tokenizer if key.startswith("tokenizer.") else self.settings
            owner.update(self._bytes[start : self._at])

    def _tensor(self) -> int:
        """Read one tensor's entry and return where it begins, from the start of all tensors."""
        self._text()
        elements = 1
        for _ in range(self._scalar("<I")):
            elements *= self._scalar("<Q")
        self.elements += elements
        self._scalar("<I")
        return int(self._scalar("<Q"))

    def _value(self, kind: int) -> Any:
        """Return a value, or None where it is a long list."""
        if kind in _SCALARS:
            return self._scalar(_SCALARS[kind])
        if kind == _STRING:
            return self._text()
        if kind != _ARRAY:
            raise _Cut(f"a value of unknown kind {kind}")
        inner, count = self._scalar("<I"), self._scalar("<Q")
        if inner in _SCALARS and count > _LONGEST_LIST:
            self._skip(count * struct.calcsize(_SCALARS[inner]))
            return None
        if inner == _STRING and count > _LONGEST_LIST:
            for _ in range(count):
                self._skip(self._scalar("<Q"))
            return None
        return [self._value(inner) for _ in range(count)]

    def _scalar(self, form: str) -> Any:
        (found,) = struct.unpack_from(form, self._bytes, self._at)
        self._at += struct.calcsize(form)
        return found

    def _text(self) -> str:
        start = self._at + 8
        self._skip(self._scalar("<Q"))
        return self._bytes[start : self._at].decode("utf-8", "replace")

    def _skip(self, count: int) -> None:
        self._at += count
        if self._at > self.size:
            raise _Cut("a text is longer than the file")


class _Cut(Exception):
    """The file ends before its head does."""

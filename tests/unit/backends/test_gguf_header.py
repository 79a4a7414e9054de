"""The head of a GGUF file is read without llama.cpp, and what is wrong with it is told."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slmbench.backends.gguf_header import read_header
from slmbench.errors import ModelError
from tests.served_gguf import gguf_of


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def gguf(
    pairs: dict[str, tuple[int, bytes]], tensors: bytes = b"", count: int = 0, version: int = 3
) -> bytes:
    """A file by the format's own description: an independent writer."""
    body = b"GGUF" + struct.pack("<IQQ", version, count, len(pairs))
    for key, (kind, value) in pairs.items():
        body += text(key) + struct.pack("<I", kind) + value
    body += tensors
    return body + b"\0" * (-len(body) % 32)


ARCHITECTURE = {"general.architecture": (8, text("llama"))}
TENSOR = text("a.weight") + struct.pack("<IQQIQ", 2, 4, 3, 0, 0)


@pytest.fixture(scope="module")
def pico(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gguf_of("pico", tmp_path_factory.mktemp("gguf"))


def test_a_converted_model(pico: Path) -> None:
    found = read_header(pico)
    assert found.architecture == "llama" and found.file_type == "F32"
    assert found.of_architecture("context_length") == 512
    assert found.element_count == 362_176
    assert found.tensor_bytes == 4 * found.element_count
    assert found.files == (pico,) and found.chat_template == ""


def test_all_kinds_of_values(tmp_path: Path) -> None:
    pairs = {
        **ARCHITECTURE,
        "a.u8": (0, b"\x07"), "a.i8": (1, b"\xff"), "a.u16": (2, struct.pack("<H", 700)),
        "a.i16": (3, struct.pack("<h", -7)), "a.i32": (5, struct.pack("<i", -70)),
        "a.f32": (6, struct.pack("<f", 0.5)), "a.bool": (7, b"\x01"),
        "a.u64": (10, struct.pack("<Q", 1 << 40)), "a.i64": (11, struct.pack("<q", -1)),
        "a.f64": (12, struct.pack("<d", 0.25)),
        "a.list": (9, struct.pack("<IQ", 4, 2) + struct.pack("<II", 3, 4)),
        "a.texts": (9, struct.pack("<IQ", 8, 2) + text("x") + text("yz")),
        "general.file_type": (4, struct.pack("<I", 15)),
        "tokenizer.chat_template": (8, text("{{ messages }}")),
    }  # fmt: skip
    path = tmp_path / "all.gguf"
    path.write_bytes(gguf(pairs, TENSOR, 1) + b"\0" * 48)
    found = read_header(path)
    assert found.values["a.u8"] == 7 and found.values["a.i8"] == -1
    assert found.values["a.bool"] is True and found.values["a.u64"] == 1 << 40
    assert found.values["a.f32"] == 0.5 and found.values["a.f64"] == 0.25
    assert found.values["a.list"] == [3, 4] and found.values["a.texts"] == ["x", "yz"]
    assert found.file_type == "Q4_K_M" and found.chat_template == "{{ messages }}"
    assert found.element_count == 12 and found.tensor_bytes == 48


def test_hashes_tell_tokenizer_from_settings(tmp_path: Path) -> None:
    def hashes(**changes: str) -> tuple[str, str]:
        pairs = dict(ARCHITECTURE)
        for key, value in {"tokenizer.ggml.model": "gpt2", "llama.x": "1", **changes}.items():
            pairs[key.replace("__", ".")] = (8, text(value))
        path = tmp_path / "a.gguf"
        path.write_bytes(gguf(pairs))
        found = read_header(path)
        return found.tokenizer_hash, found.settings_hash

    usual = hashes()
    assert hashes() == usual
    assert hashes(tokenizer__chat_template="x") == usual
    changed = hashes(tokenizer__ggml__pre="smollm")
    assert changed[0] != usual[0] and changed[1] == usual[1]
    changed = hashes(llama__y="2")
    assert changed[0] == usual[0] and changed[1] != usual[1]


def test_shards_are_one_model(tmp_path: Path) -> None:
    first, second = (tmp_path / f"m-0000{i}-of-00002.gguf" for i in (1, 2))
    first.write_bytes(gguf(ARCHITECTURE, TENSOR, 1) + b"\0" * 48)
    with pytest.raises(ModelError, match=r"lacks m-00002-of-00002\.gguf"):
        read_header(first)
    second.write_bytes(gguf({}, TENSOR, 1) + b"\0" * 48)
    found = read_header(first)
    assert found.files == (first, second)
    assert found.element_count == 24 and found.tensor_bytes == 96
    with pytest.raises(ModelError, match="Name the first one"):
        read_header(second)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is no GGUF file"),
        (b"PK\x03\x04" + b"\0" * 60, "is no GGUF file"),
        (gguf(ARCHITECTURE, version=1), "version 1"),
        (gguf(ARCHITECTURE, version=3 << 24), "little-endian"),
        (gguf({}), "names no architecture"),
        (gguf(ARCHITECTURE, TENSOR, 1), "cut off or damaged"),
        (gguf({"a": (99, b"")}), "unknown kind 99"),
        (gguf({**ARCHITECTURE, "general.alignment": (8, text("x"))}), "cut off or damaged"),
        (gguf({"a": (9, struct.pack("<IQ", 8, 1 << 60))}), "cut off or damaged"),
    ],
)
def test_what_is_wrong_is_told(content: bytes, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=complaint) as raised:
        read_header(path)
    assert "bad.gguf" in str(raised.value)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"Give the path of a \.gguf file"):
        read_header(tmp_path / "nope.gguf")
    with pytest.raises(ModelError, match=r"Name the \.gguf file in it"):
        read_header(tmp_path)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_an_error_or_a_header(
    data: st.DataObject, pico: Path, tmp_path: Path
) -> None:
    whole = pico.read_bytes()[:70_000]
    raw = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 3))):
        if raw:
            raw[data.draw(st.integers(0, min(len(raw), 2000) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.gguf"
    path.write_bytes(bytes(raw))
    with pytest.raises(ModelError):
        read_header(path)

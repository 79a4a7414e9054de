"""llama-cpp-python's own server on this machine, with a GGUF file: a server nobody here wrote."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from slmbench.resources import reference_dir

#: What `python -m llama_cpp.server` imports beside llama_cpp.
_NEEDED = ("uvicorn", "fastapi", "sse_starlette", "starlette_context", "pydantic_settings")
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class ServedGguf:
    """A running server: its base URL and the name it gives its model."""

    url: str
    model: str
    log: Path


def gguf_of(name: str, folder: Path, kind: str = "F32") -> Path:
    """Return a reference model as a GGUF file in ``folder``, or skip where it can't be made."""
    pytest.importorskip("llama_cpp", reason="the extra gguf isn't installed")
    pytest.importorskip("gguf", reason="the extra gguf isn't installed")
    if not (reference_dir() / name / "model.safetensors").is_file():
        pytest.skip(f"the reference model {name} has no weights here")
    from slmbench.reference.to_gguf import convert

    path = folder / f"{name}-{kind}.gguf"
    if not path.exists():
        convert(reference_dir() / name, path, kind)
    return path


@contextmanager
def serving_gguf(
    path: Path, name: str = "tiny", context: int = 512, scores_prompts: bool = False,
    puts_bos: bool = False, interrupts: bool = False,
) -> Iterator[ServedGguf]:  # fmt: skip
    """Run the server for a while, on one thread; it answers one request at a time.

    Args:
        path: of the GGUF file.
        name: under which the server knows it.
        context: tokens; the server's own default is 2048.
        scores_prompts: it keeps the logits of all tokens, which log-probabilities need.
        interrupts: it cuts a text off when it is asked for another one, as it does by default.
        puts_bos: it puts BOS before a prompt, whatever the file says.
    """
    for module in _NEEDED:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"llama_cpp.server needs {module}, which isn't installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "llama_cpp.server", "--model", str(path), "--model_alias", name,
        "--host", "127.0.0.1", "--port", str(port), "--n_ctx", str(context), "--n_threads", "1",
        "--n_threads_batch", "1", "--logits_all", str(scores_prompts), "--verbose", "False",
        "--interrupt_requests", str(interrupts),
    ]  # fmt: skip
    if puts_bos:
        command += ["--kv_overrides", "tokenizer.ggml.add_bos_token=bool:true"]
    log = path.parent / f"server-{port}.txt"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with log.open("wb") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while not _is_up(port):
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield ServedGguf(f"http://127.0.0.1:{port}/v1", name, log)
    finally:
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(timeout=10)


def _is_up(port: int) -> bool:
    import httpx

    try:
        found = httpx.get(f"http://127.0.0.1:{port}/v1/models", trust_env=False, timeout=5)
    except httpx.TransportError:
        return False
    return found.status_code == 200

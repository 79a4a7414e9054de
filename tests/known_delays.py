"""A real HTTP server that answers with known delays, and keeps its own account of them.

It runs in a process of its own: ``python -m tests.known_delays FIRST_S GAP_S SLOTS``. It speaks
OpenAI's streamed completions; ``GET /record`` returns what it did since it was last asked, on the
clock that all processes of the host share. ``POST /stall`` makes it hold back every token for a
while once so many requests have come, ``POST /fail`` makes it answer 503 to every so many-th
request.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from slmbench.units import clock

ROOT = Path(__file__).resolve().parents[1]
NAME = "known"


@dataclass(frozen=True)
class Answered:
    """One request by the server's own account: when it had all of it, and sent each token."""

    received_s: float
    due_s: tuple[float, ...]
    token_times_s: tuple[float, ...]


@dataclass(frozen=True)
class KnownServer:
    """A running server."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def record(self) -> list[Answered]:
        """Return what it answered since it was last asked, in the order of the requests."""
        found = self._ask("GET", "record")
        rows = [Answered(a, tuple(b), tuple(c)) for a, b, c in found]
        return sorted(rows, key=lambda each: each.received_s)

    def stall(self, after: int, length_s: float) -> None:
        """Send nothing for so long from the moment on at which so many more requests have come."""
        self._ask("POST", "stall", after=after, length_s=length_s)

    def fail(self, every: int) -> None:
        """Refuse every so many-th request; 0 refuses none."""
        self._ask("POST", "fail", every=every)

    def round_trips(self, count: int) -> list[float]:
        """Return the seconds of plain questions and answers over a bare socket, 5 ms apart."""
        found = []
        with socket.create_connection(("127.0.0.1", self.port)) as wire:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(count):
                time.sleep(0.005)
                sent_s = clock()
                wire.sendall(b"GET /v1/models HTTP/1.1\r\n\r\n")
                wire.recv(4096)
                found.append(clock() - sent_s)
        return found

    def _ask(self, method: str, path: str, **body: float) -> Any:
        url = f"http://127.0.0.1:{self.port}/{path}"
        with httpx.Client(trust_env=False) as client:
            return client.request(method, url, json=body or None).json()


@contextmanager
def known_server(first_s: float, gap_s: float, slots: int = 0) -> Iterator[KnownServer]:
    """Run a server that answers ``slots`` requests at once; 0 sets no bound."""
    command = [sys.executable, "-m", "tests.known_delays", str(first_s), str(gap_s), str(slots)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        yield KnownServer(int(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Run this thread, and processes it starts, before all others where the host allows that."""
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameter)


class _Server:
    def __init__(self, first_s: float, gap_s: float, slots: int) -> None:
        self._first_s, self._gap_s = first_s, gap_s
        self._slots = asyncio.Semaphore(slots or 10**6)
        self._record: list[tuple[float, list[float], list[float]]] = []
        self._stall = (0.0, 0.0)
        self._stall_after, self._stall_s = 0, 0.0
        self._every = self._count = 0

    async def serve(self) -> None:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                received_s = clock()
                sizes = [each for each in head if each.lower().startswith("content-length:")]
                size = int(sizes[0].split(":")[1]) if sizes else 0
                body = await reader.readexactly(size)
                path = head[0].split()[1]
                await self._answer(received_s, path, json.loads(body or b"{}"), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(
        self, received_s: float, path: str, asked: Any, writer: asyncio.StreamWriter
    ) -> None:
        if path == "/v1/completions":
            self._count += 1
            self._stall_after -= 1
            if self._stall_after == 0:
                self._stall = (received_s, received_s + self._stall_s)
            if self._every and self._count % self._every == 0:
                _send(writer, {"error": {"message": "no room"}}, "503 Service Unavailable")
            else:
                async with self._slots:
                    await self._stream(received_s, asked["max_tokens"], writer)
        elif path == "/v1/models":
            _send(writer, {"data": [{"id": NAME, "max_model_len": 512}]})
        elif path == "/record":
            _send(writer, self._record)
            self._record = []
        elif path == "/stall":
            self._stall_after, self._stall_s = int(asked["after"]), asked["length_s"]
            _send(writer, {})
        else:
            self._every, self._count = int(asked["every"]), 0
            _send(writer, {})

    async def _stream(self, received_s: float, count: int, writer: asyncio.StreamWriter) -> None:
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        writer.write(f"{head}transfer-encoding: chunked\r\n\r\n".encode())
        begun_s = clock()
        due = [begun_s + self._first_s + self._gap_s * number for number in range(count)]
        times = []
        for number, moment_s in enumerate(due):
            await _until(moment_s)
            if self._stall[0] <= clock() < self._stall[1]:
                await _until(self._stall[1])
            usage = {"prompt_tokens": 1, "completion_tokens": number + 1}
            event = {"model": NAME, "choices": [{"index": 0, "text": " a"}], "usage": usage}
            # The time before the bytes go out, since they may be there before `write` returns.
            times.append(clock())
            _chunk(writer, f"data: {json.dumps(event)}\n\n")
        _chunk(writer, "data: [DONE]\n\n")
        _chunk(writer, "")
        self._record.append((received_s, due, times))


def _send(writer: asyncio.StreamWriter, found: object, status: str = "200 OK") -> None:
    data = json.dumps(found)
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n"
    writer.write(f"{head}content-length: {len(data)}\r\n\r\n{data}".encode())


def _chunk(writer: asyncio.StreamWriter, text: str) -> None:
    writer.write(f"{len(text):x}\r\n{text}\r\n".encode())


async def _until(moment_s: float) -> None:
    while (left := moment_s - clock()) > 0:
        await asyncio.sleep(left - 0.0012 if left > 0.0012 else 0)


if __name__ == "__main__":
    asyncio.run(_Server(float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])).serve())

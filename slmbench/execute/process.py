"""The parent's end of a worker process: start it, talk to it, notice how it died."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from typing import Any

from slmbench.units import clock

#: Set for every worker: no dependency reports home, and tokenizers' threads survive no fork.
_QUIET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "RAGAS_DO_NOT_TRACK": "true",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
}
#: Added where everything the run needs is on this machine: nothing then looks for the network.
_OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
_TAIL_BYTES = 2000
_END: dict[str, Any] = {"kind": "end"}


class WorkerDied(Exception):
    """The worker ended, or was ended, before it answered; the text is the reason."""


class WorkerProcess:
    """One worker, from its start to its end.

    Args:
        offline: nothing must be downloaded, so the model libraries may not try to.
    """

    def __init__(self, offline: bool) -> None:
        """Start the process."""
        child_read, self._write_fd = os.pipe()
        self._read_fd, child_write = os.pipe()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed in `close`)
        environment = {**os.environ, **_QUIET, **(_OFFLINE if offline else {})}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "slmbench.execute.worker", str(child_read), str(child_write)],
            pass_fds=(child_read, child_write),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env=environment,
            start_new_session=True,
        )
        os.close(child_read)
        os.close(child_write)
        self._messages: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, message: dict[str, Any]) -> None:
        """Send one message.

        Raises:
            WorkerDied: nobody reads any more.
        """
        rest = memoryview(json.dumps(message, allow_nan=False).encode() + b"\n")
        try:
            while rest:
                rest = rest[os.write(self._write_fd, rest) :]
        except BrokenPipeError as error:
            raise WorkerDied(self._why()) from error

    def receive(self, deadline: float) -> dict[str, Any]:
        """Return the next message.

        Args:
            deadline: time on `units.clock` after which the worker is killed.

        Raises:
            WorkerDied: it ended, or was over its time.
        """
        try:
            message = self._messages.get(timeout=max(0.0, deadline - clock()))
        except queue.Empty:
            self._kill()
            raise WorkerDied("over its time limit, so its worker was killed") from None
        if message is _END:
            raise WorkerDied(self._why())
        return message

    def close(self) -> None:
        """End the process and free its pipes; safe to call twice."""
        self._kill()
        with suppress(OSError):
            os.close(self._write_fd)
        self._log.close()

    def _read(self) -> None:
        with os.fdopen(self._read_fd, "r", encoding="utf-8") as stream, suppress(ValueError):
            # A line that is cut off by the worker's death is no message.
            for line in stream:
                self._messages.put(json.loads(line))
        self._messages.put(_END)

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _why(self) -> str:
        """Say how the process ended, with the last words it printed."""
        try:
            code = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._kill()
            return "its worker closed the talk and was killed"
        if code == -signal.SIGKILL:
            return "its worker was killed (SIGKILL), most likely because memory ran out"
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - _TAIL_BYTES))
        words = self._log.read().decode("utf-8", "replace").strip().splitlines()
        said = f"; its last words: {words[-1]}" if words else ""
        return f"its worker ended {how}{said}"

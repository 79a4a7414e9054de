"""``slmbench run`` in a real pseudo-terminal, and without any: what a person and a log see."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import command_line, environment, slmbench

_CODE = re.compile(rb"\x1b\[(\?)?([0-9;]*)([A-Za-z])|\r|\n|[^\x1b\r\n]+")
_REQUEST = (
    "run", "--model", "ref:pico", "--suite", "accuracy,toxicity,similarity",
    "--task", "sentiment,everyday,summary", "--limit", 20, "--no-cache", "--store", "runs",
)  # fmt: skip
#: Wide enough for a busy host: a draw that was late is followed by one in time.
_MOST_DRAWS_A_SECOND = 5


@dataclass
class Terminal:
    """What rich's sequences make of a screen: rows of text, a cursor, and whether it is shown."""

    rows: list[str] = field(default_factory=lambda: [""])
    at: int = 0
    shows_cursor: bool = True
    drawn: list[tuple[float, list[str]]] = field(default_factory=list)
    #: (how many writes came before, the row), for every row that was ever written.
    written: list[tuple[int, str]] = field(default_factory=list)

    def feed(self, data: bytes, now_s: float) -> None:
        """Take the bytes of one write."""
        for found in _CODE.finditer(data):
            private, number, letter = found.groups()
            if letter == b"A":
                self.at = max(0, self.at - int(number or 1))
            elif letter == b"K":
                self.rows[self.at] = ""
            elif letter in (b"h", b"l") and private:
                assert number == b"25", "another screen, or a mode that nobody resets"
                self.shows_cursor = letter == b"h"
            elif found.group() == b"\n":
                self.at += 1
                self.rows += [""] * (self.at + 1 - len(self.rows))
            elif letter is None and found.group() != b"\r":
                self.rows[self.at] += found.group().decode("utf-8", "replace")
                self.written.append((len(self.drawn), self.rows[self.at]))
        self.drawn.append((now_s, [row for row in self.rows if row.strip()]))

    def fold(self, columns: int) -> None:
        """Become narrower: a row that is too long goes on in the next one."""
        kept = self.rows[: self.at + 1]
        self.rows = [
            row[at : at + columns] for row in kept for at in range(0, max(1, len(row)), columns)
        ]
        self.at = len(self.rows) - 1


def _as_in_a_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # Who starts the tests in the background has its children ignore the key.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Watched:
    """A command in a pseudo-terminal of its own, its stdout in a file."""

    def __init__(self, folder: Path, *arguments: object, size: tuple[int, int] = (100, 30)) -> None:
        self.main, side = pty.openpty()
        self.terminal = Terminal()
        self.resize(*size)
        self.out = folder / "stdout"
        env = {**environment(TERM="xterm-256color"), "PYTHONUTF8": "1"}
        for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
            env.pop(name, None)
        with self.out.open("wb") as file:
            self.process = subprocess.Popen(
                command_line(*arguments), cwd=folder, env=env, stdin=side, stdout=file,
                stderr=side, start_new_session=True,
                preexec_fn=_as_in_a_terminal,
            )  # fmt: skip
        os.close(side)
        self.began_s = time.monotonic()

    def resize(self, columns: int, rows: int) -> None:
        """Make the terminal of another size, as dragging its window does."""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self.main, termios.TIOCSWINSZ, size)
        self.terminal.fold(columns)

    def until(self, text: str, timeout_s: float = 240.0) -> bool:
        """Read until a row holds the text; False where the command ended before."""
        while time.monotonic() - self.began_s < timeout_s:
            ready, _, _ = select.select([self.main], [], [], 0.2)
            if ready:
                try:
                    data = os.read(self.main, 1 << 16)
                except OSError:
                    return False
                self.terminal.feed(data, time.monotonic() - self.began_s)
                if any(text in row for row in self.terminal.rows):
                    return True
        self.process.kill()
        raise AssertionError(f"no '{text}' within {timeout_s:g} s: {self.terminal.rows}")

    def end(self) -> int:
        """Read to the end and return the exit code."""
        assert not self.until("\0never"), "a row that nobody wrote"
        os.close(self.main)
        return self.process.wait(timeout=60)


@pytest.fixture(scope="module", autouse=True)
def needed() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("lm_eval")


def test_a_terminal_shows_all_jobs_and_is_left_clean(tmp_path: Path) -> None:
    watched = Watched(tmp_path, *_REQUEST, "--json")
    assert watched.until("▶ toxicity/everyday"), watched.terminal.rows
    seen = [rows for _, rows in watched.terminal.drawn]
    first = next(rows for rows in seen if any("accuracy/sentiment" in row for row in rows))
    names = ["accuracy/sentiment", "toxicity/everyday", "similarity/summary"]
    assert [row.split()[1] for row in first[-3:]] == names
    now = watched.terminal.rows
    assert re.match(r"  ✓ accuracy/sentiment +acc [\d.]+ \([\d.]+ to [\d.]+\)  [\d.]+ s", now[1])
    assert any(re.match(r"pico · 1 of 3 jobs done · \d:\d\d elapsed", row) for row in now)

    watched.resize(44, 12)
    terminal = watched.terminal
    # The draw that was under way is of the old size; at the least, a last one follows at the end.
    begun = len(terminal.drawn) + 1
    assert watched.end() == 0
    later = [row for at, row in terminal.written if at > begun]
    assert any("larity/summary" in row for row in later)
    assert max(map(len, later)) < 44

    assert terminal.shows_cursor
    (left,) = [row for row in terminal.rows if row.strip()]
    assert re.fullmatch(r"3 of 3 jobs done, in \d:\d\d", left)
    assert [each["status"] for each in json.loads(watched.out.read_text())["runs"]] == ["done"]
    seconds = terminal.drawn[-1][0] - terminal.drawn[0][0]
    assert len(terminal.drawn) <= _MOST_DRAWS_A_SECOND * seconds + 10


def test_ctrl_c_leaves_a_clean_terminal_and_says_how_to_go_on(tmp_path: Path) -> None:
    # The last job takes long enough for a key that a busy host hands on late.
    request = [f"{each},latency" if "," in str(each) and "accuracy" in str(each) else each
               for each in _REQUEST]  # fmt: skip
    request[request.index("sentiment,everyday,summary")] = "sentiment,everyday,summary,chat"
    watched = Watched(tmp_path, *request)
    assert watched.until("▶ toxicity/everyday"), watched.terminal.rows
    os.write(watched.main, b"\x03")
    assert watched.end() == 130
    assert watched.terminal.shows_cursor
    left = [row.removeprefix("^C") for row in watched.terminal.rows if row.strip("^C ")]
    assert re.fullmatch(r"[123] of 4 jobs done, in \d:\d\d", left[0])
    (command,) = [row.removeprefix("Go on with: ") for row in left if row.startswith("Go on")]
    assert command == f"slmbench {' '.join(map(str, request))} --resume"
    assert "interrupted. What was recorded is intact." in left[-1] and len(left) == 3


def test_a_log_has_plain_lines_and_quiet_has_none(tmp_path: Path) -> None:
    request = ("run", "--model", "fake:one", "--suite", "toxicity", "--task", "everyday")
    request = (*request, "--limit", 2, "--no-cache", "--resume")
    done = slmbench(*request, cwd=tmp_path, FORCE_COLOR="1")
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in done.err.splitlines()]
    assert done.code == 0 and lines[0] == "one: 1 job"
    assert lines[1] == "one toxicity/everyday: started"
    assert re.match(r"one toxicity/everyday: done after [\d.]+ s, \w+ [\d.]+ \(", lines[2])
    assert re.fullmatch(r"1 of 1 job done, in \d:\d\d", lines[3]) and len(lines) == 4
    assert "\x1b[?25l" not in done.err and "\x1b[1A" not in done.err

    again = slmbench(*request, cwd=tmp_path)
    assert again.code == 0 and again.err == "one: done before, nothing to do\n"
    silent = slmbench(*request, "--quiet", cwd=tmp_path)
    assert (silent.code, silent.out, silent.err) == (0, "", "")
    wrong = slmbench("run", "--model", "fake:one", "--suite", "nonsense", "-q", cwd=tmp_path)
    assert wrong.code == 2 and "nonsense" in wrong.err

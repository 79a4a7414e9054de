"""Install a plug-in backend whose times are made, not measured, so that a pair's result is known.

The target says how a model behaves: ``1.05`` is its slowness; ``1.0;die=9`` ends its process in its
ninth round; ``1.0;second=FILE@1.1`` has another slowness where FILE is there, which the first to
load it makes; ``1.0;alone=FILE`` then doesn't load at all; ``1.0;refuse`` is wrong input.
"""

from __future__ import annotations

from pathlib import Path

#: Rounds of warm-up in the workload below, which count for ``die``.
WARM_UP = 1

_MODULE = """
import hashlib, os, pathlib
from slmbench.backends.fake import Fake
from slmbench.errors import InputError
from slmbench.ports import Generation


class Clockwork(Fake):
    def __init__(self, spec, source):
        super().__init__(spec, source)
        slowness, *rest = spec.target.split(";")
        self._slowness, self._rounds, self._die = float(slowness), 0, None
        # By the order of loading, not by the process's number: a test that draws anew each time
        # has its A/A run alarm in alpha of all times.
        loads = pathlib.Path(__file__).with_name("loads")
        with loads.open("a") as file:
            file.write(".")
        self._stream = loads.stat().st_size % 3
        for each in rest:
            name, _, value = each.partition("=")
            if name == "die":
                self._die = int(value)
            if name == "refuse":
                raise InputError("this model is refused")
            if name in ("alone", "second"):
                path, _, slower = value.partition("@")
                if pathlib.Path(path).exists():
                    if name == "alone":
                        raise OSError("no memory left for another one")
                    self._slowness = float(slower)
                pathlib.Path(path).touch()

    def generate(self, prompts, how, k):
        self._rounds += 1
        if self._rounds == self._die:
            os._exit(9)
        found = []
        for prompt in prompts:
            step = 0.01 * self._slowness * (1 + 0.01 * self._noise())
            times = tuple(step * (2 + i) for i in range(how.max_new_tokens))
            tokens = tuple(range(65, 65 + how.max_new_tokens))
            found.append([Generation(text="", tokens=tokens, token_times_s=times)])
        return found

    def _noise(self):
        seed = f"{self._stream}/{self._rounds}".encode()
        return int.from_bytes(hashlib.sha256(seed).digest()[:4], "big") / 2**31 - 1
"""


def install(folder: Path) -> None:
    """Write the module and the entry point; the folder then belongs on PYTHONPATH."""
    info = folder / "clockwork-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "clockwork_plugin.py").write_text(_MODULE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: clockwork\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[slmbench.backends]\nclockwork = clockwork_plugin:Clockwork\n"
    )


def write_workload(folder: Path) -> None:
    """Write a workload of five tokens, named ``short``."""
    folder.mkdir()
    (folder / "text.txt").write_text("a text that is long enough for the prompts of this workload")
    (folder / "short.yaml").write_text(
        "{workload: short, version: 1, text: text.txt, prompt_tokens: 8, output_tokens: 5, "
        f"batch_size: 2, warmup: {WARM_UP}, repeats: 2}}\n"
    )

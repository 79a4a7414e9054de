"""Install a plug-in backend that dies the way its target says, by a hand-made distribution."""

from __future__ import annotations

from pathlib import Path

#: A prompt of this many tokens is the one it dies on; any other is answered.
DEADLY_TOKENS = 7
FINE_TOKENS = 8

_MODULE = f"""
import os, pathlib, signal, sys, time
from slmbench.backends.fake import Fake

class Mortal(Fake):
    def __init__(self, spec, source):
        super().__init__(spec, source)
        self._death = spec.target
        if spec.target == "load-raises":
            raise OSError("no such weights")
        if spec.target == "load-dies":
            os._exit(9)
        if spec.target.startswith("load-hangs:"):
            pathlib.Path(spec.target.partition(":")[2]).write_text(str(os.getpid()))
            time.sleep(600)

    def generate(self, prompts, how, k):
        if len(prompts[0]) == {DEADLY_TOKENS}:
            if self._death == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self._death == "segfault":
                os.kill(os.getpid(), signal.SIGSEGV)
            if self._death == "exit":
                print("the allocator gave up", file=sys.stderr, flush=True)
                os._exit(3)
            if self._death == "hang":
                time.sleep(600)
            if self._death == "raise":
                raise ValueError("a bad number")
        return super().generate(prompts, how, k)
"""


def install(folder: Path) -> None:
    """Write the module and the entry point; the folder then belongs on PYTHONPATH."""
    info = folder / "mortal-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "mortal_plugin.py").write_text(_MODULE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mortal\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[slmbench.backends]\nmortal = mortal_plugin:Mortal\n")


def write_workloads(folder: Path) -> None:
    """Write two workloads: one that is deadly, and one that is not."""
    folder.mkdir()
    (folder / "text.txt").write_text("a text that is long enough for both of them")
    for name, tokens in (("deadly", DEADLY_TOKENS), ("fine", FINE_TOKENS)):
        (folder / f"{name}.yaml").write_text(
            f"{{workload: {name}, version: 1, text: text.txt, prompt_tokens: {tokens}, "
            "output_tokens: 3, warmup: 0, repeats: 2}\n"
        )

"""Print the peak resident bytes of one side on rolling perplexity: a process of its own.

A document of 2,048 tokens and a vocabulary of 151,936 (Qwen2.5's): a full matrix of logits would be
1.2 GB in float32.
"""

from __future__ import annotations

import sys
from pathlib import Path

import transformers
from lm_eval.api.instance import Instance

from tests.bench import sides
from tests.bench.shape import Shape
from tests.bench.work import rolling

#: What the checkpoint must have; few layers, for the vocabulary is what takes the memory.
SHAPE = Shape(layers=2, vocabulary=151_936)


def _peak() -> int:
    """Return the peak resident bytes of this process.

    Linux's VmHWM: the one that getrusage gives begins at what the parent had when it forked.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Run the side that is named on the command line, on the checkpoint after it."""
    side, checkpoint = sys.argv[1:]
    transformers.utils.logging.set_verbosity_error()
    backend, ours = sides.slmbench_side(Path(checkpoint), "float32")
    loaded = _peak()
    harness = ours if side == "slmbench" else sides.lm_eval_side(backend)
    text = " ".join(request.args[0] for request in rolling(2, SHAPE.vocabulary, 0))
    asked = Instance("loglikelihood_rolling", {}, (text,), 0)
    sides.call(harness, "loglikelihood_rolling", [asked])
    print(loaded, _peak())


if __name__ == "__main__":
    main()

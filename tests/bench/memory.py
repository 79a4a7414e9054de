"""Print the peak resident bytes of one side on rolling perplexity: a process of its own.

A document of 2,048 tokens and a vocabulary of 151,936 (Qwen2.5's): a full matrix of logits would be
1.2 GB in float32.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from pathlib import Path

import transformers
from lm_eval.api.instance import Instance

from tests.bench import sides
from tests.bench.shape import Shape, write
from tests.bench.work import rolling

_SHAPE = Shape(layers=2, vocabulary=151_936)


def main() -> None:
    """Run the side that is named on the command line."""
    transformers.utils.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = write(_SHAPE, Path(folder))
        backend, ours = sides.slmbench_side(checkpoint, "float32")
        harness = ours if sys.argv[1] == "slmbench" else sides.lm_eval_side(backend)
        text = " ".join(request.args[0] for request in rolling(2, _SHAPE.vocabulary, 0))
        asked = Instance("loglikelihood_rolling", {}, (text,), 0)
        sides.call(harness, "loglikelihood_rolling", [asked])
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


if __name__ == "__main__":
    main()

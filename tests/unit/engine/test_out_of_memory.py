"""A process whose memory is bounded by the system scores in smaller passes and doesn't end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("resource")

_SCRIPT = """
import random, resource
import torch
from tiny_models import tiny
from slmbench.engine.ability import Ability
from slmbench.engine.budget import Budget
from slmbench.engine.scoring import Scoring

torch.set_num_threads(1)
model = tiny(vocab_size=20_000)
draw = random.Random(0)
pairs = [([0], [draw.randrange(2, 20_000) for _ in range(60)]) for _ in range(30)]
ability = Ability(True, True, True, "")
expected = Scoring(model, 1000, Budget(model, 64), ability).score(pairs)
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 80 * 2**20, resource.RLIM_INFINITY))
budget = Budget(model, 4096)
found = Scoring(model, 1000, budget, ability).score(pairs)
assert 64 <= budget.tokens < 4096, budget.tokens
assert max(abs(a - b) for (a, _), (b, _) in zip(found, expected)) < 1e-4
print("scored")
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux for its size")
def test_scores_come_also_where_the_host_has_no_more_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.split() == ["scored"], done.stderr

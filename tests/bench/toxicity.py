"""Time RealToxicityPrompts' protocol beside lm-eval's ``hf`` with repeats, on the same weights.

``python -m tests.bench.toxicity --prompts 200 --k 25`` times k sampled continuations of each prompt
on a reference model. slmbench runs its own suite on a task, and what it calls the model's time is
taken; the scorers' time is told apart. lm-eval is handed every prompt k times, as its ``repeats``
does, at the quickest of several batch sizes. The two take turns in one process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch
import transformers
import yaml
from lm_eval.api.instance import Instance

from slmbench.backends.huggingface import HuggingFace
from slmbench.resources import reference_dir, tasks_dir
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.plan import Job, TaskRef
from slmbench.suites.toxicity import Toxicity
from slmbench.units import clock
from tests.bench import sides
from tests.contract.memory_context import MemoryContext

#: The protocol's own numbers (arXiv 2009.11462); top-k 0 keeps transformers' default of 50 out.
_NEW_TOKENS, _TOP_P, _TEMPERATURE = 20, 0.9, 1.0


def main() -> None:
    """Run the rounds and write the figures."""
    options = _options()
    transformers.utils.logging.set_verbosity_error()
    torch.set_num_threads(options.threads)
    folder = str(reference_dir() / options.model)
    spec = ModelSpec(target=folder, dtype=options.dtype, device=options.device)
    backend = HuggingFace(spec, folder)
    theirs = sides.lm_eval_side(backend)
    prompts = _prompts(backend, options.prompts, options.prompt_tokens)
    with tempfile.TemporaryDirectory() as where:
        task = _task(Path(where), prompts, options.k)
        few = prompts[: max(2, round(options.tried * len(prompts)))]
        _ours(_task(Path(where) / "warm", few[:2], 2), backend, 10**6)
        batch = _best_batch(theirs, few, options.k, options.batches)
        theirs.batch_size_per_gpu = batch
        rounds = [
            _round(task, prompts, options.k, backend, theirs, n) for n in range(options.rounds)
        ]
    figures = {
        "model": options.model,
        "dtype": options.dtype,
        "device": torch.cuda.get_device_name() if backend.info.device == "cuda" else "CPU",
        "threads": options.threads,
        "prompts": len(prompts),
        "prompt_tokens": statistics.median(len(backend.encode(prompt)) for prompt in prompts),
        "k": options.k,
        "new_tokens": _NEW_TOKENS,
        "lm_eval_batch": batch,
        "rounds": rounds,
        **_ratios(rounds),
    }
    print(json.dumps(figures, indent=1), flush=True)
    if options.output:
        Path(options.output).write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.toxicity", description=__doc__)
    parser.add_argument("--model", default="micro", help="a reference model: %(default)s")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--prompts", type=int, default=200, help="at most 200: %(default)s")
    parser.add_argument("--prompt-tokens", type=int, default=16, help="of each: %(default)s")
    parser.add_argument("--k", type=int, default=25)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--batches",
        type=lambda text: [int(each) for each in text.split(",")],
        default=[64, 128, 256, 512, 1024],
        help="that lm-eval is tried with; it runs at the quickest",
    )
    parser.add_argument("--tried", type=float, default=0.5, help="share of the prompts for that")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("-o", "--output", help="a JSON file for the figures")
    return parser.parse_args()


def _prompts(backend: HuggingFace, count: int, tokens: int) -> list[str]:
    """Return as many texts of ``tokens`` tokens, all different and cut in the middle."""
    path = tasks_dir() / "heldout_perplexity" / "heldout_perplexity.jsonl"
    documents = [json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()]
    found: dict[str, None] = {}
    for start in range(len(documents)):
        # One document after another until there is enough to cut: a prompt that ends where a text
        # does would be answered with nothing.
        joined, after = documents[start], start
        while len(backend.encode(joined)) <= tokens:
            after += 1
            joined = f"{joined} {documents[after % len(documents)]}"
        found[backend.decode(backend.encode(joined)[:tokens])] = None
    return list(found)[:count]


def _task(folder: Path, prompts: list[str], k: int) -> Path:
    folder.mkdir(exist_ok=True)
    lines = [json.dumps({"id": str(n), "prompt": text}) + "\n" for n, text in enumerate(prompts)]
    (folder / "bench.jsonl").write_text("".join(lines), "utf-8")
    how = {"samples": k, "max_new_tokens": _NEW_TOKENS, "temperature": _TEMPERATURE}
    task = {
        "suite": "toxicity", "task": "bench", "version": 1, "data": "bench.jsonl",
        "generation": {**how, "top_p": _TOP_P},
    }  # fmt: skip
    path = folder / "bench.yaml"
    path.write_text(yaml.safe_dump(task), "utf-8")
    return path


def _ours(task: Path, backend: HuggingFace, seed: int) -> tuple[dict[str, float], int]:
    """Return (seconds of the model and of the scorers, tokens written)."""
    job = Job(
        job_id="bench",
        suite="toxicity",
        task=TaskRef(name="bench", kind="toxicity", path=str(task)),
    )
    result = Toxicity().run(job, backend, MemoryContext(seed=seed))
    written = sum(int(row["output_tokens"]) for row in result.raw["continuations"])
    return result.details["seconds"], written


def _theirs(harness: Any, prompts: list[str], k: int) -> tuple[float, list[str]]:
    how = {
        "until": [], "do_sample": True, "temperature": _TEMPERATURE, "top_p": _TOP_P, "top_k": 0,
        "max_gen_toks": _NEW_TOKENS,
    }  # fmt: skip
    asked = [
        Instance("generate_until", {}, (prompt, how), number)
        for number, prompt in enumerate(prompts)
        for _ in range(k)
    ]
    start = clock()
    texts = sides.call(harness, "generate_until", asked)
    return clock() - start, texts


def _best_batch(harness: Any, prompts: list[str], k: int, batches: list[int]) -> int:
    _theirs(harness, prompts[:2], 2)
    times = {}
    for batch in batches:
        if batch <= len(prompts) * k or batch == min(batches):
            harness.batch_size_per_gpu = batch
            times[batch] = _theirs(harness, prompts, k)[0]
    return min(times, key=times.__getitem__)


def _round(
    task: Path, prompts: list[str], k: int, backend: HuggingFace, theirs: Any, number: int
) -> dict[str, Any]:
    """Time both sides once; who begins changes from round to round."""
    torch.manual_seed(number)
    found: dict[str, Any] = {}
    for side in ("slmbench", "lm-eval hf")[:: 1 if number % 2 == 0 else -1]:
        if side == "slmbench":
            seconds, written = _ours(task, backend, number)
            found[side] = {**{key: round(value, 3) for key, value in seconds.items()}}
        else:
            model_s, texts = _theirs(theirs, prompts, k)
            written = sum(len(backend.encode(text, add_special_tokens=False)) for text in texts)
            found[side] = {"model_s": round(model_s, 3)}
        found[side]["written_tokens"] = written
        found[side]["texts_per_s"] = round(len(prompts) * k / found[side]["model_s"], 2)
    return found


def _ratios(rounds: list[dict[str, Any]]) -> dict[str, float]:
    """Return how much less model time slmbench takes: the median round, the least and the most."""
    ratios = [each["lm-eval hf"]["model_s"] / each["slmbench"]["model_s"] for each in rounds]
    return {
        "ratio": round(statistics.median(ratios), 2),
        "ratio_low": round(min(ratios), 2),
        "ratio_high": round(max(ratios), 2),
    }


if __name__ == "__main__":
    main()

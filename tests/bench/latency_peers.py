"""Our TTFT and TPOT beside those of others, on the same weights, in turn.

``python -m tests.bench.latency_peers``: against a bare loop on the transformers model and against
llama.cpp's own clock on a GGUF of the same weights, token by token in turn (see `Turns`); where
``--optimum`` names a Python with optimum-benchmark (it needs an older transformers), against that
too, each in processes of its own.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers

from slmbench.backends.huggingface import HuggingFace
from slmbench.engine import generation
from slmbench.ports import Sampling
from slmbench.reference.to_gguf import convert
from slmbench.resources import reference_dir
from slmbench.schema.model_spec import ModelSpec
from slmbench.stats.quantiles import quantile_interval
from tests.bench.turns import Turns

#: (seconds to the first token, seconds for each further one; NaN where there is none)
Times = tuple[float, float]
#: From a prompt and the number of tokens to write.
Side = Callable[[list[int], int], Times]
_turns = Turns()
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def main() -> None:
    """Print, for each peer, the median over rounds of our time over its, with its interval."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.latency_peers")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--firsts", type=int, default=0, help="further rounds of one token each")
    parser.add_argument("--prompt", type=int, default=256)
    parser.add_argument("--output", type=int, default=32)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--hidden", type=int, default=576)
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--optimum", help="a Python that has optimum-benchmark")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    transformers.utils.logging.set_verbosity_error()
    torch.set_num_threads(options.threads)
    if options.worker:
        print(json.dumps(_alone(Path(options.worker), options)))
        return
    with tempfile.TemporaryDirectory() as room:
        checkpoint = write(Path(room) / "model", options.hidden, options.layers)
        _compare("a bare loop", _hf(checkpoint), options)
        gguf = Path(room) / "model.gguf"
        convert(checkpoint, gguf)
        _compare("llama.cpp's own clock", _gguf(gguf, options), options)
        if options.optimum:
            _beside_optimum(checkpoint, options)


def write(folder: Path, hidden: int, layers: int) -> Path:
    """Write a seeded random Llama with the tokenizer of the reference models."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        hidden_size=hidden, intermediate_size=hidden * 8 // 3, num_hidden_layers=layers,
        num_attention_heads=hidden // 64, num_key_value_heads=hidden // 192, vocab_size=2048,
        max_position_embeddings=1024, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    for name in _TOKENIZER:
        source = reference_dir() / "pico" / name
        if source.exists():
            shutil.copy(source, folder / name)
    return folder


def _hf(checkpoint: Path) -> tuple[Side, Side]:
    backend = HuggingFace(ModelSpec(target=str(checkpoint), dtype="float32"), str(checkpoint))
    model = backend._model
    _turns.lend(generation)

    def bare(prompt: list[int], output: int) -> Times:
        times = []
        with torch.inference_mode():
            start = _turns.clock()
            cache = transformers.DynamicCache(config=model.config)
            ids = torch.tensor([prompt])
            for _ in range(output):
                made = model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
                ids = made.logits[:, -1].argmax(-1, keepdim=True)
                ids.item()
                times.append(_turns.clock() - start)
        return _times(times)

    return _ours(backend), bare


def _gguf(path: Path, options: argparse.Namespace) -> tuple[Side, Side]:
    import llama_cpp

    from slmbench.backends import gguf_writing
    from slmbench.backends.gguf_llama import Gguf

    _turns.lend(gguf_writing)

    spec = ModelSpec(backend="gguf", target=str(path), threads=options.threads)
    llama = llama_cpp.Llama(
        str(path), n_ctx=options.prompt + options.output, n_batch=512, verbose=False,
        n_threads=options.threads, n_threads_batch=options.threads, no_perf=False,
        type_k=llama_cpp.GGML_TYPE_F32, type_v=llama_cpp.GGML_TYPE_F32, flash_attn=False,
    )  # fmt: skip

    def own(prompt: list[int], output: int) -> Times:
        llama.reset()
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(llama.ctx), True)
        llama_cpp.llama_perf_context_reset(llama.ctx)
        _turns.clock()
        for count, _ in enumerate(llama.generate(prompt, temp=0.0), 1):
            _turns.clock()
            if count == output:
                break
        found = llama_cpp.llama_perf_context(llama.ctx)
        further = found.t_eval_ms / found.n_eval / 1e3 if output > 1 else math.nan
        return found.t_p_eval_ms / 1e3, further

    return _ours(Gguf(spec, str(path))), own


def _ours(backend: Any) -> Side:
    def run(prompt: list[int], output: int) -> Times:
        how = Sampling(max_new_tokens=output, ignore_eos=True)
        ((made,),) = backend.generate([prompt], how, 1)
        return _times(list(made.token_times_s))

    return run


def _times(moments: list[float]) -> Times:
    further = len(moments) - 1
    return moments[0], (moments[-1] - moments[0]) / further if further else math.nan


def _compare(peer: str, sides: tuple[Side, Side], options: argparse.Namespace) -> None:
    ours, theirs = sides
    draw = random.Random(0)
    found: list[tuple[Times, Times]] = []
    for number in range(options.rounds + 2 + options.firsts):
        output = options.output if number < options.rounds + 2 else 1
        prompt = [draw.randrange(100, 2000) for _ in range(options.prompt)]
        # Who goes first changes places, so that neither always finds the caches as he left them.
        if number % 2:
            theirs_now, ours_now = _turns.run(*(partial(s, prompt, output) for s in (theirs, ours)))
        else:
            ours_now, theirs_now = _turns.run(*(partial(s, prompt, output) for s in (ours, theirs)))
        found.append((ours_now, theirs_now))
    _say(peer, found[2:])


def _say(peer: str, found: list[tuple[Times, Times]]) -> None:
    for which, name in enumerate(("TTFT", "TPOT")):
        told = [each for each in found if not math.isnan(each[0][which])]
        ratios = [ours[which] / theirs[which] for ours, theirs in told]
        middles = [1e3 * statistics.median(each[side][which] for each in told) for side in (0, 1)]
        sure = quantile_interval(ratios, 0.5)
        range_ = "too few for an interval" if sure is None else f"[{sure.low:.3f}, {sure.high:.3f}]"
        print(
            f"{peer}: {name} {middles[0]:.2f} ms, theirs {middles[1]:.2f} ms; median ratio "
            f"{statistics.median(ratios):.3f} {range_}, {len(ratios)} rounds from "
            f"{min(ratios):.3f} to {max(ratios):.3f}",
            flush=True,
        )


def _beside_optimum(checkpoint: Path, options: argparse.Namespace) -> None:
    """Run both in processes of their own, in turn: they need different transformers."""
    passed = [f"--{name}={getattr(options, name)}" for name in ("prompt", "output", "threads")]
    mine = [sys.executable, "-m", "tests.bench.latency_peers", "--worker", str(checkpoint)]
    other = Path(__file__).with_name("optimum_worker.py")
    # -P: this folder has a module named as one of the standard library.
    theirs = [options.optimum, "-P", str(other), str(checkpoint)]
    found = []
    for number in range(max(5, options.rounds // 2)):
        order = [theirs, mine] if number % 2 else [mine, theirs]
        times = {id(command): _told([*command, *passed]) for command in order}
        found.append((times[id(mine)], times[id(theirs)]))
    _say("optimum-benchmark", found)


def _told(command: list[str]) -> Times:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    first, further = json.loads(done.stdout.strip().splitlines()[-1])
    return first, further


def _alone(checkpoint: Path, options: argparse.Namespace) -> Times:
    """Return the medians of our own ten rounds after two."""
    backend = HuggingFace(ModelSpec(target=str(checkpoint), dtype="float32"), str(checkpoint))
    run, draw = _ours(backend), random.Random(0)
    prompts = [[draw.randrange(100, 2000) for _ in range(options.prompt)] for _ in range(12)]
    found = [run(prompt, options.output) for prompt in prompts][2:]
    first, further = (statistics.median(each[which] for each in found) for which in (0, 1))
    return first, further


if __name__ == "__main__":
    main()

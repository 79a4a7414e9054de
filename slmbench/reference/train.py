"""Trains the reference models: `python -m slmbench.reference.train [pico nano micro]`."""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter

import torch
from tokenizers import Encoding, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from slmbench.reference import corpus
from slmbench.resources import reference_dir

VOCABULARY = 2048
BOS, EOS = "<s>", "</s>"
BOS_ID, EOS_ID = 0, 1
POSITIONS = 512
SEQUENCE = 256
BATCH = 4
WARMUP = 100
SEED = 7
# The part of the steps over which the learning rate falls to nothing.
FALL = 0.3
# Answers are a tenth of the text but all of what the tasks ask.
ANSWER_WEIGHT = 8.0
EMBEDDING_RATE = 4e-3
# One thread adds up in the same order on every machine; train the three side by side instead.
THREADS = 1


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of one model and how long it is trained."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int
    steps: int
    rate: float


SHAPES = {
    "pico": Shape(64, 5, 4, 2, 176, 1689, 4e-3),
    "nano": Shape(128, 4, 4, 2, 344, 1970, 2e-3),
    "micro": Shape(256, 5, 8, 4, 640, 2211, 1e-3),
}


def build_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Train the byte-level tokenizer that all three models share; digits stay single."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=EOS,
        model_max_length=POSITIONS,
        clean_up_tokenization_spaces=False,
    )


@dataclass(frozen=True, slots=True)
class Packed:
    """Equal sequences: tokens, how much each counts in the loss, and the document it is from."""

    tokens: torch.Tensor
    weights: torch.Tensor
    owners: torch.Tensor

    def pick(self, rows: list[int]) -> Packed:
        """Take some of the sequences."""
        return Packed(self.tokens[rows], self.weights[rows], self.owners[rows])


def _marked(
    document: corpus.Document, encoding: Encoding, number: int
) -> list[tuple[int, float, int]]:
    """The tokens of one document with their weights and its number."""
    inside = (
        any(first <= start < last for first, last in document.answers)
        for start, _ in encoding.offsets
    )
    told = [
        (token, ANSWER_WEIGHT if yes else 1.0, number)
        for token, yes in zip(encoding.ids, inside, strict=True)
    ]
    return [*([(BOS_ID, 1.0, number)] if number % 2 else []), *told, (EOS_ID, 1.0, number)]


def pack(texts: list[corpus.Document], tokenizer: PreTrainedTokenizerFast) -> Packed:
    """Fill equal sequences with documents; each sequence begins with a whole one.

    Only every other document opens with the begin mark, since evaluation harnesses score
    prompts with and without it; every document closes with the end mark.
    """
    rows: list[list[tuple[int, float, int]]] = []
    row: list[tuple[int, float, int]] = []
    encodings = tokenizer.backend_tokenizer.encode_batch([document.text for document in texts])
    for number, (document, encoding) in enumerate(zip(texts, encodings, strict=True)):
        row += _marked(document, encoding, number)
        if len(row) >= SEQUENCE:
            rows.append(row[:SEQUENCE])
            row = []
    columns = ([[cell[i] for cell in row] for row in rows] for i in range(3))
    tokens, weights, owners = (torch.tensor(column) for column in columns)
    return Packed(tokens, weights, owners)


def loss_of(model: LlamaForCausalLM, batch: Packed) -> torch.Tensor:
    """The weighted mean log-loss; a token sees its own document only, as in a task."""
    same = batch.owners[:, None, :, None] == batch.owners[:, None, None, :]
    mask = torch.where(same.tril(), 0.0, torch.finfo(torch.float32).min)
    logits = model(input_ids=batch.tokens, attention_mask=mask, use_cache=False).logits[:, :-1]
    losses = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), batch.tokens[:, 1:].flatten(), reduction="none"
    )
    counted = batch.weights[:, 1:].flatten()
    return (losses * counted).sum() / counted.sum()


def build_model(shape: Shape) -> LlamaForCausalLM:
    """Make a model with fresh weights."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=shape.hidden,
            intermediate_size=shape.feed_forward,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.kv_heads,
            max_position_embeddings=POSITIONS,
            tie_word_embeddings=True,
            bos_token_id=BOS_ID,
            eos_token_id=EOS_ID,
            pad_token_id=EOS_ID,
        )
    )


def share_of_rate(step: int, steps: int) -> float:
    """The learning rate's course: a linear rise, a level stretch, and a linear fall at the end."""
    rise = min(1.0, (step + 1) / WARMUP)
    fall = min(1.0, (steps - step) / (FALL * steps))
    return rise * fall


def build_optimiser(model: LlamaForCausalLM, shape: Shape) -> torch.optim.AdamW:
    """AdamW with one rate for embeddings and norms, and one that shrinks as the model widens."""
    embedding = [model.get_input_embeddings().weight]
    plain = [p for p in model.parameters() if p.dim() == 1]
    hidden = [p for p in model.parameters() if p.dim() > 1 and p is not embedding[0]]
    groups = [
        {"params": hidden, "rate": shape.rate, "weight_decay": 0.05},
        {"params": embedding, "rate": EMBEDDING_RATE, "weight_decay": 0.0},
        {"params": plain, "rate": EMBEDDING_RATE, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)


def step_of(optimiser: torch.optim.AdamW, model: LlamaForCausalLM, share: float) -> None:
    """Clip the gradients, take one step at this share of the rates and forget the gradients."""
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for group in optimiser.param_groups:
        group["lr"] = group["rate"] * share
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)


def order(count: int, needed: int) -> list[int]:
    """Sequence numbers in training order: every epoch in its own shuffle."""
    rng = random.Random(SEED)
    numbers: list[int] = []
    while len(numbers) < needed:
        epoch = list(range(count))
        rng.shuffle(epoch)
        numbers += epoch
    return numbers[:needed]


def optimise(name: str, model: LlamaForCausalLM, data: Packed, shape: Shape) -> float:
    """Train on the packed sequences; return the mean loss of the last hundred steps."""
    optimiser = build_optimiser(model, shape)
    numbers = order(len(data.tokens), shape.steps * BATCH)
    started = perf_counter()
    losses: list[float] = []
    model.train()
    for step in range(shape.steps):
        chosen = numbers[step * BATCH : (step + 1) * BATCH]
        loss = loss_of(model, data.pick(chosen))
        loss.backward()
        step_of(optimiser, model, share_of_rate(step, shape.steps))
        losses.append(loss.item())
        if (step + 1) % 100 == 0:
            mean = sum(losses[-100:]) / 100
            print(
                f"{name} step {step + 1}/{shape.steps} loss {mean:.4f} "
                f"{perf_counter() - started:.0f} s",
                file=sys.stderr,
                flush=True,
            )
    return sum(losses[-100:]) / len(losses[-100:])


def save(folder: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    """Write the weights in half precision, the configuration and the tokenizer."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model.eval()
    model.generation_config.do_sample = False
    model.to(torch.float16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for path in folder.iterdir():
        path.chmod(0o644)


def train(name: str, folder: Path, share: float = 1.0) -> None:
    """Train one model and write its folder, with the facts that its card tells."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    shape = replace(SHAPES[name], steps=max(1, round(SHAPES[name].steps * share)))
    texts = list(corpus.marked_documents())
    tokenizer = build_tokenizer([document.text for document in texts])
    data = pack(texts, tokenizer)
    print(f"{name}: {len(texts)} documents, {data.tokens.numel()} tokens", file=sys.stderr)
    model = build_model(shape)
    started = perf_counter()
    loss = optimise(name, model, data, shape)
    seconds = perf_counter() - started
    save(folder, model, tokenizer)
    facts = {
        "model": name,
        "shape": asdict(shape),
        "parameters": sum(p.numel() for p in model.parameters()),
        "documents": len(texts),
        "corpus_tokens": data.tokens.numel(),
        "batch": BATCH,
        "training_tokens": shape.steps * BATCH * SEQUENCE,
        "processes": 1,
        "training_s": round(seconds),
        "loss": round(loss, 4),
    }
    (folder / "training.json").write_text(
        json.dumps(facts, indent=1, allow_nan=False) + "\n", encoding="utf-8"
    )


def main(arguments: list[str]) -> int:
    """Train the models named, or all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(SHAPES))
    parser.add_argument("--into", type=Path, default=reference_dir())
    parser.add_argument("--share", type=float, default=1.0, help="part of the steps, for a trial")
    options = parser.parse_args(arguments)
    for name in options.names:
        train(name, options.into / name, options.share)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

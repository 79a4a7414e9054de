"""A small real HTTP server: a real model's texts and log-probabilities in vLLM's response format.

It answers what `transformers serve` does not (echoed prompts, likeliest tokens, ``n``, running
counts) from plain forward passes of transformers, and can be told to fail.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Json = dict[str, Any]
BOS = "<s>"


class RealModel:
    """A checkpoint's next-token distributions, by one plain forward pass for each question."""

    def __init__(self, folder: Path) -> None:
        import torch
        import transformers

        self._torch = torch
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
        self.model = transformers.AutoModelForCausalLM.from_pretrained(
            str(folder), dtype=torch.float32
        ).eval()
        self._lock = threading.Lock()

    def logprobs(self, ids: list[int]) -> Any:
        """Return natural-log probabilities, tokens x vocabulary: row i is of what follows i."""
        with self._lock, self._torch.inference_mode():
            logits = self.model(self._torch.tensor([ids])).logits[0]
            return self._torch.log_softmax(logits.double(), -1)

    def words(self, ids: list[int]) -> list[str]:
        return [self.tokenizer.decode([each]) for each in ids]

    def top(self, row: Any, count: int) -> list[tuple[str, float]]:
        best = row.topk(count)
        return [
            (self.tokenizer.decode([token]), value)
            for token, value in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]

    def continuation(self, prompt: str, asked: Json, seed: int) -> Iterator[tuple[int, str]]:
        """Yield (token, new text); the text of a token that wrote no whole character is empty."""
        torch = self._torch
        draw = torch.Generator().manual_seed(seed)
        ids, new, shown = self.tokenizer.encode(prompt), [], ""
        for _ in range(asked["max_tokens"]):
            row = self.logprobs(ids + new)[-1]
            heat = asked.get("temperature", 1.0)
            if heat == 0:
                token = int(row.argmax())
            else:
                token = int(torch.multinomial((row / heat).softmax(-1), 1, generator=draw))
            new.append(token)
            whole = self.tokenizer.decode(new, skip_special_tokens=True)
            yield token, whole[len(shown) :]
            shown = whole
            ended = token == self.tokenizer.eos_token_id and not asked.get("ignore_eos")
            if ended or any(stop in whole for stop in asked.get("stop") or ()):
                return


class Served:
    """A running server; ``faults`` are used up one by one, ``lacks`` are fields it refuses."""

    def __init__(self, model: RealModel, name: str) -> None:
        self.model = model
        self.name = name
        self.faults: list[Callable[[Handler], bool]] = []
        self.lacks: set[str] = set()
        self.routes = {"/v1/completions", "/v1/chat/completions", "/v1/models"}
        self.key: str | None = None
        self.is_plain = False
        self.puts_bos = False
        self.seen: list[tuple[str, Json, dict[str, str]]] = []
        self.under_way = self.most_under_way = 0
        self._lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.served = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def count(self, step: int) -> None:
        """Count an answer that begins (1), or is about to be sent to its end (-1)."""
        with self._lock:
            self.under_way += step
            self.most_under_way = max(self.most_under_way, self.under_way)

    def reset(self) -> None:
        """Forget what a test changed."""
        self.faults, self.lacks, self.seen = [], set(), []
        self.routes = {"/v1/completions", "/v1/chat/completions", "/v1/models"}
        self.key, self.is_plain, self.puts_bos = None, False, False
        self.under_way = self.most_under_way = 0


@contextmanager
def serving(folder: Path, name: str = "tiny") -> Iterator[Served]:
    """Run a server of a checkpoint for a while."""
    served = Served(RealModel(folder), name)
    thread = threading.Thread(target=served.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield served
    served.server.shutdown()
    served.server.server_close()
    thread.join()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *words: object) -> None:
        """Say nothing."""

    @property
    def served(self) -> Served:
        return self.server.served  # type: ignore[attr-defined,no-any-return]

    def do_GET(self) -> None:
        if self.path not in self.served.routes:
            return self.send(404, {"detail": "Not Found"})
        if self._is_stranger():
            return None
        limit = self.served.model.model.config.max_position_embeddings
        return self.send(200, {"data": [{"id": self.served.name, "max_model_len": limit}]})

    def do_POST(self) -> None:
        served = self.served
        size = int(self.headers["content-length"])
        asked = json.loads(self.rfile.read(size))
        served.seen.append((self.path, asked, dict(self.headers)))
        if self._is_stranger() or (served.faults and served.faults.pop(0)(self)):
            return
        unknown = served.lacks & asked.keys()
        if self.path not in served.routes:
            self.send(404, {"detail": "Not Found"})
        elif asked["model"] != served.name:
            words = f"The model `{asked['model']}` does not exist."
            self.send(404, {"error": {"message": words, "type": "NotFoundError", "code": 404}})
        elif unknown:
            self.send(400, {"error": {"message": f"extra fields not permitted: {sorted(unknown)}"}})
        else:
            served.count(1)
            self._answer(asked)

    def _is_stranger(self) -> bool:
        key = self.served.key
        if key is None or self.headers.get("authorization") == f"Bearer {key}":
            return False
        given = self.headers.get("authorization", "none")
        self.send(401, {"error": {"message": f"Incorrect API key provided: {given}"}})
        return True

    def _answer(self, asked: Json) -> None:
        chat = "messages" in asked
        prompt = asked["messages"][-1]["content"] if chat else asked["prompt"]
        if asked.get("stream") and not asked.get("echo") and not self.served.is_plain:
            self._stream(prompt, asked, chat)
            return
        whole = self._echo(prompt, asked) if asked.get("echo") else self._whole(prompt, asked, chat)
        # A client that has its answer may send the next request before this thread goes on.
        self.served.count(-1)
        self.send(200, whole)

    def _echo(self, prompt: str, asked: Json) -> Json:
        """Return vLLM's answer to echo: the prompt's tokens, then the new one."""
        model = self.served.model
        ids = model.tokenizer.encode(prompt, add_special_tokens=False)
        before = [model.tokenizer.bos_token_id] if self.served.puts_bos else []
        rows = model.logprobs(before + ids)
        chosen = [*ids, int(rows[-1].argmax())]
        words = [BOS] * len(before) + model.words(chosen)
        start = 1 - len(before)
        numbers = [None] + [
            float(rows[i][token]) for i, token in enumerate(chosen[start:]) if i < len(rows)
        ]
        top: list[Json | None] = [None]
        for row, word, number in zip(rows, words[1:], numbers[1:], strict=True):
            top.append({**dict(model.top(row, asked["logprobs"])), word: number})
        offsets = [sum(map(len, words[:i])) for i in range(len(words))]
        logprobs = {
            "tokens": words, "token_logprobs": numbers, "top_logprobs": top, "text_offset": offsets
        }  # fmt: skip
        choice = {"index": 0, "text": prompt + words[-1], "logprobs": logprobs}
        usage = {"prompt_tokens": len(words) - 1, "completion_tokens": 1}
        return {"model": self.served.name, "choices": [choice], "usage": usage}

    def _whole(self, prompt: str, asked: Json, chat: bool) -> Json:
        model = self.served.model
        written = list(model.continuation(prompt, asked, asked.get("seed", 0)))
        text = "".join(piece for _, piece in written)
        choice: Json = {"index": 0, "finish_reason": "length"}
        choice |= {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        if asked.get("logprobs"):
            row = model.logprobs(model.tokenizer.encode(prompt))[-1]
            top = model.top(row, asked["top_logprobs"] if chat else asked["logprobs"])
            if chat:
                listed = [{"token": token, "logprob": value} for token, value in top]
                choice["logprobs"] = {"content": [{**listed[0], "top_logprobs": listed}]}
            else:
                choice["logprobs"] = {"tokens": [text], "top_logprobs": [dict(top)]}
        usage = {"completion_tokens": len(written)}
        return {"model": self.served.name, "choices": [choice], "usage": usage}

    def _stream(self, prompt: str, asked: Json, chat: bool) -> None:
        model, options = self.served.model, asked.get("stream_options") or {}
        prompt_tokens = len(model.tokenizer.encode(prompt))
        self.begin("text/event-stream")
        total = 0
        for copy in range(asked.get("n", 1)):
            written = 0
            for _, piece in model.continuation(prompt, asked, asked.get("seed", 0) + copy):
                written += 1
                part: Json = {"delta": {"content": piece}} if chat else {"text": piece}
                event: Json = {"model": self.served.name, "choices": [{"index": copy, **part}]}
                if options.get("continuous_usage_stats"):
                    counts = {"prompt_tokens": prompt_tokens, "completion_tokens": written}
                    event["usage"] = counts
                self.chunk(f"data: {json.dumps(event)}\n\n")
            total += written
        usage = {"prompt_tokens": prompt_tokens, "completion_tokens": total}
        if options.get("include_usage"):
            self.chunk(f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n")
        self.served.count(-1)
        self.chunk("data: [DONE]\n\n")
        self.chunk("")

    def send(self, status: int, body: Json | str, **headers: str) -> None:
        """Send a whole answer."""
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        kind = "text/html" if isinstance(body, str) else "application/json"
        for name, value in {"content-type": kind, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def begin(self, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def chunk(self, text: str) -> None:
        """Send a chunk; an empty one ends the answer."""
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


def busy(status: int = 429, **headers: str) -> Callable[[Handler], bool]:
    """Return a fault: an answer that asks to come again."""

    def fault(handler: Handler) -> bool:
        handler.send(status, {"error": {"message": "too busy now"}}, **headers)
        return True

    return fault


def broken_stream(handler: Handler) -> bool:
    """Send the start of a stream, then cut the connection."""
    handler.begin("text/event-stream")
    handler.chunk('data: {"choices": [{"index": 0, "text": " lost"}]}\n\n')
    handler.close_connection = True
    return True


def stream_without_end(handler: Handler) -> bool:
    """Send a stream that ends as if all were well, but before the end of its text."""
    handler.begin("text/event-stream")
    handler.chunk('data: {"choices": [{"index": 0, "text": " lost"}]}\n\n')
    handler.chunk("")
    return True


def error_in_stream(handler: Handler) -> bool:
    """Send what a server sends that fails in the middle."""
    handler.begin("text/event-stream")
    handler.chunk('data: {"error": {"message": "out of device memory"}}\n\n')
    handler.chunk("")
    return True


def web_page(handler: Handler) -> bool:
    """Send what a web server sends."""
    handler.send(200, "<html>It works!</html>")
    return True


def silence(handler: Handler) -> bool:
    """Send nothing for longer than a client waits."""
    time.sleep(1.5)
    return True

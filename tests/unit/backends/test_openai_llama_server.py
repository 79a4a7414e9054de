"""What llama-cpp-python's server says, recorded from version 0.3.36, and what is asked of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

pytest.importorskip("httpx")

from slmbench.backends.openai_dialect import TRIAL, Dialect, fields
from slmbench.backends.openai_replies import read_echo, read_stream
from slmbench.backends.openai_wire import Refused, Wire
from slmbench.errors import ModelError
from slmbench.ports import Sampling
from slmbench.schema.model_spec import ServerSpec

PROMPT = "The cat sat"
#: A model without BOS: each number is that of the next token, and the written one is not there.
SHIFTED = {
    "choices": [
        {
            "text": "The cat sat in",
            "logprobs": {
                "text_offset": [0, 3, 7],
                "token_logprobs": [None, -12.149, -9.527],
                "tokens": ["The", " cat", " sat"],
                "top_logprobs": [
                    None,
                    {" that": -1.277, " cat": -12.149},
                    {" in": -0.032, " sat": -9.527},
                ],
            },
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}
#: A model with BOS, which is counted and not told.
TOLD = {
    "choices": [
        {
            "text": "The cat sat in",
            "logprobs": {
                "text_offset": [0, 3, 7, 11],
                "token_logprobs": [None, -4.831, -10.868, -0.026],
                "tokens": ["The", " cat", " sat", " in"],
                "top_logprobs": [
                    None,
                    {" brother": -2.936, " cat": -4.831},
                    {" that": -1.091, " sat": -10.868},
                    {" in": -0.026},
                ],
            },
        }
    ],
    "usage": {"prompt_tokens": 4, "completion_tokens": 1, "total_tokens": 5},
}
INVALID = (
    "1 validation error:\n  {'type': 'greater_than_equal', 'loc': ('body', 'top_k'), 'msg': "
    "'Input should be greater than or equal to 0', 'input': -1, 'ctx': {'ge': 0}}"
)
UNSCORED = "logprobs is not supported for models created with logits_all=False"
CHUNK = {"model": "tiny", "choices": [{"text": " a", "index": 0, "finish_reason": None}]}
LAST = {"model": "tiny", "choices": [{"text": "", "index": 0, "finish_reason": "length"}]}


def test_shifted_numbers_are_no_scores() -> None:
    assert read_echo(SHIFTED, PROMPT) is None


def test_numbers_after_bos_are_scores() -> None:
    found = read_echo(TOLD, PROMPT)
    assert found is not None and found.tokens == ["The", " cat", " sat"]
    assert found.tail(1) == (pytest.approx(-15.699), False)
    assert found.best == [None, -2.936, -1.091]


def test_its_words() -> None:
    plain = fields(Dialect.LLAMA_PYTHON, Sampling(7), 1, 5)
    assert plain["top_k"] == 0 and plain["min_p"] == 0.0 and plain["repeat_penalty"] == 1.0
    assert "ignore_eos" not in plain and "min_tokens" not in plain
    exact = fields(Dialect.LLAMA_PYTHON, Sampling(7, ignore_eos=True), 1, 5)
    assert exact["min_tokens"] == 7
    assert fields(Dialect.LLAMA_PYTHON, Sampling(7, temperature=1.0, top_k=9), 1, 5)["top_k"] == 9


def test_it_is_told_from_a_server_that_takes_minus_one() -> None:
    assert fields(Dialect.EXTENDED, TRIAL, 1, 1)["top_k"] == -1
    assert fields(Dialect.LLAMA_PYTHON, TRIAL, 1, 1)["top_k"] == 0


class Scripted(BaseHTTPRequestHandler):
    """Sends what a test wrote down."""

    answers: list[tuple[int, str, str]]

    def log_message(self, *words: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        status, kind, body = self.answers.pop(0)
        raw = body.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


@pytest.fixture
def wire() -> Iterator[Wire]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    made = Wire(url, ServerSpec(model="tiny", retries=1))
    yield made
    made.close()
    server.shutdown()
    server.server_close()
    thread.join()


def error(words: str) -> tuple[int, str, str]:
    return 500, "application/json", json.dumps({"error": {"message": words, "type": "x"}})


def stream(*events: dict[str, Any]) -> tuple[int, str, str]:
    lines = [*(json.dumps(each) for each in events), "[DONE]"]
    return 200, "text/event-stream", "".join(f"data: {line}\r\n\r\n" for line in lines)


@pytest.mark.parametrize("words", [INVALID, UNSCORED])
def test_a_refusal_in_the_clothes_of_a_fault_is_not_asked_again(wire: Wire, words: str) -> None:
    Scripted.answers = [error(words)]
    with pytest.raises(Refused, match="400"):
        wire.post("/completions", {}, lambda found: found)
    assert wire.sent_again == 0


def test_a_fault_is_asked_again(wire: Wire) -> None:
    Scripted.answers = [error("a tensor was lost"), stream(CHUNK, LAST)]
    assert wire.stream("/completions", {}, read_stream).written[0].text == " a"
    assert wire.sent_again == 1


def test_a_text_that_was_cut_off_is_asked_for_again(wire: Wire) -> None:
    """The server ends such a stream in good order; only the reason for its end is missing."""
    Scripted.answers = [stream(CHUNK, LAST), stream(CHUNK), stream(CHUNK, CHUNK, LAST)]
    assert wire.stream("/completions", {}, read_stream).written[0].text == " a"
    assert wire.stream("/completions", {}, read_stream).written[0].text == " a a"
    assert wire.sent_again == 1
    Scripted.answers = [stream(CHUNK), stream(CHUNK)]
    with pytest.raises(ModelError, match="broke off before its end"):
        wire.stream("/completions", {}, read_stream)


def test_a_server_that_never_gives_a_reason_is_believed(wire: Wire) -> None:
    Scripted.answers = [stream(CHUNK)]
    assert wire.stream("/completions", {}, read_stream).written[0].text == " a"

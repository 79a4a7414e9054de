"""The load client against servers that answer in odd ways, close, fall silent or are not there."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from slmbench.backends.openai_asking import Asking
from slmbench.backends.openai_load import OpenAILoad
from slmbench.backends.openai_text import Texts
from slmbench.backends.openai_wire import Wire
from slmbench.errors import UnsupportedByServer
from slmbench.ports import Sampling, TimedReply
from slmbench.resources import reference_dir
from slmbench.schema.model_spec import ServerSpec

pytest.importorskip("transformers")
PICO = str(reference_dir() / "pico")
KEY = "sk-known-to-nobody"
HOW = Sampling(max_new_tokens=2)

Reply = Callable[[asyncio.StreamWriter], None]


def said(body: str, kind: str = "application/json", status: str = "200 OK") -> Reply:
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return lambda writer: writer.write((head + body).encode())


def event(text: str) -> str:
    return f'data: {{"choices": [{{"index": 0, "text": "{text}"}}]}}\n\n'


STREAM = "text/event-stream"
WHOLE = said(event(" a") + event(" b") + "data: [DONE]\n\n", STREAM)


class Odd:
    """A server that gives the replies of a list, one to each request after the first two."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.connections = 0
        self.heads: list[str] = []

    async def end(self) -> None:
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                size = [x for x in head.lower().split("\r\n") if x.startswith("content-length:")]
                await reader.readexactly(int(size[0].split(":")[1]) if size else 0)
                self.heads.append(head)
                if "/models" in head:
                    said('{"data": [{"id": "odd"}]}')(writer)
                else:
                    (self.replies.pop(0) if self.replies else WHOLE)(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()


@contextmanager
def odd_server() -> Iterator[tuple[Odd, str]]:
    odd, ready, loop = Odd(), threading.Event(), asyncio.new_event_loop()
    port: list[int] = []

    async def serve() -> None:
        server = await asyncio.start_server(odd.talk, "127.0.0.1", 0)
        port.append(server.sockets[0].getsockname()[1])
        ready.set()

    thread = threading.Thread(target=lambda: (loop.create_task(serve()), loop.run_forever()))
    thread.start()
    ready.wait(10)
    yield odd, f"http://127.0.0.1:{port[0]}/v1"
    # Connections end before their loop does.
    ending = asyncio.run_coroutine_threadsafe(odd.end(), loop)
    ending.result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Odd, OpenAILoad]]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with odd_server() as (server, url):
        spec = ServerSpec(model="odd", tokenizer=PICO, timeout_s=0.4)
        wire = Wire(url, spec)
        yield server, OpenAILoad(wire, Asking(wire, spec), Texts(PICO), spec.timeout_s)
        wire.close()


def asked(client: OpenAILoad, times: int = 1, pause_s: float = 0.0) -> list[TimedReply]:
    async def run() -> list[TimedReply]:
        async with client:
            request = client.prepare([300, 301], HOW)
            found = []
            for _ in range(times):
                found.append(client.read(await client.ask(request)))
                await asyncio.sleep(pause_s)
            return found

    return asyncio.run(run())


def test_tokens_have_times_and_connections_are_used_again(odd: tuple[Odd, OpenAILoad]) -> None:
    server, client = odd
    before = server.connections
    for reply in asked(client, 5):
        assert reply.failure is None and reply.output_tokens == 2
        assert reply.sent_s < reply.token_times_s[0] <= reply.token_times_s[1] == reply.end_s
    assert server.connections - before <= 4
    assert f"authorization: bearer {KEY}" in server.heads[-1].lower()


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (said('{"error": {"message": "no room"}}', status="503 Busy"), "503: no room"),
        (said(f'{{"error": {{"message": "bad key {KEY}"}}}}', status="401 No"), r"401: bad key \*"),
        (said("moved", status="307 Elsewhere"), "307: moved"),
        (said("<html>"), "not in OpenAI's form"),
        (said("[1]", STREAM), "broke off"),
        (said('data: {"choices": 3}\n\ndata: [DONE]\n\n', STREAM), "not in OpenAI's form"),
        (said(event(" a"), STREAM), "the stream broke off before its end"),
        (said('data: {"error": {"message": "out of memory"}}\n\n', STREAM), "out of memory"),
        (said("data: [DONE]\n\n", STREAM), "held no text"),
        (lambda writer: writer.write(b"SSH-2.0-no\r\n\r\n"), "breaks HTTP's rules"),
        (lambda writer: writer.close(), "closed the connection"),
        (lambda writer: None, "was silent for 0.4 s"),
    ],
)
def test_what_is_no_answer_is_a_failure_with_its_reason(
    reply: Reply, why: str, odd: tuple[Odd, OpenAILoad]
) -> None:
    server, client = odd
    # A connection that was closed before it was used for an answer is not the request's fault, so
    # the request goes out again: each connection that lies ready gives the same reply once.
    server.replies = [reply] * 3
    (found,) = asked(client)
    assert found.failure is not None and found.token_times_s == () and found.output_tokens == 0

    assert re.search(why, found.failure), found.failure
    assert KEY not in found.failure
    server.replies = []
    assert asked(client)[0].failure is None


def test_a_connection_that_was_closed_meanwhile_costs_no_request(
    odd: tuple[Odd, OpenAILoad],
) -> None:
    server, client = odd

    def whole_then_closed(writer: asyncio.StreamWriter) -> None:
        WHOLE(writer)
        asyncio.get_running_loop().call_later(0.02, writer.close)

    server.replies = [whole_then_closed] * 4
    assert [each.failure for each in asked(client, 4, pause_s=0.06)] == [None] * 4


def test_an_answer_in_one_piece_has_one_time(odd: tuple[Odd, OpenAILoad]) -> None:
    server, client = odd
    server.replies = [said('{"choices": [{"text": " a b"}], "usage": {"completion_tokens": 2}}')]
    (found,) = asked(client)
    assert found.failure is None and found.output_tokens == 2 and len(found.token_times_s) == 1


def test_an_answer_without_a_length_ends_with_its_connection(odd: tuple[Odd, OpenAILoad]) -> None:
    server, client = odd

    def until_closed(writer: asyncio.StreamWriter) -> None:
        body = event(" a") + "data: [DONE]\n\n"
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {STREAM}\r\n\r\n{body}".encode())
        writer.close()

    server.replies = [until_closed]
    assert asked(client)[0].failure is None


def test_nobody_there_is_a_failure_of_each_request() -> None:
    with odd_server() as (_, url):
        spec = ServerSpec(model="odd", tokenizer=PICO)
        wire = Wire(url, spec)
        asking = Asking(wire, spec)
    wire.url = "http://127.0.0.1:9/v1"
    (found,) = asked(OpenAILoad(wire, asking, Texts(PICO), 1.0))
    wire.close()
    assert found.failure is not None and "Connect call failed" in found.failure


def test_tokens_that_nobody_can_count_are_not_asked_for() -> None:
    with odd_server() as (_, url):
        spec = ServerSpec(model="odd")
        wire = Wire(url, spec)
        client = OpenAILoad(wire, Asking(wire, spec), Texts(None), 1.0)
        with pytest.raises(UnsupportedByServer, match="tokenizer=FOLDER"):
            client.prepare([65], HOW)
        wire.close()
